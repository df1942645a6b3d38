"""Exponentially weighted entropy of returns."""

from math import log, nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.streams import Exponential

_BITS = 1 / log(2.0)


def weighted_entropy(close: Values, *, window: int = 50, edge: float = 0.5) -> Values:
    """Return the entropy of falls, rises and small moves, the newest weighing most.

    Parameters
    ----------
    close : shape (n,), in time order, above zero
    window : of the exponential means, of weight ``2 / (window + 1)``
    edge : a move is small within this many root mean squares of the moves before it

    Returns
    -------
    float64 array of shape (n,), bits, 0 to ``log2(3)``. The chance of each of the three is its exponential mean, seeded
        with the plain mean of its first window, and so is the mean square, of log returns. The first ``2 * window``
        values are NaN, and again after a NaN. Where nothing has moved yet every move is small.

    References
    ----------
    Shannon, C. E. (1948). A mathematical theory of communication. Bell System Technical Journal 27, 379-423.
    """
    with np.errstate(all="ignore"):
        logs = np.log(close)
    out: Values = _entropy((logs,), window, edge, _BITS)
    return out


@kernel(outputs=1)
def _entropy(logs: Values, out: Values, window: int, edge: float, bits: float) -> None:
    weight = 2 / (window + 1)
    before, square, fall, rise, seen = np.nan, 0.0, 0.0, 0.0, 0
    for t in range(len(logs)):
        move = logs[t] - before
        before = logs[t]
        out[t] = np.nan
        if move - move != 0:
            square, fall, rise, seen = 0.0, 0.0, 0.0, 0
            continue
        if seen >= window:
            wide = move * move > edge * edge * square
            fell = 1.0 if wide and move < 0 else 0.0
            rose = 1.0 if wide and move > 0 else 0.0
            if seen < 2 * window:
                fall += fell
                rise += rose
                if seen == 2 * window - 1:
                    fall /= window
                    rise /= window
            else:
                fall += weight * (fell - fall)
                rise += weight * (rose - rise)
            square += weight * (move * move - square)
        else:
            square += move * move
            if seen == window - 1:
                square /= window
        if seen >= 2 * window - 1:
            total = 0.0
            rest = 1.0 - fall - rise
            if fall > 0:
                total -= fall * log(fall)
            if rise > 0:
                total -= rise * log(rise)
            if rest > 0:
                total -= rest * log(rest)
            out[t] = total * bits
        if seen < 2 * window:
            seen += 1


class WeightedEntropy:
    """The same, bar by bar."""

    __slots__ = ("before", "edge", "fall", "rise", "square")

    def __init__(self, window: int, edge: float) -> None:
        self.edge, self.before = edge, nan
        self.square, self.fall, self.rise = Exponential(window), Exponential(window), Exponential(window)

    def update(self, close: float) -> float:
        """Take a close, return the entropy."""
        price = log(close) if close > 0 else nan
        move, self.before = price - self.before, price
        if move - move != 0:
            for mean in (self.square, self.fall, self.rise):
                mean.update(nan)
            return nan
        if self.square.seen == self.square.window:
            wide = move * move > self.edge * self.edge * self.square.level
            fall = self.fall.update(1.0 if wide and move < 0 else 0.0)
            rise = self.rise.update(1.0 if wide and move > 0 else 0.0)
        else:
            fall = rise = nan
        self.square.update(move * move)
        if fall != fall:
            return nan
        return -sum(part * log(part) for part in (fall, rise, 1.0 - fall - rise) if part > 0) * _BITS


INDICATOR = Indicator(
    "weighted_entropy",
    weighted_entropy,
    inputs=("close",),
    outputs=("weighted_entropy",),
    params={"window": 50, "edge": 0.5},
    minimum={"edge": 0.0},
    warmup=lambda window, edge: 2 * window,
    ranges={"weighted_entropy": (0.0, 1.585)},
    online=WeightedEntropy,
)
