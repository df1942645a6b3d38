"""Relative strength index."""

from math import nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.streams import Wilder


def rsi(close: Values, *, window: int = 14) -> Values:
    """Return Wilder's relative strength index, 0 to 100.

    Parameters
    ----------
    close : shape (n,), in time order
    window : changes averaged

    Returns
    -------
    float64 array of shape (n,). ``100 * U / (U + D)`` with U and D Wilder means of the rises and falls, each seeded
        with the mean of the first ``window`` changes. The first ``window`` values are NaN; so is a value without any
        rise or fall to compare, where strength is not defined.

    References
    ----------
    Wilder, J. W. (1978). New Concepts in Technical Trading Systems. Trend Research, 63-70.
    """
    out: Values = _strength((close,), window)
    return out


@kernel(outputs=1)
def _strength(close: Values, out: Values, window: int) -> None:
    seen, up, down = -1, 0.0, 0.0
    before = np.nan
    weight = 1 / window
    for t in range(len(close)):
        price = close[t]
        change = price - before
        before = price
        out[t] = np.nan
        if change != change:
            seen, up, down = 0, 0.0, 0.0
            continue
        rise = change if change > 0 else 0.0
        fall = -change if change < 0 else 0.0
        if seen < window:
            up += rise
            down += fall
            seen += 1
            if seen < window:
                continue
            up /= window
            down /= window
        else:
            up += weight * (rise - up)
            down += weight * (fall - down)
        total = up + down
        if total > 0:
            out[t] = 100.0 * up / total


class Rsi:
    """The same, bar by bar."""

    __slots__ = ("before", "down", "up")

    def __init__(self, window: int) -> None:
        self.up, self.down = Wilder(window), Wilder(window)
        self.before = nan

    def update(self, close: float) -> float:
        """Take a close, return the index."""
        change = close - self.before
        self.before = close
        if change > 0:
            up, down = self.up.update(change), self.down.update(0.0)
        else:  # NaN goes to both
            up, down = self.up.update(0.0 * change), self.down.update(-change)
        total = up + down
        return 100.0 * up / total if total > 0 else nan


INDICATOR = Indicator(
    "rsi",
    rsi,
    inputs=("close",),
    outputs=("rsi",),
    params={"window": 14},
    warmup=lambda window: window,
    ranges={"rsi": (0.0, 100.0)},
    online=Rsi,
)
