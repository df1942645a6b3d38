"""Commodity channel index."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, warmed, windows


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
    runs = windows(typical, window)
    mean = runs.mean(axis=1)
    deviation = np.abs(runs - mean[:, None]).mean(axis=1)
    last = runs[:, -1] if len(runs) else mean
    index = np.divide(last - mean, 0.015 * deviation, out=np.full(len(mean), np.nan), where=deviation > 0)
    return warmed(index, len(close))


INDICATOR = Indicator("cci", cci, inputs=("high", "low", "close"), outputs=("cci",), params={"window": 20})
