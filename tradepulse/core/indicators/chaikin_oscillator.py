"""Chaikin oscillator."""

import numpy as np

from tradepulse.core.indicators.accumulation_distribution import AccumulationDistribution
from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.streams import Exponential
from tradepulse.errors import ConfigError


def chaikin_oscillator(
    high: Values, low: Values, close: Values, volume: Values, *, fast: int = 3, slow: int = 10
) -> Values:
    """Return the difference of two exponential means of the accumulation and distribution line.

    Parameters
    ----------
    high, low, close, volume : shape (n,) each, in time order
    fast, slow : windows of the two means; fast is the shorter

    Returns
    -------
    float64 array of shape (n,), in the unit of ``volume``; the first ``slow - 1`` values are NaN. Each mean is seeded
        with the plain mean of its first window. TA-Lib seeds both with the first value of the line; the difference
        shrinks by ``(slow - 1) / (slow + 1)`` with each bar. A NaN makes everything after it NaN, as it does the line.

    References
    ----------
    Chaikin, M., in: Achelis, S. B. (2001). Technical Analysis from A to Z. McGraw-Hill.
    """
    if fast >= slow:
        raise ConfigError(f"chaikin_oscillator: fast must be shorter than slow, not {fast} and {slow}")
    out: Values = _gap((high, low, close, volume), fast, slow)
    return out


@kernel(outputs=1)
def _gap(high: Values, low: Values, close: Values, volume: Values, out: Values, fast: int, slow: int) -> None:
    line, quick, still = 0.0, 0.0, 0.0
    quick_weight, still_weight = 2 / (fast + 1), 2 / (slow + 1)
    for t in range(len(close)):
        reach = high[t] - low[t]
        if reach != 0:
            line += ((close[t] - low[t]) - (high[t] - close[t])) / reach * volume[t]
        else:
            line += 0.0 * (volume[t] + close[t])
        if t >= slow:
            quick += quick_weight * (line - quick)
            still += still_weight * (line - still)
            out[t] = quick - still
            continue
        if t >= fast:
            quick += quick_weight * (line - quick)
        else:
            quick += line
            if t == fast - 1:
                quick /= fast
        still += line
        out[t] = np.nan
        if t == slow - 1:
            still /= slow
            out[t] = quick - still


class ChaikinOscillator:
    """The same, bar by bar."""

    __slots__ = ("fast", "line", "slow")

    def __init__(self, fast: int, slow: int) -> None:
        self.line = AccumulationDistribution()
        self.fast, self.slow = Exponential(fast), Exponential(slow)

    def update(self, high: float, low: float, close: float, volume: float) -> float:
        """Take a bar, return the difference of the means."""
        line = self.line.update(high, low, close, volume)
        return self.fast.update(line) - self.slow.update(line)


INDICATOR = Indicator(
    "chaikin_oscillator",
    chaikin_oscillator,
    inputs=("high", "low", "close", "volume"),
    outputs=("chaikin_oscillator",),
    params={"fast": 3, "slow": 10},
    warmup=lambda fast, slow: slow - 1,
    online=ChaikinOscillator,
)
