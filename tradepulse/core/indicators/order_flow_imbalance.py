"""Order-flow imbalance at the best quotes."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.rolling import rolling_sum


def order_flow_imbalance(bid: Values, bid_size: Values, ask: Values, ask_size: Values, *, window: int = 20) -> Values:
    """Return what the last updates have added to the bid and taken from the offer, less the opposite.

    Parameters
    ----------
    bid, bid_size, ask, ask_size : best quotes after each update, shape (n,) each, in time order
    window : updates summed

    Returns
    -------
    float64 array of shape (n,), in the unit of the sizes. An update at the same bid counts by how its size has changed,
        one to a better bid by all of the new size, one to a worse bid by all of the old one; the offer likewise, with
        the other sign. The first ``window`` values are NaN, and so is each window with a NaN in it.

    References
    ----------
    Cont, R., Kukanov, A. and Stoikov, S. (2014). The price impact of order book events. Journal of Financial
    Econometrics 12(1), 47-88.
    """
    return rolling_sum(_events((bid, bid_size, ask, ask_size)), window)


@kernel(outputs=1)
def _events(bid: Values, bid_size: Values, ask: Values, ask_size: Values, out: Values) -> None:
    before_bid = before_bid_size = before_ask = before_ask_size = np.nan
    for t in range(len(bid)):
        # NaN compares false: it must show in the sum instead.
        event = 0.0 * (bid[t] + before_bid + ask[t] + before_ask)
        if bid[t] >= before_bid:
            event += bid_size[t]
        if bid[t] <= before_bid:
            event -= before_bid_size
        if ask[t] <= before_ask:
            event -= ask_size[t]
        if ask[t] >= before_ask:
            event += before_ask_size
        before_bid, before_bid_size, before_ask, before_ask_size = bid[t], bid_size[t], ask[t], ask_size[t]
        out[t] = event


INDICATOR = Indicator(
    "order_flow_imbalance",
    order_flow_imbalance,
    inputs=("bid", "bid_size", "ask", "ask_size"),
    outputs=("order_flow_imbalance",),
    params={"window": 20},
    warmup=lambda window: window,
)
