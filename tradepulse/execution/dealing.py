"""Our dealings in one instrument at one exchange: what we send there, and how it is found out what became of it.

What waits for a price, or ends at a moment or with the day, waits here, and so does what an iceberg does not show:
exchanges differ in what they know of that, and none lets it wait for what we take the market to be. Nothing of it is at
the exchange while no desk is there, which ends it.

What happens to our orders is heard on a stream, and asked for again whenever that was lost, at every connection of a
desk and every few seconds while something is open: a stream that is half open is silent, not wrong.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from tradepulse.core.orders import Side
from tradepulse.errors import BrokerRejected, Unanswered
from tradepulse.execution.desk import Move
from tradepulse.execution.line import plain_move
from tradepulse.execution.packing import plain, ticket_of
from tradepulse.execution.terms import Place
from tradepulse.execution.ticket import Event, Ticket, TimeInForce, reached

#: Seconds between looks at the account while something is open, and while nothing is.
LOOK, IDLE = 10.0, 60.0
#: Seconds after which an order that the exchange does not know has never arrived: longer than it takes an order that
#: was sent to be too old for it.
SETTLED = 15.0
#: What trades are asked for again that long before the last one known, ns: clocks, and what was told late.
_OVERLAP = 60 * 10**9
#: Seconds for which an order that has ended, and a fill, are remembered in a new file of the journal.
_KEPT = 86_400.0
#: Of an order what is a JSON value as it is.
_REMEMBERED = (
    "sent", "changes", "before", "filled", "known", "told", "asked", "ended", "lost", "waiting", "best", "ends",
)  # fmt: skip
#: What rests until something ends it; of it the exchange is told that it is for good.
_RESTS = {TimeInForce.GTC, TimeInForce.GTD, TimeInForce.DAY}


class Said(NamedTuple):
    """An order as an exchange has it.

    Parameters
    ----------
    leg : id that it was sent under; of one that is not ours whatever it says
    number : its own id
    status : ``open``, ``closed`` (filled whole), ``canceled``, ``expired`` or ``rejected``
    filled : units
    """

    leg: str
    number: str
    status: str
    filled: int


class Trade(NamedTuple):
    """A trade of ours as an exchange has it.

    Parameters
    ----------
    id : its own
    number : its own id of the order
    side, price, quantity, liquidity : as in :class:`~tradepulse.execution.ticket.Event`
    ns : when
    fee : that was taken in the currency of the price, in units of :data:`~tradepulse.execution.terms.MONEY`; None
        if it was taken in a third one
    fee_units : that was taken of what is traded
    """

    id: str
    number: str
    side: Side
    price: int
    quantity: int
    liquidity: str
    ns: int
    fee: int | None = 0
    fee_units: int = 0


class Counterparty(Protocol):
    """One instrument at one exchange. Each call raises ``Unanswered`` where there is no answer, a stream as it ends."""

    name: str

    async def open(self) -> Place:
        """Return what may be traded there, and on what terms."""
        ...

    def day_end(self, at: float) -> float:
        """Return when the day of trading that a moment belongs to ends; both in seconds since 1970."""
        ...

    async def place(self, leg: str, ticket: Ticket, quantity: int, wanted: Callable[[], bool]) -> Said:
        """Send an order; raise ``BrokerRejected`` if the exchange, or after a wait we, do not want it."""
        ...

    async def cancel(self, leg: str) -> None:
        """Ask for the end of an order; raise ``BrokerRejected`` if there is none that is open."""
        ...

    async def find(self, leg: str) -> Said | None:
        """Return an order, if it has arrived."""
        ...

    async def open_orders(self) -> list[Said]:
        """Return what rests there."""
        ...

    async def trades(self, since_ns: int) -> list[Trade]:
        """Return the account's trades since a moment, oldest first."""
        ...

    def books(self) -> AsyncIterator[tuple[int, dict[Side, dict[int, int]]]]:
        """Yield when it was so, and what is displayed, ours too."""
        ...

    def prints(self) -> AsyncIterator[tuple[int, int, int, Side]]:
        """Yield trades, ours too: when, price, quantity and who took."""
        ...

    def orders(self) -> AsyncIterator[Said]:
        """Yield our orders as they change."""
        ...

    def fills(self) -> AsyncIterator[Trade]:
        """Yield our trades."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Owner(Protocol):
    """Who the dealings are for: it remembers them, and tells the desk."""

    def write(self, kind: str, **body: Any) -> None:
        """Remember something."""
        ...

    def tell(self, event: Event) -> None:
        """Tell the desk what happened, and remember that before; :meth:`Dealing.book` is called between."""
        ...

    def say(self, *messages: Sequence[Any]) -> None:
        """Tell the desk what is not to be remembered."""
        ...

    def inform(self, line: str) -> None:
        """Tell a person."""
        ...

    def run(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something meanwhile."""
        ...


@dataclass(slots=True)
class _Order:
    """An order of the desk: at the exchange it is one after another, as it is changed."""

    ticket: Ticket
    sent: float
    #: How often it was changed, and what had filled of it by then.
    changes: int = 0
    before: int = 0
    filled: int = 0
    #: Whether the exchange has said anything of the one that is there now, and we to the desk that it works.
    known: bool = False
    told: bool = False
    #: Why its end was asked for, and how it ended there: told once all its fills have been.
    asked: str = ""
    #: Whether a cancel is on its way.
    ending: bool = False
    final: Said | None = None
    ended: bool = False
    #: Whether it was taken never to have arrived.
    lost: bool = False
    #: Whether it waits here for a price, and the best one so far where that follows.
    waiting: bool = False
    best: int | None = None
    #: When it ends by itself, seconds since 1970.
    ends: float | None = None
    #: Held while something is under way to the exchange about it.
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def leg(self) -> str:
        """Id of what is at the exchange now."""
        return f"{self.ticket.id}-{self.changes}" if self.changes else self.ticket.id

    @property
    def left(self) -> int:
        """Units that can still fill."""
        return max(0, self.ticket.quantity - self.filled)

    @property
    def iceberg(self) -> bool:
        """Whether it shows a part of what is left at a time: what does not rest has nothing to hide."""
        return self.ticket.display_quantity is not None and self.ticket.tif in _RESTS

    @property
    def there(self) -> int:
        """Units of what is at the exchange now that can still fill."""
        whole = self.ticket.quantity - self.before
        part = min(whole, self.ticket.display_quantity or whole) if self.iceberg else whole
        return max(0, part - (self.filled - self.before))


def _end_of(ticket: Ticket, body: Mapping[str, Any]) -> float | None:
    """Return when an order that is remembered ends; a version before this one left that to the order."""
    ends: float | None = body.get("ends")
    return ticket.expire_at_ms / 1000 if ends is None and ticket.expire_at_ms is not None else ends


class Dealing:
    """Our orders in one instrument at one exchange.

    Parameters
    ----------
    number : of the venue that it is to the desk
    there : the exchange
    owner : who is told
    began : trades before are none of ours, ns
    """

    def __init__(self, number: int, there: Counterparty, owner: Owner, began: int) -> None:
        self.number, self.there, self._owner = number, there, owner
        self.orders: dict[str, _Order] = {}
        self.open: dict[str, _Order] = {}
        self._ids: dict[str, str] = {}  # the desk's id by that of the exchange
        self._fills: dict[str, int] = {}  # when each was told, ns
        self._early: dict[str, Trade] = {}  # of orders that we do not know yet
        self._began = self._since = began
        self._display: dict[Side, dict[int, int]] = {side: {} for side in Side}
        self._shown: dict[Side, dict[int, int]] = {side: {} for side in Side}
        self._market_ns = 0
        self._last: int | None = None  # price of the last trade there
        self.look = asyncio.Event()
        self._looking = asyncio.Lock()

    def start(self) -> None:
        """Follow what is said there."""
        for what, stream, take in (
            ("books", self.there.books, self._take_book), ("prints", self.there.prints, self._take_print),
            ("orders", self.there.orders, self._take_order), ("fills", self.there.fills, self._take_trade),
        ):  # fmt: skip
            self._owner.run(self._follow(what, stream, take))
        for order in self.open.values():
            self._end_in_time(order)
        self._owner.run(self._looks())

    def cancel_all(self, reason: str) -> None:
        """Ask for the end of everything that is open."""
        for id in self.open:
            self._owner.run(self.cancel(id, reason))

    @property
    def snapshot(self) -> list[Any]:
        """The book as the desk is told that it is now."""
        shown = tuple((side, price, q) for side in Side for price, q in self._shown[side].items())
        return ["book", *plain_move(Move(self._market_ns, shown, what="snapshot", venue=self.number))]

    async def _follow(self, what: str, stream: Callable[[], AsyncIterator[Any]], take: Callable[[Any], None]) -> None:
        """Take what a stream says, and begin it anew whenever it ends."""
        wait = 1.0
        while True:
            try:
                async for one in stream():
                    wait = 1.0
                    take(one)
            except (Unanswered, BrokerRejected) as exc:
                self._owner.inform(f"the stream of {what} is lost ({exc}); connecting again")
            await asyncio.sleep(wait)
            wait = min(2 * wait, 30.0)
            self.look.set()  # what was said meanwhile, nobody has heard

    async def _looks(self) -> None:
        looked = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.look.wait(), LOOK)
            if not self.look.is_set() and not self.open and time.monotonic() - looked < IDLE:
                continue
            looked = time.monotonic()
            self.look.clear()
            try:
                await self.reconcile()
            except Unanswered as exc:
                self._owner.inform(f"what is open there is not known ({exc}); asking again")
                self.look.set()
            await asyncio.sleep(0.5)

    # -- remembering -------------------------------------------------------------------------------------------------

    def fold(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take in what was remembered."""
        match kind:
            case "held":
                ticket = ticket_of(body["ticket"])
                order = self.order_of(ticket)
                order.ticket, order.waiting, order.ends = ticket, True, _end_of(ticket, body)
            case "followed":
                self.orders[body["id"]].best = body["best"]
            case "placing":
                ticket = ticket_of(body["ticket"])
                order = self.order_of(ticket)
                order.ticket, order.changes, order.before = ticket, body["changes"], body["before"]
                order.known, order.sent, order.ends = False, body["ns"] / 1e9, _end_of(ticket, body)
                self._since = max(self._since, body["ns"])
            case "placed":
                self._ids[body["number"]] = body["id"]
                self.orders[body["id"]].known = True
            case "canceling":
                self.orders[body["id"]].asked = body["reason"]

    def state(self) -> dict[str, Any]:
        """Return what may still matter as JSON values, and let go of the rest: of orders and fills those of a day."""
        day = time.time() - _KEPT
        self.orders = {id: order for id, order in self.orders.items() if not order.ended or order.sent > day}
        self._ids = {number: id for number, id in self._ids.items() if id in self.orders}
        self._fills = {id: ns for id, ns in self._fills.items() if ns > day * 1e9}
        return {
            "since": self._since, "ids": self._ids, "fills": self._fills,
            "orders": [
                {
                    **{name: getattr(order, name) for name in _REMEMBERED}, "ticket": plain(order.ticket),
                    "final": order.final,
                }
                for order in self.orders.values()
            ],
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in what :meth:`state` has returned."""
        self._since, self._ids, self._fills = state["since"], dict(state["ids"]), dict(state["fills"])
        for body in state["orders"]:
            ticket, final = ticket_of(body["ticket"]), body["final"]
            # What a version before this one did not have is as it begins.
            known = {name: body[name] for name in _REMEMBERED if name in body}
            order = _Order(ticket, **{**known, "ends": _end_of(ticket, body)}, final=final and Said(*final))
            self.orders[ticket.id] = order
            if not order.ended:
                self.open[ticket.id] = order

    def order_of(self, ticket: Ticket) -> _Order:
        """Return an order of the desk, as it is from now on."""
        if ticket.id not in self.orders:
            self.orders[ticket.id] = self.open[ticket.id] = _Order(ticket, time.time())
        return self.orders[ticket.id]

    def _tell(self, event: Event) -> None:
        """Tell the desk what happened, and remember that before."""
        self._owner.tell(event._replace(venue=self.number) if self.number else event)
        self._show()

    def book(self, event: Event, ns: int) -> None:
        """Take in what the desk is told, or was."""
        order = self.orders.get(event.id)
        if event.kind == "filled":
            self._fills[event.fill_id] = ns
            self._since = max(self._since, ns)
            if order is not None:
                order.filled += event.quantity
                order.ended = order.ended or order.filled >= order.ticket.quantity
        elif order is not None and event.kind in {"working", "changed"}:
            order.waiting = order.waiting and event.kind == "changed"
            order.told = not order.waiting
        elif order is not None and event.kind == "ended":
            order.ended, order.lost = True, event.reason == "not_received"
        if order is not None and order.ended:
            self.open.pop(event.id, None)

    # -- what the exchange says --------------------------------------------------------------------------------------

    def _take_order(self, said: Said) -> None:
        """Take in how an order stands there."""
        id = said.leg.partition("-")[0]
        order = self.orders.get(id)
        if order is None:
            return  # not of this desk
        if said.number not in self._ids:
            self._owner.write("placed", id=id, number=said.number)
            self._ids[said.number] = id
            for trade in [one for one in self._early.values() if one.number == said.number]:
                self._take_trade(self._early.pop(trade.id))
        if order.ended:
            if order.lost and said.status == "open":
                self._owner.inform(f"{id} has arrived after all, when it was taken for lost; canceling it")
                self._owner.run(self._end_late(said.leg))
            return
        if said.leg != order.leg:
            return
        order.known = True
        if said.status == "open" and not order.told:
            self._tell(Event("working", id, ticket=order.ticket))
        elif said.status == "closed" and order.before + said.filled > order.filled:
            self.look.set()  # the trades will come; if they do not, they are asked for
        elif said.status == "closed":
            self._show_more(order)
        elif said.status in {"canceled", "expired", "rejected"}:
            order.final = said
            self._settle(order)

    def _take_trade(self, trade: Trade) -> None:
        """Take in a trade of ours."""
        if self._named(trade) in self._fills:
            return
        id = self._ids.get(trade.number)
        if id is None:
            self._early[trade.id] = trade
            self.look.set()
            return
        self._fill(id, trade)
        self._settle(self.orders[id])
        self._show_more(self.orders[id])

    def _named(self, trade: Trade) -> str:
        """Return the id of a fill, which an exchange gives anew in each instrument."""
        return f"{self.number}.{trade.id}" if self.number else trade.id

    def _fill(self, id: str, trade: Trade) -> None:
        if trade.fee is None:
            self._owner.inform(
                f"trade {trade.id} paid its fee in a third currency; it is booked at the desk's own rate"
            )
        self._tell(
            Event(
                "filled", id, side=trade.side, price=trade.price, quantity=trade.quantity, liquidity=trade.liquidity,
                fill_id=self._named(trade), moment=trade.ns, fee=trade.fee, fee_units=trade.fee_units,
            )
        )  # fmt: skip

    def _settle(self, order: _Order) -> None:
        """Tell the desk that an order has ended, once it has heard all of its fills."""
        final = order.final
        if final is None or order.ended or order.busy.locked():
            return
        if order.before + final.filled > order.filled:
            self.look.set()
            return
        status, reason = final.status, order.asked
        if not reason and status in {"expired", "canceled"}:
            tif, kind = order.ticket.tif, order.ticket.type
            takes = tif.value if tif in {TimeInForce.IOC, TimeInForce.FOK} else ""
            reason = takes or ("by_venue" if kind.has_limit else "no_liquidity")
        if reason == "expired":
            status = "expired"
        elif status == "expired" and reason != "by_venue":
            status = "canceled"
        self._tell(Event("ended", order.ticket.id, status, reason or "by_venue"))

    def _found(self, order: _Order, said: Said | None) -> None:
        """Take in what became of an order that may have arrived: of one that no longer can, that it has not."""
        if said is not None:
            self._take_order(said)
        elif not order.known and not order.ended and time.time() - order.sent > SETTLED:
            self._tell(Event("ended", order.ticket.id, "rejected", "not_received"))
        elif not order.known:
            self.look.set()

    async def reconcile(self) -> set[str]:
        """Ask the exchange how everything stands that may not have been heard; return our orders that rest there."""
        async with self._looking:
            there = await self.there.open_orders()
            for said in there:
                self._take_order(said)
            for order in list(self.open.values()):
                if order.waiting or order.ended or order.busy.locked() or any(said.leg == order.leg for said in there):
                    continue
                async with order.busy:
                    found = await self.there.find(order.leg)
                self._found(order, found)
            # Only now: of whose order a trade is, is known by what was said of the orders.
            for trade in await self.there.trades(self._since - _OVERLAP):
                if self._named(trade) in self._fills:
                    continue
                if trade.number not in self._ids:
                    # Of one that was taken for lost, arrived since, and filled at once: nothing has named it yet.
                    for order in [one for one in self.orders.values() if one.lost]:
                        if (found := await self.there.find(order.leg)) is not None:
                            self._take_order(found)
                if trade.number in self._ids:
                    self._take_trade(trade)
                elif trade.ns >= self._began and all(
                    order.known and not order.busy.locked() for order in self.open.values()
                ):
                    # Of an order that we did not send: a fill of the account all the same.
                    self._early.pop(trade.id, None)
                    self._fill(f"{self.there.name} {trade.number}", trade)
            for order in list(self.open.values()):
                self._settle(order)
            return {said.leg.partition("-")[0] for said in there} & self.orders.keys()

    def _take_print(self, said: tuple[int, int, int, Side]) -> None:
        ns, price, quantity, aggressor = said
        self._market_ns = max(ns, self._market_ns)
        self._last = price
        self._owner.say(
            ["move", *plain_move(Move(self._market_ns, (), price, quantity, aggressor, "print", self.number))]
        )
        self._trigger()

    def _take_book(self, said: tuple[int, dict[Side, dict[int, int]]]) -> None:
        ns, self._display = said
        self._market_ns = max(ns, self._market_ns)
        self._show(always=True)
        self._trigger()

    def _show(self, *, always: bool = False) -> None:
        """Tell the desk what others display now: what is displayed, without what is ours of it."""
        others = {side: dict(levels) for side, levels in self._display.items()}
        for order in self.open.values():
            ticket = order.ticket
            price, levels = ticket.price, others[ticket.side]
            if order.told and price is not None and price in levels:
                # Of an order that the book does not have yet, somebody else's part is taken for ours, until it has.
                levels[price] = max(0, levels[price] - order.there)
        changed = tuple(
            (side, price, others[side].get(price, 0))
            for side in Side
            for price in {**self._shown[side], **others[side]}
            if self._shown[side].get(price, 0) != others[side].get(price, 0)
        )
        self._shown = others
        if changed or always:
            self._owner.say(["move", *plain_move(Move(self._market_ns, changed, what="book", venue=self.number))])

    def submit(self, ticket: Ticket) -> None:
        """Send a new order, or let it wait for its price."""
        order = self.order_of(ticket)
        if ticket.expire_at_ms is not None:
            order.ends = ticket.expire_at_ms / 1000
        elif ticket.tif is TimeInForce.DAY:
            order.ends = self.there.day_end(time.time())
        if ticket.reduce_only:
            self._turn_away(order, "rejected", "not_supported")
        elif order.ends is not None and order.ends <= time.time():
            self._turn_away(order, "rejected", "expired")
        elif ticket.type.waits:
            self._owner.write("held", ticket=plain(ticket), ends=order.ends)
            order.waiting = True
            self._tell(Event("waiting", ticket.id, ticket=ticket))
            self._end_in_time(order)
            self._trigger()
        else:
            self._end_in_time(order)
            self._let_go(order)

    def _turn_away(self, order: _Order, status: str, reason: str) -> None:
        """End an order that was never sent."""
        self._owner.write("placing", ticket=plain(order.ticket), changes=0, before=0, ns=time.time_ns())
        self._tell(Event("ended", order.ticket.id, status, reason))

    def _let_go(self, order: _Order) -> None:
        """Send an order, unless it would meet another of ours."""
        if self._meets_own(order.ticket):
            self._turn_away(order, "canceled", "self_trade")
        else:
            self._owner.run(self._place(order))

    def _trigger(self) -> None:
        """Send what waits for a price that is there now, the oldest first."""
        for order in [order for order in self.open.values() if order.waiting]:
            ticket, sign = order.ticket, order.ticket.side.sign
            facing = self._shown[Side.SELL if ticket.side is Side.BUY else Side.BUY]
            quote = min((price for price, size in facing.items() if size), key=lambda price: sign * price, default=None)
            seen = self._last if ticket.trigger == "last" else quote
            if seen is None:
                continue
            is_there, best = reached(ticket, seen, order.best)
            if best != order.best:
                self._owner.write("followed", id=ticket.id, best=best)
                order.best = best
            if is_there:
                # It is an order like others from here on, and what it is to the desk: its fills may be heard first.
                self._tell(Event("working", ticket.id, ticket=ticket))
                self._let_go(order)

    def _end_in_time(self, order: _Order) -> None:
        if order.ends is not None:
            self._owner.run(self._expire(order, order.ends))

    async def _expire(self, order: _Order, end: float) -> None:
        await asyncio.sleep(max(0.0, end - time.time()))
        await self.cancel(order.ticket.id, "expired")

    def _meets_own(self, ticket: Ticket) -> bool:
        """Say whether an order would trade with another of ours: exchanges let it, or each has a rule of its own."""
        sign, facing = ticket.side.sign, Side.SELL if ticket.side is Side.BUY else Side.BUY
        reach = ticket.price
        if reach is None:
            # As far as others' display lets a market order go; beyond it everything is met.
            left = ticket.quantity
            for price in sorted(self._shown[facing], key=lambda price: sign * price):
                reach, left = price, left - self._shown[facing][price]
                if left <= 0:
                    break
            else:
                reach = None
        return any(
            other.side is facing and other.price is not None and other.tif in _RESTS
            and other.id != ticket.id and (reach is None or sign * reach >= sign * other.price)
            for other in (order.ticket for order in self.open.values() if not order.waiting)
        )  # fmt: skip

    async def _place(self, order: _Order) -> None:
        async with order.busy:
            await self._send(order)
        self._settle(order)
        self._show_more(order)

    def _show_more(self, order: _Order) -> None:
        """Send the next part of an iceberg whose last one has filled whole."""
        if order.iceberg and not (order.ended or order.waiting or order.there or order.busy.locked()):
            self._owner.run(self._send_more(order))

    async def _send_more(self, order: _Order) -> None:
        async with order.busy:
            if order.ended or order.there:
                return
            if order.asked:
                self._end_as_asked(order)
            else:
                # What would meet it has been turned away, as it would meet what is there.
                await self._send(order, more=True)
        self._settle(order)
        self._show_more(order)

    async def _send(self, order: _Order, changed: Ticket | None = None, *, more: bool = False) -> None:
        """Send an order, what is left of it as it is to be, or more of it; nobody else does anything about it now."""
        later = more or changed is not None
        if later:
            order.ticket, order.changes, order.before = changed or order.ticket, order.changes + 1, order.filled
        order.sent, order.known, order.final = time.time(), False, None
        ticket, id = order.ticket, order.ticket.id
        self._owner.write(
            "placing",
            ticket=plain(ticket),
            changes=order.changes,
            before=order.before,
            ns=time.time_ns(),
            ends=order.ends,
        )
        said: Said | None
        try:
            try:
                # That it ends at a moment is for us to see to; and a later part of an iceberg has rested before.
                tif = TimeInForce.GTC if ticket.tif in _RESTS else ticket.tif
                sent = ticket._replace(tif=tif, post_only=ticket.post_only and not more)
                said = await self.there.place(order.leg, sent, order.there, lambda: not order.asked)
            except BrokerRejected as exc:
                # It may be there all the same: sent before, taken, and answered as if it was not.
                said, why = await self.there.find(order.leg), str(exc)
                if said is None or said.status == "rejected":
                    # Once changed, the one of before is gone.
                    gone = "canceled" if later or order.asked else "rejected"
                    self._tell(Event("ended", id, gone, order.asked or why))
                    return
        except Unanswered as exc:
            self._owner.inform(f"unknown: {ticket.side} {id}: {exc}")
            self.look.set()
            return
        if changed is not None:
            self._tell(Event("changed", id, ticket=ticket))
        self._take_order(said)

    async def cancel(self, id: str, reason: str) -> None:
        """Ask for the end of an order."""
        order = self.orders.get(id)
        if order is None or order.ended:
            return
        if not order.asked:
            self._owner.write("canceling", id=id, reason=reason)
            order.asked = reason
        if order.waiting:
            self._end_as_asked(order)
            return
        if order.ending:
            return  # asked for again before the answer; who waits in line would keep everyone else from the order
        order.ending = True
        try:
            async with order.busy:
                await self._ask_to_cancel(order)
        finally:
            order.ending = False
        self._settle(order)
        self._show_more(order)

    def _end_as_asked(self, order: _Order) -> None:
        """Tell the desk the end of an order of which nothing is at the exchange."""
        status = "expired" if order.asked == "expired" else "canceled"
        self._tell(Event("ended", order.ticket.id, status, order.asked))

    async def _ask_to_cancel(self, order: _Order) -> None:
        if order.ended or order.final is not None:
            return
        try:
            if not order.known:
                self._found(order, await self.there.find(order.leg))
                if not order.known:
                    return  # nothing is there to be canceled, or not yet
            await self.there.cancel(order.leg)
        except BrokerRejected:
            self.look.set()  # it has ended, or never arrived
        except Unanswered as exc:
            self._owner.inform(f"the cancel of {order.ticket.id} is not answered ({exc}); it is asked for again")
            self.look.set()

    async def _end_late(self, leg: str) -> None:
        """Cancel what nobody waits for any more."""
        try:
            await self.there.cancel(leg)
        except (BrokerRejected, Unanswered) as exc:
            self._owner.inform(f"the cancel of {leg} is not answered ({exc}); it is asked for again")
        self.look.set()

    async def replace(self, id: str, *, price: int | None, quantity: int | None, stop_price: int | None) -> None:
        """Change an order: end what is there, and send what is left as it is to be."""
        order = self.orders.get(id)
        if order is None or order.ended:
            return
        if order.waiting:
            self._change_waiting(order, price, quantity, stop_price)
            return
        async with order.busy:
            old = order.ticket
            total = old.quantity if quantity is None else quantity
            if price is not None and self._meets_own(old._replace(price=price)):
                order.asked = order.asked or "self_trade"
                self._owner.write("canceling", id=id, reason=order.asked)
            await self._ask_to_cancel(order)
            gone = await self._is_gone(order)
            if id not in self.open:
                pass  # it had filled
            elif not gone or order.asked or old.price is None:
                # What is left of it is still there, or ends as it was: the next look says which.
                self._tell(Event("not_changed", id, reason="by_venue"))
                self.look.set()
            elif total <= order.filled:
                status = ("filled", "") if order.filled else ("canceled", "requested")
                self._tell(Event("ended", id, *status))
            else:
                await self._send(order, old._replace(price=price or old.price, quantity=total))
        self._settle(order)
        self._show_more(order)

    def _change_waiting(self, order: _Order, price: int | None, quantity: int | None, stop_price: int | None) -> None:
        """Change an order that is not sent yet."""
        old = order.ticket
        if quantity is not None and quantity <= 0:
            self._tell(Event("ended", old.id, "canceled", "requested"))
            return
        order.ticket = old._replace(
            price=old.price if price is None else price,
            quantity=old.quantity if quantity is None else quantity,
            stop_price=old.stop_price if stop_price is None else stop_price,
        )
        self._owner.write("held", ticket=plain(order.ticket), ends=order.ends)
        self._tell(Event("changed", old.id, ticket=order.ticket))
        self._trigger()

    async def _is_gone(self, order: _Order) -> bool:
        """Say whether the exchange has nothing left of an order, and all of its fills are booked."""
        try:
            said = await self.there.find(order.leg)
            if said is None or said.status == "open":
                return False
            for trade in await self.there.trades(self._since - _OVERLAP):
                if trade.number == said.number:
                    self._take_trade(trade)
        except Unanswered as exc:
            self._owner.inform(f"the change of {order.ticket.id} is not answered ({exc})")
            return False
        return order.before + said.filled <= order.filled
