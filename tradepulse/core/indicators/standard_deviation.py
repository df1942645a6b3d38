"""Rolling standard deviation."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import rolling_variance
from tradepulse.core.series.streams import Spread


def standard_deviation(close: Values, *, window: int = 20) -> Values:
    """Return the population standard deviation (ddof 0) of the last ``window`` closes.

    Parameters
    ----------
    close : shape (n,), in time order
    window : closes looked at

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``; the first ``window - 1`` values are NaN. Each window is
        computed by itself, so a constant one has exactly 0.
    """
    variance = rolling_variance(close, window)[1]
    return np.sqrt(variance, out=variance)


class StandardDeviation(Spread):
    """The same, bar by bar."""

    __slots__ = ()

    def update(self, close: float) -> float:  # type: ignore[override]  # of the pair that it is made of, the second
        """Take a close, return the deviation."""
        return super().update(close)[1]


INDICATOR = Indicator(
    "standard_deviation",
    standard_deviation,
    inputs=("close",),
    outputs=("standard_deviation",),
    params={"window": 20},
    warmup=lambda window: window - 1,
    ranges={"standard_deviation": (0.0, float("inf"))},
    online=StandardDeviation,
)
