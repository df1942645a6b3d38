"""Could these fills have happened? Asked of a backtest by rules that share no code with its engine.

An engine that fills too well is the commonest way to a backtest that does not come true. Each fill carries its evidence
(the market price, when it was decided, the bar it traded in); here every claim is held against the bars, and cash and
equity are counted again from the fills.
"""

from collections import defaultdict
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

    Returns
    -------
    list of :class:`Check`; a rule that was asked of nothing has seen nothing: of a run without fills all but its equity
    """
    rows = fills.assign(ts=_ns(fills["ts"]), decided_ts=_ns(fills["decided_ts"])).to_dict("records")
    at = _bars_at(bars)
    times: dict[str, list[Any]] = defaultdict(list)
    for symbol, ts in at:
        times[symbol].append(ts)
    place = {symbol: {ts: number for number, ts in enumerate(stamps)} for symbol, stamps in times.items()}
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
        market = bar.close if same_close else bar.open
        if not _near(row["quoted_price"], market):
            broken["the market price of its bar"].append(f"{where}: {row['quoted_price']:.10g}, not {market:.10g}")
        worst = row["quoted_price"] * (1 + sign * least_slippage_bp / 1e4)
        if sign * (row["price"] - worst) < -_CLOSE * row["price"]:
            broken["no better than the market, less its slippage"].append(where)
        if row["commission"] < row["quantity"] * row["price"] * least_commission_bp / 1e4 * (1 - _CLOSE):
            broken["at least its commission"].append(where)
        if not same_close and not row["decided_ts"] < row["ts"]:
            broken["decided before its bar"].append(where)
        elif row["decided_ts"] not in place[row["symbol"]]:
            broken["decided on a bar of its symbol"].append(where)
        elif not same_close:
            # The first bar after the decision, or the first after a part of the same order.
            before = last.get(row["order_id"], row["decided_ts"])
            waited = place[row["symbol"]][row["ts"]] - place[row["symbol"]][before]
            skipped = times[row["symbol"]][place[row["symbol"]][before] + 1 : place[row["symbol"]][row["ts"]]]
            if waited != 1 and any(at[(row["symbol"], ts)].volume * participation >= 1 for ts in skipped):
                broken["in the first bar that had room for it"].append(where)
        last[row["order_id"]] = row["ts"]
        taken[(row["symbol"], row["ts"])] += int(row["quantity"])
        sides[row["order_id"]].add((row["symbol"], row["side"], row["decided_ts"]))
        if bar.stale and not same_close:
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
    return [*checks, *_counted_again(fills, bars, equity, cash)]


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


class _Bar(NamedTuple):
    open: float
    close: float
    volume: float
    stale: bool


def _bars_at(bars: pd.DataFrame) -> dict[tuple[str, int], _Bar]:
    """Return the bars by symbol and time, in time order."""
    ordered = bars.sort_values("ts", kind="stable")
    stale = ordered["open_is_stale"].tolist() if "open_is_stale" in ordered.columns else [False] * len(ordered)
    columns = [ordered[name].tolist() for name in ("open", "close", "volume")]
    keys = zip(ordered["symbol"].tolist(), _ns(ordered["ts"]), strict=True)
    return {key: _Bar(*row) for key, row in zip(keys, zip(*columns, stale, strict=True), strict=True)}


def _near(left: float, right: float) -> bool:
    return abs(left - right) <= _CLOSE * max(abs(left), abs(right), 1e-300)


def _ns(column: Any) -> list[int]:
    """Return instants as nanoseconds since 1970: they hash ten times as fast as timestamps."""
    return [int(value) for value in pd.DatetimeIndex(column).as_unit("ns").asi8]


def _when(ns: int) -> str:
    return f"{pd.Timestamp(ns, tz='UTC'):%Y-%m-%d %H:%M:%S}"


def _counted_again(fills: pd.DataFrame, bars: pd.DataFrame, equity: pd.DataFrame, cash: float) -> list[Check]:
    """Return whether cash and equity are what the fills and the closes make them."""
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
    moved = flows.pivot_table(index="ts", columns="symbol", values="units", aggfunc="sum").reindex(times).fillna(0.0)
    held = moved.reindex(columns=closes.columns, fill_value=0.0).cumsum()
    balance = cash + flows.groupby("ts")["paid"].sum().reindex(times).fillna(0.0).cumsum()
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
