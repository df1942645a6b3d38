"""Moving average convergence divergence."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.streams import Exponential
from tradepulse.errors import ConfigError


def macd(close: Values, *, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Values, Values, Values]:
    """Return the difference of two exponential means, its own exponential mean, and their difference.

    Parameters
    ----------
    close : shape (n,), in time order
    fast, slow : windows of the two means; fast is the shorter
    signal : window of the signal line

    Returns
    -------
    three float64 arrays of shape (n,), in the unit of ``close``: macd (NaN for ``slow - 1`` values), signal and
        histogram (NaN for ``slow + signal - 2`` values). Each mean is seeded with the SMA of its own first window.
        TA-Lib starts the fast mean late, so that both start together; after about 250 bars the two are equal.

    References
    ----------
    Appel, G. (2005). Technical Analysis: Power Tools for Active Investors. FT Press, 165-188.
    """
    if fast >= slow:
        raise ConfigError(f"macd: fast must be shorter than slow, not {fast} and {slow}")
    line, trigger, rest = _difference((close,), fast, slow, signal)
    return line, trigger, rest


@kernel(outputs=3)
def _difference(close: Values, line: Values, trigger: Values, rest: Values, fast: int, slow: int, signal: int) -> None:
    quick, still, mean = 0.0, 0.0, 0.0
    seen = 0
    quick_weight, still_weight, weight = 2 / (fast + 1), 2 / (slow + 1), 2 / (signal + 1)
    whole = slow + signal - 1
    for t in range(len(close)):
        price = close[t]
        line[t] = trigger[t] = rest[t] = np.nan
        if price != price:
            seen, quick, still, mean = 0, 0.0, 0.0, 0.0
            continue
        if seen >= whole:
            quick += quick_weight * (price - quick)
            still += still_weight * (price - still)
            gap = quick - still
            mean += weight * (gap - mean)
            line[t], trigger[t], rest[t] = gap, mean, gap - mean
            continue
        seen += 1
        if seen > fast:
            quick += quick_weight * (price - quick)
        else:
            quick += price
            if seen == fast:
                quick /= fast
        if seen > slow:
            still += still_weight * (price - still)
        else:
            still += price
            if seen == slow:
                still /= slow
        if seen >= slow:
            gap = quick - still
            line[t] = gap
            mean += gap
            if seen == whole:
                mean /= signal
                trigger[t], rest[t] = mean, gap - mean


class Macd:
    """The same, bar by bar."""

    __slots__ = ("fast", "signal", "slow")

    def __init__(self, fast: int, slow: int, signal: int) -> None:
        self.fast, self.slow, self.signal = Exponential(fast), Exponential(slow), Exponential(signal)

    def update(self, close: float) -> tuple[float, float, float]:
        """Take a close, return line, signal and histogram."""
        line = self.fast.update(close) - self.slow.update(close)
        trigger = self.signal.update(line)
        return line, trigger, line - trigger


INDICATOR = Indicator(
    "macd",
    macd,
    inputs=("close",),
    outputs=("macd", "signal", "histogram"),
    params={"fast": 12, "slow": 26, "signal": 9},
    warmup=lambda fast, slow, signal: slow + signal - 2,
    online=Macd,
)
