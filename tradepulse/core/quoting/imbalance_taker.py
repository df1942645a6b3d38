"""Taking when the book leans."""

from typing import Any

from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Compiled, Desk, Market, QuotingStrategy


class ImbalanceTaker(QuotingStrategy):
    """Buy at the offer when most of what is displayed at the touch bids, sell at the bid when most of it offers.

    The lean is ``bid size / (bid size + offer size)``. Immediate-or-cancel orders of ``size``, one at a time, while the
    position stays within ``most`` units.

    References
    ----------
    Cartea, A., Donnelly, R. and Jaimungal, S. (2018). Enhancing trading strategies with order book signals. Applied
    Mathematical Finance 25(1), 1-35.
    """

    name = "imbalance_taker"
    version = "1"
    params = {"size": 0.01, "most": 0.05, "lean": 0.9}
    ranges = {"size": (1e-9, 1e9), "most": (1e-9, 1e9), "lean": (0.5, 1.0)}

    def __init__(self, **params: float) -> None:
        super().__init__(**params)
        self._size, self._most = (round(self.settings[key] * UNIT) for key in ("size", "most"))

    def on_market(self, market: Market, desk: Desk) -> None:
        """Take with the lean."""
        if market.bid is None or market.ask is None or desk.open_orders():
            return
        lean = market.bid_size / (market.bid_size + market.ask_size)
        if lean >= self.settings["lean"] and desk.position + self._size <= self._most:
            desk.submit(Side.BUY, self._size, market.ask, tif="ioc")
        elif lean <= 1 - self.settings["lean"] and desk.position - self._size >= -self._most:
            desk.submit(Side.SELL, self._size, market.bid, tif="ioc")

    def compiled(self) -> Compiled:
        """Return the same as a loop."""
        return Compiled(take, (self._size, self._most), (self.settings["lean"],))


def take(see: Any, mine: Any, n: int, position: int, sizes: Any, numbers: Any, memory: Any, asks: Any) -> int:
    """Take with the lean, in whole numbers."""
    if n or not see[1] or not see[3]:
        return 0
    lean, sign = see[2] / (see[2] + see[4]), 0
    if lean >= numbers[0] and position + sizes[0] <= sizes[1]:
        sign = 1
    elif lean <= 1 - numbers[0] and position - sizes[0] >= -sizes[1]:
        sign = -1
    if not sign:
        return 0
    asks[0, 0], asks[0, 1], asks[0, 2], asks[0, 3], asks[0, 4] = 0, sign, sizes[0], see[2 + sign], 2
    return 1


STRATEGY = ImbalanceTaker
