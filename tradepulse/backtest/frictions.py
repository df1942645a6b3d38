"""What trading costs: commission and slippage, in bp of notional."""

from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from tradepulse.core import plugins
from tradepulse.core.market import Bar
from tradepulse.core.orders import BP
from tradepulse.errors import ConfigError, UnknownName

if TYPE_CHECKING:
    from tradepulse.backtest.grid import Rate
    from tradepulse.backtest.venue import Impact


class Execution(NamedTuple):
    """What a bar makes of an order.

    Parameters
    ----------
    quantity : units filled, of those that were wanted
    price : of the fill, slippage included
    commission : of the fill
    """

    quantity: int
    price: float
    commission: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of a fill.

    Parameters
    ----------
    commission_bp : commission in bp of the fill's notional, after slippage
    slippage_bp : adverse move of each fill in bp of its price
    """

    commission_bp: float = 1.0
    slippage_bp: float = 1.0

    #: What a plug-in that overrides a method names itself; part of a trial's identity.
    name: ClassVar[str] = "bp"
    version: ClassVar[str] = "1"

    @property
    def id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def __post_init__(self) -> None:
        for name in ("commission_bp", "slippage_bp"):
            value = getattr(self, name)
            if not isfinite(value) or not 0 <= value <= BP:
                raise ConfigError(f"{name} must lie between 0 and {BP}, not {value}")

    def price(self, quoted: float, sign: int) -> float:
        """Return the price paid (sign +1) or received (-1) where ``quoted`` is on the tape."""
        return quoted * (1 + sign * self.slippage_bp / BP)

    def commission(self, notional: float) -> float:
        """Return the commission on a notional, in its currency."""
        return notional * self.commission_bp / BP

    def rule(self, volume: float) -> str:
        """Return what limits fills in a bar of that volume, for the evidence; empty if nothing does."""
        return ""

    def shut(self, ts: datetime) -> bool:
        """Say whether nothing trades in a bar that opens then; here never."""
        return False

    def refused(self, quantity: int, quoted: float, session: date) -> int:
        """Return how many units of a new order are not taken at all; here none."""
        return 0

    @property
    def impact(self) -> "Impact | None":
        """How our own trading moves the price; here not at all."""
        return None

    @property
    def rate(self) -> "Rate | None":
        """How many new orders are taken in how much time; here any number."""
        return None

    def execute(
        self, sign: int, quantity: int, quoted: float, bar: Bar, month_notional: float, taken: int = 0,
        pushed_bp: float = 0.0,
    ) -> Execution:  # fmt: skip
        """Return the fill of an order in a bar; here all of it, whatever the bar's volume.

        Parameters
        ----------
        sign : +1 for a purchase, -1 for a sale
        quantity : units wanted
        quoted : price on the tape
        bar : in which it trades
        month_notional : traded in the 30 days before
        taken : units that we have traded in this bar already
        pushed_bp : where our own fills have pushed the price; given only where there is an :attr:`impact`
        """
        price = self.price(quoted, sign)
        return Execution(quantity, price, self.commission(quantity * price))


def friction(name: str, commission_bp: float | None = None, slippage_bp: float | None = None) -> Costs:
    """Return costs of a kind: ``bp``, a shipped venue, a YAML file of one, or that of a plug-in.

    Parameters
    ----------
    name : of the kind
    commission_bp, slippage_bp : the costs themselves, 1 bp each by default; of a venue, what comes on top of its own

    Raises
    ------
    UnknownName
        If there is no such friction.
    PluginQuarantined
        If it is a plug-in that is kept out.
    """
    given = {
        key: value
        for key, value in (("commission_bp", commission_bp), ("slippage_bp", slippage_bp))
        if value is not None
    }
    if name == Costs.name:
        return Costs(**given)
    from tradepulse.backtest.venue import load_venue, venues

    if name in venues() or name.endswith((".yaml", ".yml")):
        return load_venue(name, **given)  # on top of its own, and so nothing where nothing is said
    if name not in plugins.usable("friction") and not any(p.name == name for p in plugins.declared()):
        raise UnknownName("friction", name, [Costs.name, *venues(), *plugins.usable("friction")])
    found: type[Costs] = plugins.load("friction", name)
    return found(**given)
