"""Average directional index with its directional indicators."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, shifted, smoothed
from tradepulse.core.indicators.true_range import true_range


def adx(high: Values, low: Values, close: Values, *, window: int = 14) -> tuple[Values, Values, Values]:
    """Return Wilder's directional movement: how strong a trend is, and which way it points.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : bars smoothed over

    Returns
    -------
    three float64 arrays of shape (n,), 0 to 100: adx, plus_di and minus_di. The directional indicators are NaN for
        ``window`` values, adx for ``2 * window - 1``; so is a value without any movement or range to compare.
        Movement and range are summed as in TA-Lib: ``window - 1`` values, then ``S - S / window + x``. The mean of the
        directional index is seeded with the mean of its first ``window`` values.

    References
    ----------
    Wilder, J. W. (1978). New Concepts in Technical Trading Systems. Trend Research, 35-47.
    """
    up, down = high - shifted(high, 1), shifted(low, 1) - low
    ranges = _sums(true_range(high, low, close), window)
    plus = 100 * _ratio(_sums(np.where((up > down) & (up > 0), up, 0.0 * up), window), ranges)
    minus = 100 * _ratio(_sums(np.where((down > up) & (down > 0), down, 0.0 * down), window), ranges)
    index = 100 * _ratio(np.abs(plus - minus), plus + minus)
    return smoothed(index, window, 1 / window), plus, minus


def _ratio(part: Values, whole: Values) -> Values:
    out: Values = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return out


def _sums(values: Values, window: int) -> Values:
    """Return Wilder's running sum; NaN until ``window`` values have been seen, and anew after a NaN."""
    out = np.full(len(values), np.nan)
    seen, total = 0, 0.0
    for t, value in enumerate(values.tolist()):
        if value != value:
            seen, total = 0, 0.0
            continue
        seen += 1
        if seen < window:
            total += value
        else:
            total += value - total / window
            out[t] = total
    return out


INDICATOR = Indicator(
    "adx", adx, inputs=("high", "low", "close"), outputs=("adx", "plus_di", "minus_di"), params={"window": 14}
)
