"""TRIX: rate of change of a triple exponential mean."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.indicators.roc import roc
from tradepulse.core.series.kernels import layered
from tradepulse.core.series.streams import Exponential


def trix(close: Values, *, window: int = 15) -> Values:
    """Return the change from bar to bar, in percent, of closes smoothed exponentially three times.

    Parameters
    ----------
    close : shape (n,), in time order
    window : of each exponential mean, seeded with the SMA of its first window

    Returns
    -------
    float64 array of shape (n,), percent; the first ``3 * (window - 1) + 1`` values are NaN.

    References
    ----------
    Hutson, J. K. (1983). Good TRIX. Technical Analysis of Stocks and Commodities 1(5), 105-108.
    """
    level: Values = layered((close,), window, 2 / (window + 1), 3, 0.0, 0.0, 1.0)
    return roc(level, window=1)


class Trix:
    """The same, bar by bar."""

    __slots__ = ("before", "means")

    def __init__(self, window: int) -> None:
        self.means = [Exponential(window) for _ in range(3)]
        self.before = float("nan")

    def update(self, close: float) -> float:
        """Take a close, return the change of its smoothed level."""
        level = close
        for mean in self.means:
            level = mean.update(level)
        before, self.before = self.before, level
        return 100 * (level / before - 1)


INDICATOR = Indicator(
    "trix",
    trix,
    inputs=("close",),
    outputs=("trix",),
    params={"window": 15},
    warmup=lambda window: 3 * (window - 1) + 1,
    online=Trix,
)
