"""Queue imbalance."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import ratio


def queue_imbalance(bid_size: Values, ask_size: Values) -> Values:
    """Return how much more is shown at the best bid than at the best offer, over both.

    Parameters
    ----------
    bid_size, ask_size : shape (n,) each, in time order

    Returns
    -------
    float64 array of shape (n,), -1 to 1; there is no warm-up. NaN where nothing is shown, or a side is not known.

    References
    ----------
    Gould, M. D. and Bonart, J. (2016). Queue imbalance as a one-tick-ahead price predictor in a limit order book.
    Market Microstructure and Liquidity 2(2).
    """
    return ratio(bid_size - ask_size, bid_size + ask_size)


INDICATOR = Indicator(
    "queue_imbalance",
    queue_imbalance,
    inputs=("bid_size", "ask_size"),
    outputs=("queue_imbalance",),
    params={},
    warmup=lambda: 0,
    ranges={"queue_imbalance": (-1.0, 1.0)},
)
