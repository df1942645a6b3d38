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
        self._late: deque[int] = deque([0] * self._fast)
        self._long: deque[int] = deque([0] * self._slow)
        self._fast_sum = self._slow_sum = self._before = 0
        self._missing = self._slow

    def handle_tick(self, bar: Bar, desk: Desk) -> None:
        """Compare the means at the close."""
        close = round(bar.close * _SCALE)
        late, long = self._late, self._long
        late.append(close)
        long.append(close)
        self._fast_sum = fast = self._fast_sum + close - late.popleft()
        self._slow_sum = slow = self._slow_sum + close - long.popleft()
        # fast mean - slow mean, times both windows: the sign is what counts.
        gap = fast * self._slow - slow * self._fast
        before, self._before = self._before, gap
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
        fast, slow = self.settings["fast"], self.settings["slow"]
        closes = np.rint(columns["close"] * _SCALE)
        if not len(closes) or np.abs(closes).max() * fast * slow >= 2.0**61:
            return None
        wanted = np.full(len(closes), HOLD)
        _cross(closes.astype(np.int64), wanted, fast, slow, self.quantity)
        return wanted


@loop
def _cross(closes: NDArray[np.int64], wanted: NDArray[np.int64], fast: int, slow: int, quantity: int) -> None:
    fast_sum = slow_sum = before = 0
    for t in range(len(closes)):
        fast_sum += closes[t] - (closes[t - fast] if t >= fast else 0)
        slow_sum += closes[t] - (closes[t - slow] if t >= slow else 0)
        gap = fast_sum * slow - slow_sum * fast
        if t >= slow:
            if gap > 0 >= before:
                wanted[t] = quantity
            elif gap < 0 <= before:
                wanted[t] = 0
        before = gap


STRATEGY = SmaCross
