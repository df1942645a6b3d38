"""Chaikin money flow."""

import numpy as np

from tradepulse.core.indicators.accumulation_distribution import money_flow_volume
from tradepulse.core.indicators.base import Indicator, Values, warmed, windows


def cmf(high: Values, low: Values, close: Values, volume: Values, *, window: int = 20) -> Values:
    """Return the volume of the last bars weighted by where their closes stand in their ranges, over the whole of it.

    Parameters
    ----------
    high, low, close, volume : shape (n,) each, in time order
    window : bars summed

    Returns
    -------
    float64 array of shape (n,), -1 to 1; the first ``window - 1`` values are NaN, and so is a value without any volume.
    """
    flow = windows(money_flow_volume(high, low, close, volume), window).sum(axis=1)
    total = windows(volume, window).sum(axis=1)
    return warmed(np.divide(flow, total, out=np.full(len(total), np.nan), where=total > 0), len(close))


INDICATOR = Indicator("cmf", cmf, inputs=("high", "low", "close", "volume"), outputs=("cmf",), params={"window": 20})
