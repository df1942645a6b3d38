"""Follows trends where returns persist, and buys falls where they turn back."""

from tradepulse.core.indicators import indicator
from tradepulse.core.market import Bar
from tradepulse.core.strategies.base import Desk, Strategy


class RegimeSwitch(Strategy):
    """Long with the trend in a trending regime, against the fall in a reverting one, flat in neither.

    The regime is that of the indicator of this name, from the Hurst exponent (dfa) of the last ``window`` returns with
    hysteresis of ``band``. In a trending one it is long while the close stands above the mean of the last ``trend``
    closes; in a reverting one from a close one standard deviation below it until one above it. In neither, and where
    the levels that prices walk on are torn (a mean Ollivier-Ricci curvature below ``-torn``), it is flat. Long only,
    with a fixed quantity, decided at the close.
    """

    name = "regime_switch"
    version = "1"
    params = {"window": 128, "band": 0.1, "trend": 50, "torn": 0.2}
    ranges = {"window": (32, 100_000), "band": (0.0, 0.5), "trend": (2, 10_000), "torn": (0.0, 2.0)}

    @property
    def warmup(self) -> int:
        """The longer of the two windows; returns need one close more."""
        return max(int(self.settings["window"]) + 1, int(self.settings["trend"]))

    def initialize(self) -> None:
        """Start with empty windows."""
        self._regime = indicator("regime").stream(window=self.settings["window"], band=self.settings["band"])
        self._zscore = indicator("zscore").stream(window=self.settings["trend"])
        self._long = False
        self._seen = 0

    def handle_tick(self, bar: Bar, desk: Desk) -> None:
        """Look at the regime, then at where the close stands."""
        regime, _, curvature = self._regime.update(bar)
        away = self._zscore.update(bar)
        self._seen += 1
        if self._seen < self.warmup:
            return
        if regime != regime or regime == 0 or curvature < -self.settings["torn"]:
            wanted = False
        elif regime > 0:
            wanted = away > 0
        else:
            wanted = away < -1 or (self._long and away < 0)
        if wanted != self._long:
            self._long = wanted
            desk.target(bar.symbol, self.quantity if wanted else 0)


STRATEGY = RegimeSwitch
