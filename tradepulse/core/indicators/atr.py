"""Average true range."""

from tradepulse.core.indicators.base import Indicator, Values, smoothed
from tradepulse.core.indicators.true_range import true_range


def atr(high: Values, low: Values, close: Values, *, window: int = 14) -> Values:
    """Return Wilder's mean of the true range.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : true ranges averaged

    Returns
    -------
    float64 array of shape (n,), in the unit of the prices. True range needs a previous close, so it starts at the
        second bar; the first ``window`` values are NaN and the seed is the mean of true ranges 1 to ``window``.

    References
    ----------
    Wilder, J. W. (1978). New Concepts in Technical Trading Systems. Trend Research, 21-26.
    """
    return smoothed(true_range(high, low, close), window, 1 / window)


INDICATOR = Indicator("atr", atr, inputs=("high", "low", "close"), outputs=("atr",), params={"window": 14})
