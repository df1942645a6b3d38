"""The event engine: one bar after another, nothing traded before it could be.

On each bar the order decided on the bar before fills at the open; then the account is marked at the close; then the
strategy decides. A decision can therefore never trade at a price that it has seen. Filling at the close that the
decision was made on exists only as ``fill="same_close"``, and marks the result as look-ahead.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd

from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.statistics import drawdown, max_drawdown, sharpe
from tradepulse.core.market import Bar
from tradepulse.core.orders import Side, client_order_id
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.paths import Seat, by_time
from tradepulse.errors import ConfigError, InvalidTable, UnusableOpens

FillRule = Literal["next_open", "same_close"]
FILL_RULES: tuple[FillRule, ...] = ("next_open", "same_close")

_MONTH = timedelta(days=30)
_FILL_COLUMNS = {
    "ts": "datetime64[ns, UTC]", "session": "datetime64[ns]", "symbol": "str", "side": "str", "quantity": "int64",
    "price": "float64", "commission": "float64", "slippage": "float64", "order_id": "str", "reason": "str",
    "evidence": "str", "decided_ts": "datetime64[ns, UTC]", "quoted_price": "float64",
}  # fmt: skip
_TRADE_COLUMNS = {
    "symbol": "str", "side": "str", "quantity": "int64", "entry_ts": "datetime64[ns, UTC]", "entry_price": "float64",
    "exit_ts": "datetime64[ns, UTC]", "exit_price": "float64", "commission": "float64", "profit": "float64",
    "entry_order_id": "str", "exit_order_id": "str",
}  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What a run did.

    Parameters
    ----------
    fills : one row per fill, in time order
    trades : one row per round trip, first in first out; an open position has none
    equity : one row per bar time with cash, position value, equity and drawdown
    summary : final_equity, n_fills and so on
    """

    fills: pd.DataFrame
    trades: pd.DataFrame
    equity: pd.DataFrame
    summary: dict[str, Any]


@dataclass(slots=True)
class _Account:
    cash: float
    costs: Costs
    positions: dict[str, int] = field(default_factory=dict)
    marks: dict[str, float] = field(default_factory=dict)
    fills: list[tuple[Any, ...]] = field(default_factory=list)
    recent: deque[tuple[Any, float]] = field(default_factory=deque)
    month: float = 0.0

    def trade(
        self, bar: Bar, change: int, quoted: float, order_id: str, decided: Any, evidence: str, reason: str
    ) -> int:
        """Fill as much of a change of position as the bar has room for; return what is left of it."""
        side = Side.BUY if change > 0 else Side.SELL
        done = self.costs.execute(side.sign, abs(change), quoted, bar, self._month_notional(bar.ts))
        if not done.quantity:
            return change
        notional = done.quantity * done.price
        self.cash -= side.sign * notional + done.commission
        self.positions[bar.symbol] = self.positions.get(bar.symbol, 0) + side.sign * done.quantity
        self.recent.append((bar.ts, notional))
        self.month += notional
        because = f"{evidence}; {done.rule}" if done.rule else evidence
        self.fills.append(
            (bar.ts, pd.Timestamp(bar.session), bar.symbol, side.value, done.quantity, done.price, done.commission,
             done.quantity * abs(done.price - quoted), order_id, reason, because, decided, quoted)
        )  # fmt: skip
        return change - side.sign * done.quantity

    def _month_notional(self, now: Any) -> float:
        """Return what was traded in the 30 days before."""
        while self.recent and now - self.recent[0][0] > _MONTH:
            self.month -= self.recent.popleft()[1]
        return self.month if self.recent else 0.0

    @property
    def value(self) -> float:
        return sum((quantity * self.marks[symbol] for symbol, quantity in self.positions.items()), 0.0)


def backtest(
    bars: pd.DataFrame,
    strategy: Callable[[], Strategy],
    *,
    cash: float,
    costs: Costs | None = None,
    fill: FillRule = "next_open",
    book: str = "backtest",
) -> Result:
    """Run a strategy over bars on one account: an instance per symbol, or one for all if it compares them.

    Parameters
    ----------
    bars : rows of ``bars``, sorted by time, unique by symbol and time, one or more symbols
    strategy : makes a fresh strategy
    cash : cash at the start, in quote currency
    costs : commission and slippage
    fill : ``next_open``, or ``same_close`` for comparison with engines that look ahead
    book : name that order ids are made from

    Returns
    -------
    Result. An order decided on the last bar does not fill; an open position is marked at its last close, not closed.

    Raises
    ------
    InvalidTable
        If there are no bars, or they are unsorted, repeated or not finite.
    UnusableOpens
        If ``fill`` is next_open and some opens repeat the previous close too often to be trades.
    ConfigError
        If cash is not a positive number or the fill rule is unknown.
    """
    if fill not in FILL_RULES:
        raise ConfigError(f"fill must be one of {', '.join(FILL_RULES)}, not {fill!r}")
    if not np.isfinite(cash) or cash <= 0:
        raise ConfigError(f"cash must be a positive amount, not {cash}")
    _check_bars(bars, fill)
    costs = costs or Costs()
    account = _Account(float(cash), costs)
    symbols = list(bars["symbol"].unique())
    first = strategy()
    # A strategy that compares symbols has one instance for all of them; any other has one for each.
    members = {"": first} if first.panel else {symbols[0]: first} | {symbol: strategy() for symbol in symbols[1:]}
    seats = {symbol: Seat(member, account.positions) for symbol, member in members.items()}
    pending: dict[str, tuple[int, str, Any]] = {}
    curve: list[tuple[Any, ...]] = []
    lowest_cash = account.cash
    started: list[Strategy] = []
    try:
        for member in members.values():
            started.append(member)
            member.initialize()
        for number, group in enumerate(by_time(bars)):
            for bar in group:
                if order := pending.pop(bar.symbol, None):
                    change, order_id, decided = order
                    evidence = f"open {bar.open!r} of {bar.session}"
                    if left := account.trade(bar, change, bar.open, order_id, decided, evidence, "target"):
                        pending[bar.symbol] = (left, order_id, decided)  # waits for the next bar
            for bar in group:
                account.marks[bar.symbol] = bar.close
            now = {bar.symbol: bar for bar in group}
            for seat, seen in [(seats[""], group)] if first.panel else [(seats[bar.symbol], [bar]) for bar in group]:
                for symbol, target in seat.decide(seen).items():
                    bar = now[symbol]
                    change = target - account.positions.get(symbol, 0)
                    order_id = client_order_id(book, seat.strategy.id, f"{symbol}|{number}")
                    pending.pop(symbol, None)  # what was left of an earlier order is replaced
                    if change and fill == "same_close":
                        evidence = f"close {bar.close!r} of {bar.session}, the bar it was decided on"
                        change = account.trade(
                            bar, change, bar.close, order_id, bar.ts, evidence, "target (looks ahead)"
                        )
                    if change:
                        pending[symbol] = (change, order_id, bar.ts)
            lowest_cash = min(lowest_cash, account.cash)
            value = account.value
            curve.append((group[0].ts, pd.Timestamp(group[0].session), account.cash, value, account.cash + value))
    finally:
        for member in started:
            member.finalize()
    waiting = {symbol: change for symbol, (change, _, decided) in pending.items() if decided != bars["ts"].max()}
    return _result(bars, account, curve, float(cash), fill, lowest_cash, waiting)


def _check_bars(bars: pd.DataFrame, fill: FillRule) -> None:
    if bars.empty:
        raise InvalidTable("there are no bars to run on")
    values = bars[["open", "high", "low", "close"]].to_numpy(dtype=float)
    bad = ~(np.isfinite(values) & (values > 0)).all(axis=1)
    if bad.any():
        row = bars.iloc[int(np.argmax(bad))]
        raise InvalidTable(f"{row['symbol']} {row['ts']}: a price is missing, infinite or not above zero")
    for symbol, rows in bars.groupby("symbol", sort=False):
        late = ~(rows["ts"].diff().dropna() > pd.Timedelta(0))
        if late.any():
            at = rows["ts"].iloc[int(np.argmax(late.to_numpy())) + 1]
            raise InvalidTable(
                f"{symbol}: the bar at {at} is not later than the one before; sort the bars, drop repeats"
            )
    if fill == "next_open" and "open_is_stale" in bars.columns:
        for symbol, rows in bars.groupby("symbol", sort=False):
            stale = rows.loc[rows["open_is_stale"], "session"]
            if len(stale):
                raise UnusableOpens(
                    f"{symbol}: {len(stale):,} of {len(rows):,} opens from {stale.min():%Y-%m-%d} to "
                    f"{stale.max():%Y-%m-%d} repeat the previous close, so no fill at the next open can be believed; "
                    "take other dates, another symbol or another vendor"
                )


def _result(
    bars: pd.DataFrame,
    account: _Account,
    curve: list[tuple[Any, ...]],
    cash: float,
    fill: FillRule,
    lowest: float,
    unfilled: dict[str, int],
) -> Result:
    equity = pd.DataFrame(curve, columns=["ts", "session", "cash", "position_value", "equity"])
    equity["ts"] = equity["ts"].dt.as_unit("ns")
    equity["session"] = equity["session"].dt.as_unit("ns")
    marked = equity["equity"].to_numpy()
    equity["drawdown"] = drawdown(marked)
    fills = pd.DataFrame(account.fills, columns=list(_FILL_COLUMNS)).astype(_FILL_COLUMNS)
    trades = round_trips(fills)
    per_year = bars_per_year(equity["ts"], equity["session"])
    ratio = sharpe(np.diff(marked) / marked[:-1], per_year)
    summary = {
        "initial_cash": cash,
        "final_equity": float(marked[-1]),
        "total_return": float(marked[-1] / cash - 1),
        "n_bars": len(equity),
        "n_fills": len(fills),
        "n_round_trips": len(trades),
        "total_commission": float(fills["commission"].sum()),
        "total_slippage": float(fills["slippage"].sum()),
        "max_drawdown": max_drawdown(marked),
        "sharpe": None if np.isnan(ratio) else ratio,
        "bars_per_year": per_year,
        "first_session": f"{bars['session'].min():%Y-%m-%d}",
        "last_session": f"{bars['session'].max():%Y-%m-%d}",
        "marks": dict(account.marks),
        "open_position": {symbol: quantity for symbol, quantity in account.positions.items() if quantity},
        "lowest_cash": lowest,
        "fill": fill,
        "unfilled": {symbol: left for symbol, left in unfilled.items() if left},
        "looks_ahead": fill == "same_close",
    }
    return Result(fills, trades, equity, summary)


def round_trips(fills: pd.DataFrame) -> pd.DataFrame:
    """Return fills matched first in, first out into round trips.

    Parameters
    ----------
    fills : as in :class:`Result`, in time order

    Returns
    -------
    DataFrame with entry, exit, commission of both (in proportion to quantity) and profit after commission
    """
    rows: list[tuple[Any, ...]] = []
    open_lots: dict[str, list[list[Any]]] = {}
    for record in fills.to_dict("records"):
        lots = open_lots.setdefault(record["symbol"], [])
        left = record["quantity"]
        while left and lots and lots[0][0] != record["side"]:
            side, quantity, entry = lots[0]
            matched = min(left, quantity)
            fees = (
                entry["commission"] * matched / entry["quantity"] + record["commission"] * matched / record["quantity"]
            )
            move = (record["price"] - entry["price"]) * (1 if side == Side.BUY else -1)
            rows.append(
                (record["symbol"], side, matched, entry["ts"], entry["price"], record["ts"], record["price"], fees,
                 matched * move - fees, entry["order_id"], record["order_id"])
            )  # fmt: skip
            left -= matched
            lots[0][1] -= matched
            if not lots[0][1]:
                lots.pop(0)
        if left:
            lots.append([record["side"], left, record])
    return pd.DataFrame(rows, columns=list(_TRADE_COLUMNS)).astype(_TRADE_COLUMNS)


def bars_per_year(ts: "pd.Series[pd.Timestamp]", session: "pd.Series[pd.Timestamp]") -> float:
    """Return how many bars a year has, from the bars themselves.

    Parameters
    ----------
    ts, session : of the bars of an equity curve, in time order, shape (n,)

    Returns
    -------
    float : 252 for sessions of an exchange, 365 where weekends trade, times the median bars per session; 52 and 12 for
        weekly and monthly bars
    """
    days = pd.DatetimeIndex(session.unique())
    gap = float(np.median(np.diff(days.to_numpy()).astype("timedelta64[D]").astype(int))) if len(days) > 1 else 1.0
    if gap > 20:
        return 12.0
    if gap > 4:
        return 52.0
    year = 365.0 if (days.dayofweek >= 5).any() else 252.0
    return year * float(np.median(session.groupby(session).size()))
