"""Average true range."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.indicators.true_range import TrueRange
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.streams import Wilder


def atr(high: Values, low: Values, close: Values, *, window: int = 14) -> Values:
    """Return Wilder's mean of the true range.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : true ranges averaged

    Returns
    -------
    float64 array of shape (n,), in the unit of the prices. True range needs a previous close, so it starts at the
        second bar; the first ``window`` values are NaN and the seed is the mean of true ranges 1 to ``window``.

    References
    ----------
    Wilder, J. W. (1978). New Concepts in Technical Trading Systems. Trend Research, 21-26.
    """
    out: Values = average_range((high, low, close), window, False)
    return out


@kernel(outputs=1)
def average_range(high: Values, low: Values, close: Values, out: Values, window: int, percent: bool) -> None:
    """Fill Wilder's mean of the true range, or that in percent of the close."""
    t, length, before, weight = 0, len(close), np.nan, 1 / window
    while t < length:
        seen, level = 0, 0.0
        while t < length and seen < window:
            top, bottom = high[t], low[t]
            reach = (before if before > top else top) - (before if before < bottom else bottom) + 0.0 * before
            before = close[t]
            seen, level = (seen + 1, level + reach) if reach == reach else (0, 0.0)
            out[t] = np.nan
            t += 1
        if seen == window:
            level /= window
            out[t - 1] = (100 * level / before if before != 0 else np.nan) if percent else level
        while t < length:
            top, bottom = high[t], low[t]
            reach = (before if before > top else top) - (before if before < bottom else bottom) + 0.0 * before
            if reach != reach:
                break
            before = close[t]
            level += weight * (reach - level)
            out[t] = (100 * level / before if before != 0 else np.nan) if percent else level
            t += 1


class Atr:
    """The same, bar by bar."""

    __slots__ = ("mean", "range")

    def __init__(self, window: int) -> None:
        self.range, self.mean = TrueRange(), Wilder(window)

    def update(self, high: float, low: float, close: float) -> float:
        """Take a bar, return the average true range."""
        return self.mean.update(self.range.update(high, low, close))


INDICATOR = Indicator(
    "atr",
    atr,
    inputs=("high", "low", "close"),
    outputs=("atr",),
    params={"window": 14},
    warmup=lambda window: window,
    ranges={"atr": (0.0, float("inf"))},
    online=Atr,
)
