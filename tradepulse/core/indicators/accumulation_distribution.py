"""Accumulation and distribution line."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values


def accumulation_distribution(high: Values, low: Values, close: Values, volume: Values) -> Values:
    """Return the running sum of volume weighted by where the close stands in the bar's range, -1 to 1.

    Parameters
    ----------
    high, low, close, volume : shape (n,) each, in time order

    Returns
    -------
    float64 array of shape (n,), in the unit of ``volume``; there is no warm-up. A bar without a range adds nothing; a
        NaN makes everything after it NaN.

    References
    ----------
    Chaikin, M., in: Murphy, J. J. (1999). Technical Analysis of the Financial Markets. New York Institute of Finance.
    """
    return np.cumsum(money_flow_volume(high, low, close, volume))


def money_flow_volume(high: Values, low: Values, close: Values, volume: Values) -> Values:
    """Return volume times the close location value of each bar; 0 for a bar without a range, NaN for a NaN one."""
    reach = high - low
    place = np.divide((close - low) - (high - close), reach, out=0.0 * reach, where=reach != 0)
    return place * volume


INDICATOR = Indicator(
    "accumulation_distribution",
    accumulation_distribution,
    inputs=("high", "low", "close", "volume"),
    outputs=("accumulation_distribution",),
    params={},
)
