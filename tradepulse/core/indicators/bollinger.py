"""Bollinger bands."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, warmed, windows


def bollinger(close: Values, *, window: int = 20, width: float = 2.0) -> tuple[Values, Values, Values, Values, Values]:
    """Return the mean of the closes, bands of ``width`` standard deviations around it, %b and bandwidth.

    Parameters
    ----------
    close : shape (n,), in time order
    window : closes averaged
    width : half width of the bands in standard deviations (population, ddof 0)

    Returns
    -------
    five float64 arrays of shape (n,): upper, middle, lower (unit of ``close``), percent_b (0 at the lower band, 1 at
        the upper; NaN where the bands coincide) and bandwidth (band distance over the mean). The first ``window - 1``
        values are NaN.

    References
    ----------
    Bollinger, J. (2001). Bollinger on Bollinger Bands. McGraw-Hill, 50-66.
    """
    runs = windows(close, window)
    middle = warmed(runs.mean(axis=1), len(close))
    reach = width * warmed(runs.std(axis=1), len(close))
    upper, lower = middle + reach, middle - reach
    distance = upper - lower
    undefined = np.full(len(close), np.nan)
    percent_b = np.divide(close - lower, distance, out=undefined, where=distance > 0)
    return upper, middle, lower, percent_b, distance / middle


INDICATOR = Indicator(
    "bollinger",
    bollinger,
    inputs=("close",),
    outputs=("upper", "middle", "lower", "percent_b", "bandwidth"),
    params={"window": 20, "width": 2.0},
    minimum={"width": 0.0},
)
