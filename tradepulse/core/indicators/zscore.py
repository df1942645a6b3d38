"""Rolling z-score."""

from math import nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import ratio, rolling_variance
from tradepulse.core.series.streams import Spread


def zscore(close: Values, *, window: int = 20) -> Values:
    """Return how many population standard deviations the close stands from the mean of the last ``window`` closes.

    Parameters
    ----------
    close : shape (n,), in time order
    window : closes looked at, the present one included

    Returns
    -------
    float64 array of shape (n,), without a unit; the first ``window - 1`` values are NaN, and so is a value where the
        closes have not moved.
    """
    mean, variance = rolling_variance(close, window)
    return ratio(close - mean, np.sqrt(variance))


class Zscore:
    """The same, bar by bar."""

    __slots__ = ("spread",)

    def __init__(self, window: int) -> None:
        self.spread = Spread(window)

    def update(self, close: float) -> float:
        """Take a close, return its distance from the mean in deviations."""
        mean, deviation = self.spread.update(close)
        return (close - mean) / deviation if deviation > 0 else nan


INDICATOR = Indicator(
    "zscore",
    zscore,
    inputs=("close",),
    outputs=("zscore",),
    params={"window": 20},
    warmup=lambda window: window - 1,
    online=Zscore,
)
