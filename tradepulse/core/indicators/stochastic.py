"""Stochastic oscillator."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, warmed, windows
from tradepulse.core.indicators.sma import sma


def stochastic(
    high: Values, low: Values, close: Values, *, window: int = 14, smooth: int = 3, signal: int = 3
) -> tuple[Values, Values]:
    """Return where the close stands in the range of the last bars, smoothed, and its own mean.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : bars of the range
    smooth : bars that %K is averaged over; 1 gives the fast stochastic
    signal : bars that %D averages %K over

    Returns
    -------
    two float64 arrays of shape (n,), 0 to 100: k (NaN for ``window + smooth - 2`` values) and d (NaN for ``signal - 1``
        more). Where high and low of the whole window coincide the place in it is not defined, and NaN.

    References
    ----------
    Lane, G. C. (1984). Lane's stochastics. Technical Analysis of Stocks and Commodities 2(3), 87-90.
    """
    top = warmed(windows(high, window).max(axis=1, initial=-np.inf), len(close))
    bottom = warmed(windows(low, window).min(axis=1, initial=np.inf), len(close))
    reach = top - bottom
    # Divided first: a quotient of at most 1 stays at most 1.
    place = 100 * np.divide(close - bottom, reach, out=np.full(len(close), np.nan), where=reach > 0)
    k = sma(place, window=smooth)
    return k, sma(k, window=signal)


INDICATOR = Indicator(
    "stochastic",
    stochastic,
    inputs=("high", "low", "close"),
    outputs=("k", "d"),
    params={"window": 14, "smooth": 3, "signal": 3},
)
