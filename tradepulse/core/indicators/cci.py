"""Commodity channel index."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import mean_deviation, ratio, rolling_mean


def cci(high: Values, low: Values, close: Values, *, window: int = 20) -> Values:
    """Return how far the typical price stands from its mean, in units of 0.015 mean absolute deviations.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : typical prices (mean of high, low and close) averaged

    Returns
    -------
    float64 array of shape (n,), without a unit; the first ``window - 1`` values are NaN, and so is a value where the
        typical price has not moved.

    References
    ----------
    Lambert, D. R. (1980). Commodity channel index. Commodities 9(10), 40-41.
    """
    typical = (high + low + close) / 3
    mean = rolling_mean(typical, window)
    return ratio(typical - mean, 0.015 * mean_deviation(typical, mean, window))


INDICATOR = Indicator(
    "cci",
    cci,
    inputs=("high", "low", "close"),
    outputs=("cci",),
    params={"window": 20},
    warmup=lambda window: window - 1,
)
