"""Close-to-close volatility."""

from math import log, nan, sqrt

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import rolling_variance, shifted
from tradepulse.core.series.streams import Spread


def historical_volatility(close: Values, *, window: int = 20, bars_per_year: float = 252.0) -> Values:
    """Return the annualised standard deviation of the last ``window`` log returns.

    Parameters
    ----------
    close : shape (n,), in time order
    window : returns looked at, at least 2
    bars_per_year : 252 for daily bars of an exchange

    Returns
    -------
    float64 array of shape (n,), a fraction per year (0.2 is 20 %), with ddof 1; the first ``window`` values are NaN.
    """
    variance = rolling_variance(np.log(close / shifted(close, 1)), window, ddof=1)[1]
    return np.sqrt(variance * bars_per_year)


class HistoricalVolatility:
    """The same, bar by bar."""

    __slots__ = ("before", "scale", "spread")

    def __init__(self, window: int, bars_per_year: float) -> None:
        self.spread, self.before = Spread(window), nan
        self.scale = sqrt(window / (window - 1) * bars_per_year)

    def update(self, close: float) -> float:
        """Take a close, return the volatility of the last returns."""
        known = close > 0 and self.before > 0
        change = log(close / self.before) if known else nan
        self.before = close
        return self.spread.update(change)[1] * self.scale


INDICATOR = Indicator(
    "historical_volatility",
    historical_volatility,
    inputs=("close",),
    outputs=("historical_volatility",),
    params={"window": 20, "bars_per_year": 252.0},
    minimum={"window": 2},
    warmup=lambda window, bars_per_year: window,
    online=HistoricalVolatility,
    ranges={"historical_volatility": (0.0, float("inf"))},
)
