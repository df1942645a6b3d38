"""Chaikin money flow."""

from tradepulse.core.indicators.accumulation_distribution import money_flow_volume
from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import ratio, rolling_sum


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
    flow = rolling_sum(money_flow_volume(high, low, close, volume), window)
    return ratio(flow, rolling_sum(volume, window))


INDICATOR = Indicator(
    "cmf",
    cmf,
    inputs=("high", "low", "close", "volume"),
    outputs=("cmf",),
    params={"window": 20},
    warmup=lambda window: window - 1,
    ranges={"cmf": (-1.0, 1.0)},
)
