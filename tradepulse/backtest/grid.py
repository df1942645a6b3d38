"""What a venue takes, and when: the steps of price and quantity of each day, its least order, and when it is shut."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import ceil, floor
from typing import Any

from tradepulse.errors import ConfigError, DataError

#: Part of a step by which a price may lie beside it and still be on it: what floats lose.
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Steps:
    """The rules of a venue from a day on.

    Parameters
    ----------
    since : first day
    tick : smallest step of a price, in quote currency; 0 for none
    lot : units in which an order is taken; what is over is not
    minimum_notional : least value of an order, in quote currency
    """

    since: date
    tick: float = 0.0
    lot: int = 1
    minimum_notional: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.lot, bool) or not isinstance(self.lot, int) or self.lot < 1:
            raise ConfigError(f"grid: lot must be a whole number of at least 1, not {self.lot!r}")
        for name in ("tick", "minimum_notional"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9:
                raise ConfigError(f"grid: {name} must lie between 0 and 1e+09, not {value!r}")

    def price(self, price: float, sign: int) -> float:
        """Return the next price of the grid that is no better for a purchase (sign +1) or a sale (-1)."""
        if not self.tick:
            return price
        steps = price / self.tick
        whole = ceil(steps - _SLACK) if sign > 0 else floor(steps + _SLACK)
        return whole * self.tick

    def refused(self, quantity: int, price: float) -> int:
        """Return how many units of a new order are not taken: what is over whole lots, or all of one too small."""
        whole = quantity // self.lot * self.lot
        return quantity - whole if whole and whole * price >= self.minimum_notional else quantity


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit of messages: so many new orders within so many seconds; what is more waits for the next bar.

    Parameters
    ----------
    orders, seconds : both above zero
    """

    orders: int
    seconds: float

    def __post_init__(self) -> None:
        if isinstance(self.orders, bool) or not isinstance(self.orders, int) or self.orders < 1:
            raise ConfigError(f"rate: orders must be a whole number of at least 1, not {self.orders!r}")
        if isinstance(self.seconds, bool) or not isinstance(self.seconds, int | float) or not 0 < self.seconds <= 1e9:
            raise ConfigError(f"rate: seconds must lie above 0 and up to 1e+09, not {self.seconds!r}")


@dataclass(frozen=True, slots=True)
class Grid:
    """Rules by date, the times at which nothing trades, and how many orders are taken.

    Parameters
    ----------
    steps : ascending by their first day; without any, every price and quantity is taken
    shut : begin and end (UTC) of each halt or outage; in a bar that opens within one nothing fills, and orders wait
    rate : of new orders; None for any number
    """

    steps: tuple[Steps, ...] = ()
    shut: tuple[tuple[datetime, datetime], ...] = ()
    rate: Rate | None = None

    def __post_init__(self) -> None:
        days = [step.since for step in self.steps]
        if days != sorted(set(days)):
            raise ConfigError("grid: its days must rise")
        for begin, end in self.shut:
            if not begin < end:
                raise ConfigError(f"shut: {begin:%Y-%m-%d %H:%M} is not before {end:%Y-%m-%d %H:%M}")

    def __bool__(self) -> bool:
        return bool(self.steps or self.shut or self.rate)

    def on(self, session: date) -> Steps | None:
        """Return the rules of a day; None where there are none for any.

        Raises
        ------
        DataError
            If the rules begin later: what was taken before is not known.
        """
        if not self.steps:
            return None
        known = [step for step in self.steps if step.since <= session]
        if not known:
            raise DataError(
                f"no grid is known for {session}, it begins on {self.steps[0].since}; take later bars or other costs"
            )
        return known[-1]

    def is_shut(self, ts: datetime) -> bool:
        """Say whether nothing trades at an instant."""
        return any(begin <= ts < end for begin, end in self.shut)


def grid_of(steps: Any, shut: Any, rate: Any = None) -> Grid:
    """Return the grid of a YAML file's ``grid``, ``shut`` and ``rate``.

    Raises
    ------
    ConfigError
        If they are none.
    """
    rows = []
    for given in _list(steps, "grid"):
        takes = {"since", "tick", "lot", "minimum_notional"}
        if unknown := sorted(set(map(str, given)) - takes):
            raise ConfigError(f"unknown keys {unknown} of grid; it takes {', '.join(sorted(takes))}")
        if not isinstance(given.get("since"), date) or isinstance(given["since"], datetime):
            raise ConfigError(f"grid: since is a day, as 2024-06-01, not {given.get('since')!r}")
        rows.append(Steps(**given))
    spans = []
    for given in _list(shut, "shut"):
        if sorted(map(str, given)) != ["begin", "end"]:
            raise ConfigError(f"shut: has begin and end, not {', '.join(sorted(map(str, given)))}")
        spans.append((_instant(given["begin"]), _instant(given["end"])))
    if rate is not None and (not isinstance(rate, dict) or sorted(map(str, rate)) != ["orders", "seconds"]):
        raise ConfigError(f"rate: has orders and seconds, not {rate!r}")
    return Grid(tuple(rows), tuple(spans), None if rate is None else Rate(**rate))


def _list(given: Any, name: str) -> list[dict[str, Any]]:
    given = given or []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ConfigError(f"{name} is a list of mappings")
    return given


def _instant(given: Any) -> datetime:
    try:
        found = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    except ValueError as exc:
        raise ConfigError(f"shut: {given!r} is no time, as 2020-03-09T13:34:00Z") from exc
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
