"""Donchian channel."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import rolling_max, rolling_min
from tradepulse.core.series.streams import Highest, Lowest


def donchian(high: Values, low: Values, *, window: int = 20) -> tuple[Values, Values, Values]:
    """Return the highest high and the lowest low of the last ``window`` bars, and the middle between them.

    Parameters
    ----------
    high, low : shape (n,) each, in time order
    window : bars looked at, the present one included

    Returns
    -------
    three float64 arrays of shape (n,), in the unit of the prices: upper, middle and lower; the first ``window - 1``
        values are NaN.
    """
    upper, lower = rolling_max(high, window), rolling_min(low, window)
    return upper, (upper + lower) / 2, lower


class Channel:
    """The same, bar by bar."""

    __slots__ = ("bottom", "top")

    def __init__(self, window: int) -> None:
        self.top, self.bottom = Highest(window), Lowest(window)

    def update(self, high: float, low: float) -> tuple[float, float, float]:
        """Take a bar, return upper, middle and lower."""
        upper, lower = self.top.update(high), self.bottom.update(low)
        return upper, (upper + lower) / 2, lower


INDICATOR = Indicator(
    "donchian",
    donchian,
    inputs=("high", "low"),
    outputs=("upper", "middle", "lower"),
    params={"window": 20},
    warmup=lambda window: window - 1,
    online=Channel,
)
