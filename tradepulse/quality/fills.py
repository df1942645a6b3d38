"""Could these fills have happened? Asked of a backtest by rules that share no code with its engine.

An engine that fills too well is the commonest way to a backtest that does not come true. Each fill carries its evidence
(the market price, when it was decided, the bar it traded in); here every claim is held against the bars, and cash and
equity are counted again from the fills.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tradepulse.quality.check import Check

#: Relative difference of two sums of floats that says nothing.
_CLOSE = 1e-9


def fills_could_happen(
    fills: pd.DataFrame,
    bars: pd.DataFrame,
    equity: pd.DataFrame,
    *,
    cash: float,
    participation: float = 1.0,
    least_commission_bp: float = 0.0,
    least_slippage_bp: float = 0.0,
    same_close: bool = False,
    stop_bp: float = 0.0,
    take_bp: float = 0.0,
    borrow_bp: float = 0.0,
    flows: pd.DataFrame | None = None,
    actions: pd.DataFrame | None = None,
    funding: pd.DataFrame | None = None,
    delistings: pd.DataFrame | None = None,
    grid: Sequence[tuple[Any, float, int, float]] = (),
    shut: Sequence[tuple[Any, Any]] = (),
    rate: tuple[int, float] | None = None,
) -> list[Check]:
    """Return each rule with the fills that break it.

    Parameters
    ----------
    fills : as a backtest writes them
    bars : the bars that it ran on
    equity : its equity curve: ``ts``, ``cash``, ``position_value`` and ``equity``
    cash : at the start
    participation : largest share of a bar's volume that all fills of the bar may take together; asked where the bars
        have a volume
    least_commission_bp, least_slippage_bp : what each fill costs at least
    same_close : whether fills are meant to be at the close that they were decided on, which is known to look ahead
    stop_bp, take_bp : distance from the average entry at which a position is to be closed; 0 for never
    borrow_bp : fee for units short, bp per year
    flows : what holding brought and cost, by the engine: ``ts``, ``symbol``, ``kind`` and ``amount``
    actions, funding, delistings : what happened to holdings, as the engine was given it
    grid : first day, tick, lot and least notional of an order, ascending by day
    shut : begin and end of each time at which nothing traded
    rate : new orders that the venue takes within so many seconds; a new one may wait then

    Returns
    -------
    list of :class:`Check`; a rule that was asked of nothing has seen nothing: of a run without fills all but its equity
    """
    rows = fills.assign(ts=_ns(fills["ts"]), decided_ts=_ns(fills["decided_ts"])).to_dict("records")
    at = _bars_at(bars)
    times: dict[str, list[Any]] = defaultdict(list)
    for symbol, ts in at:
        times[symbol].append(ts)
    instants = {ts for stamps in times.values() for ts in stamps}
    place = {symbol: {ts: number for number, ts in enumerate(stamps)} for symbol, stamps in times.items()}
    closed = [(pd.Timestamp(begin).value, pd.Timestamp(end).value) for begin, end in shut]
    broken: dict[str, list[str]] = {rule: [] for rule in _RULES}
    taken: dict[tuple[str, Any], int] = defaultdict(int)
    sides: dict[str, set[tuple[str, str, Any]]] = defaultdict(set)
    last: dict[str, Any] = {}
    previous = None
    for number, row in enumerate(rows):
        where = f"fill {number}"
        bar = at.get((row["symbol"], row["ts"]))
        if bar is None:
            broken["a bar of its symbol and time"].append(where)
            continue
        sign = {"buy": 1, "sell": -1}.get(row["side"], 0)
        if not sign or row["quantity"] != int(row["quantity"]) or row["quantity"] < 1:
            broken["a side, and whole units above zero"].append(where)
            continue
        if previous is not None and row["ts"] < previous:
            broken["after the fill before it"].append(where)
        previous = row["ts"]
        if row["reason"] == "delisted":
            if not any(_near(row["quoted_price"], price) for price in _paid_out(delistings, row)):
                broken["the market price of its bar"].append(f"{where}: paid out at {row['quoted_price']:.10g}")
            continue
        closing = row["reason"] in ("target (looks ahead)", "target at the close")
        market = bar.close if closing else bar.open
        inside = row["reason"] in _EXITS and bar.low <= row["quoted_price"] <= bar.high
        if not inside and not _near(row["quoted_price"], market):
            broken["the market price of its bar"].append(f"{where}: {row['quoted_price']:.10g}, not {market:.10g}")
        worst = row["quoted_price"] * (1 + sign * least_slippage_bp / 1e4)
        if sign * (row["price"] - worst) < -_CLOSE * row["price"]:
            broken["no better than the market, less its slippage"].append(where)
        if row["commission"] < row["quantity"] * row["price"] * least_commission_bp / 1e4 * (1 - _CLOSE):
            broken["at least its commission"].append(where)
        if not same_close and not row["decided_ts"] < row["ts"]:
            broken["decided before its bar"].append(where)
        elif row["reason"] in _ACCOUNT:
            if row["decided_ts"] not in instants:  # another symbol's bar may have decided it
                broken["decided on a bar of its symbol"].append(where)
        elif row["decided_ts"] not in place[row["symbol"]]:
            broken["decided on a bar of its symbol"].append(where)
        elif not same_close and row["reason"] not in _EXITS:
            # The first bar after the decision, or the first after a part of the same order.
            before = last.get(row["order_id"], row["decided_ts"])
            waited = place[row["symbol"]][row["ts"]] - place[row["symbol"]][before]
            skipped = times[row["symbol"]][place[row["symbol"]][before] + 1 : place[row["symbol"]][row["ts"]]]
            skipped = [ts for ts in skipped if not any(begin <= ts < end for begin, end in closed)]
            # A new order may have waited for the venue to take it, which its fills do not tell.
            waits = rate is not None and row["order_id"] not in last
            if waited != 1 and not waits and any(at[(row["symbol"], ts)].volume * participation >= 1 for ts in skipped):
                broken["in the first bar that had room for it"].append(where)
        last[row["order_id"]] = row["ts"]
        taken[(row["symbol"], row["ts"])] += int(row["quantity"])
        sides[row["order_id"]].add((row["symbol"], row["side"], row["decided_ts"]))
        if bar.stale and not same_close and not closing:
            broken["a price that traded, not one carried over"].append(where)
    volumes = any(bar.volume > 0 for bar in at.values())
    if volumes:
        for key, units in taken.items():
            if units > at[key].volume * participation * (1 + _CLOSE):
                broken["volume that was there, sold once"].append(
                    f"{key[0]} {_when(key[1])}: {units} of {at[key].volume:g}"
                )
    for order, claims in sides.items():
        if len(claims) > 1:
            broken["an order has one side, symbol and decision"].append(order)
    # A rule that was not asked has seen nothing, and says so.
    unasked = _NEXT_OPEN if same_close else ()
    asked = {rule: 0 if rule in unasked else len(rows) for rule in _RULES}
    asked["volume that was there, sold once"] = len(rows) if volumes else 0
    checks = [Check(rule, asked[rule], len(found), "; ".join(found[:3])) for rule, found in broken.items()]
    if stop_bp or take_bp:
        checks.append(_exits_again(rows, bars, stop_bp, take_bp, participation, _splits(bars, actions)))
    moved = pd.DataFrame(columns=["ts", "symbol", "kind", "amount"]) if flows is None else flows
    checks += _counted_again(fills, bars, equity, cash, moved, _splits(bars, actions))
    if grid:
        checks.append(_on_the_grid(rows, at, taken, grid, participation))
    if shut:
        wrong = [n for n, row in enumerate(rows) if any(begin <= row["ts"] < end for begin, end in closed)]
        said = "; ".join(f"fill {n}" for n in wrong[:3])
        checks.append(Check("while the venue was open", len(rows), len(wrong), said))
    if rate:
        sent = {row["order_id"]: row["ts"] for row in reversed(rows) if row["reason"] != "delisted"}
        times_sent = np.sort(np.array(list(sent.values()), dtype=np.int64))
        crowded = np.flatnonzero(times_sent[rate[0] :] - times_sent[: -rate[0]] < rate[1] * 1e9)
        said = "; ".join(_when(int(times_sent[at])) for at in crowded[:3])
        checks.append(Check("no more orders than the venue takes", len(sent), len(crowded), said))
    if actions is not None or funding is not None or borrow_bp:
        checks.append(_flows_again(fills, bars, moved, borrow_bp, actions, funding))
    return checks


def _on_the_grid(
    rows: Sequence[dict[Any, Any]], at: Mapping[Any, Any], taken: Mapping[Any, int],
    grid: Sequence[tuple[Any, float, int, float]], participation: float,
) -> Check:  # fmt: skip
    """Hold prices, and what an order traded in all, against the steps of the day.

    An order is known to have been filled whole where the bar of its last fill had room for more.
    """
    wrong, orders = [], defaultdict(list)
    for number, row in enumerate(rows):
        if row["reason"] == "delisted":
            continue
        day = pd.Timestamp(row["session"]).date()
        _, tick, lot, least = [rule for rule in grid if rule[0] <= day][-1]
        if tick and abs(row["price"] / tick - round(row["price"] / tick)) > 1e-5:
            wrong.append(f"fill {number}: {row['price']:.10g} is no step of {tick:g}")
        orders[row["order_id"]].append((row, lot, least))
    for order, parts in orders.items():
        (first, lot, least), (last, *_) = parts[0], parts[-1]
        units = sum(part["quantity"] for part, *_ in parts)
        bar = (last["symbol"], last["ts"])
        if taken.get(bar, 0) + 1 > at[bar].volume * participation:
            continue
        if units * first["quoted_price"] < least * (1 - _CLOSE):
            wrong.append(f"{order}: {units * first['quoted_price']:.10g} is less than {least:g}")
        if units % lot:
            wrong.append(f"{order}: {units} is no multiple of {lot}")
    return Check("a price and a quantity that the venue takes", len(rows), len(wrong), "; ".join(wrong[:3]))


_RULES = (
    "a bar of its symbol and time", "a side, and whole units above zero", "after the fill before it",
    "the market price of its bar", "no better than the market, less its slippage", "at least its commission",
    "decided before its bar", "decided on a bar of its symbol", "in the first bar that had room for it",
    "volume that was there, sold once", "an order has one side, symbol and decision",
    "a price that traded, not one carried over",
)  # fmt: skip


#: Rules about fills at the open after a decision; one at the close that it was made on is known to break them.
_NEXT_OPEN = (
    "decided before its bar", "in the first bar that had room for it", "a price that traded, not one carried over",
)  # fmt: skip


#: Reasons for which a position is closed inside a bar.
_EXITS = ("stop", "take profit")
#: Reasons for which the account closes a position, whatever the strategy wants.
_ACCOUNT = ("margin call", "borrow recalled")


class _Bar(NamedTuple):
    open: float
    high: float
    low: float
    close: float
    volume: float
    stale: bool


def _bars_at(bars: pd.DataFrame) -> dict[tuple[str, int], _Bar]:
    """Return the bars by symbol and time, in time order."""
    ordered = bars.sort_values("ts", kind="stable")
    stale = ordered["open_is_stale"].tolist() if "open_is_stale" in ordered.columns else [False] * len(ordered)
    columns = [ordered[name].tolist() for name in ("open", "high", "low", "close", "volume")]
    keys = zip(ordered["symbol"].tolist(), _ns(ordered["ts"]), strict=True)
    return {key: _Bar(*row) for key, row in zip(keys, zip(*columns, stale, strict=True), strict=True)}


def _near(left: float, right: float) -> bool:
    return abs(left - right) <= _CLOSE * max(abs(left), abs(right), 1e-300)


def _ns(column: Any) -> list[int]:
    """Return instants as nanoseconds since 1970: they hash ten times as fast as timestamps."""
    return [int(value) for value in pd.DatetimeIndex(column).as_unit("ns").asi8]


def _when(ns: int) -> str:
    return f"{pd.Timestamp(ns, tz='UTC'):%Y-%m-%d %H:%M:%S}"


def _paid_out(delistings: pd.DataFrame | None, row: dict[Any, Any]) -> list[float]:
    if delistings is None:
        return []
    mine = delistings[(delistings["symbol"] == row["symbol"]) & (delistings["session"] <= row["session"])]
    return [float(price) for price in mine["price"]]


def _splits(bars: pd.DataFrame, actions: pd.DataFrame | None) -> dict[tuple[str, int], float]:
    """Return the ratio of each split, by symbol and the time of the first bar from its day on."""
    found: dict[tuple[str, int], float] = {}
    if actions is None:
        return found
    for action in actions[actions["action"] == "split"].to_dict("records"):
        mine = bars[bars["symbol"] == action["symbol"]]
        after = mine[mine["session"] >= action["ex_date"]]
        if len(after) and len(after) < len(mine):
            key = (str(action["symbol"]), _ns(after["ts"].iloc[:1])[0])
            found[key] = found.get(key, 1.0) * float(action["ratio"])
    return found


def _whole(units: float) -> int:
    return int(units)  # towards zero: the broken part is paid out in cash


def _exits_again(
    rows: list[dict[Any, Any]], bars: pd.DataFrame, stop_bp: float, take_bp: float, participation: float,
    splits: dict[tuple[str, int], float],
) -> Check:  # fmt: skip
    """Return whether each stop and target was met where the bars reached it, at its price, and nowhere else."""
    due: dict[tuple[str, int], list[dict[Any, Any]]] = defaultdict(list)
    for row in rows:
        due[(row["symbol"], row["ts"])].append(row)
    wrong: list[str] = []
    asked = 0
    held: dict[str, int] = defaultdict(int)
    entry: dict[str, float] = defaultdict(float)
    for (symbol, ts), bar in _bars_at(bars).items():
        ratio = splits.get((symbol, ts), 1.0)
        held[symbol], entry[symbol] = _whole(held[symbol] * ratio), entry[symbol] / ratio
        met, traded = False, 0
        everything: list[dict[Any, Any] | None] = [*due[(symbol, ts)], None]
        for fill in everything:
            units = held[symbol]
            if units and not met and (fill is None or fill["reason"] in (*_EXITS, "target (looks ahead)")):
                # Everything at the open is done, so that the range of the bar is what is left to look at.
                asked, met = asked + 1, True
                long = 1 if units > 0 else -1
                stop, take = entry[symbol] * (1 - long * stop_bp / 1e4), entry[symbol] * (1 + long * take_bp / 1e4)
                worst, best = (bar.low, bar.high) if units > 0 else (bar.high, bar.low)
                hit = [stop] * bool(stop_bp and long * (worst - stop) <= 0)
                hit += [take] * bool(take_bp and long * (best - take) > 0)
                full = traded + 1 > bar.volume * participation and participation < 1
                if fill is not None and fill["reason"] in _EXITS:
                    level = stop if fill["reason"] == "stop" else take
                    gap = long * (bar.open - level) * (-1 if fill["reason"] == "stop" else 1) >= 0
                    late = fill["reason"] == "stop" and _near(fill["quoted_price"], bar.open)  # the rest of one before
                    if not late and not (level in hit and _near(fill["quoted_price"], bar.open if gap else level)):
                        wrong.append(f"{symbol} {_when(ts)}: {row['reason']} at {row['quoted_price']:.10g}")
                elif hit and not full:
                    wrong.append(f"{symbol} {_when(ts)}: {hit[0]:.10g} was reached and nothing was closed")
            if fill is not None:
                change = int(fill["quantity"]) * (1 if fill["side"] == "buy" else -1)
                after = units + change
                if units == 0 or (units > 0) != (after > 0):
                    entry[symbol] = fill["price"]
                elif abs(after) > abs(units):
                    entry[symbol] = (entry[symbol] * abs(units) + fill["price"] * abs(change)) / abs(after)
                held[symbol], traded = after, traded + abs(change)
    return Check("every stop and target where the bars reached it", asked, len(wrong), "; ".join(wrong[:3]))


def _flows_again(
    fills: pd.DataFrame, bars: pd.DataFrame, flows: pd.DataFrame, borrow_bp: float, actions: pd.DataFrame | None,
    funding: pd.DataFrame | None,
) -> Check:  # fmt: skip
    """Return whether dividends, borrow fees and funding are what the units held into each bar make them."""
    splits = _splits(bars, actions)
    said: dict[Any, float] = {}
    if len(flows):
        said = flows.assign(ns=_ns(flows["ts"])).groupby(["symbol", "ns", "kind"])["amount"].sum().to_dict()
    expected: dict[tuple[str, int, str], float] = defaultdict(float)
    signed = fills["quantity"] * np.where(fills["side"] == "buy", 1, -1)
    for name, mine in bars.groupby("symbol", sort=False):
        symbol, stamps = str(name), _ns(mine["ts"])
        days = mine["session"].to_numpy().astype("datetime64[D]")
        closes = mine["close"].tolist()
        moved = (
            signed[fills["symbol"] == symbol].groupby(_ns(fills.loc[fills["symbol"] == symbol, "ts"])).sum().to_dict()
        )
        paid: dict[int, float] = defaultdict(float)
        rate: dict[int, float] = defaultdict(float)
        for action in [] if actions is None else actions.to_dict("records"):
            place = int(np.searchsorted(days, np.datetime64(action["ex_date"], "D")))
            if action["symbol"] == symbol and action["action"] == "cash_dividend" and 0 < place < len(days):
                paid[stamps[place]] += action["amount"]
        for charge in [] if funding is None else funding.to_dict("records"):
            place = int(np.searchsorted(stamps, pd.Timestamp(charge["ts"]).as_unit("ns").value))
            if charge["symbol"] == symbol and 0 < place < len(stamps):
                rate[stamps[place]] += charge["rate"]
        units = moved.get(stamps[0], 0)
        for place in range(1, len(stamps)):
            ts, ratio = stamps[place], splits.get((symbol, stamps[place]), 1.0)
            units = _whole(units * ratio)
            before = closes[place - 1] / ratio
            nights = int((days[place] - days[place - 1]).astype(int))
            expected[(symbol, ts, "dividend")] += units * paid[ts]
            expected[(symbol, ts, "borrow fee")] += min(units, 0) * before * borrow_bp / 1e4 * nights / 360
            expected[(symbol, ts, "funding")] -= units * before * rate[ts]
            units += moved.get(ts, 0)
    kinds = ("dividend", "borrow fee", "funding")
    keys = {key for key, amount in expected.items() if amount} | {key for key in said if key[2] in kinds}
    wrong = [
        f"{key[0]} {_when(key[1])}: {key[2]} {said.get(key, 0.0):.6f}, not {expected.get(key, 0.0):.6f}"
        for key in sorted(keys)
        if abs(said.get(key, 0.0) - expected.get(key, 0.0)) > _CLOSE * max(1.0, abs(expected.get(key, 0.0)))
    ]
    return Check("holding costs and brings what it should", len(keys), len(wrong), "; ".join(wrong[:3]))


def _counted_again(
    fills: pd.DataFrame, bars: pd.DataFrame, equity: pd.DataFrame, cash: float, moved: pd.DataFrame,
    splits: dict[tuple[str, int], float],
) -> list[Check]:  # fmt: skip
    """Return whether cash and equity are what the fills, what holding brought, and the closes make them."""
    closes = bars.pivot(index="ts", columns="symbol", values="close").ffill()
    times = closes.index
    sign = np.where(fills["side"] == "buy", 1.0, -1.0)
    flows = pd.DataFrame(
        {
            "ts": fills["ts"], "symbol": fills["symbol"], "units": sign * fills["quantity"],
            "paid": -sign * fills["quantity"] * fills["price"] - fills["commission"],
        }
    )  # fmt: skip
    stray = flows[~flows["ts"].isin(times)]
    traded = flows.pivot_table(index="ts", columns="symbol", values="units", aggfunc="sum").reindex(times).fillna(0.0)
    traded = traded.reindex(columns=closes.columns, fill_value=0.0)
    held = traded.cumsum()
    for symbol in {symbol for symbol, _ in splits}:
        units, path = 0, []
        for ts, change in zip(_ns(times), traded[symbol].tolist(), strict=True):
            units = _whole(units * splits.get((symbol, ts), 1.0)) + int(change)
            path.append(float(units))
        held[symbol] = path
    balance = cash + flows.groupby("ts")["paid"].sum().reindex(times).fillna(0.0).cumsum()
    if len(moved):
        balance = balance + moved.groupby("ts")["amount"].sum().reindex(times).fillna(0.0).cumsum()
    worth = balance + (held * closes.fillna(0.0)).sum(axis=1)
    rows = equity.set_index("ts")
    known = rows[rows.index.isin(times)]
    scale = max(cash, float(worth.abs().max()))
    wrong = {}
    for name, counted in (("cash", balance), ("equity", worth)):
        gap = (known[name] - counted.reindex(known.index)).abs()
        wrong[name] = known.index[gap.isna() | (gap > _CLOSE * scale)]
    first = {
        name: f"{at[0]}: {known[name].loc[at[0]]:.6f}" if len(at) else "" for name, at in wrong.items()
    }  # fmt: skip
    return [
        Check("cash is what the fills leave", len(equity), len(wrong["cash"]) + len(stray), first["cash"]),
        Check("equity is cash and positions at the close", len(equity), len(wrong["equity"]), first["equity"]),
        Check("every bar time has its equity", len(times), len(times.symmetric_difference(rows.index))),
    ]
