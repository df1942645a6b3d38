"""Execution of one large order in parts, over time: what the slicers have in common."""

from abc import abstractmethod
from typing import ClassVar

from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Answer, Desk, Market, QuotingStrategy

_SECOND = 1_000_000_000


class Slicer(QuotingStrategy):
    """Buys or sells ``quantity`` in parts that take what is displayed, and says by a schedule how much by when.

    A part is an immediate-or-cancel order at the other side's best price, at most what is displayed there; what it did
    not get is in the next part. One part is under way at a time, a multiple of ``least`` units except for the last;
    after ``seconds`` whatever is left is due. What is done and since when is known after a death, too; what others
    traded meanwhile is not.
    """

    version = "1"
    params: ClassVar = {"quantity": 1.0, "sell": 0, "seconds": 60.0, "least": 0.01}
    ranges: ClassVar = {"quantity": (1e-9, 1e9), "sell": (0, 1), "seconds": (1e-3, 86_400.0), "least": (1e-9, 1e9)}

    def __init__(self, **params: float) -> None:
        super().__init__(**params)
        self._whole, self._least = (round(self.settings[key] * UNIT) for key in ("quantity", "least"))
        self._side = Side.SELL if self.settings["sell"] else Side.BUY
        self._begun: int | None = None
        self._traded_before = 0
        self._done = 0
        self._under_way = ""

    @abstractmethod
    def share(self, elapsed: float, traded: int) -> float:
        """Return the part of the whole that should be done.

        Parameters
        ----------
        elapsed : of the time there is, 0 to 1
        traded : units that others have traded since the begin
        """

    def on_market(self, market: Market, desk: Desk) -> None:
        """Send the next part, if it is due."""
        if self._begun is None:
            self._begun, traded = desk.memory[-1] if desk.memory else (market.ns, 0)
            self._traded_before, self._done = market.traded - traded, desk.filled(self._side)
        if self._under_way or self._done >= self._whole:
            return
        elapsed = (market.ns - self._begun) / (self.settings["seconds"] * _SECOND)
        over = elapsed >= 1
        share = 1.0 if over else min(1.0, self.share(elapsed, market.traded - self._traded_before))
        left = self._whole - self._done
        due = min(round(share * self._whole) - self._done, left)
        price, shown = (market.ask, market.ask_size) if self._side is Side.BUY else (market.bid, market.bid_size)
        part = min(due, shown)
        if part < left:
            part = part // self._least * self._least
        # One that was sent before a death may still fill.
        if price is not None and part > 0 and not desk.open_orders():
            desk.remember([self._begun, market.traded - self._traded_before])
            self._under_way = "sent"
            id = desk.submit(self._side, part, price, tif="ioc")
            self._under_way = id if self._under_way else ""

    def on_answer(self, answer: Answer, desk: Desk) -> None:
        """Count what was done; what a part did not get is due again."""
        if answer.kind == "filled":
            self._done += answer.quantity
        if (
            answer.kind in {"ended", "refused"}
            or self._done >= self._whole
            or (answer.kind == "filled" and self._under_way == answer.id and answer.id not in desk.open_orders())
        ):
            self._under_way = ""
