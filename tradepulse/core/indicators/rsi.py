"""Relative strength index."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, smoothed


def rsi(close: Values, *, window: int = 14) -> Values:
    """Return Wilder's relative strength index, 0 to 100.

    Parameters
    ----------
    close : shape (n,), in time order
    window : changes averaged

    Returns
    -------
    float64 array of shape (n,). ``100 * U / (U + D)`` with U and D Wilder means of the rises and falls, each seeded
        with the mean of the first ``window`` changes. The first ``window`` values are NaN; so is a value without any
        rise or fall to compare, where strength is not defined.

    References
    ----------
    Wilder, J. W. (1978). New Concepts in Technical Trading Systems. Trend Research, 63-70.
    """
    change = np.diff(close, prepend=np.nan)
    up = smoothed(np.maximum(change, 0.0), window, 1 / window)
    down = smoothed(np.maximum(-change, 0.0), window, 1 / window)
    total = up + down
    strength: Values = np.divide(100.0 * up, total, out=np.full(len(close), np.nan), where=total > 0)
    return strength


INDICATOR = Indicator("rsi", rsi, inputs=("close",), outputs=("rsi",), params={"window": 14})
