"""TRIX: rate of change of a triple exponential mean."""

from tradepulse.core.indicators.base import Indicator, Values, shifted, smoothed


def trix(close: Values, *, window: int = 15) -> Values:
    """Return the change from bar to bar, in percent, of closes smoothed exponentially three times.

    Parameters
    ----------
    close : shape (n,), in time order
    window : of each exponential mean, seeded with the SMA of its first window

    Returns
    -------
    float64 array of shape (n,), percent; the first ``3 * (window - 1) + 1`` values are NaN.

    References
    ----------
    Hutson, J. K. (1983). Good TRIX. Technical Analysis of Stocks and Commodities 1(5), 105-108.
    """
    level = close
    for _ in range(3):
        level = smoothed(level, window, 2 / (window + 1))
    return 100 * (level / shifted(level, 1) - 1)


INDICATOR = Indicator("trix", trix, inputs=("close",), outputs=("trix",), params={"window": 15})
