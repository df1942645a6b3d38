"""Garman-Klass volatility."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import annualised


def garman_klass(
    open: Values, high: Values, low: Values, close: Values, *, window: int = 20, bars_per_year: float = 252.0
) -> Values:
    """Return annualised volatility estimated from each bar's range and its move from open to close.

    Parameters
    ----------
    open, high, low, close : shape (n,) each, in time order, above zero
    window : bars averaged
    bars_per_year : 252 for daily bars of an exchange

    Returns
    -------
    float64 array of shape (n,), a fraction per year (0.2 is 20 %); the first ``window - 1`` values are NaN. Gaps
        between bars are not part of it.

    References
    ----------
    Garman, M. B. and Klass, M. J. (1980). On the estimation of security price volatilities from historical data.
    Journal of Business 53(1), 67-78.
    """
    return annualised(
        np.log(high / low) ** 2 / 2 - (2 * np.log(2) - 1) * np.log(close / open) ** 2, window, bars_per_year
    )


INDICATOR = Indicator(
    "garman_klass",
    garman_klass,
    inputs=("open", "high", "low", "close"),
    outputs=("garman_klass",),
    params={"window": 20, "bars_per_year": 252.0},
    warmup=lambda window, bars_per_year: window - 1,
    ranges={"garman_klass": (0.0, float("inf"))},
)
