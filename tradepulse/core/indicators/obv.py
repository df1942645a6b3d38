"""On-balance volume."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel


def obv(close: Values, volume: Values) -> Values:
    """Return the running sum of volume, added on a rising close, taken off on a falling one, left out on an equal one.

    Parameters
    ----------
    close, volume : shape (n,) each, in time order

    Returns
    -------
    float64 array of shape (n,), in the unit of ``volume``. Starts at the first volume, as in TA-Lib; other libraries
        start at 0. There is no warm-up; a NaN makes everything after it NaN.

    References
    ----------
    Granville, J. E. (1963). New Key to Stock Market Profits. Prentice-Hall.
    """
    out: Values = _total((close, volume))
    return out


@kernel(outputs=1)
def _total(close: Values, volume: Values, out: Values) -> None:
    level = 0.0
    before = -np.inf
    for t in range(len(close)):
        price, traded = close[t], volume[t]
        if price > before:
            level += traded
        elif price < before:
            level -= traded
        else:
            level += 0.0 * traded + 0.0 * price
        before = price
        out[t] = level


class Obv:
    """The same, bar by bar."""

    __slots__ = ("before", "level")

    def __init__(self) -> None:
        self.level, self.before = 0.0, -float("inf")

    def update(self, close: float, volume: float) -> float:
        """Take a bar, return the running sum."""
        if close > self.before:
            self.level += volume
        elif close < self.before:
            self.level -= volume
        else:
            self.level += 0.0 * volume + 0.0 * close
        self.before = close
        return self.level


INDICATOR = Indicator(
    "obv",
    obv,
    inputs=("close", "volume"),
    outputs=("obv",),
    params={},
    warmup=lambda: 0,
    online=Obv,
)
