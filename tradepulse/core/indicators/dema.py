"""Double exponential moving average."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import layered
from tradepulse.core.series.streams import Exponential


def dema(close: Values, *, window: int = 20) -> Values:
    """Return twice the exponential mean less its own exponential mean, which takes out most of the lag.

    Parameters
    ----------
    close : shape (n,), in time order
    window : of each exponential mean, seeded with the SMA of its first window

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``; the first ``2 * (window - 1)`` values are NaN.

    References
    ----------
    Mulloy, P. G. (1994). Smoothing data with faster moving averages. Technical Analysis of Stocks and Commodities
    12(1), 11-19.
    """
    out: Values = layered((close,), window, 2 / (window + 1), 2, 2.0, -1.0, 0.0)
    return out


class Dema:
    """The same, bar by bar."""

    __slots__ = ("first", "second")

    def __init__(self, window: int) -> None:
        self.first, self.second = Exponential(window), Exponential(window)

    def update(self, close: float) -> float:
        """Take a close, return the mean."""
        once = self.first.update(close)
        twice = self.second.update(once)
        return 2 * once - twice


INDICATOR = Indicator(
    "dema",
    dema,
    inputs=("close",),
    outputs=("dema",),
    params={"window": 20},
    warmup=lambda window: 2 * (window - 1),
    ranges={"dema": (0.0, float("inf"))},
    online=Dema,
)
