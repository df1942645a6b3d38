"""Simple moving average."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import rolling_mean
from tradepulse.core.series.streams import Mean


def sma(close: Values, *, window: int = 20) -> Values:
    """Return the arithmetic mean of the last ``window`` closes.

    Parameters
    ----------
    close : shape (n,), in time order
    window : closes averaged

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``. The first ``window - 1`` values are NaN; a NaN close makes
        the windows that hold it NaN. Each window is summed by itself, so equal windows have equal means: a running sum
        would carry rounding from bar to bar and can flip a tie of two means by a day.
    """
    return rolling_mean(close, window)


INDICATOR = Indicator(
    "sma",
    sma,
    inputs=("close",),
    outputs=("sma",),
    params={"window": 20},
    warmup=lambda window: window - 1,
    ranges={"sma": (0.0, float("inf"))},
    online=Mean,
)
