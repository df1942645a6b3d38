"""Money flow index."""

from math import nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.rolling import ratio, rolling_sum
from tradepulse.core.series.streams import Sum


def mfi(high: Values, low: Values, close: Values, volume: Values, *, window: int = 14) -> Values:
    """Return the share of the money that moved on rising typical prices, 0 to 100.

    Parameters
    ----------
    high, low, close, volume : shape (n,) each, in time order
    window : flows (typical price times volume) summed

    Returns
    -------
    float64 array of shape (n,); a flow needs a previous bar, so the first ``window`` values are NaN, and so is a value
        without any flow. A typical price that has not moved counts on neither side.

    References
    ----------
    Quong, G. and Soudack, A. (1989). Volume-weighted RSI: money flow. Technical Analysis of Stocks and Commodities
    7(3), 76-77.
    """
    up, down = _flows((high, low, close, volume))
    rising = rolling_sum(up, window)
    share = ratio(rising, rising + rolling_sum(down, window))
    share *= 100
    return share


@kernel(outputs=2)
def _flows(high: Values, low: Values, close: Values, volume: Values, up: Values, down: Values) -> None:
    before = np.nan
    for t in range(len(close)):
        typical = (high[t] + low[t] + close[t]) / 3
        flow, change = typical * volume[t], typical - before
        before = typical
        known = 0.0 * change
        up[t] = flow if change > 0 else known
        down[t] = flow if change < 0 else known


class Mfi:
    """The same, bar by bar."""

    __slots__ = ("before", "down", "up")

    def __init__(self, window: int) -> None:
        self.up, self.down = Sum(window), Sum(window)
        self.before = nan

    def update(self, high: float, low: float, close: float, volume: float) -> float:
        """Take a bar, return the index."""
        typical = (high + low + close) / 3
        flow, change = typical * volume, typical - self.before
        self.before = typical
        up = self.up.update(flow if change > 0 else 0.0 * change)
        total = up + self.down.update(flow if change < 0 else 0.0 * change)
        return 100 * (up / total) if total > 0 else nan


INDICATOR = Indicator(
    "mfi",
    mfi,
    inputs=("high", "low", "close", "volume"),
    outputs=("mfi",),
    params={"window": 14},
    warmup=lambda window: window,
    ranges={"mfi": (0.0, 100.0)},
    online=Mfi,
)
