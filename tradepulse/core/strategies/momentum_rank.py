"""Cross-sectional momentum: the strongest of many symbols."""

from collections import deque
from collections.abc import Sequence

from tradepulse.core.market import Bar
from tradepulse.core.strategies.base import Desk, Strategy
from tradepulse.errors import ConfigError


class MomentumRank(Strategy):
    """Long the symbols that have risen most over months, the last one left out; chosen anew every few weeks.

    Every ``every`` bars, counted from the first at which one symbol can be ranked, symbols are ranked by their return
    from ``lookback`` bars ago to ``skip`` bars ago; the best ``top`` of those with a bar now are held with a fixed
    quantity each, and only while that return is above zero. Of equal ones the first by name. Decided at the close.

    References
    ----------
    Jegadeesh, N. and Titman, S. (1993). Returns to buying winners and selling losers. Journal of Finance 48(1), 65-91.
    """

    name = "momentum_rank"
    version = "1"
    params = {"lookback": 252, "skip": 21, "top": 1, "every": 21}
    ranges = {"lookback": (2, 10_000), "skip": (0, 10_000)}
    panel = True

    def check(self) -> None:
        """Refuse to skip all that is looked back on."""
        if self.settings["skip"] >= self.settings["lookback"]:
            raise ConfigError(f"momentum_rank: skip must be below lookback, not {self.settings}")

    @property
    def warmup(self) -> int:
        """The bars looked back on, and the present one."""
        return int(self.settings["lookback"]) + 1

    def initialize(self) -> None:
        """Start without any history."""
        self._closes: dict[str, deque[float]] = {}
        self._since = 0

    def handle_tick(self, bar: Bar, desk: Desk) -> None:
        """Rank a symbol that is alone."""
        self.handle_bars([bar], desk)

    def handle_bars(self, bars: Sequence[Bar], desk: Desk) -> None:
        """Rank the symbols that have a bar now, if it is time to."""
        lookback, skip = self.settings["lookback"], self.settings["skip"]
        strength = {}
        for bar in bars:
            closes = self._closes.setdefault(bar.symbol, deque(maxlen=lookback + 1))
            closes.append(bar.close)
            if len(closes) > lookback:
                strength[bar.symbol] = closes[-1 - skip] / closes[0] - 1
        if not strength:
            return
        if self._since % self.settings["every"] == 0:
            ranked = sorted(strength, key=lambda symbol: (-strength[symbol], symbol))
            chosen = {symbol for symbol in ranked[: self.settings["top"]] if strength[symbol] > 0}
            for symbol in strength:
                desk.target(symbol, self.quantity if symbol in chosen else 0)
        self._since += 1


STRATEGY = MomentumRank
