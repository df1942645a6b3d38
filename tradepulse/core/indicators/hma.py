"""Hull moving average."""

from math import isqrt

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.indicators.wma import Weighted, wma


def hma(close: Values, *, window: int = 16) -> Values:
    """Return the weighted mean over the root of the window of ``2 * wma(window / 2) - wma(window)``.

    Parameters
    ----------
    close : shape (n,), in time order
    window : halved and rooted to whole numbers, rounded down

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``; the first ``window + isqrt(window) - 2`` values are NaN.

    References
    ----------
    Hull, A. (2005). How to reduce lag in a moving average. alanhull.com.
    """
    return wma(2 * wma(close, window=max(1, window // 2)) - wma(close, window=window), window=isqrt(window))


class Hma:
    """The same, bar by bar."""

    __slots__ = ("half", "last", "whole")

    def __init__(self, window: int) -> None:
        self.half, self.whole = Weighted(max(window // 2, 1)), Weighted(window)
        self.last = Weighted(isqrt(window))

    def update(self, close: float) -> float:
        """Take a close, return the mean."""
        return self.last.update(2 * self.half.update(close) - self.whole.update(close))


INDICATOR = Indicator(
    "hma",
    hma,
    inputs=("close",),
    outputs=("hma",),
    params={"window": 16},
    warmup=lambda window: window + isqrt(window) - 2,
    ranges={"hma": (0.0, float("inf"))},
    online=Hma,
)
