"""Stochastic RSI."""

from math import nan

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.indicators.rsi import Rsi, rsi
from tradepulse.core.series.kernels import place
from tradepulse.core.series.rolling import rolling_max, rolling_mean, rolling_min
from tradepulse.core.series.streams import Highest, Lowest, Mean


def stochastic_rsi(
    close: Values, *, window: int = 14, range_window: int = 14, signal: int = 3
) -> tuple[Values, Values]:
    """Return where the RSI stands in its own range of the last bars, and the mean of that.

    Parameters
    ----------
    close : shape (n,), in time order
    window : changes averaged by the RSI
    range_window : values of the RSI that make the range
    signal : bars that d averages k over

    Returns
    -------
    two float64 arrays of shape (n,), 0 to 100: k (NaN for ``window + range_window - 1`` values) and d (NaN for
        ``signal - 1`` more); NaN where the RSI has not moved over the whole range.

    References
    ----------
    Chande, T. S. and Kroll, S. (1994). The New Technical Trader. Wiley, 124-131.
    """
    strength = rsi(close, window=window)
    k = place((strength, rolling_min(strength, range_window), rolling_max(strength, range_window)))
    k *= 100
    return k, rolling_mean(k, signal)


class StochasticRsi:
    """The same, bar by bar."""

    __slots__ = ("bottom", "signal", "strength", "top")

    def __init__(self, window: int, range_window: int, signal: int) -> None:
        self.strength, self.signal = Rsi(window), Mean(signal)
        self.top, self.bottom = Highest(range_window), Lowest(range_window)

    def update(self, close: float) -> tuple[float, float]:
        """Take a close, return k and d."""
        strength = self.strength.update(close)
        top, bottom = self.top.update(strength), self.bottom.update(strength)
        k = 100 * ((strength - bottom) / (top - bottom)) if top > bottom else nan
        return k, self.signal.update(k)


INDICATOR = Indicator(
    "stochastic_rsi",
    stochastic_rsi,
    inputs=("close",),
    outputs=("k", "d"),
    params={"window": 14, "range_window": 14, "signal": 3},
    warmup=lambda window, range_window, signal: window + range_window + signal - 2,
    ranges={"k": (0.0, 100.0), "d": (0.0, 100.0)},
    online=StochasticRsi,
)
