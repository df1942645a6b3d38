"""Normalised average true range."""

from tradepulse.core.indicators.atr import Atr, average_range
from tradepulse.core.indicators.base import Indicator, Values


def natr(high: Values, low: Values, close: Values, *, window: int = 14) -> Values:
    """Return Wilder's mean of the true range in percent of the close.

    Parameters
    ----------
    high, low, close : shape (n,) each, in time order
    window : true ranges averaged

    Returns
    -------
    float64 array of shape (n,), percent; the first ``window`` values are NaN.
    """
    out: Values = average_range((high, low, close), window, True)
    return out


class Natr:
    """The same, bar by bar."""

    __slots__ = ("range",)

    def __init__(self, window: int) -> None:
        self.range = Atr(window)

    def update(self, high: float, low: float, close: float) -> float:
        """Take a bar, return its average true range in percent of the close."""
        reach = self.range.update(high, low, close)
        return 100 * reach / close if close else float("nan")


INDICATOR = Indicator(
    "natr",
    natr,
    inputs=("high", "low", "close"),
    outputs=("natr",),
    params={"window": 14},
    warmup=lambda window: window,
    ranges={"natr": (0.0, float("inf"))},
    online=Natr,
)
