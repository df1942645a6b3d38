"""Percentage price oscillator."""

from math import nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel, smoothed
from tradepulse.core.series.streams import Exponential
from tradepulse.errors import ConfigError


def ppo(close: Values, *, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Values, Values, Values]:
    """Return the difference of two exponential means in percent of the slow one, its exponential mean, and the rest.

    Parameters
    ----------
    close : shape (n,), in time order
    fast, slow : windows of the two means; fast is the shorter
    signal : window of the signal line

    Returns
    -------
    three float64 arrays of shape (n,), percent: ppo (NaN for ``slow - 1`` values), signal and histogram (NaN for
        ``slow + signal - 2`` values). Each mean is seeded with the SMA of its own first window.
    """
    if fast >= slow:
        raise ConfigError(f"ppo: fast must be shorter than slow, not {fast} and {slow}")
    line: Values = _percent((close,), fast, slow)
    trigger = smoothed((line,), signal, 2 / (signal + 1))
    return line, trigger, line - trigger


@kernel(outputs=1)
def _percent(close: Values, out: Values, fast: int, slow: int) -> None:
    quick_weight, still_weight = 2 / (fast + 1), 2 / (slow + 1)
    t, length = 0, len(close)
    while t < length:
        seen, quick, still = 0, 0.0, 0.0
        while t < length and seen < slow:
            price = close[t]
            out[t] = np.nan
            t += 1
            if price != price:
                seen, quick, still = 0, 0.0, 0.0
                continue
            if seen < fast:
                quick += price
                if seen == fast - 1:
                    quick /= fast
            else:
                quick += quick_weight * (price - quick)
            still += price
            seen += 1
        if seen == slow:
            still /= slow
            out[t - 1] = 100 * (quick - still) / still if still != 0 else np.nan
        while t < length:
            price = close[t]
            if price != price:
                break
            quick += quick_weight * (price - quick)
            still += still_weight * (price - still)
            out[t] = 100 * (quick - still) / still if still != 0 else np.nan
            t += 1


class Ppo:
    """The same, bar by bar."""

    __slots__ = ("fast", "signal", "slow")

    def __init__(self, fast: int, slow: int, signal: int) -> None:
        self.fast, self.slow, self.signal = Exponential(fast), Exponential(slow), Exponential(signal)

    def update(self, close: float) -> tuple[float, float, float]:
        """Take a close, return line, signal and histogram, in percent."""
        mean = self.slow.update(close)
        gap = self.fast.update(close) - mean
        line = 100 * gap / mean if mean else nan
        trigger = self.signal.update(line)
        return line, trigger, line - trigger


INDICATOR = Indicator(
    "ppo",
    ppo,
    inputs=("close",),
    outputs=("ppo", "signal", "histogram"),
    params={"fast": 12, "slow": 26, "signal": 9},
    warmup=lambda fast, slow, signal: slow + signal - 2,
    online=Ppo,
)
