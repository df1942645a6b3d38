"""Breakout of a price channel."""

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tradepulse.core.market import Bar
from tradepulse.core.series.rolling import rolling_max, rolling_min, shifted
from tradepulse.core.strategies.base import HOLD, Desk, Strategy


class Donchian(Strategy):
    """Long while the close has broken out above a channel and not yet below a shorter one.

    Enters when the close exceeds the highest high of the ``entry`` bars before it; leaves when the close falls below
    the lowest low of the ``exit`` bars before it. Long only, with a fixed quantity, decided at the close.
    """

    name = "donchian"
    version = "1"
    params = {"entry": 20, "exit": 10}
    needs = ("high", "low", "close")

    @property
    def warmup(self) -> int:
        """The shorter channel, and the bar that breaks it."""
        return int(min(self.settings["entry"], self.settings["exit"])) + 1

    @property
    def run_in(self) -> int:
        """Both channels, and the bar that breaks them."""
        return int(max(self.settings["entry"], self.settings["exit"])) + 1

    def initialize(self) -> None:
        """Start with empty channels."""
        self._highs: deque[float] = deque(maxlen=self.settings["entry"])
        self._lows: deque[float] = deque(maxlen=self.settings["exit"])

    def handle_tick(self, bar: Bar, desk: Desk) -> None:
        """Compare the close with the channels of the bars before it."""
        highs, lows = self._highs, self._lows
        if len(highs) == highs.maxlen and bar.close > max(highs):
            desk.target(bar.symbol, self.quantity)
        elif len(lows) == lows.maxlen and bar.close < min(lows):
            desk.target(bar.symbol, 0)
        highs.append(bar.high)
        lows.append(bar.low)

    def decisions(self, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.int64]:
        """Compare each close with both channels before it; a channel that is not there yet compares false."""
        close = columns["close"]
        above = close > shifted(rolling_max(columns["high"], self.settings["entry"]), 1)
        below = close < shifted(rolling_min(columns["low"], self.settings["exit"]), 1)
        return np.where(above, self.quantity, np.where(below, 0, HOLD))


STRATEGY = Donchian
