"""Rolling z-score."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, warmed, windows


def zscore(close: Values, *, window: int = 20) -> Values:
    """Return how many population standard deviations the close stands from the mean of the last ``window`` closes.

    Parameters
    ----------
    close : shape (n,), in time order
    window : closes looked at, the present one included

    Returns
    -------
    float64 array of shape (n,), without a unit; the first ``window - 1`` values are NaN, and so is a value where the
        closes have not moved.
    """
    runs = windows(close, window)
    mean, deviation = runs.mean(axis=1), runs.std(axis=1)
    last = runs[:, -1] if len(runs) else mean
    return warmed(np.divide(last - mean, deviation, out=np.full(len(mean), np.nan), where=deviation > 0), len(close))


INDICATOR = Indicator("zscore", zscore, inputs=("close",), outputs=("zscore",), params={"window": 20})
