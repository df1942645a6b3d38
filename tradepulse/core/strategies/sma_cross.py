"""Trend following by the cross of two moving averages."""

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tradepulse.core.market import Bar
from tradepulse.core.series.kernels import loop
from tradepulse.core.strategies.base import HOLD, Desk, Strategy
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
        # Zeros in front of the first bar: a window that is not full has their sum, and is not looked at.
        self._closes: deque[int] = deque([0] * self._slow)
        # fast mean - slow mean, times both windows: the sign is what counts.
        self._gap = 0
        self._missing = self._slow

    def handle_tick(self, bar: Bar, desk: Desk) -> None:
        """Compare the means at the close."""
        close = round(bar.close * _SCALE)
        closes = self._closes
        before = self._gap
        self._gap = gap = before + (close - closes[-self._fast]) * self._slow - (close - closes.popleft()) * self._fast
        closes.append(close)
        if self._missing >= 0:
            self._missing -= 1
            if self._missing >= 0:
                return
        if gap > 0:
            if before <= 0:
                desk.target(bar.symbol, self.quantity)
        elif gap < 0 <= before:
            desk.target(bar.symbol, 0)

    def decisions(self, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.int64] | None:
        """Compare the means of all bars; None where a sum would not fit into 64 bits."""
        closes = columns["close"]
        wanted, units = np.empty((2, len(closes)), dtype=np.int64)
        fits = _cross(closes, units, wanted, self.settings["fast"], self.settings["slow"], self.quantity, HOLD)
        return wanted if fits else None


@loop
def _cross(
    closes: NDArray[np.float64], units: NDArray[np.int64], wanted: NDArray[np.int64], fast: int, slow: int,
    quantity: int, hold: int,
) -> bool:  # fmt: skip
    most, fits = 2.0**61 / (fast * slow), True
    for t in range(len(closes)):
        scaled = np.rint(closes[t] * 1_000_000_000)
        fits &= abs(scaled) < most
        units[t] = np.int64(scaled)
        wanted[t] = hold
    if not fits:
        return False
    if len(closes) <= slow:
        return True
    fast_sum = slow_sum = 0
    for t in range(slow):
        slow_sum += units[t]
        fast_sum += units[t] if t >= slow - fast else 0
    before = fast_sum * slow - slow_sum * fast
    for t in range(slow, len(closes)):
        fast_sum += units[t] - units[t - fast]
        slow_sum += units[t] - units[t - slow]
        gap = fast_sum * slow - slow_sum * fast
        if gap > 0 and before <= 0:
            wanted[t] = quantity
        elif gap < 0 and before >= 0:
            wanted[t] = 0
        before = gap
    return True


STRATEGY = SmaCross
