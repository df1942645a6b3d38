"""Momentum."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.streams import Lag


def momentum(close: Values, *, window: int = 10) -> Values:
    """Return the change of the close over ``window`` bars.

    Parameters
    ----------
    close : shape (n,), in time order
    window : bars looked back

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``; the first ``window`` values are NaN.
    """
    change = np.empty(len(close))
    change[:window] = np.nan
    if len(close) > window:
        np.subtract(close[window:], close[:-window], out=change[window:])
    return change


class Momentum:
    """The same, bar by bar."""

    __slots__ = ("lag",)

    def __init__(self, window: int) -> None:
        self.lag = Lag(window)

    def update(self, close: float) -> float:
        """Take a close, return its change."""
        return close - self.lag.update(close)


INDICATOR = Indicator(
    "momentum",
    momentum,
    inputs=("close",),
    outputs=("momentum",),
    params={"window": 10},
    warmup=lambda window: window,
    online=Momentum,
)
