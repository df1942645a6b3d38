"""Kaufman's efficiency ratio."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import ratio, rolling_sum, shifted

TRADEPULSE_API = 1


def efficiency_ratio(close: Values, *, window: int = 10) -> Values:
    """Return how straight the way of the price has been: the distance covered over the way walked.

    Parameters
    ----------
    close : shape (n,), in time order
    window : changes looked at

    Returns
    -------
    float64 array of shape (n,), 0 to 1: 1 for a price that has gone one way only. The first ``window`` values are NaN,
        and so is each window that holds a NaN, and one in which the price has not moved.

    References
    ----------
    Kaufman, P. J. (1995). Smarter Trading. McGraw-Hill, 129-153.
    """
    walked = rolling_sum(np.abs(close - shifted(close, 1)), window)
    # Sums in another order may leave a straight way longer than its length by a unit in the last place.
    return np.minimum(ratio(np.abs(close - shifted(close, window)), walked), 1.0)


INDICATOR = Indicator(
    "efficiency_ratio",
    efficiency_ratio,
    inputs=("close",),
    outputs=("efficiency_ratio",),
    params={"window": 10},
    warmup=lambda window: window,
    ranges={"efficiency_ratio": (0.0, 1.0)},
)
