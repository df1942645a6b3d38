"""What a venue takes, gives and cannot give: commissions, regulators' fees, slippage and liquidity, from a YAML file.

Each friction is a small class of its own. A :class:`Venue` puts them together and is, to the engine, costs like others.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from hashlib import sha256
from math import exp, floor, isfinite, log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradepulse.backtest.frictions import Costs, Execution
from tradepulse.backtest.grid import Grid, Rate, grid_of
from tradepulse.backtest.settings import load_settings, shipped
from tradepulse.core.market import Bar
from tradepulse.core.orders import BP
from tradepulse.errors import ConfigError, DataError

#: What a venue's ``book`` may say, for runs on books, and from where to where: fees in bp, microseconds, deviations of
#: the logarithm, and the queue's parameter (:class:`tradepulse.execution.matching.Venue`).
BOOK = {
    "maker_bp": (-100.0, 100.0), "taker_bp": (-100.0, 100.0), "order_us": (0.0, 6e7), "order_deviation": (0.0, 3.0),
    "cancel_us": (0.0, 6e7), "answer_us": (0.0, 6e7), "answer_deviation": (0.0, 3.0), "cancels_ahead": (0.0, 1.0),
}  # fmt: skip
PRESETS = Path(__file__).parent / "configs" / "venues"
#: SEC section 31 fee, in dollars per million of a sale, from each day on (SEC fee rate advisories).
SECTION_31: tuple[tuple[date, float], ...] = (
    (date(2018, 5, 22), 13.00), (date(2019, 4, 16), 20.70), (date(2020, 2, 18), 22.10), (date(2021, 2, 25), 5.10),
    (date(2022, 5, 14), 22.90), (date(2023, 2, 27), 8.00), (date(2024, 5, 22), 27.80), (date(2025, 5, 14), 0.0),
)  # fmt: skip
#: FINRA trading activity fee, in dollars per share of a sale and at most per trade, from each day on (FINRA notices).
ACTIVITY_FEE: tuple[tuple[date, float, float], ...] = (
    (date(2012, 7, 1), 0.000119, 5.95), (date(2022, 1, 1), 0.000130, 6.49), (date(2023, 1, 1), 0.000145, 7.27),
    (date(2024, 1, 1), 0.000166, 8.30),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Commission:
    """What a fill costs beside its price.

    Parameters
    ----------
    bp : of the fill's notional
    per_share : in quote currency
    minimum : least for one fill, in quote currency
    maximum_bp : most for one fill, in bp of its notional; wins over the minimum
    tiers : ``(notional of the last 30 days, bp)``, ascending; the last one reached replaces ``bp``
    sec_section_31, trading_activity_fee : whether sales pay these regulators' fees, at the rate of their day
    """

    bp: float = 0.0
    per_share: float = 0.0
    minimum: float = 0.0
    maximum_bp: float = BP
    tiers: tuple[tuple[float, float], ...] = ()
    sec_section_31: bool = False
    trading_activity_fee: bool = False

    def __post_init__(self) -> None:
        _check(self, {"bp": BP, "per_share": 1e6, "minimum": 1e9, "maximum_bp": BP})
        if any(len(tier) != 2 or not all(isfinite(value) and value >= 0 for value in tier) for tier in self.tiers):
            raise ConfigError(f"commission: a tier is a notional and its bp, both at least 0, not {list(self.tiers)}")
        if list(self.tiers) != sorted(self.tiers):
            raise ConfigError("commission: tiers must rise with the notional of 30 days")

    def of(self, sign: int, quantity: int, price: float, session: date, month_notional: float) -> float:
        """Return the cost of a fill.

        Parameters
        ----------
        sign : +1 for a purchase, -1 for a sale
        quantity, price : of the fill
        session : of the fill, for fees that have a date
        month_notional : traded in the 30 days before, for tiers
        """
        notional = quantity * price
        reached = [bp for threshold, bp in self.tiers if month_notional >= threshold]
        own = notional * (reached[-1] if reached else self.bp) / BP + quantity * self.per_share
        own = min(max(own, self.minimum), notional * self.maximum_bp / BP)
        if sign < 0 and self.sec_section_31:
            own += notional / 1e6 * _rate(SECTION_31, session, "SEC section 31")[0]
        if sign < 0 and self.trading_activity_fee:
            per_share, most = _rate(ACTIVITY_FEE, session, "trading activity")
            own += min(quantity * per_share, most)
        return own


def rates(table: tuple[tuple[Any, ...], ...], days: NDArray[np.datetime64]) -> tuple[NDArray[np.float64], ...]:
    """Return a dated fee's figures on each of many days, each of shape (n,); NaN before the table begins."""
    known = np.array([row[0] for row in table], dtype="datetime64[D]")
    place = np.searchsorted(known, days, side="right") - 1
    columns = np.array([row[1:] for row in table], dtype=float).T
    return tuple(np.where(place < 0, np.nan, column[np.maximum(place, 0)]) for column in columns)


def _rate(table: tuple[tuple[Any, ...], ...], session: date, name: str) -> tuple[float, ...]:
    known = [row for row in table if row[0] <= session]
    if not known:
        raise DataError(
            f"no {name} fee is known for {session}, the table begins on {table[0][0]}; take later bars or other costs"
        )
    return tuple(known[-1][1:])


def share_of_bar(quantity: int, volume: float) -> float:
    """Return the share that so many units are of a bar's volume, at most 1; of a bar without volume they are all."""
    return min(quantity / volume, 1.0) if volume > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Slippage:
    """How much worse than quoted a fill is.

    Parameters
    ----------
    bp : always
    half_spread_bp : half of the distance between bid and offer
    impact_bp : of a fill as large as the bar's volume; grows with the root of the share
    """

    bp: float = 0.0
    half_spread_bp: float = 0.0
    impact_bp: float = 0.0

    def __post_init__(self) -> None:
        _check(self, {"bp": BP, "half_spread_bp": BP, "impact_bp": BP})

    def of(self, quantity: int, volume: float) -> float:
        """Return the adverse move in bp of a fill of so many units in a bar of that volume."""
        return min(self.bp + self.half_spread_bp + self.impact_bp * sqrt(share_of_bar(quantity, volume)), BP * 0.999)


@dataclass(frozen=True, slots=True)
class Impact:
    """How our own trading moves the price, and for how long.

    Temporary and permanent impact are linear in the share of the bar's volume; the permanent part is paid half by the
    fill that makes it and whole by those after it, and falls to a half in each half-life. A part that moved the price
    away from us is paid; one that moved it our way is not earned, since the market on the tape never moved.

    Parameters
    ----------
    temporary_bp : of a fill as large as the bar's volume, gone with it
    permanent_bp : what such a fill leaves behind
    half_life_s : seconds in which half of that is gone; 0 for never

    References
    ----------
    Almgren, R. and Chriss, N. (2000). Optimal execution of portfolio transactions. Journal of Risk 3, 5-39.
    Gatheral, J. (2010). No-dynamic-arbitrage and market impact. Quantitative Finance 10(7), 749-759: exponential decay
    goes with linear impact.
    """

    temporary_bp: float = 0.0
    permanent_bp: float = 0.0
    half_life_s: float = 0.0

    def __post_init__(self) -> None:
        _check(self, {"temporary_bp": BP, "permanent_bp": BP, "half_life_s": 1e9})

    def __bool__(self) -> bool:
        return bool(self.temporary_bp or self.permanent_bp)

    def own(self, share: float) -> float:
        """Return the bp that a fill of a share of the bar's volume pays for itself."""
        return self.temporary_bp * share + self.permanent_bp * share / 2

    def left(self, pushed_bp: float, ns: int) -> float:
        """Return what is left of a push after so many nanoseconds."""
        return pushed_bp * exp(-(ns / 1e9) * (log(2) / self.half_life_s)) if self.half_life_s else pushed_bp


@dataclass(frozen=True, slots=True)
class Liquidity:
    """How much of a bar one may be.

    Parameters
    ----------
    participation : largest share of a bar's volume; what is left of an order waits for the next bar
    lot : units that trade at once
    """

    participation: float = 1.0
    lot: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.participation <= 1:
            raise ConfigError(f"liquidity: participation must lie above 0 and up to 1, not {self.participation}")
        if isinstance(self.lot, bool) or self.lot != int(self.lot) or self.lot < 1:
            raise ConfigError(f"liquidity: lot must be a whole number of at least 1, not {self.lot}")

    def of(self, quantity: int, volume: float, taken: int = 0) -> int:
        """Return how many of so many units can trade in a bar of that volume: all, or whole lots.

        Parameters
        ----------
        quantity : units wanted
        volume : of the bar
        taken : units of it that are ours already
        """
        most = max(floor(volume * self.participation) - taken, 0)
        return quantity if quantity <= most else most // self.lot * self.lot


def _check(part: Any, most: Mapping[str, float]) -> None:
    for name, limit in most.items():
        value = getattr(part, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= limit:
            raise ConfigError(f"{type(part).__name__.lower()}: {name} must lie between 0 and {limit:g}, not {value!r}")


#: Takes every price and quantity at any time.
_ANY = Grid()


@dataclass(frozen=True, slots=True)
class Venue(Costs):
    """A venue's frictions together.

    Parameters
    ----------
    commission_bp, slippage_bp : on top of the venue's own: what a scenario or the command line adds
    label : name of its file
    fees, worse, depth, grid, impact : the parts
    """

    name = "venue"
    version = "1"

    label: str = ""
    fees: Commission = Commission()
    worse: Slippage = Slippage()
    depth: Liquidity = Liquidity()
    grid: Grid = _ANY
    impact: Impact = Impact()

    @property
    def id(self) -> str:
        """Its label and the hash of all that it says: two venues of one name are two."""
        parts = [asdict(self.fees), asdict(self.worse), asdict(self.depth)]
        # Later ones, which earlier trials lack.
        more = [asdict(part) for part in (self.grid, self.impact) if part]
        parts += [{key: value for key, value in part.items() if value is not None} for part in more]
        content = json.dumps(parts, sort_keys=True, default=str)
        return f"{self.label}@{sha256(content.encode()).hexdigest()[:8]}"

    def rule(self, volume: float) -> str:
        """Return the largest share of a bar of that volume."""
        return f"at most {self.depth.participation:g} of volume {volume:g}"

    def shut(self, ts: datetime) -> bool:
        """Say whether the venue is shut at an instant."""
        return self.grid.is_shut(ts)

    @property
    def rate(self) -> Rate | None:
        """How many new orders it takes in how much time."""
        return self.grid.rate

    def refused(self, quantity: int, quoted: float, session: date) -> int:
        """Return what the venue's grid does not take of a new order."""
        steps = self.grid.on(session)
        return steps.refused(quantity, quoted) if steps else 0

    def execute(
        self, sign: int, quantity: int, quoted: float, bar: Bar, month_notional: float, taken: int = 0,
        pushed_bp: float = 0.0,
    ) -> Execution:  # fmt: skip
        """Return the fill of as much of an order as the bar has room for, the price pushed up already or down."""
        filled = self.depth.of(quantity, bar.volume, taken)
        moved = self.worse.of(filled, bar.volume) + self.slippage_bp
        if self.impact:
            own = self.impact.own(share_of_bar(filled, bar.volume))
            moved = min(moved + own + max(0.0, sign * pushed_bp), BP * 0.999)
        price = quoted * (1 + sign * moved / BP)
        if filled and (steps := self.grid.on(bar.session)):
            price = steps.price(price, sign)
        fee = self.fees.of(sign, filled, price, bar.session, month_notional) if filled else 0.0
        return Execution(filled, price, fee + filled * price * self.commission_bp / BP)


_PARTS: dict[str, type[Any]] = {
    "commission": Commission, "slippage": Slippage, "liquidity": Liquidity, "impact": Impact,
}  # fmt: skip
_KEYS = {"description", "source", "as_of", "grid", "shut", "rate", "book", *_PARTS}


def venues() -> list[str]:
    """Return the names of the shipped venues."""
    return shipped(PRESETS)


def load_venue(name: str, commission_bp: float = 0.0, slippage_bp: float = 0.0) -> Venue:
    """Return a shipped venue by name, or one from a YAML file by path.

    Parameters
    ----------
    name : of a shipped venue, or a path
    commission_bp, slippage_bp : on top of it

    Raises
    ------
    UnknownName
        If it is neither.
    ConfigError
        If the file has an unknown key or a value out of range.
    """
    label, content = load_settings(name, PRESETS, "venue", _KEYS)
    parts = {}
    for key, kind in _PARTS.items():
        given = content.get(key) or {}
        if not isinstance(given, dict):
            raise ConfigError(f"{label}.yaml: {key} is a mapping of keys to values")
        takes = {field.name for field in fields(kind)}
        if unknown := sorted(set(map(str, given)) - takes):
            raise ConfigError(f"{label}.yaml: unknown keys {unknown} of {key}; it takes {', '.join(sorted(takes))}")
        if "tiers" in given:
            given = {**given, "tiers": tuple(tuple(tier) for tier in given["tiers"])}
        try:
            parts[key] = kind(**given)
        except (ConfigError, TypeError) as exc:
            raise ConfigError(f"{label}.yaml: {exc}") from exc
    try:
        grid = grid_of(content.get("grid"), content.get("shut"), content.get("rate"))
    except (ConfigError, TypeError) as exc:
        raise ConfigError(f"{label}.yaml: {exc}") from exc
    return Venue(
        commission_bp, slippage_bp, label=label, fees=parts["commission"], worse=parts["slippage"],
        depth=parts["liquidity"], grid=grid, impact=parts["impact"],
    )  # fmt: skip


def load_book(path: Path) -> tuple[dict[str, float], Grid]:
    """Return what a venue's YAML file says of its book, fees and latencies, and when it takes how many orders.

    Raises
    ------
    UnknownName
        If there is no such file.
    ConfigError
        If it has no ``book``, or one with an unknown key or a value out of range, or says no times.
    """
    label, content = load_settings(str(path), PRESETS, "venue", _KEYS)
    given = content.get("book")
    if not isinstance(given, dict) or not given:
        raise ConfigError(f"{label}.yaml: has no book; it takes {', '.join(BOOK)}")
    try:
        # Steps of price and quantity are said with the market, by the venue's own of the day.
        grid = grid_of(None, content.get("shut"), content.get("rate"))
    except (ConfigError, TypeError) as exc:
        raise ConfigError(f"{label}.yaml: {exc}") from exc
    for key, value in given.items():
        if key not in BOOK:
            raise ConfigError(f"{label}.yaml: unknown key {key!r} of book; it takes {', '.join(BOOK)}")
        low, high = BOOK[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ConfigError(f"{label}.yaml: book: {key} must lie between {low:g} and {high:g}, not {value!r}")
    return {key: float(value) for key, value in given.items()}, grid
