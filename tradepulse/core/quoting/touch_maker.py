"""Market making at the touch."""

from typing import Any

from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Compiled, Desk, Market, QuotingStrategy


class TouchMaker(QuotingStrategy):
    """Keep one bid and one offer at the best prices of others, as long as the position allows.

    Post-only orders of ``size``; when others' best price moves away from ours, ours is cancelled, and placed anew once
    its end has been heard. No bid while long ``most`` units or more, no offer while short as many.
    """

    name = "touch_maker"
    version = "1"
    params = {"size": 0.01, "most": 0.05}
    ranges = {"size": (1e-9, 1e9), "most": (1e-9, 1e9)}

    def __init__(self, **params: float) -> None:
        super().__init__(**params)
        self._size, self._most = (round(self.settings[key] * UNIT) for key in ("size", "most"))
        self._ending: set[str] = set()

    def on_market(self, market: Market, desk: Desk) -> None:
        """Follow the touch."""
        open_orders = desk.open_orders()
        self._ending &= set(open_orders)
        for side, price, room in (
            (Side.BUY, market.bid, self._most - desk.position), (Side.SELL, market.ask, self._most + desk.position),
        ):  # fmt: skip
            mine = [id for id, (its, _, _) in open_orders.items() if its is side]
            for id in mine:
                if open_orders[id][1] != price and id not in self._ending:
                    self._ending.add(id)
                    desk.cancel(id)
            if not mine and price is not None and room >= self._size:
                desk.submit(side, self._size, price, post_only=True)

    def compiled(self) -> Compiled | None:
        """Return the same as a loop."""
        return Compiled(follow, (self._size, self._most))


def follow(see: Any, mine: Any, n: int, position: int, sizes: Any, numbers: Any, memory: Any, asks: Any) -> int:
    """Follow the touch, in whole numbers."""
    made = 0
    for sign in (1, -1):
        price, there = see[2 - sign], False
        for at in range(n):
            if mine[at, 1] == sign:
                there = True
                if mine[at, 2] != price and not mine[at, 4]:
                    asks[made, 0], asks[made, 1] = 1, mine[at, 0]
                    made += 1
        if not there and price and sizes[1] - sign * position >= sizes[0]:
            asks[made, 0], asks[made, 1], asks[made, 2], asks[made, 3], asks[made, 4] = 0, sign, sizes[0], price, 1
            made += 1
    return made


STRATEGY = TouchMaker
