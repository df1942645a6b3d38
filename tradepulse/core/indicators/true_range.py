"""True range."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, shifted


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
    previous = shifted(close, 1)
    return np.maximum(high, previous) - np.minimum(low, previous)


INDICATOR = Indicator("true_range", true_range, inputs=("high", "low", "close"), outputs=("true_range",), params={})
