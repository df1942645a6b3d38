"""Exponential moving average."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import smoothed
from tradepulse.core.series.streams import Exponential


def ema(close: Values, *, window: int = 20) -> Values:
    """Return the exponential mean of the closes with weight ``2 / (window + 1)``.

    Parameters
    ----------
    close : shape (n,), in time order
    window : sets the weight, and the closes averaged for the seed

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``. Seeded with the SMA of the first window, as TA-Lib
        does; libraries that seed with the first close differ until about ten windows later. NaN for ``window - 1``
        values, and again after a NaN.
    """
    out: Values = smoothed((close,), window, 2 / (window + 1))
    return out


INDICATOR = Indicator(
    "ema",
    ema,
    inputs=("close",),
    outputs=("ema",),
    params={"window": 20},
    warmup=lambda window: window - 1,
    ranges={"ema": (0.0, float("inf"))},
    online=Exponential,
)
