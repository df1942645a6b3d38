"""Slope of a rolling linear regression."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, warmed, weighted


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
    place = np.arange(window) - (window - 1) / 2
    return warmed(weighted(close, place / (place**2).sum()), len(close))


INDICATOR = Indicator(
    "linear_regression_slope",
    linear_regression_slope,
    inputs=("close",),
    outputs=("linear_regression_slope",),
    params={"window": 14},
    minimum={"window": 2},
)
