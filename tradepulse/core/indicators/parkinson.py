"""Parkinson volatility."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import annualised


def parkinson(high: Values, low: Values, *, window: int = 20, bars_per_year: float = 252.0) -> Values:
    """Return annualised volatility estimated from each bar's high-low range.

    Parameters
    ----------
    high, low : shape (n,) each, in time order, above zero
    window : bars averaged
    bars_per_year : 252 for daily bars of an exchange

    Returns
    -------
    float64 array of shape (n,), a fraction per year (0.2 is 20 %); the first ``window - 1`` values are NaN. Gaps
        between bars are not part of it.

    References
    ----------
    Parkinson, M. (1980). The extreme value method for estimating the variance of the rate of return. Journal of
    Business 53(1), 61-65.
    """
    return annualised(np.log(high / low) ** 2 / (4 * np.log(2)), window, bars_per_year)


INDICATOR = Indicator(
    "parkinson",
    parkinson,
    inputs=("high", "low"),
    outputs=("parkinson",),
    params={"window": 20, "bars_per_year": 252.0},
    warmup=lambda window, bars_per_year: window - 1,
    ranges={"parkinson": (0.0, float("inf"))},
)
