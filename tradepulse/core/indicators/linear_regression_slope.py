"""Slope of a rolling linear regression."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import rolling_tilt


def linear_regression_slope(close: Values, *, window: int = 14) -> Values:
    """Return the slope of the least-squares line through the last ``window`` closes against bar numbers.

    Parameters
    ----------
    close : shape (n,), in time order
    window : closes fitted

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close`` per bar; the first ``window - 1`` values are NaN.
    """
    return rolling_tilt(close, window, window * (window**2 - 1) / 12)[1]


INDICATOR = Indicator(
    "linear_regression_slope",
    linear_regression_slope,
    inputs=("close",),
    outputs=("linear_regression_slope",),
    params={"window": 14},
    minimum={"window": 2},
    warmup=lambda window: window - 1,
)
