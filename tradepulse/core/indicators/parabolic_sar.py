"""Parabolic stop and reverse."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values


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
    out = np.full(len(high), np.nan)
    trend: _Trend | None = None
    before: tuple[float, float] | None = None
    for t, (top, bottom) in enumerate(zip(high.tolist(), low.tolist(), strict=True)):
        if top != top or bottom != bottom:
            trend, before = None, None
            continue
        if before is not None:
            if trend is None:
                trend = _Trend(before, (top, bottom), step, min(step, maximum), maximum)
                before = (top, bottom)
            out[t] = trend.next(before, (top, bottom))
        before = (top, bottom)
    return out


class _Trend:
    def __init__(
        self, before: tuple[float, float], now: tuple[float, float], step: float, start: float, maximum: float
    ) -> None:
        fall, rise = before[1] - now[1], now[0] - before[0]
        self.up = not (fall > 0 and rise < fall)
        self.stop = before[1] if self.up else before[0]
        self.extreme = now[0] if self.up else now[1]
        self.step, self.start, self.maximum = step, start, maximum
        self.pace = start

    def next(self, before: tuple[float, float], now: tuple[float, float]) -> float:
        reached = now[1] <= self.stop if self.up else now[0] >= self.stop
        if reached:
            self.up = not self.up
            self.stop = self._held(self.extreme, before, now)
            shown = self.stop
            self.pace, self.extreme = self.start, now[0] if self.up else now[1]
        else:
            shown = self.stop
            further = now[0] > self.extreme if self.up else now[1] < self.extreme
            if further:
                self.extreme = now[0] if self.up else now[1]
                self.pace = min(self.pace + self.step, self.maximum)
        self.stop = self._held(self.stop + self.pace * (self.extreme - self.stop), before, now)
        return shown

    def _held(self, stop: float, before: tuple[float, float], now: tuple[float, float]) -> float:
        """Keep a stop outside the last two bars."""
        return min(stop, before[1], now[1]) if self.up else max(stop, before[0], now[0])


INDICATOR = Indicator(
    "parabolic_sar",
    parabolic_sar,
    inputs=("high", "low"),
    outputs=("parabolic_sar",),
    params={"step": 0.02, "maximum": 0.2},
    minimum={"step": 0.0, "maximum": 0.0},
)
