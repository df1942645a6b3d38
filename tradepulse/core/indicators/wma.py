"""Weighted moving average."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, warmed, weighted


def wma(close: Values, *, window: int = 20) -> Values:
    """Return the mean of the last ``window`` closes with weights 1 (oldest) to ``window`` (newest).

    Parameters
    ----------
    close : shape (n,), in time order
    window : closes averaged

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``; the first ``window - 1`` values are NaN, and so is each
        window that holds a NaN.
    """
    weights = np.arange(1.0, window + 1)
    return warmed(weighted(close, weights / weights.sum()), len(close))


INDICATOR = Indicator("wma", wma, inputs=("close",), outputs=("wma",), params={"window": 20})
