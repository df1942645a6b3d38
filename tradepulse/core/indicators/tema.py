"""Triple exponential moving average."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import layered
from tradepulse.core.series.streams import Exponential


def tema(close: Values, *, window: int = 20) -> Values:
    """Return ``3 a - 3 b + c`` of the exponential mean a, its own exponential mean b, and that one's c.

    Parameters
    ----------
    close : shape (n,), in time order
    window : of each exponential mean, seeded with the SMA of its first window

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``; the first ``3 * (window - 1)`` values are NaN.

    References
    ----------
    Mulloy, P. G. (1994). Smoothing data with less lag. Technical Analysis of Stocks and Commodities 12(2).
    """
    out: Values = layered((close,), window, 2 / (window + 1), 3, 3.0, -3.0, 1.0)
    return out


class Tema:
    """The same, bar by bar."""

    __slots__ = ("first", "second", "third")

    def __init__(self, window: int) -> None:
        self.first, self.second = Exponential(window), Exponential(window)
        self.third = Exponential(window)

    def update(self, close: float) -> float:
        """Take a close, return the mean."""
        once = self.first.update(close)
        twice = self.second.update(once)
        return 3 * once - 3 * twice + self.third.update(twice)


INDICATOR = Indicator(
    "tema",
    tema,
    inputs=("close",),
    outputs=("tema",),
    params={"window": 20},
    warmup=lambda window: 3 * (window - 1),
    ranges={"tema": (0.0, float("inf"))},
    online=Tema,
)
