"""Kyle's lambda."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.flow import bought_share
from tradepulse.core.series.rolling import ratio, rolling_mean, rolling_variance, shifted


def kyle_lambda(close: Values, volume: Values, *, window: int = 50) -> Values:
    """Return by how much the price moves with each unit that is bought on balance.

    Parameters
    ----------
    close, volume : shape (n,) each, in time order
    window : bars regressed over, and price changes that tell buying from selling

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close`` per unit of ``volume``: the slope of the least-squares line
        through price changes over signed volume, which is volume times twice the share that buyers began (bulk
        classification) less one. The first ``2 * window - 1`` values are NaN, and so is one with a NaN in its windows,
        or without any signed volume.

    References
    ----------
    Kyle, A. S. (1985). Continuous auctions and insider trading. Econometrica 53(6), 1315-1335.
    """
    change = close - shifted(close, 1)
    signed = volume * (2 * bought_share(close, window) - 1)
    mean, variance = rolling_variance(signed, window)
    both = rolling_mean(signed * change, window) - mean * rolling_mean(change, window)
    return ratio(both, variance)


INDICATOR = Indicator(
    "kyle_lambda",
    kyle_lambda,
    inputs=("close", "volume"),
    outputs=("kyle_lambda",),
    params={"window": 50},
    minimum={"window": 3},
    warmup=lambda window: 2 * window - 1,
)
