"""Kaufman's adaptive moving average."""

from itertools import pairwise

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values

_FAST, _SLOW = 2 / (2 + 1), 2 / (30 + 1)


def kama(close: Values, *, window: int = 10) -> Values:
    """Return a mean that follows prices fast in a trend and hardly at all in noise.

    Parameters
    ----------
    close : shape (n,), in time order
    window : changes that the efficiency ratio (net change over the sum of absolute changes) looks at

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``. Starts from the close before its first value; the first
        ``window`` values are NaN, and again after a NaN. Between fast and slow smoothing of 2 and 30 bars; where prices
        have not moved at all the efficiency is 1, as in TA-Lib.

    References
    ----------
    Kaufman, P. J. (1995). Smarter Trading. McGraw-Hill, 129-153.
    """
    out = np.full(len(close), np.nan)
    prices: list[float] = []
    level = np.nan
    for t, price in enumerate(close.tolist()):
        if price != price:
            prices.clear()
            continue
        prices.append(price)
        if len(prices) <= window:
            continue
        if len(prices) == window + 1:
            level = prices[-2]
        recent = prices[-window - 1 :]
        noise = sum(abs(b - a) for a, b in pairwise(recent))
        net = abs(recent[-1] - recent[0])
        efficiency = 1.0 if noise <= net or noise == 0 else net / noise
        weight = (efficiency * (_FAST - _SLOW) + _SLOW) ** 2
        level += weight * (price - level)
        out[t] = level
    return out


INDICATOR = Indicator("kama", kama, inputs=("close",), outputs=("kama",), params={"window": 10})
