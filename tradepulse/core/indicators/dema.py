"""Double exponential moving average."""

from tradepulse.core.indicators.base import Indicator, Values, smoothed


def dema(close: Values, *, window: int = 20) -> Values:
    """Return twice the exponential mean less its own exponential mean, which takes out most of the lag.

    Parameters
    ----------
    close : shape (n,), in time order
    window : of each exponential mean, seeded with the SMA of its first window

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``; the first ``2 * (window - 1)`` values are NaN.

    References
    ----------
    Mulloy, P. G. (1994). Smoothing data with faster moving averages. Technical Analysis of Stocks and Commodities
    12(1), 11-19.
    """
    weight = 2 / (window + 1)
    once = smoothed(close, window, weight)
    return 2 * once - smoothed(once, window, weight)


INDICATOR = Indicator("dema", dema, inputs=("close",), outputs=("dema",), params={"window": 20})
