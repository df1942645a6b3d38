"""Volume-weighted average price, anchored by session."""

from math import nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, day_number
from tradepulse.core.series.kernels import kernel


def vwap(session: Values, high: Values, low: Values, close: Values, volume: Values) -> Values:
    """Return the mean of the typical prices of a session so far, weighted by volume.

    Parameters
    ----------
    session : shape (n,), the trading date of each bar as a number; the sums start anew when it changes
    high, low, close, volume : shape (n,) each, in time order

    Returns
    -------
    float64 array of shape (n,), in the unit of the prices; there is no warm-up. The typical price is the mean of high,
        low and close. NaN while a session has traded nothing, and from a NaN to the end of its session.

    References
    ----------
    Berkowitz, S. A., Logue, D. E. and Noser, E. A. (1988). The total cost of transactions on the NYSE. Journal of
    Finance 43(1), 97-112.
    """
    out: Values = _mean((session, high, low, close, volume))
    return out


@kernel(outputs=1)
def _mean(session: Values, high: Values, low: Values, close: Values, volume: Values, out: Values) -> None:
    day, money, units = np.nan, 0.0, 0.0
    for t in range(len(close)):
        if session[t] != day:
            day, money, units = session[t], 0.0, 0.0
        money += (high[t] + low[t] + close[t]) / 3 * volume[t]
        units += volume[t]
        out[t] = money / units if units > 0 else np.nan


class Vwap:
    """The same, bar by bar."""

    __slots__ = ("day", "money", "units")

    def __init__(self) -> None:
        self.day, self.money, self.units = nan, 0.0, 0.0

    def update(self, session: object, high: float, low: float, close: float, volume: float) -> float:
        """Take a bar, return the mean price of its session so far."""
        day = day_number(session)
        if day != self.day:
            self.day, self.money, self.units = day, 0.0, 0.0
        self.money += (high + low + close) / 3 * volume
        self.units += volume
        return self.money / self.units if self.units > 0 else nan


INDICATOR = Indicator(
    "vwap",
    vwap,
    inputs=("session", "high", "low", "close", "volume"),
    outputs=("vwap",),
    params={},
    warmup=lambda: 0,
    ranges={"vwap": (0.0, float("inf"))},
    online=Vwap,
    partial=True,
)
