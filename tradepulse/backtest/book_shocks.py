"""Shocks to books: what is done to what others did, so that it becomes a day that has not happened yet.

A shock holds for some seconds of a recording. Within them others display, and trade at, what the shock makes of each
level; what it leaves is displayed as it was. Bids are rounded down to the step of prices and offers up, so that no book
is crossed by it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from tradepulse.core.orders import Side
from tradepulse.errors import ConfigError, UnknownName
from tradepulse.execution.desk import Move

#: Price and quantity of a level as a shock makes them; of its side, where they were, and how far the shock is, 0 to 1.
_Change = Callable[[Side, float, float, float], tuple[float, float]]


class Shock(NamedTuple):
    """What happens, and how far it goes where nothing is said.

    Parameters
    ----------
    what : in words, ``size`` being what is said
    change : of a level; None where nothing is heard
    size, seconds : of it
    """

    what: str
    change: Callable[[float], _Change] | None
    size: float
    seconds: float


def _flash_crash(size: float) -> _Change:
    return lambda side, price, quantity, part: (price * (1 - size * (1 - abs(2 * part - 1))), quantity)


def _gap(size: float) -> _Change:
    return lambda side, price, quantity, part: (price * (1 - size), quantity)


def _drought(size: float) -> _Change:
    return lambda side, price, quantity, part: (price, quantity * (1 - size))


def _wide_spread(size: float) -> _Change:
    return lambda side, price, quantity, part: (price * (1 - side.sign * size), quantity)


SHOCKS: Mapping[str, Shock] = {
    "flash_crash": Shock("prices fall by size and come back, in a straight line each way", _flash_crash, 0.02, 10.0),
    "gap": Shock("prices are lower by size at once, and come back at once", _gap, 0.02, 30.0),
    "drought": Shock("of every quantity the share size is missing", _drought, 0.9, 30.0),
    "wide_spread": Shock("bids are lower and offers higher by size", _wide_spread, 0.002, 30.0),
    "silence": Shock("nothing is heard; what has changed meanwhile is there afterwards", None, 0.0, 10.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Strike:
    """A shock that strikes a recording.

    Parameters
    ----------
    name : of :data:`SHOCKS`
    at : where it begins, as a share of the recording's time
    size, seconds : how far it goes, and how long it lasts; as of the shock where they are None
    """

    name: str
    at: float = 0.5
    size: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.name not in SHOCKS:
            raise UnknownName("shock", self.name, SHOCKS)
        for name, value, low, high in (
            ("at", self.at, 0.0, 1.0), ("size", self.extent, 0.0, 0.99), ("seconds", self.lasts, 0.001, 86_400.0),
        ):  # fmt: skip
            if not low <= value <= high:
                raise ConfigError(f"shock {self.name}: {name} must lie between {low:g} and {high:g}, not {value:g}")

    @property
    def extent(self) -> float:
        """How far it goes."""
        return SHOCKS[self.name].size if self.size is None else self.size

    @property
    def lasts(self) -> float:
        """Seconds for which it holds."""
        return SHOCKS[self.name].seconds if self.seconds is None else self.seconds


def struck(moves: Sequence[Move], strike: Strike, steps: Sequence[tuple[int, int]]) -> list[Move]:
    """Return what others do in a recording that a shock strikes.

    Parameters
    ----------
    moves : by time
    strike : the shock
    steps : of price and quantity at each venue, in units
    """
    made: list[Move] = []
    for venue, (tick, lot) in enumerate(steps):
        own = [move for move in moves if move.venue == venue]
        if own:
            made += _at_venue(own, strike, tick, lot, moves[0].ns, moves[-1].ns)
    return sorted(made, key=lambda move: move.ns)


def _at_venue(moves: Sequence[Move], strike: Strike, tick: int, lot: int, first: int, last: int) -> Iterator[Move]:
    begin = first + round(strike.at * (last - first))
    end = begin + round(strike.lasts * 1e9)
    make = SHOCKS[strike.name].change
    change = make and make(strike.extent)
    book: dict[Side, dict[int, int]] = {side: {} for side in Side}
    shown: dict[Side, dict[int, int]] = {side: {} for side in Side}
    differs = False  # whether what is shown is not what others display

    def show(move: Move, wanted: Mapping[Side, Mapping[int, int]], what: str) -> Iterator[Move]:
        """Display what is wanted, as far as it is not shown yet."""
        levels = tuple(
            (side, price, wanted[side].get(price, 0))
            for side in Side
            for price in sorted({*wanted[side], *shown[side]})
            if wanted[side].get(price, 0) != shown[side].get(price, 0)
        )
        for side in Side:
            shown[side] = dict(wanted[side])
        if levels:
            yield Move(move.ns, levels, what=what, venue=move.venue)

    for move, following in pairwise([*moves, None]):
        if move is None:
            return
        for some in (book,) if differs or begin <= move.ns < end else (book, shown):
            for side, price, quantity in move.levels:
                some[side].pop(price, None)
                if quantity > 0:
                    some[side][price] = quantity
        if not begin <= move.ns < end:
            if differs:
                differs = False
                yield from show(move, book, f"{move.what} after a {strike.name}")
                if move.aggressor is None:
                    continue
            yield move
            continue
        differs = True
        if change is None:
            continue
        part = (move.ns - begin) / (end - begin)
        if move.aggressor is not None:
            # What others took, they took from the other side.
            resting = Side.SELL if move.aggressor is Side.BUY else Side.BUY
            price, quantity = _rounded(resting, *change(resting, move.price, move.quantity, part), tick, lot)
            if quantity > 0 and price > 0:
                yield move._replace(price=price, quantity=quantity)
        # Of what happens at once the last shows where it has come to.
        elif following is None or following.ns != move.ns or following.aggressor is not None:
            yield from show(move, _changed(book, change, part, tick, lot), f"{move.what} in a {strike.name}")


def _changed(
    book: Mapping[Side, Mapping[int, int]], change: _Change, part: float, tick: int, lot: int
) -> dict[Side, dict[int, int]]:
    """Return a book as a shock makes it; levels that come to one price are one."""
    made: dict[Side, dict[int, int]] = {side: {} for side in Side}
    for side, levels in book.items():
        for price, quantity in levels.items():
            at, left = _rounded(side, *change(side, price, quantity, part), tick, lot)
            if at > 0 and left > 0:
                made[side][at] = made[side].get(at, 0) + left
    return made


def _rounded(side: Side, price: float, quantity: float, tick: int, lot: int) -> tuple[int, int]:
    """Return price and quantity in whole steps: a bid down, an offer up, quantities down."""
    whole = round(price)
    return (whole if side is Side.BUY else whole + tick - 1) // tick * tick, round(quantity) // lot * lot
