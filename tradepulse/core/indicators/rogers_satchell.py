"""Rogers-Satchell volatility."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import annualised


def rogers_satchell(
    open: Values, high: Values, low: Values, close: Values, *, window: int = 20, bars_per_year: float = 252.0
) -> Values:
    """Return annualised volatility estimated from each bar's prices, whatever the drift.

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
    Rogers, L. C. G. and Satchell, S. E. (1991). Estimating variance from high, low and closing prices. Annals of
    Applied Probability 1(4), 504-512.
    """
    return annualised(
        np.log(high / close) * np.log(high / open) + np.log(low / close) * np.log(low / open), window, bars_per_year
    )


INDICATOR = Indicator(
    "rogers_satchell",
    rogers_satchell,
    inputs=("open", "high", "low", "close"),
    outputs=("rogers_satchell",),
    params={"window": 20, "bars_per_year": 252.0},
    warmup=lambda window, bars_per_year: window - 1,
    ranges={"rogers_satchell": (0.0, float("inf"))},
)
