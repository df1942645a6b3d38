"""Normalised average true range."""

from tradepulse.core.indicators.atr import atr
from tradepulse.core.indicators.base import Indicator, Values


def natr(high: Values, low: Values, close: Values, *, window: int = 14) -> Values:
    """Return Wilder's mean of the true range in percent of the close.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : true ranges averaged

    Returns
    -------
    float64 array of shape (n,), percent; the first ``window`` values are NaN.
    """
    return 100 * atr(high, low, close, window=window) / close


INDICATOR = Indicator("natr", natr, inputs=("high", "low", "close"), outputs=("natr",), params={"window": 14})
