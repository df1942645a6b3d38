"""Mean reversion from the lower Bollinger band."""

from tradepulse.core.indicators import indicator
from tradepulse.core.market import Bar
from tradepulse.core.strategies.base import Desk, Strategy
from tradepulse.errors import ConfigError


class BollingerReversion(Strategy):
    """Long from a close far below its mean until one that is back at it.

    Enters when the close stands more than ``entry`` population standard deviations below the mean of the last
    ``window`` closes; leaves when it stands less than ``exit`` below it, or above. Long only, with a fixed quantity,
    decided at the close.
    """

    name = "bollinger_reversion"
    version = "1"
    params = {"window": 20, "entry": 2.0, "exit": 0.0}
    ranges = {"window": (2, 10_000), "entry": (0.1, 10.0), "exit": (-10.0, 10.0)}

    def check(self) -> None:
        """Refuse to enter nearer to the mean than to leave."""
        if self.settings["exit"] >= self.settings["entry"]:
            raise ConfigError(f"bollinger_reversion: exit must be below entry, not {self.settings}")

    @property
    def warmup(self) -> int:
        """The window."""
        return int(self.settings["window"])

    def initialize(self) -> None:
        """Start with an empty window."""
        self._zscore = indicator("zscore").stream(window=self.settings["window"])

    def handle_tick(self, bar: Bar, desk: Desk) -> None:
        """Look how far the close stands from its mean."""
        below = -self._zscore.update(bar)
        if below > self.settings["entry"]:
            desk.target(bar.symbol, self.quantity)
        elif below < self.settings["exit"]:
            desk.target(bar.symbol, 0)


STRATEGY = BollingerReversion
