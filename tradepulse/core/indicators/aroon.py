"""Aroon."""

from collections import deque
from math import nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel


def aroon(high: Values, low: Values, *, window: int = 14) -> tuple[Values, Values, Values]:
    """Return how recent the highest high and the lowest low of the last bars are, and their difference.

    Parameters
    ----------
    high, low : shape (n,) each, in time order
    window : bars looked back; with the present one ``window + 1`` are compared

    Returns
    -------
    three float64 arrays of shape (n,): up and down (0 to 100; 100 on the bar of the extreme) and oscillator (up less
        down). The first ``window`` values are NaN. Of equal extremes the newest counts.

    References
    ----------
    Chande, T. S. (1995). A time price oscillator. Technical Analysis of Stocks and Commodities 13(9), 369-374.
    """
    up, down = _recency((high, low), window)
    return up, down, up - down


@kernel(outputs=2)
def _recency(high: Values, low: Values, up: Values, down: Values, window: int) -> None:
    seen, top, bottom = 0, 0, 0
    for t in range(len(high)):
        up[t] = down[t] = np.nan
        if high[t] != high[t] or low[t] != low[t]:
            seen = 0
            continue
        first = t - min(seen, window)
        if seen == 0 or high[t] >= high[top]:
            top = t
        elif top < first:
            top = first
            for i in range(first + 1, t + 1):
                if high[i] >= high[top]:
                    top = i
        if seen == 0 or low[t] <= low[bottom]:
            bottom = t
        elif bottom < first:
            bottom = first
            for i in range(first + 1, t + 1):
                if low[i] <= low[bottom]:
                    bottom = i
        if seen >= window:
            up[t] = 100.0 * (window - (t - top)) / window
            down[t] = 100.0 * (window - (t - bottom)) / window
        seen += 1


class Aroon:
    """The same, bar by bar."""

    __slots__ = ("highs", "lows", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.highs: deque[float] = deque(maxlen=window + 1)
        self.lows: deque[float] = deque(maxlen=window + 1)

    def update(self, high: float, low: float) -> tuple[float, float, float]:
        """Take a bar, return up, down and oscillator."""
        highs, lows, window = self.highs, self.lows, self.window
        if high != high or low != low:
            highs.clear()
            lows.clear()
            return nan, nan, nan
        # Newest first, so that index finds the newest of equal extremes.
        highs.appendleft(high)
        lows.appendleft(low)
        if len(highs) <= window:
            return nan, nan, nan
        up = 100.0 * (window - highs.index(max(highs))) / window
        down = 100.0 * (window - lows.index(min(lows))) / window
        return up, down, up - down


INDICATOR = Indicator(
    "aroon",
    aroon,
    inputs=("high", "low"),
    outputs=("up", "down", "oscillator"),
    params={"window": 14},
    warmup=lambda window: window,
    ranges={"up": (0.0, 100.0), "down": (0.0, 100.0), "oscillator": (-100.0, 100.0)},
    online=Aroon,
)
