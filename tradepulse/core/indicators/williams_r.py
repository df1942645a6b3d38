"""Williams %R."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, warmed, windows


def williams_r(high: Values, low: Values, close: Values, *, window: int = 14) -> Values:
    """Return how far the close stands below the highest high of the last bars, in percent of their range.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : bars of the range

    Returns
    -------
    float64 array of shape (n,), -100 to 0; the first ``window - 1`` values are NaN, and so is one without any range.

    References
    ----------
    Williams, L. (1979). How I Made One Million Dollars Last Year Trading Commodities. Windsor Books.
    """
    top = warmed(windows(high, window).max(axis=1, initial=-np.inf), len(close))
    bottom = warmed(windows(low, window).min(axis=1, initial=np.inf), len(close))
    reach = top - bottom
    # Divided first: a quotient of at most 1 stays at most 1.
    place: Values = np.divide(top - close, reach, out=np.full(len(close), np.nan), where=reach > 0)
    return -100 * place


INDICATOR = Indicator(
    "williams_r", williams_r, inputs=("high", "low", "close"), outputs=("williams_r",), params={"window": 14}
)
