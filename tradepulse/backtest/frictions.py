"""What trading costs: commission and slippage, in bp of notional."""

from dataclasses import dataclass
from math import isfinite

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
