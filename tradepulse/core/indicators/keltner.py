"""Keltner channel."""

from tradepulse.core.indicators.atr import Atr, atr
from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.indicators.ema import ema
from tradepulse.core.series.streams import Exponential


def keltner(
    high: Values, low: Values, close: Values, *, window: int = 20, atr_window: int = 10, width: float = 2.0
) -> tuple[Values, Values, Values]:
    """Return the exponential mean of the closes and bands of ``width`` average true ranges around it.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : of the exponential mean, seeded with the SMA of its first window
    atr_window : of Wilder's average true range
    width : half width of the channel in average true ranges

    Returns
    -------
    three float64 arrays of shape (n,), in the unit of the prices: upper, middle and lower. NaN until both mean and
        range have warmed up, in ``middle`` for ``window - 1`` values.

    References
    ----------
    Keltner, C. W. (1960). How to Make Money in Commodities; the form with true ranges is Linda Raschke's.
    """
    middle, reach = ema(close, window=window), width * atr(high, low, close, window=atr_window)
    return middle + reach, middle, middle - reach


class Keltner:
    """The same, bar by bar."""

    __slots__ = ("mean", "range", "width")

    def __init__(self, window: int, atr_window: int, width: float) -> None:
        self.mean, self.range, self.width = Exponential(window), Atr(atr_window), width

    def update(self, high: float, low: float, close: float) -> tuple[float, float, float]:
        """Take a bar, return upper, middle and lower."""
        middle, reach = self.mean.update(close), self.width * self.range.update(high, low, close)
        return middle + reach, middle, middle - reach


INDICATOR = Indicator(
    "keltner",
    keltner,
    inputs=("high", "low", "close"),
    outputs=("upper", "middle", "lower"),
    params={"window": 20, "atr_window": 10, "width": 2.0},
    minimum={"width": 0.0},
    warmup=lambda window, atr_window, width: max(window - 1, atr_window),
    online=Keltner,
)
