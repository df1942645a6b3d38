"""Average directional index with its directional indicators."""

from math import nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.streams import Wilder


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
    index, plus, minus = _directions((high, low, close), window)
    return index, plus, minus


@kernel(outputs=3)
def _directions(
    high: Values, low: Values, close: Values, index: Values, plus: Values, minus: Values, window: int
) -> None:
    top, bottom, before = np.nan, np.nan, np.nan
    seen, rises, falls, ranges = 0, 0.0, 0.0, 0.0
    counted, level = 0, 0.0
    weight = 1 / window
    for t in range(len(close)):
        up, down = high[t] - top, bottom - low[t]
        top, bottom = high[t], low[t]
        reach = (before if before > top else top) - (before if before < bottom else bottom) + 0.0 * before
        before = close[t]
        index[t] = plus[t] = minus[t] = np.nan
        if reach != reach or up != up or down != down:
            seen, rises, falls, ranges = 0, 0.0, 0.0, 0.0
            counted, level = 0, 0.0
            continue
        rise = up if (up > down) & (up > 0) else 0.0
        fall = down if (down > up) & (down > 0) else 0.0
        if seen < window - 1:
            seen += 1
            rises += rise
            falls += fall
            ranges += reach
            continue
        rises += rise - rises * weight
        falls += fall - falls * weight
        ranges += reach - ranges * weight
        moved = np.nan
        if ranges > 0:
            ahead, back = 100 * (rises / ranges), 100 * (falls / ranges)
            plus[t], minus[t] = ahead, back
            if ahead + back > 0:
                moved = 100 * (abs(ahead - back) / (ahead + back))
        if moved != moved:
            counted, level = 0, 0.0
        elif counted < window:
            level += moved
            counted += 1
            if counted == window:
                level /= window
                index[t] = level
        else:
            level += weight * (moved - level)
            index[t] = level


class Adx:
    """The same, bar by bar."""

    __slots__ = ("before", "bottom", "falls", "mean", "ranges", "rises", "seen", "top", "window")

    def __init__(self, window: int) -> None:
        self.window, self.mean = window, Wilder(window)
        self.top = self.bottom = self.before = nan
        self.seen, self.rises, self.falls, self.ranges = 0, 0.0, 0.0, 0.0

    def update(self, high: float, low: float, close: float) -> tuple[float, float, float]:
        """Take a bar, return index, plus and minus."""
        up, down, before = high - self.top, self.bottom - low, self.before
        self.top, self.bottom, self.before = high, low, close
        reach = max(high, before) - min(low, before) + 0.0 * before
        if reach != reach or up != up or down != down:
            self.seen, self.rises, self.falls, self.ranges = 0, 0.0, 0.0, 0.0
            return self.mean.update(nan), nan, nan
        rise = up if up > down and up > 0 else 0.0
        fall = down if down > up and down > 0 else 0.0
        if self.seen < self.window - 1:
            self.seen += 1
            self.rises += rise
            self.falls += fall
            self.ranges += reach
            return nan, nan, nan
        weight = 1 / self.window
        self.rises += rise - self.rises * weight
        self.falls += fall - self.falls * weight
        self.ranges += reach - self.ranges * weight
        if not self.ranges > 0:
            return self.mean.update(nan), nan, nan
        plus, minus = 100 * (self.rises / self.ranges), 100 * (self.falls / self.ranges)
        both = plus + minus
        return self.mean.update(100 * (abs(plus - minus) / both) if both > 0 else nan), plus, minus


INDICATOR = Indicator(
    "adx",
    adx,
    inputs=("high", "low", "close"),
    outputs=("adx", "plus_di", "minus_di"),
    params={"window": 14},
    warmup=lambda window: 2 * window - 1,
    ranges={"adx": (0.0, 100.0), "plus_di": (0.0, 100.0), "minus_di": (0.0, 100.0)},
    online=Adx,
)
