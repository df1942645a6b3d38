"""Market making in one instrument, hedged in another."""

from tradepulse.core.orders import Side
from tradepulse.core.quoting.base import Answer, Compiled, Desk, Market
from tradepulse.core.quoting.touch_maker import TouchMaker


class HedgedMaker(TouchMaker):
    """Make markets at the touch of the first instrument, and take the other side of each fill in the second.

    Units of both count as the same, as a pair and its perpetual do. What is held of the two together is taken off by
    an immediate-or-cancel order at the best price of the second, one at a time, in whole lots; what it did not get is
    in the next one.
    """

    name = "hedged_maker"
    version = "1"
    several = True

    def on_market(self, market: Market, desk: Desk) -> None:
        """Follow the touch of the first, and hedge."""
        if desk.instrument == 0:
            super().on_market(market, desk)
        self._hedge(desk)

    def on_answer(self, answer: Answer, desk: Desk) -> None:
        """Hedge what has filled."""
        if answer.kind == "filled":
            self._hedge(desk)

    def compiled(self) -> Compiled | None:
        """Return nothing: it has no loop of its own."""
        return None

    def _hedge(self, desk: Desk) -> None:
        quoted, hedge = desk.on(0), desk.on(1)
        exposed = quoted.position + hedge.position
        size = abs(exposed) // hedge.lot * hedge.lot
        if not size or hedge.open_orders():
            return
        market = hedge.market
        side, price = (Side.SELL, market.bid) if exposed > 0 else (Side.BUY, market.ask)
        if price is not None:
            hedge.submit(side, size, price, tif="ioc")


STRATEGY = HedgedMaker
