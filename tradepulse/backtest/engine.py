"""The event engine: one bar after another, nothing traded before it could be.

On each bar the order decided on the bar before fills at the open; then stops and targets are looked for in the bar's
range; then the account is marked at the close; then the strategy decides. A decision can therefore never trade at a
price that it has seen. With ``fill="next_close"`` it fills at the bar's close instead, in the closing auction, before
the strategy sees it. Filling at the close that the decision was made on exists only as ``fill="same_close"``, and marks
the result as look-ahead.

This engine is the reference: it runs any strategy, in plain Python. :mod:`tradepulse.backtest.compiled` does the same
for decisions that are known beforehand, fill for fill and bit for bit.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from math import floor, trunc
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tradepulse.backtest.feed import Feed
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.grid import Rate
from tradepulse.backtest.result import (
    AT_CLOSE,
    DELISTED,
    FILL_RULES,
    MARGIN_CALL,
    RECALL,
    SAME_CLOSE,
    STOP,
    TAKE,
    TARGET,
    FillRule,
    Result,
    Tape,
)
from tradepulse.backtest.terms import Holding, Terms, holding_of, units_of
from tradepulse.backtest.venue import share_of_bar
from tradepulse.core.market import Bar
from tradepulse.core.orders import BP
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.paths import Seat
from tradepulse.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

_MONTH = 30 * 86_400 * 10**9


class _Account:
    """Cash, positions and the tape of one run."""

    def __init__(self, feed: Feed, cash: float, costs: Costs, terms: Terms, holding: Holding | None) -> None:
        self.feed, self.cash, self.costs, self.terms, self.holding = feed, cash, costs, terms, holding
        self.positions = dict.fromkeys(feed.symbols, 0)
        self.marks = dict.fromkeys(feed.symbols, 0.0)
        self.entry = dict.fromkeys(feed.symbols, 0.0)  # average price of what is held
        self.opened = dict.fromkeys(feed.symbols, 0)  # instant of the decision that opened it
        self.taken: dict[str, tuple[int, int]] = {}  # row, and units of ours in that bar
        self.sent: dict[str, tuple[int, int]] = {}  # decision and reason of the order that the venue has had last
        self.fills: list[tuple[int, int, float, float, float, int, int]] = []
        self.flows: list[tuple[int, int, float]] = []
        self.splits: list[tuple[int, int, float]] = []
        self.recent: deque[tuple[int, float]] = deque()
        self.month = 0.0
        self.unclear = self.cut = self.refused = 0
        #: Where our own fills have pushed the price of a symbol, in bp, and when; and when the last orders were sent.
        self.pushed: dict[str, tuple[float, int]] = {}
        self.sent_at: deque[int] = deque(maxlen=costs.rate.orders if costs.rate else 0)

    def trade(self, row: int, bar: Bar, change: int, quoted: float, decided: int, kind: int) -> int:
        """Fill as much of a change of position as the bar has room for; return what is left of it."""
        symbol = bar.symbol
        sign = 1 if change > 0 else -1
        if self.costs.shut(bar.ts):
            return change  # waits until it opens
        now, costs = int(self.feed.ns[row]), self.costs
        if self.sent.get(symbol) != (decided, kind):
            if (rate := costs.rate) and not self._within_rate(now, rate):
                return change  # asks again at the next bar
            self.sent[symbol] = (decided, kind)
            if refused := costs.refused(abs(change), quoted, bar.session):
                self.refused += 1
                change -= sign * refused
                if not change:
                    return 0
        last, taken = self.taken.get(symbol, (-1, 0))
        if last != row:
            taken = 0
        month = self._month_notional(now)
        if impact := costs.impact:
            bp, since = self.pushed.get(symbol, (0.0, now))
            pushed = impact.left(bp, now - since)
            units, price, commission = costs.execute(sign, abs(change), quoted, bar, month, taken, pushed)
            if units:
                self.pushed[symbol] = (pushed + sign * impact.permanent_bp * share_of_bar(units, bar.volume), now)
        else:
            units, price, commission = costs.execute(sign, abs(change), quoted, bar, month, taken)
        if not units:
            return change
        notional, bought = units * price, sign * units
        self.cash -= sign * notional + commission
        self._move(symbol, bought, price, decided)
        self.taken[symbol] = (row, taken + units)
        self.recent.append((now, notional))
        self.month += notional
        self.fills.append((row, bought, price, commission, quoted, decided, kind))
        return change - bought

    def _within_rate(self, now: int, rate: Rate) -> bool:
        """Say whether the venue takes another new order now, and count it if so."""
        if len(self.sent_at) == rate.orders and now - self.sent_at[0] < rate.seconds * 1e9:
            return False
        self.sent_at.append(now)
        return True

    def _move(self, symbol: str, units: int, price: float, decided: int) -> None:
        held = self.positions[symbol]
        self.positions[symbol] = after = held + units
        if held == 0 or (held > 0) != (after > 0):
            self.entry[symbol], self.opened[symbol] = price, decided
        elif abs(after) > abs(held):
            self.entry[symbol] = (self.entry[symbol] * abs(held) + price * abs(units)) / abs(after)

    def allowed(self, row: int, symbol: str, change: int, quoted: float) -> int:
        """Return how much of a change the account's margin and what can be borrowed let through."""
        held, terms = self.positions[symbol], self.terms
        wanted = held + change
        if self.holding is not None:
            wanted = max(wanted, min(held, -int(self.holding.available[row])))
        if terms.leverage and (abs(wanted) > abs(held) or wanted * held < 0):
            equity, others = self.cash, 0.0
            for name, units in self.positions.items():
                worth = units * (quoted if name == symbol else self.marks[name])
                equity += worth
                if name != symbol:
                    others += abs(worth)
            most = max(floor((equity * terms.leverage * (1 - terms.reserve_bp / BP) - others) / quoted), 0)
            if wanted * held > 0:
                most = max(most, abs(held))
            if abs(wanted) > most:
                wanted = most if wanted > 0 else -most
        if wanted - held != change:
            self.cut += 1
        return wanted - held

    def exits(self, row: int, bar: Bar) -> bool:
        """Close a position whose stop or target the bar reached; say whether a stop is left to finish."""
        symbol, terms = bar.symbol, self.terms
        held = self.positions[symbol]
        sign = 1 if held > 0 else -1
        stop = self.entry[symbol] * (1 - sign * terms.stop_bp / BP)
        take = self.entry[symbol] * (1 + sign * terms.take_bp / BP)
        against, favourable = (bar.low, bar.high) if held > 0 else (bar.high, bar.low)
        stopped = terms.stop_bp > 0 and sign * (against - stop) <= 0
        # A price that is only touched fills those who were there first; through it, everybody.
        taking = terms.take_bp > 0 and sign * (favourable - take) > 0
        if not stopped and not taking:
            return False
        if terms.stop_bp > 0 and sign * (bar.open - stop) <= 0:
            kind, quoted = STOP, bar.open
        elif terms.take_bp > 0 and sign * (bar.open - take) >= 0:
            kind, quoted = TAKE, bar.open
        else:
            if stopped and taking:
                self.unclear += 1
                stopped = terms.path == "worst"
            kind, quoted = (STOP, stop) if stopped else (TAKE, take)
        left = self.trade(row, bar, -held, quoted, self.opened[symbol], kind)
        return bool(left) and kind == STOP

    def hold(self, number: int, row: int, symbol: str, holding: Holding) -> None:
        """Let a position that was held into this bar be split, paid for and paid out."""
        held = self.positions[symbol]
        if not held:
            return
        mark, ratio = self.marks[symbol], float(holding.split[row])
        if ratio != 1.0:
            whole = floor(held * ratio) if held > 0 else -floor(-held * ratio)
            if (broken := held * ratio - whole) != 0.0:
                self._flow(row, 3, broken * (mark / ratio))
            mark /= ratio
            self.marks[symbol] = mark
            self.entry[symbol] /= ratio
            self.positions[symbol] = held = whole
            self.splits.append((len(self.fills), self.feed.symbols.index(symbol), ratio))
        if holding.dividend[row]:
            self._flow(row, 0, held * float(holding.dividend[row]))
        if held < 0 and holding.borrow[row]:
            self._flow(row, 1, held * mark * float(holding.borrow[row]))
        if holding.funding[row]:
            self._flow(row, 2, -(held * mark * float(holding.funding[row])))
        price = float(holding.delisted[row])
        if held and price == price:
            self.cash += held * price
            self.positions[symbol] = 0
            self.fills.append((row, -held, price, 0.0, price, number - 1, DELISTED))

    def interest(self, number: int, row: int, holding: Holding) -> None:
        """Pay for borrowed cash, or be paid for idle cash, over the nights since the instant before."""
        if self.cash < 0 and holding.debit[number]:
            self._flow(row, 4, self.cash * float(holding.debit[number]))
        elif self.cash > 0 and holding.credit[number]:
            self._flow(row, 5, self.cash * float(holding.credit[number]))

    def _flow(self, row: int, kind: int, amount: float) -> None:
        self.cash += amount
        self.flows.append((row, kind, amount))

    def _month_notional(self, now: int) -> float:
        """Return what was traded in the 30 days before."""
        while self.recent and now - self.recent[0][0] > _MONTH:
            self.month -= self.recent.popleft()[1]
        return self.month if self.recent else 0.0


def backtest(
    bars: "pd.DataFrame | Mapping[str, Any] | Feed",
    strategy: Callable[[], Strategy],
    *,
    cash: float,
    costs: Costs | None = None,
    fill: FillRule = "next_open",
    book: str = "backtest",
    terms: Terms | None = None,
    holding: Holding | None = None,
) -> Result:
    """Run a strategy over bars on one account: an instance per symbol, or one for all if it compares them.

    Parameters
    ----------
    bars : rows of ``bars``, sorted by time, unique by symbol and time, one or more symbols: a table, its columns as
        arrays, or a feed of them
    strategy : makes a fresh strategy
    cash : cash at the start, in quote currency
    costs : commission and slippage
    fill : ``next_open`` or ``next_close``, an auction of the bar after the decision; or ``same_close``, for comparison
        with engines that look ahead
    book : name that order ids are made from
    terms : exits and margin of the account
    holding : what holding costs and brings, from :func:`tradepulse.backtest.terms.holding_of`; by default what the
        terms alone make of it

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
    feed = prepared(bars, cash, fill)
    costs, terms = costs or Costs(), terms or Terms()
    if fill == "next_close" and (terms.stop_bp or terms.take_bp or terms.maintenance or holding is not None):
        feed.refuse_stale_opens()  # what the account closes by itself trades at opens
    first = strategy()
    holding = holding or holding_of(feed, terms)
    tape = _replay(feed, first, strategy, float(cash), costs, fill, terms, holding)
    return Result(feed, tape, cash=float(cash), costs=costs, fill=fill, book=book, strategy_id=first.id)


def prepared(bars: "pd.DataFrame | Mapping[str, Any] | Feed", cash: float, fill: str) -> Feed:
    """Return the feed of a run whose cash, fill rule and bars make sense; raise what :func:`backtest` raises."""
    if fill not in FILL_RULES:
        raise ConfigError(f"fill must be one of {', '.join(FILL_RULES)}, not {fill!r}")
    if not np.isfinite(cash) or cash <= 0:
        raise ConfigError(f"cash must be a positive amount, not {cash}")
    feed = bars if isinstance(bars, Feed) else Feed(bars)
    if fill == "next_open":
        feed.refuse_stale_opens()
    return feed


def _replay(
    feed: Feed, first: Strategy, strategy: Callable[[], Strategy], cash: float, costs: Costs, fill: FillRule,
    terms: Terms, holding: Holding | None,
) -> Tape:  # fmt: skip
    account = _Account(feed, cash, costs, terms, holding)
    positions, marks = account.positions, account.marks
    # A strategy that compares symbols has one instance for all of them; any other has one for each.
    members = {"": first} if first.panel else {feed.symbols[0]: first} | {name: strategy() for name in feed.symbols[1:]}
    # A split is no move of the market: strategies live in units of their first bar.
    grown = units_of(feed, holding)
    unsplit = [] if grown is None else feed.in_units_of(grown).groups
    held = _Unsplit(positions)
    seats = {name: Seat(member, positions if grown is None else held) for name, member in members.items()}
    together = seats.get("") if first.panel else None
    decide = {name: seat.tick for name, seat in seats.items()}
    alone = feed.symbols[0] if len(feed.symbols) == 1 else None
    maintenance = terms.maintenance
    armed, guarded = terms.stop_bp > 0 or terms.take_bp > 0, terms.leverage > 0 or holding is not None
    same_close, on_close, starts = fill == "same_close", fill == "next_close", feed.starts.tolist()
    # One symbol, and an account that does nothing by itself.
    quiet = alone is not None and together is None and not armed and not maintenance and holding is None
    seat = next(iter(seats.values()))
    tick, desk, money, units = seat.strategy.handle_tick, seat.desk, cash, 0
    quiet = quiet and seat.one_by_one
    call: float | bool = False
    pending: dict[str, tuple[int, int, int]] = {}  # change, instant of the decision, reason
    cash_curve, value_curve, closes = array("d"), array("d"), feed.columns["close"]
    add_cash, add_value = cash_curve.append, value_curve.append
    started: list[Strategy] = []
    try:
        for member in members.values():
            started.append(member)
            member.initialize()
        for number, group in enumerate(feed.groups):
            if quiet and not pending:
                # Most bars of most runs: nothing to trade, and nothing decided. They are marked together.
                tick(group[0], desk)
                if not desk.wanted:
                    continue
                _mark(cash_curve, value_curve, money, units, closes[len(cash_curve) : number])
                shown, seat.seen = group, number
                shared: dict[str, int] | None = seat.taken([group[0].symbol])
            else:
                shown = group
                if quiet:
                    seat.seen = number
                if grown is not None:
                    shown = unsplit[number]
                    held.units |= {bar.symbol: float(grown[row]) for row, bar in enumerate(group, starts[number])}
                if holding is not None:
                    _before_the_open(account, number, starts[number], group, holding, pending)
                if pending or armed:
                    for row, bar in enumerate(group, starts[number]):
                        symbol = bar.symbol
                        order = pending.get(symbol)
                        if order is not None and not (on_close and order[2] == TARGET):
                            del pending[symbol]
                            change, decided, kind = order
                            if guarded:
                                change = account.allowed(row, symbol, change, bar.open)
                            if change and (left := account.trade(row, bar, change, bar.open, decided, kind)):
                                pending[symbol] = (left, decided, kind)  # waits for the next bar
                        if armed and positions[symbol] and pending.get(symbol, (0, 0, TARGET))[2] == TARGET:
                            before = positions[symbol]
                            if account.exits(row, bar):
                                pending[symbol] = (-positions[symbol], account.opened[symbol], STOP)
                            elif positions[symbol] != before:
                                pending.pop(symbol, None)  # what was left of the entry is not wanted any more
                if on_close and pending:
                    _closing_auction(account, starts[number], group, pending, guarded=guarded)
                for bar in group:
                    marks[bar.symbol] = bar.close
                call = maintenance and _below_maintenance(account)
                if call:
                    for symbol in [name for name, units in positions.items() if units]:
                        pending[symbol] = (-positions[symbol], number, MARGIN_CALL)
                shared = together.decide(shown) if together else None
            for row, bar in enumerate(group, starts[number]):
                symbol = bar.symbol
                if shared is not None:
                    wanted = shared
                else:
                    wanted = decide[symbol](bar if shown is group else shown[row - starts[number]])
                # What the account must sell is not the strategy's to change.
                if not wanted or (target := wanted.get(symbol)) is None or (call and symbol in pending):
                    continue
                if grown is not None:
                    target = trunc(target * float(grown[row]))
                pending.pop(symbol, None)  # what was left of an earlier order is replaced
                change = target - positions[symbol]
                if change and same_close:
                    if guarded:
                        change = account.allowed(row, symbol, change, bar.close)
                    change = account.trade(row, bar, change, bar.close, number, SAME_CLOSE) if change else 0
                if change:
                    pending[symbol] = (change, number, TARGET)
            money = account.cash
            add_cash(money)
            if alone:
                units = positions[alone]
                add_value(units * group[0].close)
            else:
                value = 0.0
                for symbol, its in positions.items():
                    value += its * marks[symbol]
                add_value(value)
        _mark(cash_curve, value_curve, money, units, closes[len(cash_curve) :] if quiet else closes[:0])
        for bar in feed.groups[-1]:
            marks[bar.symbol] = bar.close  # quiet bars leave no mark
    finally:
        for member in started:
            member.finalize()
    return _tape(account, cash_curve, value_curve, pending)


def _mark(cash: "array[float]", value: "array[float]", money: float, units: int, closes: NDArray[np.float64]) -> None:
    """Mark an account that does nothing at so many closes."""
    cash.extend(array("d", [money]) * len(closes))
    value.frombytes((units * closes).tobytes())


class _Unsplit(Mapping[str, int]):
    """Positions as strategies count them: in units of their first bar."""

    def __init__(self, positions: Mapping[str, int]) -> None:
        self._positions = positions
        #: What such a unit of each symbol has become.
        self.units: dict[str, float] = {}

    def __getitem__(self, symbol: str) -> int:
        return round(self._positions[symbol] / self.units.get(symbol, 1.0))

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)

    def __len__(self) -> int:
        return len(self._positions)


def _closing_auction(
    account: _Account, start: int, group: list[Bar], pending: dict[str, tuple[int, int, int]], *, guarded: bool
) -> None:
    for row, bar in enumerate(group, start):
        symbol = bar.symbol
        if (order := pending.get(symbol)) is None or order[2] != TARGET:
            continue
        change, decided, _ = pending.pop(symbol)
        if guarded:
            change = account.allowed(row, symbol, change, bar.close)
        if change and (left := account.trade(row, bar, change, bar.close, decided, AT_CLOSE)):
            pending[symbol] = (left, decided, TARGET)


def _before_the_open(
    account: _Account, number: int, start: int, group: list[Bar], holding: Holding,
    pending: dict[str, tuple[int, int, int]],
) -> None:  # fmt: skip
    if number:
        account.interest(number, start, holding)
    for row, bar in enumerate(group, start):
        symbol = bar.symbol
        if (order := pending.get(symbol)) and holding.split[row] != 1.0:
            left = int(order[0] * holding.split[row])
            pending[symbol] = (left, order[1], order[2])
            if not left:
                del pending[symbol]
        account.hold(number, row, symbol, holding)
        if holding.delisted[row] == holding.delisted[row]:
            pending.pop(symbol, None)
        elif account.positions[symbol] < -holding.available[row]:
            pending[symbol] = (-int(holding.available[row]) - account.positions[symbol], number - 1, RECALL)


def _below_maintenance(account: _Account) -> bool:
    equity, gross = account.cash, 0.0
    for symbol, units in account.positions.items():
        worth = units * account.marks[symbol]
        equity += worth
        gross += abs(worth)
    return gross > 0 and equity < account.terms.maintenance * gross


def _tape(
    account: _Account, cash: "array[float]", value: "array[float]", pending: dict[str, tuple[int, int, int]]
) -> Tape:
    feed = account.feed
    columns: list[Any] = list(zip(*account.fills, strict=True)) if account.fills else [[]] * 7
    kinds = (np.int64, np.int64, np.float64, np.float64, np.float64, np.int64, np.int64)
    flows: list[Any] = list(zip(*account.flows, strict=True)) if account.flows else [[]] * 3
    last = len(feed.starts) - 2
    waiting = [pending[symbol][0] if symbol in pending and pending[symbol][1] != last else 0 for symbol in feed.symbols]
    return Tape._make(
        [
            *(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)),
            np.array(cash),
            np.array(value),
            np.array(flows[0], dtype=np.int64),
            np.array(flows[1], dtype=np.int64),
            np.array(flows[2], dtype=np.float64),
            np.array([account.positions[symbol] for symbol in feed.symbols], dtype=np.int64),
            np.array([account.marks[symbol] for symbol in feed.symbols]),
            np.array(waiting, dtype=np.int64),
            np.array(account.splits, dtype=np.float64).reshape(-1, 3),
            account.unclear,
            account.cut,
            account.refused,
        ]
    )
