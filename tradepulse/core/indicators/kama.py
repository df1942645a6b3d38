"""Kaufman's adaptive moving average."""

from collections import deque
from itertools import pairwise
from math import fsum, nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.rolling import rolling_sum

_FAST, _SLOW = 2 / (2 + 1), 2 / (30 + 1)


def kama(close: Values, *, window: int = 10) -> Values:
    """Return a mean that follows prices fast in a trend and hardly at all in noise.

    Parameters
    ----------
    close : shape (n,), in time order
    window : changes that the efficiency ratio (net change over the sum of absolute changes) looks at

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``. Starts from the close before its first value; the first
        ``window`` values are NaN, and again after a NaN. Between fast and slow smoothing of 2 and 30 bars; where prices
        have not moved at all the efficiency is 1, as in TA-Lib.

    References
    ----------
    Kaufman, P. J. (1995). Smarter Trading. McGraw-Hill, 129-153.
    """
    out: Values = _followed((close, rolling_sum(_steps((close,)), window)), window, _FAST, _SLOW)
    return out


@kernel(outputs=1)
def _steps(close: Values, out: Values) -> None:
    before = np.nan
    for t in range(len(close)):
        out[t] = abs(close[t] - before)
        before = close[t]


@kernel(outputs=1)
def _followed(close: Values, noise: Values, out: Values, window: int, fast: float, slow: float) -> None:
    seen, level = 0, 0.0
    for t in range(len(close)):
        price = close[t]
        out[t] = np.nan
        if price != price:
            seen = 0
            continue
        if seen >= window:
            if seen == window:
                level = close[t - 1]
            way, net = noise[t], abs(price - close[t - window])
            efficiency = 1.0 if way <= net else net / way
            weight = efficiency * (fast - slow) + slow
            level += weight * weight * (price - level)
            out[t] = level
        if seen <= window:
            seen += 1


class Kama:
    """The same, bar by bar."""

    __slots__ = ("level", "prices")

    def __init__(self, window: int) -> None:
        self.prices: deque[float] = deque(maxlen=window + 1)
        self.level = nan

    def update(self, close: float) -> float:
        """Take a close, return the mean."""
        prices = self.prices
        if close != close:
            prices.clear()
            self.level = nan
            return nan
        prices.append(close)
        if len(prices) < (prices.maxlen or 0):
            return nan
        if self.level != self.level:
            self.level = prices[-2]
        noise = fsum([abs(new - old) for old, new in pairwise(prices)])
        net = abs(close - prices[0])
        weight = (1.0 if noise <= net else net / noise) * (_FAST - _SLOW) + _SLOW
        self.level += weight * weight * (close - self.level)
        return self.level


INDICATOR = Indicator(
    "kama",
    kama,
    inputs=("close",),
    outputs=("kama",),
    params={"window": 10},
    warmup=lambda window: window,
    ranges={"kama": (0.0, float("inf"))},
    online=Kama,
)
