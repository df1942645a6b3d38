"""Trend following by the cross of two moving averages."""

from collections import deque

from tradepulse.core.market import Bar
from tradepulse.core.strategies.base import Desk, Strategy
from tradepulse.errors import ConfigError

# Prices become integers of a billionth, so that a window's sum is exact: a tie of the two means is then a tie, where
# float sums would make it a cross on some days and not on others.
_SCALE = 1_000_000_000


class SmaCross(Strategy):
    """Long from the cross of the fast mean above the slow one until the cross below.

    A cross is strict: the fast mean is on the right side now and was not one bar before, both means being defined on
    both bars. Long only, with a fixed quantity, decided at the close.
    """

    name = "sma_cross"
    version = "1"
    params = {"fast": 20, "slow": 50}

    def check(self) -> None:
        """Refuse a fast window that is not the shorter one."""
        if self.settings["fast"] >= self.settings["slow"]:
            raise ConfigError(f"sma_cross: fast must be shorter than slow, not {self.settings}")

    @property
    def warmup(self) -> int:
        """The slow window and the bar before its first cross."""
        return int(self.settings["slow"]) + 1

    def initialize(self) -> None:
        """Start with empty windows."""
        self._fast, self._slow = self.settings["fast"], self.settings["slow"]
        self._closes: deque[int] = deque(maxlen=self._slow)
        self._fast_sum = self._slow_sum = 0
        self._before: int | None = None

    def handle_tick(self, bar: Bar, desk: Desk) -> None:
        """Compare the means at the close."""
        close = round(bar.close * _SCALE)
        closes = self._closes
        self._fast_sum += close - (closes[-self._fast] if len(closes) >= self._fast else 0)
        self._slow_sum += close - (closes[0] if len(closes) == self._slow else 0)
        closes.append(close)
        if len(closes) < self._slow:
            return
        # fast mean - slow mean, times both windows: the sign is what counts.
        gap = self._fast_sum * self._slow - self._slow_sum * self._fast
        before, self._before = self._before, gap
        if before is None:
            return
        if gap > 0 >= before:
            desk.target(bar.symbol, self.quantity)
        elif gap < 0 <= before:
            desk.target(bar.symbol, 0)


STRATEGY = SmaCross
