"""Stochastic oscillator."""

from math import nan

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import place
from tradepulse.core.series.rolling import rolling_max, rolling_mean, rolling_min
from tradepulse.core.series.streams import Highest, Lowest, Mean


def stochastic(
    high: Values, low: Values, close: Values, *, window: int = 14, smooth: int = 3, signal: int = 3
) -> tuple[Values, Values]:
    """Return where the close stands in the range of the last bars, smoothed, and its own mean.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : bars of the range
    smooth : bars that %K is averaged over; 1 gives the fast stochastic
    signal : bars that %D averages %K over

    Returns
    -------
    two float64 arrays of shape (n,), 0 to 100: k (NaN for ``window + smooth - 2`` values) and d (NaN for ``signal - 1``
        more). Where high and low of the whole window coincide the place in it is not defined, and NaN.

    References
    ----------
    Lane, G. C. (1984). Lane's stochastics. Technical Analysis of Stocks and Commodities 2(3), 87-90.
    """
    share = place((close, rolling_min(low, window), rolling_max(high, window)))
    share *= 100
    k = rolling_mean(share, smooth)
    return k, rolling_mean(k, signal)


class Stochastic:
    """The same, bar by bar."""

    __slots__ = ("bottom", "signal", "smooth", "top")

    def __init__(self, window: int, smooth: int, signal: int) -> None:
        self.top, self.bottom = Highest(window), Lowest(window)
        self.smooth, self.signal = Mean(smooth), Mean(signal)

    def update(self, high: float, low: float, close: float) -> tuple[float, float]:
        """Take a bar, return k and d."""
        top, bottom = self.top.update(high), self.bottom.update(low)
        k = self.smooth.update(100 * ((close - bottom) / (top - bottom)) if top > bottom else nan)
        return k, self.signal.update(k)


INDICATOR = Indicator(
    "stochastic",
    stochastic,
    inputs=("high", "low", "close"),
    outputs=("k", "d"),
    params={"window": 14, "smooth": 3, "signal": 3},
    warmup=lambda window, smooth, signal: window + smooth + signal - 3,
    ranges={"k": (0.0, 100.0), "d": (0.0, 100.0)},
    online=Stochastic,
)
