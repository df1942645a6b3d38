"""Shannon entropy of returns."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.entropy import histogram_entropy
from tradepulse.core.series.rolling import shifted


def shannon_entropy(close: Values, *, window: int = 100, bins: int = 8) -> Values:
    """Return the entropy of the last log returns, sorted into bins between the least and the largest of them.

    Parameters
    ----------
    close : shape (n,), in time order, above zero
    window : returns looked at
    bins : of equal width

    Returns
    -------
    float64 array of shape (n,), bits: 0 where all returns are alike, ``log2(bins)`` where all bins are equally full.
        The first ``window`` values are NaN, and so is each window that holds a NaN. Of few returns it reads low, by
        about ``(bins - 1) / (2 * window * log(2))`` (Miller, 1955).

    References
    ----------
    Shannon, C. E. (1948). A mathematical theory of communication. Bell System Technical Journal 27, 379-423.
    """
    with np.errstate(all="ignore"):
        returns = np.log(close / shifted(close, 1))
    out: Values = histogram_entropy((returns,), window, bins)
    return out


INDICATOR = Indicator(
    "shannon_entropy",
    shannon_entropy,
    inputs=("close",),
    outputs=("shannon_entropy",),
    params={"window": 100, "bins": 8},
    minimum={"window": 2, "bins": 2},
    warmup=lambda window, bins: window,
    ranges={"shannon_entropy": (0.0, float("inf"))},
)
