"""Triple exponential moving average."""

from tradepulse.core.indicators.base import Indicator, Values, smoothed


def tema(close: Values, *, window: int = 20) -> Values:
    """Return ``3 a - 3 b + c`` of the exponential mean a, its own exponential mean b, and that one's c.

    Parameters
    ----------
    close : shape (n,), in time order
    window : of each exponential mean, seeded with the SMA of its first window

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``; the first ``3 * (window - 1)`` values are NaN.

    References
    ----------
    Mulloy, P. G. (1994). Smoothing data with less lag. Technical Analysis of Stocks and Commodities 12(2).
    """
    weight = 2 / (window + 1)
    once = smoothed(close, window, weight)
    twice = smoothed(once, window, weight)
    return 3 * once - 3 * twice + smoothed(twice, window, weight)


INDICATOR = Indicator("tema", tema, inputs=("close",), outputs=("tema",), params={"window": 20})
