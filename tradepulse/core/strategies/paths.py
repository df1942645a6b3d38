"""What a strategy wants to hold after each bar, without an account."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tradepulse.core.market import Bar
from tradepulse.core.strategies.base import HOLD, Strategy
from tradepulse.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd


class Targets:
    """The desk that a strategy speaks to: takes its targets until its bar has been handled."""

    def __init__(self, positions: Mapping[str, int]) -> None:
        self._positions = positions
        self.wanted: dict[str, int] = {}

    def position(self, symbol: str) -> int:
        """Return the units held now, negative when short."""
        return self._positions.get(symbol, 0)

    def target(self, symbol: str, quantity: int) -> None:
        """Ask to hold ``quantity`` units."""
        if quantity != quantity or quantity != int(quantity):
            raise ConfigError(f"{symbol}: target must be a whole number of units, not {quantity}")
        self.wanted[symbol] = int(quantity)


_NOTHING: dict[str, int] = {}


class Seat:
    """A strategy at its desk: started, given bars, held to its warm-up and its symbols.

    Parameters
    ----------
    strategy : fresh instance
    positions : units held, by symbol; looked at whenever the strategy asks
    """

    def __init__(self, strategy: Strategy, positions: Mapping[str, int]) -> None:
        self.strategy, self.desk, self.seen = strategy, Targets(positions), 0
        self._handle = strategy.handle_tick
        #: Whether it may be given bars by ``handle_tick`` at its desk: who does counts them in ``seen``.
        self.one_by_one = type(strategy).handle_bars is Strategy.handle_bars

    def decide(self, bars: list[Bar]) -> dict[str, int]:
        """Give it the bars of one instant; return what it wants to hold of each symbol that it spoke of.

        Raises
        ------
        ConfigError
            If it wants something before its own warm-up is over, or of a symbol that has no bar.
        """
        self.strategy.handle_bars(bars, self.desk)
        return self.taken([bar.symbol for bar in bars])

    def tick(self, bar: Bar) -> dict[str, int]:
        """Give it the bar of one symbol; the same as :meth:`decide`, with fewer steps for most strategies."""
        if not self.one_by_one:
            return self.decide([bar])
        desk = self.desk
        self._handle(bar, desk)
        if desk.wanted:
            return self.taken([bar.symbol])
        self.seen += 1
        return _NOTHING

    def taken(self, symbols: list[str]) -> dict[str, int]:
        """Take what it wants of the symbols of one instant from its desk."""
        self.seen += 1
        wanted, self.desk.wanted = self.desk.wanted, {}
        member = self.strategy
        if wanted and self.seen < member.warmup:
            raise ConfigError(
                f"{member.id}: decides on its bar {self.seen}, and declares that it needs {member.warmup}"
            )
        for symbol in wanted:
            if symbol not in symbols:
                raise ConfigError(f"{member.id}: trades {symbol} on a bar of {', '.join(symbols)}")
        return wanted


def by_time(bars: "pd.DataFrame") -> Iterator[list[Bar]]:
    """Yield the bars of each instant, in time order.

    Parameters
    ----------
    bars : rows of ``bars``, any order
    """
    ordered = bars.sort_values("ts", kind="stable")
    columns = ("symbol", "open", "high", "low", "close", "volume")
    values = [ordered[column].tolist() for column in columns]
    rows = map(Bar._make, zip(ordered["ts"], ordered["session"].dt.date, *values, strict=True))
    starts = np.flatnonzero(np.diff(ordered["ts"].to_numpy("datetime64[ns]").astype(np.int64))) + 1
    for size in np.diff([0, *starts, len(ordered)]).tolist():
        yield list(islice(rows, size))


class _NoAccount(Mapping[str, int]):
    """Positions that nobody knows yet: looking at them says that the strategy needs its account bar by bar."""

    def __getitem__(self, symbol: str) -> int:
        raise _AskedForAccount

    def __iter__(self) -> Iterator[str]:
        raise _AskedForAccount

    def __len__(self) -> int:
        raise _AskedForAccount


class _AskedForAccount(Exception):
    """Not an error: the way out of a pass over the bars without an account."""


def decisions(
    groups: Callable[[], Iterable[list[Bar]]], make: Callable[[], Strategy], columns: Mapping[str, Any] | None
) -> Any:
    """Return what a strategy asks for, before there is an account; None if it looks at what it holds.

    Parameters
    ----------
    groups : gives the bars of each instant, as from :func:`by_time`; asked only if bars are looked at one by one
    make : makes a fresh strategy
    columns : the same bars as columns, if they are of one symbol

    Returns
    -------
    int64, one for each bar in the order of ``groups``; :data:`~tradepulse.core.strategies.base.HOLD` where it says
    nothing
    """
    first = make()
    if columns is not None and (whole := first.decisions(columns)) is not None:
        return whole
    wanted: list[int] = []
    seats: dict[str, Seat] = {}
    try:
        for group in groups():
            asked: dict[str, int] = {}
            for seen in [group] if first.panel else [[bar] for bar in group]:
                name = "" if first.panel else seen[0].symbol
                seat = seats.get(name)
                if seat is None:
                    seat = seats[name] = Seat(make() if seats else first, _NoAccount())
                    seat.strategy.initialize()
                asked.update(seat.decide(seen))
            wanted.extend(asked.get(bar.symbol, HOLD) for bar in group)
    except _AskedForAccount:
        return None
    finally:
        for seat in seats.values():
            seat.strategy.finalize()
    return np.array(wanted, dtype=np.int64)


def target_path(bars: "pd.DataFrame", strategy: Strategy) -> "pd.Series[float]":
    """Return what a strategy wants to hold after each bar of one symbol, taking it that each target is reached.

    Parameters
    ----------
    bars : rows of ``bars`` of one symbol, in time order, shape (n,)
    strategy : fresh instance

    Returns
    -------
    Series of float64, shape (n,), indexed as ``bars``; 0 before the first decision
    """
    import pandas as pd

    held: dict[str, int] = {}
    seat = Seat(strategy, held)
    path = np.zeros(len(bars))
    try:
        strategy.initialize()
        for row, (bar,) in enumerate(by_time(bars)):
            held.update(seat.decide([bar]))
            path[row] = held.get(bar.symbol, 0)
    finally:
        strategy.finalize()
    return pd.Series(path, index=bars.index)


def bar_columns(bars: "pd.DataFrame") -> dict[str, Any]:
    """Return the bars of one symbol as the columns that :func:`as_compute` reads."""
    columns = {name: bars[name].to_numpy(dtype=float) for name in ("open", "high", "low", "close", "volume")}
    days = bars["session"].to_numpy().astype("datetime64[D]").astype(float)
    return {"session": days, **columns}


def as_compute(
    make: Callable[[], Strategy], symbols: int = 1, raised: list[BaseException] | None = None
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a strategy as a function of columns, for :func:`tradepulse.core.causality.leaks`.

    Parameters
    ----------
    make : makes a fresh strategy
    symbols : columns of the prices; with more than one they have the shape (n, k)
    raised : gets what the strategy raised

    Returns
    -------
    function from ``session`` (days since 1970), ``open``, ``high``, ``low``, ``close`` and ``volume`` to the path of
        targets of each symbol. Where a strategy raises, the path ends: NaN from there on.
    """
    from datetime import UTC, datetime, timedelta

    names = [f"S{place}" for place in range(symbols)]

    def compute(columns: Mapping[str, Any]) -> dict[str, Any]:
        fields = ("open", "high", "low", "close", "volume")
        prices = [np.asarray(columns[field]).reshape(len(columns["session"]), symbols) for field in fields]
        paths = {name: np.full(len(columns["session"]), np.nan) for name in names}
        held: dict[str, int] = {}
        strategy = make()
        seat = Seat(strategy, held)
        try:
            strategy.initialize()
            for row, day in enumerate(columns["session"]):
                ts = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=float(day), hours=15)
                group = [
                    Bar(ts, ts.date(), name, *(float(column[row, place]) for column in prices))
                    for place, name in enumerate(names)
                ]
                held.update(seat.decide(group))
                for name in names:
                    paths[name][row] = held.get(name, 0)
        except (ArithmeticError, ValueError, LookupError, TypeError) as exc:
            if raised is not None:
                raised.append(exc)
        finally:
            strategy.finalize()
        return paths

    return compute
