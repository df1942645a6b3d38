"""Our side of the line to a venue: what we have seen of its book, and what a strategy may ask and order there."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tradepulse.core.orders import Side, client_order_id
from tradepulse.core.quoting.base import Answer, Market, QuotingStrategy
from tradepulse.execution.matching import Display
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.ticket import Event, OrderType, Ticket, TimeInForce


class Move(NamedTuple):
    """Something that others did at the venue.

    Parameters
    ----------
    ns : when, nanoseconds since 1970
    levels : side, price and new quantity of each level that changed; of a trade none
    price, quantity, aggressor : of a trade
    what : where it stands in the source, for the evidence
    """

    ns: int
    levels: tuple[tuple[Side, int, int], ...]
    price: int = 0
    quantity: int = 0
    aggressor: Side | None = None
    what: str = ""


class View(Display):
    """The book as we have seen it so far: what risk looks at, and what strategies are told."""

    #: Units that others have traded.
    traded: int = 0

    def see(self, move: Move, now_ms: int | None = None) -> None:
        """Take in what others did, at a moment of our own clock; by default that of the venue."""
        self.venue_ms = move.ns // 1_000_000
        self.seen_ms = self.venue_ms if now_ms is None else now_ms
        if move.aggressor is not None:
            self.last = move.price
            self.traded += move.quantity
        for side, price, quantity in move.levels:
            self._set(side, price, quantity)

    def forget(self) -> None:
        """Begin anew, with nothing displayed: a line was lost, and what was seen before it may no longer be so."""
        for side in Side:
            self.others[side].clear()
        self.bid = self.ask = self.seen_ms = self.venue_ms = None

    def market(self, ns: int) -> Market:
        """Return the top of the book."""
        bid, ask = self.bid, self.ask
        bid_size = 0 if bid is None else self.others[Side.BUY][bid]
        ask_size = 0 if ask is None else self.others[Side.SELL][ask]
        return Market(ns, bid, bid_size, ask, ask_size, self.last, self.traded)


class Desk:
    """What a strategy orders through: risk is asked, the journal is written, and what may leave is sent.

    Parameters
    ----------
    path : of the account
    view : what risk and the strategy see
    send : is given what leaves: when it was decided (ns), ``submit``, ``cancel`` or ``replace``, and what
    book : name that order ids are made from
    strategy : that orders here
    """

    def __init__(
        self, path: OrderPath, view: View, send: Callable[[int, str, Any], None], book: str, strategy: QuotingStrategy
    ) -> None:
        self.path, self.view, self._send, self._book, self._strategy = path, view, send, book, strategy
        self.now = 0
        #: When each order that was sent was decided, ns.
        self.decided: dict[str, int] = {}
        self._count = len(path.state.orders)

    @property
    def position(self) -> int:
        """Units held, as far as we know."""
        return self.path.state.position

    def open_orders(self) -> Mapping[str, tuple[Side, int | None, int]]:
        """Return side, price and what is left of each order that can still fill."""
        return {id: (order.ticket.side, order.ticket.price, order.left) for id, order in self.path.state.open.items()}

    def submit(
        self, side: Side, quantity: int, price: int | None = None, *, tif: str = "gtc", post_only: bool = False
    ) -> str:
        """Send an order, if risk lets it."""
        id = client_order_id(self._book, self._strategy.id, str(self._count))
        self._count += 1
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        ticket = Ticket(id, side, kind, quantity, price, tif=TimeInForce(tif), post_only=post_only)
        if self.path.submit(ticket, self.view, self.now // 1_000_000):
            self.decided[id] = self.now
            self._send(self.now, "submit", ticket)
        else:
            self._strategy.on_answer(Answer(self.now, id, "refused", self.path.state.orders[id].reason), self)
        return id

    def cancel(self, id: str) -> None:
        """Ask for the end of an order."""
        if self.path.cancel(id):
            self._send(self.now, "cancel", id)

    def replace(self, id: str, *, price: int | None = None, quantity: int | None = None) -> None:
        """Ask for another price or another total."""
        change = {"price": price, "quantity": quantity, "stop_price": None}
        if self.path.replace(id, self.view, **change):
            self._send(self.now, "replace", (id, change))


def answer(ns: int, event: Event) -> Answer:
    """Return what a strategy is told of an event of the venue."""
    return Answer(ns, event.id, event.kind, event.reason, event.price, event.quantity)
