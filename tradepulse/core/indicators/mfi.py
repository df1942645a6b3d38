"""Money flow index."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, shifted, warmed, windows


def mfi(high: Values, low: Values, close: Values, volume: Values, *, window: int = 14) -> Values:
    """Return the share of the money that moved on rising typical prices, 0 to 100.

    Parameters
    ----------
    high, low, close, volume : shape (n,) each, in time order
    window : flows (typical price times volume) summed

    Returns
    -------
    float64 array of shape (n,); a flow needs a previous bar, so the first ``window`` values are NaN, and so is a value
        without any flow. A typical price that has not moved counts on neither side.

    References
    ----------
    Quong, G. and Soudack, A. (1989). Volume-weighted RSI: money flow. Technical Analysis of Stocks and Commodities
    7(3), 76-77.
    """
    typical = (high + low + close) / 3
    flow, change = typical * volume, typical - shifted(typical, 1)
    known = np.where(np.isnan(change), np.nan, 1.0)
    rising = windows(np.where(change > 0, flow, 0.0) * known, window).sum(axis=1)
    falling = windows(np.where(change < 0, flow, 0.0) * known, window).sum(axis=1)
    total = rising + falling
    # Divided first: a quotient of at most 1 stays at most 1.
    share = np.divide(rising, total, out=np.full(len(total), np.nan), where=total > 0)
    return warmed(100 * share, len(close))


INDICATOR = Indicator("mfi", mfi, inputs=("high", "low", "close", "volume"), outputs=("mfi",), params={"window": 14})
