"""Accumulation and distribution line."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel


def accumulation_distribution(high: Values, low: Values, close: Values, volume: Values) -> Values:
    """Return the running sum of volume weighted by where the close stands in the bar's range, -1 to 1.

    Parameters
    ----------
    high, low, close, volume : shape (n,) each, in time order

    Returns
    -------
    float64 array of shape (n,), in the unit of ``volume``; there is no warm-up. A bar without a range adds nothing; a
        NaN makes everything after it NaN.

    References
    ----------
    Chaikin, M., in: Murphy, J. J. (1999). Technical Analysis of the Financial Markets. New York Institute of Finance.
    """
    out: Values = _total((high, low, close, volume))
    return out


def money_flow_volume(high: Values, low: Values, close: Values, volume: Values) -> Values:
    """Return volume times the close location value of each bar; 0 for a bar without a range, NaN for a NaN one."""
    reach = high - low
    place = np.divide((close - low) - (high - close), reach, out=0.0 * reach, where=reach != 0)
    return place * volume


@kernel(outputs=1)
def _total(high: Values, low: Values, close: Values, volume: Values, out: Values) -> None:
    level = 0.0
    for t in range(len(close)):
        reach = high[t] - low[t]
        if reach != 0:
            level += ((close[t] - low[t]) - (high[t] - close[t])) / reach * volume[t]
        else:
            level += 0.0 * (volume[t] + close[t])
        out[t] = level


class AccumulationDistribution:
    """The same, bar by bar."""

    __slots__ = ("level",)

    def __init__(self) -> None:
        self.level = 0.0

    def update(self, high: float, low: float, close: float, volume: float) -> float:
        """Take a bar, return the running sum."""
        reach = high - low
        if reach:
            self.level += ((close - low) - (high - close)) / reach * volume
        else:
            self.level += 0.0 * (volume + close)
        return self.level


INDICATOR = Indicator(
    "accumulation_distribution",
    accumulation_distribution,
    inputs=("high", "low", "close", "volume"),
    outputs=("accumulation_distribution",),
    params={},
    warmup=lambda: 0,
    online=AccumulationDistribution,
)
