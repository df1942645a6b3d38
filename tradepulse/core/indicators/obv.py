"""On-balance volume."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, shifted


def obv(close: Values, volume: Values) -> Values:
    """Return the running sum of volume, added on a rising close, taken off on a falling one, left out on an equal one.

    Parameters
    ----------
    close, volume : shape (n,) each, in time order

    Returns
    -------
    float64 array of shape (n,), in the unit of ``volume``. Starts at the first volume, as in TA-Lib; other libraries
        start at 0. There is no warm-up; a NaN makes everything after it NaN.

    References
    ----------
    Granville, J. E. (1963). New Key to Stock Market Profits. Prentice-Hall.
    """
    change = close - shifted(close, 1)
    signed = np.where(change > 0, volume, np.where(change < 0, -volume, 0.0 * volume + 0.0 * change))
    if len(signed):
        signed[0] = volume[0]
    total: Values = np.cumsum(signed)
    return total


INDICATOR = Indicator("obv", obv, inputs=("close", "volume"), outputs=("obv",), params={})
