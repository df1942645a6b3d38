"""Parabolic stop and reverse."""

from math import nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel


def parabolic_sar(high: Values, low: Values, *, step: float = 0.02, maximum: float = 0.2) -> Values:
    """Return Wilder's trailing stop, which closes in on the price the longer a trend makes new extremes.

    Parameters
    ----------
    high, low : shape (n,) each, in time order
    step : acceleration at the start of a trend, and added with each new extreme
    maximum : largest acceleration

    Returns
    -------
    float64 array of shape (n,), in the unit of the prices. The first value is NaN. As in TA-Lib the first trend is down
        if the low of the second bar fell by more than its high rose, else up. A NaN bar ends the trend: the values from
        it to the bar after it are NaN.

    References
    ----------
    Wilder, J. W. (1978). New Concepts in Technical Trading Systems. Trend Research, 8-22.
    """
    out: Values = _stops((high, low), step, min(step, maximum), maximum)
    return out


@kernel(outputs=1)
def _stops(high: Values, low: Values, out: Values, step: float, start: float, maximum: float) -> None:
    seen, up = 0, True
    stop, extreme, pace = 0.0, 0.0, start
    for t in range(len(high)):
        top, bottom = high[t], low[t]
        out[t] = np.nan
        if top != top or bottom != bottom:
            seen = 0
            continue
        seen += 1
        if seen == 1:
            continue
        top_before, bottom_before = high[t - 1], low[t - 1]
        if seen == 2:
            fall, rise = bottom_before - bottom, top - top_before
            up = not (fall > 0 and rise < fall)
            stop = bottom_before if up else top_before
            extreme = top if up else bottom
            pace = start
            # The first trend has no bar behind it yet: TA-Lib takes the present one for both.
            top_before, bottom_before = top, bottom
        if (bottom <= stop) if up else (top >= stop):
            up = not up
            stop = min(extreme, bottom_before, bottom) if up else max(extreme, top_before, top)
            out[t] = stop
            pace, extreme = start, top if up else bottom
        else:
            out[t] = stop
            if (top > extreme) if up else (bottom < extreme):
                extreme = top if up else bottom
                pace = min(pace + step, maximum)
        # The next stop stays outside the last two bars.
        stop += pace * (extreme - stop)
        stop = min(stop, bottom_before, bottom) if up else max(stop, top_before, top)


class ParabolicSar:
    """The same, bar by bar."""

    __slots__ = ("before", "extreme", "maximum", "pace", "start", "step", "stop", "up")

    def __init__(self, step: float, maximum: float) -> None:
        self.step, self.start, self.maximum = step, min(step, maximum), maximum
        self.before: tuple[float, float] | None = None
        self.stop = nan

    def update(self, high: float, low: float) -> float:
        """Take a bar, return the stop."""
        if high != high or low != low:
            self.before, self.stop = None, nan
            return nan
        before, self.before = self.before, (high, low)
        if before is None:
            return nan
        if self.stop != self.stop:
            fall, rise = before[1] - low, high - before[0]
            self.up = not (fall > 0 and rise < fall)
            self.stop, self.extreme = (before[1], high) if self.up else (before[0], low)
            self.pace = self.start
            # The first trend has no bar behind it yet: TA-Lib takes the present one for both.
            before = (high, low)
        shown = self.stop
        if low <= shown if self.up else high >= shown:
            self.up = not self.up
            shown = self.stop = self._outside(self.extreme, before, high, low)
            self.pace, self.extreme = self.start, high if self.up else low
        elif high > self.extreme if self.up else low < self.extreme:
            self.extreme = high if self.up else low
            self.pace = min(self.pace + self.step, self.maximum)
        self.stop = self._outside(self.stop + self.pace * (self.extreme - self.stop), before, high, low)
        return shown

    def _outside(self, stop: float, before: tuple[float, float], high: float, low: float) -> float:
        return min(stop, before[1], low) if self.up else max(stop, before[0], high)


INDICATOR = Indicator(
    "parabolic_sar",
    parabolic_sar,
    inputs=("high", "low"),
    outputs=("parabolic_sar",),
    params={"step": 0.02, "maximum": 0.2},
    minimum={"step": 0.0, "maximum": 0.0},
    warmup=lambda step, maximum: 1,
    ranges={"parabolic_sar": (0.0, float("inf"))},
    online=ParabolicSar,
)
