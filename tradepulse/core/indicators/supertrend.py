"""SuperTrend."""

from math import nan

import numpy as np

from tradepulse.core.indicators.atr import Atr, atr
from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel


def supertrend(
    high: Values, low: Values, close: Values, *, window: int = 10, width: float = 3.0
) -> tuple[Values, Values]:
    """Return a trailing stop some average true ranges away from the price, and on which side of it the price is.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : of Wilder's average true range
    width : distance of the bands from the middle of the bar, in average true ranges

    Returns
    -------
    two float64 arrays of shape (n,): supertrend (unit of the prices; below them in an uptrend, above in a
        downtrend) and direction (1 up, -1 down). The first ``window`` values are NaN, and again after a NaN. A band
        only moves towards the price until the close before has crossed it. The first direction is down, as on the
        charts of TradingView; libraries that start it up differ until the first turn.

    References
    ----------
    Seban, O. (2008). Tout le monde mérite d'être riche. Maxima.
    """
    stop, direction = _trail((high, low, close, atr(high, low, close, window=window)), width)
    return stop, direction


@kernel(outputs=2)
def _trail(
    high: Values, low: Values, close: Values, reach: Values, stop: Values, direction: Values, width: float
) -> None:
    upper, lower, side = 0.0, 0.0, 0.0
    for t in range(len(close)):
        stop[t] = direction[t] = np.nan
        if reach[t] != reach[t]:
            side = 0.0
            continue
        middle = (high[t] + low[t]) / 2
        top, bottom = middle + width * reach[t], middle - width * reach[t]
        if side == 0.0:
            upper, lower, side = top, bottom, -1.0
        else:
            before = close[t - 1]
            if bottom > lower or before < lower:
                lower = bottom
            if top < upper or before > upper:
                upper = top
            if (close[t] > upper) if side < 0 else (close[t] < lower):
                side = -side
        stop[t], direction[t] = lower if side > 0 else upper, side


class Supertrend:
    """The same, bar by bar."""

    __slots__ = ("before", "lower", "range", "side", "upper", "width")

    def __init__(self, window: int, width: float) -> None:
        self.range, self.width = Atr(window), width
        self.before = self.lower = self.upper = self.side = nan

    def update(self, high: float, low: float, close: float) -> tuple[float, float]:
        """Take a bar, return stop and direction."""
        reach = self.range.update(high, low, close)
        before, self.before = self.before, close
        if reach != reach:
            self.side = nan
            return nan, nan
        middle = (high + low) / 2
        top, bottom = middle + self.width * reach, middle - self.width * reach
        if self.side != self.side:
            self.upper, self.lower, self.side = top, bottom, -1.0
        else:
            if bottom > self.lower or before < self.lower:
                self.lower = bottom
            if top < self.upper or before > self.upper:
                self.upper = top
            turned = close > self.upper if self.side < 0 else close < self.lower
            self.side = -self.side if turned else self.side
        return self.lower if self.side > 0 else self.upper, self.side


INDICATOR = Indicator(
    "supertrend",
    supertrend,
    inputs=("high", "low", "close"),
    outputs=("supertrend", "direction"),
    params={"window": 10, "width": 3.0},
    minimum={"width": 0.0},
    warmup=lambda window, width: window,
    ranges={"direction": (-1.0, 1.0)},
    online=Supertrend,
)
