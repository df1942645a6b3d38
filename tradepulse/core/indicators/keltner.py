"""Keltner channel."""

from tradepulse.core.indicators.atr import atr
from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.indicators.ema import ema


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


INDICATOR = Indicator(
    "keltner",
    keltner,
    inputs=("high", "low", "close"),
    outputs=("upper", "middle", "lower"),
    params={"window": 20, "atr_window": 10, "width": 2.0},
    minimum={"width": 0.0},
)
