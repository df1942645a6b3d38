"""Donchian channel."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, warmed, windows


def donchian(high: Values, low: Values, *, window: int = 20) -> tuple[Values, Values, Values]:
    """Return the highest high and the lowest low of the last ``window`` bars, and the middle between them.

    Parameters
    ----------
    high, low : shape (n,) each, in time order
    window : bars looked at, the present one included

    Returns
    -------
    three float64 arrays of shape (n,), in the unit of the prices: upper, middle and lower; the first ``window - 1``
        values are NaN.
    """
    upper = warmed(windows(high, window).max(axis=1, initial=-np.inf), len(high))
    lower = warmed(windows(low, window).min(axis=1, initial=np.inf), len(low))
    return upper, (upper + lower) / 2, lower


INDICATOR = Indicator(
    "donchian", donchian, inputs=("high", "low"), outputs=("upper", "middle", "lower"), params={"window": 20}
)
