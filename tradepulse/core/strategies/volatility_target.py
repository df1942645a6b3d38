"""A long position of constant risk."""

from tradepulse.core.indicators import indicator
from tradepulse.core.market import Bar
from tradepulse.core.strategies.base import Desk, Strategy


class VolatilityTarget(Strategy):
    """Long as many units as bring the position's volatility to a target.

    Wants ``quantity * min(target / volatility, most)`` units, rounded down, where volatility is that of the last
    ``window`` log returns, annualised; so ``quantity`` is what it holds at the target itself. It trades only when that
    differs from what it last wanted by more than ``band`` of it. Decided at the close.

    References
    ----------
    Moreira, A. and Muir, T. (2017). Volatility-managed portfolios. Journal of Finance 72(4), 1611-1644.
    """

    name = "volatility_target"
    version = "1"
    params = {"window": 20, "target": 0.15, "most": 2.0, "band": 0.1, "bars_per_year": 252.0}
    ranges = {
        "window": (2, 10_000), "target": (0.001, 10.0), "most": (0.01, 100.0), "band": (0.0, 10.0),
        "bars_per_year": (1.0, 1e8),
    }  # fmt: skip

    @property
    def warmup(self) -> int:
        """The returns of the window need one close more."""
        return int(self.settings["window"]) + 1

    def initialize(self) -> None:
        """Start with an empty window and nothing wanted."""
        names = ("window", "bars_per_year")
        self._volatility = indicator("historical_volatility").stream(**{key: self.settings[key] for key in names})
        self._wanted = 0

    def handle_tick(self, bar: Bar, desk: Desk) -> None:
        """Size the position by the volatility up to this close."""
        volatility = self._volatility.update(bar)
        if volatility != volatility:
            return
        scale = (
            min(self.settings["target"] / volatility, self.settings["most"]) if volatility else self.settings["most"]
        )
        wanted = int(self.quantity * scale)
        if abs(wanted - self._wanted) > self.settings["band"] * self._wanted:
            self._wanted = wanted
            desk.target(bar.symbol, wanted)


STRATEGY = VolatilityTarget
