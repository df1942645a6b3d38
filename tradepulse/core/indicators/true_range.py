"""True range."""

from math import nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel


def true_range(high: Values, low: Values, close: Values) -> Values:
    """Return the range of each bar with the previous close taken into it.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order

    Returns
    -------
    float64 array of shape (n,), in the unit of the prices; the first value is NaN, because it has no previous close.

    References
    ----------
    Wilder, J. W. (1978). New Concepts in Technical Trading Systems. Trend Research, 21.
    """
    out: Values = _range((high, low, close))
    return out


@kernel(outputs=1)
def _range(high: Values, low: Values, close: Values, out: Values) -> None:
    before = np.nan
    for t in range(len(close)):
        top, bottom = high[t], low[t]
        # A NaN on either side loses each comparison, and then shows in the difference.
        out[t] = (before if before > top else top) - (before if before < bottom else bottom) + 0.0 * before
        before = close[t]


class TrueRange:
    """The same, bar by bar."""

    __slots__ = ("before",)

    def __init__(self) -> None:
        self.before = nan

    def update(self, high: float, low: float, close: float) -> float:
        """Take a bar, return its true range."""
        before, self.before = self.before, close
        return (before if before > high else high) - (before if before < low else low) + 0.0 * before


INDICATOR = Indicator(
    "true_range",
    true_range,
    inputs=("high", "low", "close"),
    outputs=("true_range",),
    params={},
    warmup=lambda: 1,
    ranges={"true_range": (0.0, float("inf"))},
    online=TrueRange,
)
