"""Williams %R."""

from math import nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.rolling import rolling_max, rolling_min
from tradepulse.core.series.streams import Highest, Lowest


def williams_r(high: Values, low: Values, close: Values, *, window: int = 14) -> Values:
    """Return how far the close stands below the highest high of the last bars, in percent of their range.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : bars of the range

    Returns
    -------
    float64 array of shape (n,), -100 to 0; the first ``window - 1`` values are NaN, and so is one without any range.

    References
    ----------
    Williams, L. (1979). How I Made One Million Dollars Last Year Trading Commodities. Windsor Books.
    """
    out: Values = _below((close, rolling_max(high, window), rolling_min(low, window)))
    return out


@kernel(outputs=1)
def _below(close: Values, top: Values, bottom: Values, out: Values) -> None:
    for t in range(len(close)):
        reach = top[t] - bottom[t]
        # Divided first: a quotient of at most 1 stays at most 1.
        out[t] = -100 * ((top[t] - close[t]) / reach) if reach > 0 else np.nan


class WilliamsR:
    """The same, bar by bar."""

    __slots__ = ("bottom", "top")

    def __init__(self, window: int) -> None:
        self.top, self.bottom = Highest(window), Lowest(window)

    def update(self, high: float, low: float, close: float) -> float:
        """Take a bar, return how far its close stands below the top."""
        top, bottom = self.top.update(high), self.bottom.update(low)
        return -100 * ((top - close) / (top - bottom)) if top > bottom else nan


INDICATOR = Indicator(
    "williams_r",
    williams_r,
    inputs=("high", "low", "close"),
    outputs=("williams_r",),
    params={"window": 14},
    warmup=lambda window: window - 1,
    ranges={"williams_r": (-100.0, 0.0)},
    online=WilliamsR,
)
