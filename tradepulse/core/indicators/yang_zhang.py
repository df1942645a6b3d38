"""Yang-Zhang volatility."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import rolling_mean, rolling_variance, shifted


def yang_zhang(
    open: Values, high: Values, low: Values, close: Values, *, window: int = 20, bars_per_year: float = 252.0
) -> Values:
    """Return annualised volatility from overnight moves, moves from open to close, and ranges, whatever the drift.

    Parameters
    ----------
    open, high, low, close : shape (n,) each, in time order, above zero
    window : bars looked at, at least 2
    bars_per_year : 252 for daily bars of an exchange

    Returns
    -------
    float64 array of shape (n,), a fraction per year (0.2 is 20 %); an overnight move needs a previous close, so the
        first ``window`` values are NaN.

    References
    ----------
    Yang, D. and Zhang, Q. (2000). Drift-independent volatility estimation based on high, low, open, and close prices.
    Journal of Business 73(3), 477-491.
    """
    overnight = rolling_variance(np.log(open / shifted(close, 1)), window, ddof=1)[1]
    inside = rolling_variance(np.log(close / open), window, ddof=1)[1]
    ranges = np.log(high / close) * np.log(high / open) + np.log(low / close) * np.log(low / open)
    weight = 0.34 / (1.34 + (window + 1) / (window - 1))
    return np.sqrt((overnight + weight * inside + (1 - weight) * rolling_mean(ranges, window)) * bars_per_year)


INDICATOR = Indicator(
    "yang_zhang",
    yang_zhang,
    inputs=("open", "high", "low", "close"),
    outputs=("yang_zhang",),
    params={"window": 20, "bars_per_year": 252.0},
    minimum={"window": 2},
    warmup=lambda window, bars_per_year: window,
    ranges={"yang_zhang": (0.0, float("inf"))},
)
