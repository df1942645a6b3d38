"""What trading costs: commission and slippage, in bp of notional."""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from tradepulse.core import plugins
from tradepulse.core.orders import BP
from tradepulse.errors import ConfigError


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


def friction(name: str, commission_bp: float, slippage_bp: float) -> Costs:
    """Return costs of a kind: ``bp``, or that of a plug-in.

    Raises
    ------
    UnknownName
        If there is no such friction.
    PluginQuarantined
        If it is a plug-in that is kept out.
    """
    if name == Costs.name:
        return Costs(commission_bp, slippage_bp)
    found: type[Costs] = plugins.load("friction", name)
    return found(commission_bp, slippage_bp)
