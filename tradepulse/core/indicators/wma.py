"""Weighted moving average."""

from math import fsum
from operator import mul

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import rolling_tilt
from tradepulse.core.series.streams import Window


def wma(close: Values, *, window: int = 20) -> Values:
    """Return the mean of the last ``window`` closes with weights 1 (oldest) to ``window`` (newest).

    Parameters
    ----------
    close : shape (n,), in time order
    window : closes averaged

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``; the first ``window - 1`` values are NaN, and so is each
        window that holds a NaN.
    """
    # Weights 1 to window are the places about their middle, moved up by (window + 1) / 2.
    mean, tilt = rolling_tilt(close, window, window * (window + 1) / 2)
    tilt += mean
    return tilt


class Weighted(Window):
    """The mean of the last values with weights 1 to ``window``."""

    __slots__ = ("weights",)

    def __init__(self, window: int) -> None:
        super().__init__(window)
        self.weights = [2 * place / (window * (window + 1)) for place in range(1, window + 1)]

    def update(self, close: float) -> float:
        """Take a close, return the weighted mean."""
        return fsum(map(mul, self.weights, self.values)) if self.push(close) else float("nan")


INDICATOR = Indicator(
    "wma",
    wma,
    inputs=("close",),
    outputs=("wma",),
    params={"window": 20},
    warmup=lambda window: window - 1,
    ranges={"wma": (0.0, float("inf"))},
    online=Weighted,
)
