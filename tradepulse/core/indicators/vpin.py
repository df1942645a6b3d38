"""Volume-synchronised probability of informed trading."""

from collections import deque
from math import erf, floor, fsum, nan, sqrt

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.flow import bought_share
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.streams import Spread


def vpin(close: Values, volume: Values, *, window: int = 50, bars_per_bucket: int = 2, buckets: int = 25) -> Values:
    """Return how one-sided trading has been over the last buckets of equal volume.

    Parameters
    ----------
    close, volume : shape (n,) each, in time order
    window : price changes whose deviation tells buying from selling, and bars whose mean volume sizes a bucket
    bars_per_bucket : volume of a bucket, in mean volumes of the first ``window`` bars that have a bar before them
    buckets : averaged

    Returns
    -------
    float64 array of shape (n,), 0 to 1: the mean of ``|bought - sold|`` over the volume of a bucket, of the last full
        ones. Each bar's volume is split by bulk classification and poured into buckets, of which one bar may fill
        several. The first value comes when the first ``buckets`` buckets are full, which takes
        ``window + bars_per_bucket * buckets - 1`` bars where volume is constant. A NaN starts all of it anew, the size
        of a bucket included, and so does a first window without any volume.

    References
    ----------
    Easley, D., Lopez de Prado, M. and O'Hara, M. (2012). Flow toxicity and liquidity in a high-frequency world. Review
    of Financial Studies 25(5), 1457-1493.
    """
    out: Values = _poured((close, volume, bought_share(close, window)), window, bars_per_bucket, buckets)
    return out


@kernel(outputs=1)
def _poured(
    close: Values, volume: Values, share: Values, out: Values, window: int, bars_per_bucket: int, buckets: int
) -> None:
    sides = np.zeros(buckets)
    seen, size, held, bought, full, mean = 0, 0.0, 0.0, 0.0, 0, np.nan
    for t in range(len(close)):
        out[t] = np.nan
        if close[t] != close[t] or volume[t] != volume[t]:
            seen = 0
            continue
        seen += 1
        if seen <= window:
            continue
        if seen == window + 1:
            size = 0.0
            for i in range(t - window + 1, t + 1):
                size += volume[i]
            size = size / window * bars_per_bucket
            held, bought, full, mean = 0.0, 0.0, 0, np.nan
            if not size > 0:
                seen -= 1
                continue
        left = volume[t]
        # Whole buckets of one bar are alike; more than are averaged need not be poured one by one.
        if left > size * (buckets + 1):
            left -= size * np.floor(left / size - buckets)
        while left >= size - held:
            part = size - held
            left -= part
            bought += part * share[t]
            sides[full % buckets] = abs(2 * bought - size) / size
            full += 1
            held, bought = 0.0, 0.0
            if full >= buckets:
                mean = 0.0
                for b in range(buckets):
                    mean += sides[b]
                mean /= buckets
        held += left
        bought += left * share[t]
        out[t] = mean


class Vpin:
    """The same, bar by bar."""

    __slots__ = ("bars", "before", "bought", "changes", "held", "mean", "seen", "sides", "size", "volumes", "window")

    def __init__(self, window: int, bars_per_bucket: int, buckets: int) -> None:
        self.bars, self.before, self.seen = bars_per_bucket, nan, 0
        self.window, self.changes = window, Spread(window)
        self.volumes: deque[float] = deque(maxlen=window)
        self.sides: deque[float] = deque(maxlen=buckets)
        self.size = self.held = self.bought = 0.0
        self.mean = nan

    def update(self, close: float, volume: float) -> float:
        """Take a bar, return the index."""
        change, self.before = close - self.before, close
        deviation = self.changes.update(change)[1] * sqrt(self.window / (self.window - 1))
        self.volumes.append(volume)
        if close != close or volume != volume:
            self.seen = 0
            return nan
        self.seen += 1
        if self.seen <= self.window:
            return nan
        if self.seen == self.window + 1:
            self.size = sum(self.volumes) / self.window * self.bars
            self.held, self.bought, self.mean = 0.0, 0.0, nan
            self.sides.clear()
            if not self.size > 0:
                self.seen -= 1
                return nan
        share = (1 + erf(change / deviation / sqrt(2))) / 2 if deviation else 0.5
        size = self.size
        left, buckets = volume, self.sides.maxlen or 1
        if left > size * (buckets + 1):
            left -= size * floor(left / size - buckets)
        while left >= size - self.held:
            part = size - self.held
            left -= part
            self.bought += part * share
            self.sides.append(abs(2 * self.bought - size) / size)
            self.held, self.bought = 0.0, 0.0
            if len(self.sides) == buckets:
                self.mean = fsum(self.sides) / buckets
        self.held += left
        self.bought += left * share
        return self.mean


INDICATOR = Indicator(
    "vpin",
    vpin,
    inputs=("close", "volume"),
    outputs=("vpin",),
    params={"window": 50, "bars_per_bucket": 2, "buckets": 25},
    minimum={"window": 2},
    warmup=lambda window, bars_per_bucket, buckets: window + bars_per_bucket * buckets - 1,
    ranges={"vpin": (0.0, 1.0)},
    online=Vpin,
)
