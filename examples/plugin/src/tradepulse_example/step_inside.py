"""Quotes a step inside the others' where there is room."""

from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Desk, Market, QuotingStrategy

TRADEPULSE_API = 1


class StepInside(QuotingStrategy):
    """Keep one bid and one offer a step inside the best prices of others, at them where there is no room for it.

    Post-only orders of ``size``, while no more than ``most`` units are held on either side. One that is no longer where
    it should be is changed, and gives up its place in the queue. Prices go by ``step``.
    """

    name = "step_inside"
    version = "1"
    params = {"size": 0.01, "most": 0.05, "step": 0.01}
    ranges = {"size": (1e-9, 1e9), "most": (1e-9, 1e9), "step": (1e-9, 1e9)}

    def __init__(self, **params: float) -> None:
        super().__init__(**params)
        self._size, self._most, self._step = (round(self.settings[key] * UNIT) for key in ("size", "most", "step"))

    def on_market(self, market: Market, desk: Desk) -> None:
        """Follow the others' best prices."""
        if market.bid is None or market.ask is None:
            return
        inside = self._step if market.ask - market.bid > 2 * self._step else 0
        mine = {side: id for id, (side, _, _) in desk.open_orders().items()}
        for side, price in ((Side.BUY, market.bid + inside), (Side.SELL, market.ask - inside)):
            room = self._most - side.sign * desk.position >= self._size
            if side not in mine:
                if room:
                    desk.submit(side, self._size, price, post_only=True)
            elif not room:
                desk.cancel(mine[side])
            elif desk.open_orders()[mine[side]][1] != price:
                desk.replace(mine[side], price=price)
