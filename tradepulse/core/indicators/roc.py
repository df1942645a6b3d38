"""Rate of change."""

from math import nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.streams import Lag


def roc(close: Values, *, window: int = 10) -> Values:
    """Return the change of the close over ``window`` bars in percent.

    Parameters
    ----------
    close : shape (n,), in time order
    window : bars looked back

    Returns
    -------
    float64 array of shape (n,), percent; the first ``window`` values are NaN.
    """
    change = np.empty(len(close))
    change[:window] = np.nan
    if len(close) > window:
        with np.errstate(all="ignore"):
            later = np.divide(close[window:], close[:-window], out=change[window:])
        later -= 1
        later *= 100
    return change


class Roc:
    """The same, bar by bar."""

    __slots__ = ("lag",)

    def __init__(self, window: int) -> None:
        self.lag = Lag(window)

    def update(self, close: float) -> float:
        """Take a close, return its change in percent."""
        before = self.lag.update(close)
        return 100 * (close / before - 1) if before else nan


INDICATOR = Indicator(
    "roc",
    roc,
    inputs=("close",),
    outputs=("roc",),
    params={"window": 10},
    warmup=lambda window: window,
    online=Roc,
)
