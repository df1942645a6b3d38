"""Bollinger bands."""

from math import nan, sqrt

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.rolling import rolling_variance
from tradepulse.core.series.streams import Spread


def bollinger(close: Values, *, window: int = 20, width: float = 2.0) -> tuple[Values, Values, Values, Values, Values]:
    """Return the mean of the closes, bands of ``width`` standard deviations around it, %b and bandwidth.

    Parameters
    ----------
    close : shape (n,), in time order
    window : closes averaged
    width : half width of the bands in standard deviations (population, ddof 0)

    Returns
    -------
    five float64 arrays of shape (n,): upper, middle, lower (unit of ``close``), percent_b (0 at the lower band, 1 at
        the upper; NaN where the bands coincide) and bandwidth (band distance over the mean). The first ``window - 1``
        values are NaN.

    References
    ----------
    Bollinger, J. (2001). Bollinger on Bollinger Bands. McGraw-Hill, 50-66.
    """
    middle, variance = rolling_variance(close, window)
    upper, lower, percent_b, bandwidth = _bands((close, middle, variance), width)
    return upper, middle, lower, percent_b, bandwidth


@kernel(outputs=4)
def _bands(
    close: Values, middle: Values, variance: Values, upper: Values, lower: Values, place: Values, span: Values,
    width: float,
) -> None:  # fmt: skip
    for t in range(len(close)):
        center = middle[t]
        reach = width * sqrt(variance[t])
        top, bottom = center + reach, center - reach
        distance = top - bottom
        upper[t], lower[t] = top, bottom
        place[t] = (close[t] - bottom) / distance if distance > 0 else np.nan
        span[t] = distance / center if center != 0 else np.nan


class Bollinger:
    """The same, bar by bar."""

    __slots__ = ("spread", "width")

    def __init__(self, window: int, width: float) -> None:
        self.spread, self.width = Spread(window), width

    def update(self, close: float) -> tuple[float, float, float, float, float]:
        """Take a close, return upper, middle, lower, percent_b and bandwidth."""
        middle, deviation = self.spread.update(close)
        reach = self.width * deviation
        upper, lower = middle + reach, middle - reach
        distance = upper - lower
        place = (close - lower) / distance if distance > 0 else nan
        return upper, middle, lower, place, distance / middle if middle else nan


INDICATOR = Indicator(
    "bollinger",
    bollinger,
    inputs=("close",),
    outputs=("upper", "middle", "lower", "percent_b", "bandwidth"),
    params={"window": 20, "width": 2.0},
    minimum={"width": 0.0},
    warmup=lambda window, width: window - 1,
    ranges={"bandwidth": (0.0, float("inf"))},
    online=Bollinger,
)
