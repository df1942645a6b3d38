"""Close-to-close volatility."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import rolling_variance, shifted


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


INDICATOR = Indicator(
    "historical_volatility",
    historical_volatility,
    inputs=("close",),
    outputs=("historical_volatility",),
    params={"window": 20, "bars_per_year": 252.0},
    minimum={"window": 2},
    warmup=lambda window, bars_per_year: window,
    ranges={"historical_volatility": (0.0, float("inf"))},
)
