"""The continuous order path: what we know of our orders, what risk allows, and the journal that both are the fold of.

Everything decided is in the journal before it is sent, and everything heard before it counts; :class:`OrderPath` opened
on a journal is therefore what it was when the process that wrote it died. What the venue does is known only through its
events, so that an order whose answer is outstanding is ``unknown`` and keeps its risk reserved.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from tradepulse.core.orders import UNIT, Side
from tradepulse.errors import JournalCorrupt
from tradepulse.execution.journal import Journal, Record
from tradepulse.execution.matching import Event, OrderType, Ticket, TimeInForce

#: One unit of a fee rate: a millionth of a basis point. Cash is held in units of price times quantity times this rate,
#: so that a fee on any fill is a whole number.
FEE = 10**6
_WHOLE_BP = 10_000 * FEE
#: One unit of currency as cash is held.
MONEY = UNIT * UNIT * _WHOLE_BP

OPEN = frozenset({"working", "pending_trigger", "partially_filled", "unknown"})
_LIMITS = (
    "max_order_quantity", "max_order_notional", "max_position", "price_collar_bp", "max_open_orders",
    "max_orders_per_second", "max_daily_loss",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What risk allows; a limit that is None does not exist. Quantities and money in units, a collar in units of bp."""

    max_order_quantity: int | None = None
    max_order_notional: int | None = None
    max_position: int | None = None
    price_collar_bp: int | None = None
    max_open_orders: int | None = None
    max_orders_per_second: int | None = None
    max_daily_loss: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for an account at a venue.

    Parameters
    ----------
    tick, lot : steps of price and quantity, in units
    maker_fee, taker_fee : in units of :data:`FEE`; below zero is a rebate
    limits : of risk
    cash, position : at the start, in units
    """

    tick: int
    lot: int
    maker_fee: int = 0
    taker_fee: int = 0
    limits: Limits = Limits()
    cash: int = 0
    position: int = 0


@dataclass(slots=True)
class Known:
    """An order of ours as far as we know it."""

    ticket: Ticket
    status: str
    reason: str = ""
    filled: int = 0
    #: Why its cancel was asked for, until it has ended.
    canceling: str = ""

    @property
    def open(self) -> bool:
        """Whether it can still fill."""
        return self.status in OPEN

    @property
    def left(self) -> int:
        """Units that can still fill."""
        return max(0, self.ticket.quantity - self.filled) if self.open else 0


@dataclass(frozen=True, slots=True)
class Booked:
    """A fill as it was booked, and the moment at the venue that it belongs to."""

    order: str
    side: Side
    price: int
    quantity: int
    liquidity: str
    moment: int


class Market(Protocol):
    """What risk looks at: others' display and the last print."""

    others: dict[Side, dict[int, int]]
    last: int | None

    def best(self, side: Side) -> int | None:
        """Return the best price that others display on a side."""
        ...


@dataclass(slots=True)
class State:
    """The fold of a journal."""

    cash: int
    position: int
    orders: dict[str, Known] = field(default_factory=dict)
    fills: list[Booked] = field(default_factory=list)
    seen_fills: set[str] = field(default_factory=set)
    used_ids: set[str] = field(default_factory=set)
    sent_ms: list[int] = field(default_factory=list)
    killed: bool = False
    heard: int = 0
    #: Equity at the first moment at which it could be marked.
    opening: int | None = None
    flagged: list[str] = field(default_factory=list)


class OrderPath:
    """The order path of one account.

    Parameters
    ----------
    journal : open for appending; what it holds is where the path goes on
    terms : of the account
    """

    def __init__(self, journal: Journal, terms: Terms) -> None:
        self.terms = terms
        self._journal = journal
        self.state = State(terms.cash, terms.position)
        for record in journal.records:
            self._apply(record)

    # -- deciding ----------------------------------------------------------------------------------------------------

    def submit(self, ticket: Ticket, market: Market, now_ms: int) -> bool:
        """Ask risk; return whether the order is to be sent. Either way it is in the journal."""
        reason = self._objection(ticket, market, now_ms)
        if reason == "duplicate_id":
            self._note("duplicate", id=ticket.id)
            return False
        if reason:
            self._note("refused", ticket=_plain(ticket), reason=reason)
            return False
        self._note("sent", ticket=_plain(ticket), at_ms=now_ms)
        return True

    def cancel(self, id: str, reason: str = "requested") -> bool:
        """Decide to cancel; return whether there is something to send."""
        order = self.state.orders.get(id)
        if order is None or not order.open:
            return False
        self._note("canceling", id=id, reason=reason)
        return True

    def replace(
        self, id: str, market: Market, *, price: int | None, quantity: int | None, stop_price: int | None
    ) -> bool:
        """Ask risk about the change; return whether it is to be sent."""
        order = self.state.orders.get(id)
        if order is None or not order.open:
            return False
        old = order.ticket
        changed = Ticket(
            **{
                **asdict(old),
                "price": old.price if price is None else price,
                "quantity": old.quantity if quantity is None else quantity,
                "stop_price": old.stop_price if stop_price is None else stop_price,
            }
        )
        reason = self._objection_to_change(order, changed, quantity, market)
        self._note("replacing", id=id, refused=reason)
        return not reason

    def kill(self) -> list[str]:
        """Pull the kill switch: from now on nothing that adds exposure. Returns the orders to cancel."""
        self._note("killed")
        return [id for id, order in self.state.orders.items() if order.open]

    def mark(self, market: Market) -> None:
        """Take the equity that daily loss is counted from, once it can be marked."""
        if self.state.opening is None and (equity := self._equity(market)) is not None:
            self._note("opened", equity=equity)

    # -- hearing -----------------------------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Book what the venue says."""
        body = {key: value for key, value in asdict(event).items() if key != "ticket"}
        self._note("heard", event={**body, "ticket": _plain(event.ticket) if event.ticket else None})

    def not_received(self, id: str) -> None:
        """Book that the venue does not know an order: it never arrived."""
        self._note("not_received", id=id)

    # -- risk --------------------------------------------------------------------------------------------------------

    def _objection(self, ticket: Ticket, market: Market, now_ms: int) -> str:
        """Return the first rule that objects to a new order, or nothing."""
        state, limits = self.state, self.terms.limits
        if shape := self._off_grid(ticket):
            return shape
        if ticket.id in state.used_ids:
            return "duplicate_id"
        quantity = self._after_cut(ticket)
        reduces = self._only_reduces(ticket.side, quantity)
        if reduces:
            return ""
        if state.killed:
            return "killed"
        if reason := self._objection_to_itself(ticket, quantity, market):
            return reason
        if self._exceeds_position(ticket.side, quantity):
            return "max_position"
        open_orders = sum(order.open for order in state.orders.values())
        if limits.max_open_orders is not None and open_orders + 1 > limits.max_open_orders:
            return "max_open_orders"
        if self._lost_too_much(market):
            return "max_daily_loss"
        rate = limits.max_orders_per_second
        if rate is not None and sum(at > now_ms - 1000 for at in state.sent_ms) + 1 > rate:
            return "max_orders_per_second"
        return ""

    def _objection_to_change(self, order: Known, changed: Ticket, quantity: int | None, market: Market) -> str:
        old = order.ticket
        if quantity is not None and quantity <= order.filled and quantity >= 0 and quantity % self.terms.lot == 0:
            return ""  # it ends the order, which only takes exposure away
        if shape := self._off_grid(changed):
            return shape
        left, before = changed.quantity - order.filled, order.left
        others = self._open_on(old.side) - before
        if self._only_reduces(old.side, left, already=others):
            return ""
        if self.state.killed and left > before:
            return "killed"
        if reason := self._objection_to_itself(changed, changed.quantity, market):
            return reason
        if left > before and self._exceeds_position(old.side, left, already=others):
            return "max_position"
        return ""

    def _objection_to_itself(self, ticket: Ticket, quantity: int, market: Market) -> str:
        """Return the first of the rules that look at an order alone, and not at what else there is, that objects."""
        limits, value = self.terms.limits, self._value(ticket, quantity, market)
        if value is None:
            return "no_price"
        if limits.max_order_quantity is not None and quantity > limits.max_order_quantity:
            return "max_order_quantity"
        if limits.max_order_notional is not None and value * _WHOLE_BP > limits.max_order_notional:
            return "max_order_notional"
        return self._outside_collar(ticket, market)

    def _off_grid(self, ticket: Ticket) -> str:
        """Return what is wrong with an order by itself."""
        tick, lot, kind = self.terms.tick, self.terms.lot, ticket.type

        def off(price: int | None) -> bool:
            return price is None or price <= 0 or price % tick != 0

        if kind.has_limit and off(ticket.price):
            return "bad_price"
        if kind is OrderType.TRAILING_STOP:
            if ticket.stop_price is not None or off(ticket.trail_offset):
                return "bad_price"
        elif kind.waits and off(ticket.stop_price):
            return "bad_price"
        shown = ticket.display_quantity
        if ticket.quantity <= 0 or ticket.quantity % lot:
            return "bad_quantity"
        if shown is not None and (shown <= 0 or shown % lot or shown > ticket.quantity):
            return "bad_quantity"
        takes = ticket.tif in {TimeInForce.IOC, TimeInForce.FOK} or not kind.has_limit
        if (ticket.post_only and takes) or (ticket.tif is TimeInForce.GTD) != (ticket.expire_at_ms is not None):
            return "bad_flags"
        return ""

    def _open_on(self, side: Side) -> int:
        return sum(order.left for order in self.state.orders.values() if order.ticket.side is side)

    def _after_cut(self, ticket: Ticket) -> int:
        """Return the quantity that a reduce-only order can have at the venue; another one's is its own."""
        if not ticket.reduce_only:
            return ticket.quantity
        held = max(0, -ticket.side.sign * self.state.position)
        working = sum(
            order.left
            for order in self.state.orders.values()
            if order.ticket.reduce_only and order.ticket.side is ticket.side and order.status != "pending_trigger"
        )
        return min(ticket.quantity, held if ticket.type.waits else max(0, held - working))

    def _only_reduces(self, side: Side, quantity: int, *, already: int | None = None) -> bool:
        held = max(0, -side.sign * self.state.position)
        return quantity + (self._open_on(side) if already is None else already) <= held or not quantity

    def _exceeds_position(self, side: Side, quantity: int, *, already: int | None = None) -> bool:
        most = self.terms.limits.max_position
        waiting = self._open_on(side) if already is None else already
        return most is not None and abs(self.state.position + side.sign * (waiting + quantity)) > most

    def _value(self, ticket: Ticket, quantity: int, market: Market) -> int | None:
        """Return price times quantity at the price that risk goes by; None where there is no price."""
        if ticket.type.has_limit:
            return (ticket.price or 0) * quantity
        opposite = Side.SELL if ticket.side is Side.BUY else Side.BUY
        if ticket.type is OrderType.TRAILING_STOP:
            seen = market.last if ticket.trigger == "last" else market.best(opposite)
            seen = market.best(opposite) if seen is None else seen
            if seen is None:  # its price is not known yet, which matters only to a limit that goes by price
                return 0 if self.terms.limits.max_order_notional is None else None
            return (seen + ticket.side.sign * (ticket.trail_offset or 0)) * quantity
        if ticket.type.waits:
            return (ticket.stop_price or 0) * quantity
        # A market order at the worst displayed price that it would reach.
        levels = sorted(market.others[opposite].items(), key=lambda level: ticket.side.sign * level[0])
        if not levels:
            return None
        left, worst = quantity, levels[0][0]
        for price, displayed in levels:
            worst = price
            left -= displayed
            if left <= 0:
                break
        return worst * quantity

    def _outside_collar(self, ticket: Ticket, market: Market) -> str:
        collar = self.terms.limits.price_collar_bp
        if collar is None or not ticket.type.has_limit:
            return ""
        bid, ask = market.best(Side.BUY), market.best(Side.SELL)
        if bid is None or ask is None:
            return "no_price"
        twice_off = abs(2 * (ticket.price or 0) - bid - ask)
        return "price_collar_bp" if twice_off * _WHOLE_BP > (bid + ask) * collar else ""

    def _equity(self, market: Market) -> int | None:
        """Return cash and position at the mid, else at the last price; None where the position cannot be marked."""
        state = self.state
        if not state.position:
            return state.cash
        bid, ask = market.best(Side.BUY), market.best(Side.SELL)
        if bid is not None and ask is not None:
            return state.cash + state.position * (bid + ask) * _WHOLE_BP // 2
        return None if market.last is None else state.cash + state.position * market.last * _WHOLE_BP

    def _lost_too_much(self, market: Market) -> bool:
        most = self.terms.limits.max_daily_loss
        if most is None:
            return False
        equity = self._equity(market)
        # What cannot be marked may have lost anything.
        return equity is None or self.state.opening is None or self.state.opening - equity > most

    # -- folding -----------------------------------------------------------------------------------------------------

    def _note(self, kind: str, **body: Any) -> None:
        self._apply(self._journal.append(kind, **body))

    def _apply(self, record: Record) -> None:
        state, body = self.state, record.body
        match record.kind:
            case "opened":
                state.opening = body["equity"]
            case "sent" | "refused":
                ticket = _ticket(body["ticket"])
                state.used_ids.add(ticket.id)
                refused = record.kind == "refused"
                status = "refused" if refused else "unknown"
                state.orders[ticket.id] = Known(ticket, status, body.get("reason", ""))
                if not refused:
                    state.sent_ms.append(body["at_ms"])
            case "canceling":
                state.orders[body["id"]].canceling = body["reason"]
            case "killed":
                state.killed = True
            case "not_received":
                order = state.orders[body["id"]]
                order.status, order.reason = "rejected", "not_received"
            case "heard":
                state.heard += 1
                self._book(body["event"])
            case "duplicate" | "replacing":
                pass
            case _:
                raise JournalCorrupt(
                    f"record {record.number} has the unknown kind {record.kind!r}; a newer version wrote it"
                )

    def _book(self, event: Mapping[str, Any]) -> None:
        order = self.state.orders.get(event["id"])
        if event["kind"] in {"filled", "reported"}:
            self._book_fill(event, order)
            return
        if order is None:
            return
        if event["ticket"]:
            order.ticket = _ticket(event["ticket"])
        match event["kind"]:
            case "waiting":
                order.status = "pending_trigger"
            case "working" if order.open:
                order.status = "partially_filled" if order.filled else "working"
            case "ended" if order.open:
                order.status, order.reason, order.canceling = event["status"], event["reason"], ""

    def _book_fill(self, event: Mapping[str, Any], order: Known | None) -> None:
        state = self.state
        if event["fill_id"] in state.seen_fills:
            return
        state.seen_fills.add(event["fill_id"])
        side, price, quantity = Side(event["side"]), event["price"], event["quantity"]
        reported = event["kind"] == "reported"
        rate = 0 if reported else self.terms.maker_fee if event["liquidity"] == "maker" else self.terms.taker_fee
        notional = price * quantity
        state.cash -= side.sign * notional * _WHOLE_BP + notional * rate
        state.position += side.sign * quantity
        liquidity = "reported" if reported else event["liquidity"]
        state.fills.append(Booked(event["id"], side, price, quantity, liquidity, event["moment"]))
        if order is None:
            state.flagged.append(f"fill {event['fill_id']} of the unknown order {event['id']}")
            return
        order.filled += quantity
        if order.filled > order.ticket.quantity:
            state.flagged.append(f"fill {event['fill_id']} overfills {event['id']}")
        if order.open and order.status != "pending_trigger":
            order.status = "filled" if order.filled >= order.ticket.quantity else "partially_filled"


def _plain(ticket: Ticket) -> dict[str, Any]:
    """Return an order as JSON values, without what it does not have."""
    return {key: value for key, value in asdict(ticket).items() if value is not None and value is not False}


def _ticket(body: Mapping[str, Any]) -> Ticket:
    return Ticket(
        **{**body, "side": Side(body["side"]), "type": OrderType(body["type"]), "tif": TimeInForce(body["tif"])}
    )
