"""The continuous order path: what we know of our orders, what risk allows, and the journal that both are the fold of.

Everything decided is in the journal before it is sent, and everything heard before it counts; :class:`OrderPath` opened
on a journal is therefore what it was when the process that wrote it died. What the venue does is known only through its
events, so that an order whose answer is outstanding is ``unknown`` and keeps its risk reserved.

An order costs the same whether it is the first or the millionth: what risk sums up over open orders is kept up to date
order by order, and the usual records are packed (:mod:`tradepulse.execution.packing`) instead of written as JSON.
"""

import gc
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, cast

from tradepulse.core.orders import UNIT, Side
from tradepulse.errors import ConfigError, JournalCorrupt
from tradepulse.execution import packing
from tradepulse.execution.journal import JSON, SNAPSHOT, Journal, Raw, ReadOnly, json_entry
from tradepulse.execution.packing import plain, ticket_of
from tradepulse.execution.ticket import Event, OrderType, Ticket, TimeInForce

#: One unit of a fee rate: a millionth of a basis point. Cash is held in units of price times quantity times this rate,
#: so that a fee on any fill is a whole number.
FEE = 10**6
_WHOLE_BP = 10_000 * FEE
_HALF_BP = _WHOLE_BP // 2
#: Once the equity, as leverage is limited.
LEVERAGE = 10**6
#: One unit of currency as cash is held.
MONEY = UNIT * UNIT * _WHOLE_BP

_new = tuple.__new__
_NEVER = 1 << 62
_LIMIT, _GTC, _SELL = OrderType.LIMIT, TimeInForce.GTC, Side.SELL

OPEN = frozenset({"working", "pending_trigger", "partially_filled", "unknown"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What risk allows; a limit that is None does not exist. Quantities and money in units, a collar in units of bp.

    Parameters
    ----------
    max_price_age_ms : how long ago the price that risk goes by may have been seen; no price at all is too old
    max_clock_skew_ms : how far the venue's clock and ours may lie apart when a price is seen
    max_short : how much may be short after all open orders on that side fill; 0 for an account that borrows nothing
    max_leverage : how much all that is held may be worth, after whichever side of the open orders makes it more, for
        one of equity, both at the mid; in units of :data:`LEVERAGE`
    """

    max_order_quantity: int | None = None
    max_order_notional: int | None = None
    max_position: int | None = None
    price_collar_bp: int | None = None
    max_open_orders: int | None = None
    max_orders_per_second: int | None = None
    max_daily_loss: int | None = None
    max_price_age_ms: int | None = None
    max_clock_skew_ms: int | None = None
    max_short: int | None = None
    max_leverage: int | None = None


class Place(NamedTuple):
    """One of several venues.

    Parameters
    ----------
    name : of it
    tick, lot : steps of price and quantity there, in units
    maker_fee, taker_fee : in units of :data:`FEE`; below zero is a rebate
    latency_us : until an order of ours is there
    half_life_us : after which half of what it displays is gone; 0 if it waits for us
    instrument : number of the instrument that is traded there, where there are several
    """

    name: str
    tick: int
    lot: int
    maker_fee: int = 0
    taker_fee: int = 0
    latency_us: float = 0.0
    half_life_us: float = 0.0
    instrument: int = 0


class Instrument(NamedTuple):
    """One of several instruments that an account trades, all for the same money.

    Parameters
    ----------
    symbol : of it
    limits : of risk that count its units or go by its price, those in :data:`OF_INSTRUMENT`
    position : at the start, in units
    """

    symbol: str
    limits: Limits = Limits()
    position: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for an account at a venue.

    Parameters
    ----------
    tick, lot : steps of price and quantity, in units
    maker_fee, taker_fee : in units of :data:`FEE`; below zero is a rebate
    limits : of risk
    cash, position : at the start, in units
    venues : all of them where there are several, by the number that tickets have; the first is the one said above
    instruments : all of them where there are several, by the number that venues have, each with a venue; the first is
        the one said above, whose limits are the account's too
    strategies : of each, where there are several, by the number that tickets have, what risk allows of the account;
        of the limits those in :data:`OF_STRATEGY`
    """

    tick: int
    lot: int
    maker_fee: int = 0
    taker_fee: int = 0
    limits: Limits = Limits()
    cash: int = 0
    position: int = 0
    venues: tuple[Place, ...] = ()
    strategies: tuple[Limits, ...] = ()
    instruments: tuple[Instrument, ...] = ()

    def instrument_of(self, venue: int) -> int:
        """Return the number of the instrument that is traded at a venue."""
        return self.venues[venue].instrument if self.instruments else 0

    def home_of(self, instrument: int) -> int:
        """Return the first venue of an instrument."""
        return next((n for n, place in enumerate(self.venues) if place.instrument == instrument), 0)

    def symbol_of(self, venue: int) -> str:
        """Return what is traded at a venue, where there are several instruments, else nothing."""
        return self.instruments[self.venues[venue].instrument].symbol if self.instruments else ""


#: Limits that there may be on what a strategy has of the account, of each instrument its units; a refusal names them
#: with ``strategy_`` before.
OF_STRATEGY = ("max_order_quantity", "max_order_notional", "max_position", "max_open_orders")
#: Limits that each of several instruments has of its own; the others are the account's.
OF_INSTRUMENT = ("max_order_quantity", "max_order_notional", "max_position", "price_collar_bp", "max_short")


@dataclass(slots=True)
class Known:
    """An order of ours as far as we know it; ``number`` is its place among all, from 0."""

    ticket: Ticket
    status: str
    reason: str = ""
    filled: int = 0
    #: Why its cancel was asked for, until it has ended.
    canceling: str = ""
    number: int = 0
    #: What of it is in the sums of :class:`State`: whether it is open, what is left, what of that only reduces.
    counts: bool = False
    counted: int = 0
    reducing: int = 0

    @property
    def open(self) -> bool:
        """Whether it can still fill."""
        return self.status in OPEN

    @property
    def left(self) -> int:
        """Units that can still fill."""
        return max(0, self.ticket.quantity - self.filled) if self.status in OPEN else 0


class Booked(NamedTuple):
    """A fill as it was booked, and the moment at the venue that it belongs to.

    ``cost`` is what was taken for it, in units of :data:`MONEY`; None where it is the rate that the terms say.
    ``venue`` is its number, where there are several.
    """

    order: str
    side: Side
    price: int
    quantity: int
    liquidity: str
    moment: int
    fill_id: str
    cost: int | None = None
    venue: int = 0


class Marks(Protocol):
    """What a unit of each instrument is worth."""

    def doubled(self, instrument: int) -> int | None:
        """Return twice the mid, else twice the last price; None without either."""
        ...


class Market(Marks, Protocol):
    """What risk looks at: others' display and the last print, and by which clocks they were seen."""

    @property
    def others(self) -> dict[Side, dict[int, int]]:
        """Quantity that others display by price, of each side."""
        ...

    @property
    def bid(self) -> int | None:
        """Highest price that others bid."""
        ...

    @property
    def ask(self) -> int | None:
        """Lowest price that others offer."""
        ...

    @property
    def last(self) -> int | None:
        """Price of the last trade."""
        ...

    @property
    def seen_ms(self) -> int | None:
        """When the newest of it was seen, by our clock."""
        ...

    @property
    def venue_ms(self) -> int | None:
        """The same by the venue's clock."""
        ...

    def best(self, side: Side) -> int | None:
        """Return the best price that others display on a side."""
        ...


def _per_side() -> dict[Side, int]:
    return {Side.BUY: 0, Side.SELL: 0}


@dataclass(slots=True)
class Held:
    """What there is of an instrument.

    Attributes
    ----------
    position : units held
    left, reducing : units that can still fill on each side, and those of working reduce-only orders among them
    """

    position: int = 0
    left: dict[Side, int] = field(default_factory=_per_side)
    reducing: dict[Side, int] = field(default_factory=_per_side)


@dataclass(slots=True)
class Part:
    """What one of several strategies has of the account: of each instrument, and how many orders that can still fill.

    What only reduces is not counted apart.
    """

    held: list[Held]
    open: int = 0


@dataclass(slots=True)
class State:
    """The fold of a journal.

    Attributes
    ----------
    orders : by id, in the order in which they were decided
    open : those that can still fill, in the same order
    held : of each instrument
    sent_ms : when the last orders were sent, as many as the limit of their rate looks at
    heard : events of the venue so far
    opening : equity at the first moment of the day at which it could be marked
    day : the day that this is of, counted from 1970; None in journals that do not say
    epoch : of the newest process that had the book
    routed : why an order went to the venue that it went to, by its id, where it could choose
    parts : what each strategy has of it, where there are several
    traders : the ids of those that the book was last started with, if there were several
    symbols : of the instruments that the book was last started with, if there were several
    memory : what each strategy has remembered, by its name, oldest first
    """

    cash: int
    held: list[Held]
    sent_ms: deque[int]
    parts: list[Part] = field(default_factory=list)
    orders: dict[str, Known] = field(default_factory=dict)
    open: dict[str, Known] = field(default_factory=dict)
    by_number: list[Known] = field(default_factory=list)
    fills: list[Booked] = field(default_factory=list)
    seen_fills: set[str] = field(default_factory=set)
    killed: bool = False
    kill_reason: str = ""
    escalated: bool = False
    heard: int = 0
    opening: int | None = None
    day: int | None = None
    epoch: int = 0
    flagged: list[str] = field(default_factory=list)
    routed: dict[str, str] = field(default_factory=dict)
    traders: list[str] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    memory: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def position(self) -> int:
        """Units held of the first instrument, which is the only one where there are not several."""
        return self.held[0].position


#: Of a state what is a JSON value as it is.
_PLAIN = (
    "cash", "killed", "kill_reason", "escalated", "heard", "opening", "day", "epoch", "flagged", "routed",
    "traders", "symbols", "memory",
)  # fmt: skip


class OrderPath:
    """The order path of one account.

    Parameters
    ----------
    journal : open for appending, or only read; what it holds is where the path goes on
    terms : of the account
    """

    def __init__(self, journal: Journal | ReadOnly, terms: Terms) -> None:
        self.terms = terms
        # Of one that is only read nothing is decided.
        self._journal = cast(Journal, journal)
        limits = terms.limits
        instruments = terms.instruments or (Instrument("", limits, terms.position),)
        #: Of each venue the number of its instrument; of each instrument its own limits.
        self._traded = (
            tuple(place.instrument for place in terms.venues) if terms.instruments else (0,) * max(1, len(terms.venues))
        )
        # Notional as a price times a quantity, which spares the hot path a multiplication of large numbers.
        self._own = tuple(
            (
                own.max_order_quantity, None if own.max_order_notional is None else own.max_order_notional // _WHOLE_BP,
                own.price_collar_bp, own.max_position, own.max_short,
            )
            for own in (one.limits for one in instruments)
        )  # fmt: skip
        self._alone = not terms.instruments
        age, skew = limits.max_price_age_ms, limits.max_clock_skew_ms
        self._guarded = age is not None or skew is not None
        #: What makes it worth asking whether a price is reliable: older than this, or clocks further apart.
        self._old = _NEVER if age is None else age
        self._apart = _NEVER if skew is None else skew
        self._account = limits.max_open_orders, limits.max_daily_loss, limits.max_orders_per_second
        self.state = self._begun(terms.cash, [one.position for one in instruments])
        # Of what is folded nothing is garbage, and looking for some takes a fifth of the time.
        looking = gc.isenabled()
        gc.disable()
        try:
            for entry in journal.raw():
                self.fold(entry)
        finally:
            if looking:
                gc.enable()

    @property
    def written(self) -> int:
        """Up to where the journal is written: what was decided last may leave once it is durable up to there."""
        return self._journal.end

    def snapshot(self) -> dict[str, Any]:
        """Return the state as JSON values, for a file of the journal to begin with instead of all that came before."""
        state = self.state
        return {
            **{name: getattr(state, name) for name in _PLAIN},
            "sent_ms": list(state.sent_ms),
            "positions": [held.position for held in state.held],
            "parts": [[held.position for held in part.held] for part in state.parts],
            "orders": [
                [packing.packed_text(order.ticket), order.status, order.reason, order.filled, order.canceling]
                for order in state.by_number
            ],
            "fills": [list(fill) for fill in state.fills],
        }

    # -- deciding ----------------------------------------------------------------------------------------------------

    def submit(self, ticket: Ticket, market: Market, now_ms: int) -> bool:
        """Ask risk; return whether the order is to be sent. Either way it is in the journal."""
        reason = self._objection(ticket, market, now_ms)
        if not reason:
            if (record := packing.sent_limit(ticket, now_ms)) is not None:
                self._journal.pack(packing.SENT_LIMIT, record)
            elif (record := packing.sent(ticket, now_ms)) is not None:
                self._journal.pack(packing.SENT, record)
            else:
                self._journal.append("sent", ticket=plain(ticket), at_ms=now_ms)
            self._sent(ticket, now_ms)
            return True
        # Also of one that is wrong by itself: what is known of the first order of that id stays.
        if ticket.id in self.state.orders:
            self._note("duplicate", id=ticket.id)
            return False
        if (record := packing.refused(ticket, reason)) is not None:
            self._journal.pack(packing.REFUSED, record)
        else:
            self._journal.append("refused", ticket=plain(ticket), reason=reason)
        self._refused(ticket, reason)
        return False

    def cancel(self, id: str, reason: str = "requested") -> bool:
        """Decide to cancel; return whether there is something to send."""
        order = self.state.orders.get(id)
        if order is None or not order.open:
            return False
        if (record := packing.canceling(order.number, reason)) is not None:
            self._journal.pack(packing.CANCELING, record)
        else:
            self._journal.append("canceling", id=id, reason=reason)
        order.canceling = reason
        return True

    def replace(
        self, id: str, market: Market, *, price: int | None, quantity: int | None, stop_price: int | None
    ) -> bool:
        """Ask risk about the change; return whether it is to be sent."""
        order = self.state.orders.get(id)
        if order is None or not order.open:
            return False
        old = order.ticket
        changed = old._replace(
            price=old.price if price is None else price,
            quantity=old.quantity if quantity is None else quantity,
            stop_price=old.stop_price if stop_price is None else stop_price,
        )
        reason = self._objection_to_change(order, changed, quantity, market)
        self._note("replacing", id=id, refused=reason)
        return not reason

    def kill(self, reason: str = "") -> list[str]:
        """Pull the kill switch: from now on nothing that adds exposure. Returns the orders to cancel."""
        self._note("killed", reason=reason)
        return list(self.state.open)

    def escalate(self, left: list[str]) -> None:
        """Book that the venue could not prove in time that these orders are gone: a person has to."""
        self._note("escalated", left=left)

    def reset(self, reason: str, by: str) -> None:
        """Release the kill switch; who does, says why."""
        self._note("reset", reason=reason, by=by)

    def route(self, reasons: Mapping[str, str]) -> None:
        """Book why orders that are about to be sent go where they go, by their ids."""
        self._note("routed", reasons=dict(reasons))

    def remember(self, strategy: str, value: Any, keep: int) -> None:
        """Book what a strategy wants to know after a death; of its values the last ``keep`` are kept."""
        self._note("remembered", strategy=strategy, value=value, keep=keep)

    def start(self, epoch: int, traders: Sequence[str] = (), symbols: Sequence[str] = ()) -> None:
        """Book that a process has the book from here on, and what is traded by whom, where they are several."""
        several = {"traders": list(traders), "symbols": list(symbols)}
        self._note("started", epoch=epoch, **{key: names for key, names in several.items() if names})

    def mark(self, marks: Marks, day: int = 0) -> None:
        """Take the equity that the loss of a day is counted from, once it can be marked; days count from 1970."""
        state = self.state
        if state.day == day:
            return
        # A journal that does not say of which day its equity is, is taken to be of this one.
        equity = state.opening if state.day is None and state.opening is not None else self._equity(marks)
        if equity is not None:
            self._note("opened", equity=equity, day=day)

    # -- hearing -----------------------------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Book what the venue says."""
        kind, id, _, reason, side, price, quantity, liquidity, fill_id, ticket, moment, fee, fee_units, _ = event
        state = self.state
        order = state.orders.get(id)
        # What most of it is goes by what is known of it already: a fill, and that what was sent works.
        if order is not None:
            if kind == "filled" and fee is None and not fee_units:
                fill = packing.filled(order.number, side, price, quantity, liquidity, fill_id, moment)
                if fill is not None:
                    self._journal.pack(packing.FILLED, fill)
                    state.heard += 1
                    self._book_fill(order, id, side, price, quantity, liquidity, moment, fill_id)
                    return
            elif (
                kind == "working" and order.status == "unknown" and not reason
                and (ticket is order.ticket or ticket == order.ticket)
            ):  # fmt: skip
                self._journal.pack(packing.SAID, packing.working(order.number))
                state.heard += 1
                order.status = "working"
                return
        if order is not None and (packed := packing.heard(order.number, order.ticket, event)) is not None:
            self._journal.pack(*packed)
        else:
            self._journal.append("heard", event=packing.plain_event(event))
        self._heard(event, order)

    def recover(self, event: Event) -> None:
        """Book a fill that was heard on a second way only; it is flagged."""
        self._note("recovered", event=packing.plain_event(event))

    def not_received(self, id: str) -> None:
        """Book that the venue does not know an order: it never arrived."""
        self._note("not_received", id=id)

    # -- risk --------------------------------------------------------------------------------------------------------

    def _objection(self, ticket: Ticket, market: Market, now_ms: int) -> str:
        """Return the first rule that objects to a new order, or nothing."""
        id, side, kind, quantity, price, _, tif, expire, shown, _, _, reduce_only, _, venue, strategy = ticket
        state, terms = self.state, self.terms
        # What most orders are is looked at here, which spares a call.
        if (
            kind is not _LIMIT or tif is not _GTC or expire is not None or shown is not None or venue or strategy
            or price is None or price <= 0 or price % terms.tick or quantity <= 0 or quantity % terms.lot
        ) and (shape := self._off_grid(ticket)):  # fmt: skip
            return shape
        if id in state.orders:
            return "duplicate_id"
        number = self._traded[venue]
        mine = state.held[number]
        if reduce_only:
            quantity = self._after_cut(ticket, mine)
        waiting, position = mine.left[side], mine.position
        held = -side.sign * position
        if not quantity or (held > 0 and quantity + waiting <= held):
            return ""  # it only takes exposure away
        if state.killed:
            return "killed"
        if self._guarded:
            seen, said, apart = market.seen_ms, market.venue_ms, self._apart
            doubtful = seen is None or said is None or now_ms - seen > self._old or not -apart <= seen - said <= apart
            if doubtful and (reason := self._unreliable(market, now_ms)):
                return reason
        if reason := self._objection_to_itself(ticket, kind.has_limit, price, quantity, market, number):
            return reason
        _, _, _, most, shortest = self._own[number]
        if most is not None and abs(position + side.sign * (waiting + quantity)) > most:
            return "max_position"
        if shortest is not None and side is _SELL and waiting + quantity - position > shortest:
            return "max_short"
        if terms.limits.max_leverage is not None and self._exceeds_leverage(side, quantity, market, number):
            return "max_leverage"
        most_open, most_lost, rate = self._account
        if most_open is not None and len(state.open) >= most_open:
            return "max_open_orders"
        if most_lost is not None:
            equity = state.cash if not position and self._alone else self._equity(market)
            # What cannot be marked may have lost anything.
            if equity is None or state.opening is None or state.opening - equity > most_lost:
                return "max_daily_loss"
        if state.parts and (reason := self._objection_of_strategy(ticket, quantity, quantity, market)):
            return reason
        # As many as may be sent in a second are remembered: whether the oldest of them lies within it is the question.
        if rate is not None and len(state.sent_ms) == rate and (not rate or state.sent_ms[0] > now_ms - 1000):
            return "max_orders_per_second"
        return ""

    def _objection_to_change(self, order: Known, changed: Ticket, quantity: int | None, market: Market) -> str:
        old = order.ticket
        number = self._traded[old.venue]
        mine = self.state.held[number]
        _, _, _, most, shortest = self._own[number]
        lot = self.terms.venues[old.venue].lot if old.venue else self.terms.lot
        if quantity is not None and quantity <= order.filled and quantity >= 0 and quantity % lot == 0:
            return ""  # it ends the order, which only takes exposure away
        if shape := self._off_grid(changed):
            return shape
        left, before = changed.quantity - order.filled, order.left
        others = mine.left[old.side] - before
        held = -old.side.sign * mine.position
        if not left or (held > 0 and left + others <= held):
            return ""
        if self.state.killed and left > before:
            return "killed"
        limited, price, whole = changed.type.has_limit, changed.price, changed.quantity
        if reason := self._objection_to_itself(changed, limited, price, whole, market, number):
            return reason
        after = mine.position + old.side.sign * (others + left)
        if left > before:
            if most is not None and abs(after) > most:
                return "max_position"
            if shortest is not None and -after > shortest and old.side is _SELL:
                return "max_short"
            if self.terms.limits.max_leverage is not None and self._exceeds_leverage(
                old.side, left - before, market, number
            ):
                return "max_leverage"
        if self.state.parts:
            return self._objection_of_strategy(changed, changed.quantity, left - before, market)
        return ""

    def _objection_of_strategy(self, ticket: Ticket, quantity: int, more: int, market: Market) -> str:
        """Return the first of a strategy's limits that objects to an order that adds ``more`` to what it has open."""
        part, limits = self.state.parts[ticket.strategy], self.terms.strategies[ticket.strategy]
        side, mine = ticket.side, part.held[self._traded[ticket.venue]]
        waiting, held = mine.left[side], -side.sign * mine.position
        if held > 0 and more + waiting <= held:
            return ""  # it only takes away from what the strategy has
        if (most := limits.max_order_quantity) is not None and quantity > most:
            return "strategy_max_order_quantity"
        if (most := limits.max_order_notional) is not None:
            limited = ticket.type.has_limit
            value = (ticket.price or 0) * quantity if limited else self._value(ticket, quantity, market)
            if value is None or value * _WHOLE_BP > most:
                return "strategy_max_order_notional"
        if (most := limits.max_position) is not None and more > 0 and abs(waiting + more - held) > most:
            return "strategy_max_position"
        if (most := limits.max_open_orders) is not None and more == quantity and part.open >= most:
            return "strategy_max_open_orders"
        return ""

    def _unreliable(self, market: Market, now_ms: int) -> str:
        """Return what is wrong with the price that risk goes by, whatever it is."""
        age, skew = self.terms.limits.max_price_age_ms, self.terms.limits.max_clock_skew_ms
        if age is not None and (market.seen_ms is None or now_ms - market.seen_ms > age):
            return "stale_price"
        if skew is not None and (
            market.seen_ms is None or market.venue_ms is None or abs(market.seen_ms - market.venue_ms) > skew
        ):
            return "clock_skew"
        return ""

    def _objection_to_itself(
        self, ticket: Ticket, limited: bool, price: int | None, quantity: int, market: Market, instrument: int
    ) -> str:
        """Return the first of the rules that look at an order alone, and not at what else there is, that objects."""
        most, dearest, collar, _, _ = self._own[instrument]
        value = price * quantity if limited and price else self._value(ticket, quantity, market)
        if value is None:
            return "no_price"
        if most is not None and quantity > most:
            return "max_order_quantity"
        if dearest is not None and value > dearest:
            return "max_order_notional"
        if collar is None or not limited:
            return ""
        bid, ask = market.bid, market.ask
        if bid is None or ask is None:
            return "no_price"
        twice = bid + ask
        off = 2 * (price or 0) - twice
        return "price_collar_bp" if (off if off > 0 else -off) * _WHOLE_BP > twice * collar else ""

    def _exceeds_leverage(self, side: Side, more: int, marks: Marks, instrument: int) -> bool:
        """Whether what is held would be worth too much against the equity, once open orders and so many units fill."""
        equity, most, twice_worth = self._equity(marks), self.terms.limits.max_leverage, 0
        for number, held in enumerate(self.state.held):
            bought, sold = held.position + held.left[Side.BUY], held.left[_SELL] - held.position
            if number == instrument:
                bought, sold = (bought + more, sold) if side is Side.BUY else (bought, sold + more)
            if (largest := max(bought, sold)) > 0:
                if (twice := marks.doubled(number)) is None:
                    return True
                twice_worth += largest * twice
        # What cannot be marked may be worth anything.
        return equity is None or twice_worth * _HALF_BP * LEVERAGE > (most or 0) * equity

    def _off_grid(self, ticket: Ticket) -> str:
        """Return what is wrong with an order by itself."""
        _, _, kind, quantity, price, stop, tif, expire, shown, trail, post_only, _, _, venue, strategy = ticket
        tick, lot = self.terms.tick, self.terms.lot
        if strategy and strategy >= len(self.terms.strategies):
            return "bad_flags"
        if venue:
            if venue >= len(self.terms.venues):
                return "bad_flags"
            tick, lot = self.terms.venues[venue][1:3]
        if kind.has_limit and (price is None or price <= 0 or price % tick):
            return "bad_price"
        if kind.waits:
            if kind is OrderType.TRAILING_STOP:
                if stop is not None or trail is None or trail <= 0 or trail % tick:
                    return "bad_price"
            elif stop is None or stop <= 0 or stop % tick:
                return "bad_price"
        if quantity <= 0 or quantity % lot:
            return "bad_quantity"
        if shown is not None and (shown <= 0 or shown % lot or shown > quantity):
            return "bad_quantity"
        if post_only and (tif is TimeInForce.IOC or tif is TimeInForce.FOK or not kind.has_limit):
            return "bad_flags"
        return "bad_flags" if (tif is TimeInForce.GTD) != (expire is not None) else ""

    def _after_cut(self, ticket: Ticket, mine: Held) -> int:
        """Return the quantity that a reduce-only order can have at the venue."""
        held = max(0, -ticket.side.sign * mine.position)
        working = mine.reducing[ticket.side]
        return min(ticket.quantity, held if ticket.type.waits else max(0, held - working))

    def _value(self, ticket: Ticket, quantity: int, market: Market) -> int | None:
        """Return price times quantity at the price that risk goes by, of an order that names none; None without one."""
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
        top = market.best(opposite)
        if top is None:
            return None
        if market.others[opposite][top] >= quantity:
            return top * quantity
        left, worst = quantity, top
        for price, displayed in sorted(market.others[opposite].items(), key=lambda level: ticket.side.sign * level[0]):
            worst = price
            left -= displayed
            if left <= 0:
                break
        return worst * quantity

    def _equity(self, marks: Marks) -> int | None:
        """Return cash and what is held at the mid, else at the last price; None where some cannot be marked."""
        state = self.state
        worth = 0
        for number, held in enumerate(state.held):
            if position := held.position:
                if (twice := marks.doubled(number)) is None:
                    return None
                worth += position * twice
        return state.cash + worth * _HALF_BP

    # -- folding -----------------------------------------------------------------------------------------------------

    def _note(self, kind: str, **body: Any) -> None:
        self._journal.append(kind, **body)
        self._apply(kind, body, self._journal.count - 1)

    def fold(self, entry: Raw) -> None:
        """Take an entry of the journal into the state, packed or not."""
        # In the order of how many there are: a journal of millions is folded before a process may trade.
        state = self.state
        number, code, payload, _ = entry
        if code == packing.FILLED:
            place, side, price, quantity, liquidity, moment, fill_id = packing.read_filled(payload)
            order = state.by_number[place]
            state.heard += 1
            self._book_fill(order, order.ticket.id, side, price, quantity, liquidity, moment, fill_id)
        elif code == packing.SENT_LIMIT:
            self._sent(*packing.read_sent_limit(payload))
        elif code == packing.SAID or code == packing.ENDED:
            place, kind, status, reason = packing.read_said(code, payload)
            state.heard += 1
            self._said(state.by_number[place], kind, status, reason)
        elif code == packing.CANCELING:
            place, reason = packing.read_canceling(payload)
            state.by_number[place].canceling = reason
        elif code == packing.SENT:
            self._sent(*packing.read_sent(payload))
        elif code == packing.REFUSED:
            self._refused(*packing.read_refused(payload))
        elif code in (JSON, SNAPSHOT):
            self._apply(*json_entry(entry, self._journal.path), number)
        else:
            raise JournalCorrupt(f"record {number} has the unknown code {code}; a newer version wrote it")

    def _apply(self, kind: str, body: Mapping[str, Any], number: int) -> None:
        state = self.state
        match kind:
            case "opened":
                state.opening, state.day = body["equity"], body.get("day")
            case "sent":
                self._sent(ticket_of(body["ticket"]), body["at_ms"])
            case "refused":
                self._refused(ticket_of(body["ticket"]), body["reason"])
            case "canceling":
                state.orders[body["id"]].canceling = body["reason"]
            case "killed":
                state.killed, state.kill_reason = True, body.get("reason", "")
            case "escalated":
                state.escalated = True
            case "reset":
                state.killed, state.kill_reason, state.escalated = False, "", False
            case "started":
                state.epoch, state.traders = body["epoch"], body.get("traders", [])
                state.symbols = body.get("symbols", [])
            case "not_received":
                order = state.orders[body["id"]]
                order.status, order.reason = "rejected", "not_received"
                self._recount(order)
            case "heard":
                event = packing.event_of(body["event"])
                self._heard(event, state.orders.get(event.id))
            case "recovered":
                event = packing.event_of(body["event"])
                if event.fill_id not in state.seen_fills:
                    state.flagged.append(f"fill {event.fill_id} of {event.id} was told by the drop copy only")
                self._filled(event, state.orders.get(event.id))
            case "routed":
                state.routed |= body["reasons"]
            case "remembered":
                values = state.memory.setdefault(body["strategy"], [])
                values.append(body["value"])
                del values[: -body["keep"]]
            case "duplicate" | "replacing":
                pass
            case "snapshot":
                self._restore(body["state"])
            case _:
                raise JournalCorrupt(f"record {number} has the unknown kind {kind!r}; a newer version wrote it")

    def _restore(self, body: Mapping[str, Any]) -> None:
        """Take the state of a snapshot in place of one's own."""
        positions = body["positions"] if "positions" in body else [body["position"]]  # of a version before
        if len(positions) != len(self._own):
            raise ConfigError(
                f"{self._journal.path}: holds {len(positions)} instruments, and the account's terms are of "
                f"{len(self._own)}; name the same"
            )
        state = self.state = self._begun(body["cash"], positions)
        state.sent_ms.extend(body["sent_ms"])
        for number, its in enumerate(body.get("parts", [])):
            # A version before this one had one instrument.
            for held, position in zip(self._part_of(number).held, its if isinstance(its, list) else [its], strict=True):
                held.position = position
        for name in _PLAIN:
            if name in body:  # what a version before this one did not have is as it begins
                setattr(state, name, body[name])
        for number, (text, status, reason, filled, canceling) in enumerate(body["orders"]):
            order = Known(packing.ticket_of_text(text), status, reason, filled, canceling, number)
            state.orders[order.ticket.id] = order
            state.by_number.append(order)
            self._recount(order)
        for order, side, *rest in body["fills"]:
            fill = Booked(order, Side(side), *rest)
            state.fills.append(fill)
            state.seen_fills.add(fill.fill_id)

    def _begun(self, cash: int, positions: Sequence[int]) -> State:
        """Return the state before anything was decided."""
        return State(
            cash, [Held(position) for position in positions],
            deque(maxlen=self.terms.limits.max_orders_per_second or 0),
            [Part([Held() for _ in positions]) for _ in self.terms.strategies],
        )  # fmt: skip

    def _sent(self, ticket: Ticket, at_ms: int) -> None:
        id, side, _, quantity, _, _, _, _, _, _, _, reduce_only, _, venue, strategy = ticket
        state = self.state
        try:
            number = self._traded[venue]
        except IndexError as exc:
            raise ConfigError(
                f"{self._journal.path}: has orders at venues that the account's terms do not have; name the same"
            ) from exc
        order = Known(ticket, "unknown", "", 0, "", len(state.by_number), True, quantity)
        state.orders[id] = state.open[id] = order
        state.by_number.append(order)
        state.held[number].left[side] += quantity
        if state.parts:
            part = self._part_of(strategy)
            part.held[number].left[side] += quantity
            part.open += 1
        if reduce_only:
            self._recount(order)
        sent = state.sent_ms
        # A clock that is put back does not make an order older than the one before it.
        sent.append(at_ms if not sent or at_ms > sent[-1] else sent[-1])

    def _part_of(self, strategy: int) -> Part:
        """Return what a strategy has, of which the journal says something."""
        if strategy >= len(self.state.parts):
            raise ConfigError(
                f"{self._journal.path}: has orders of strategies that the account's terms do not have; name the same"
            )
        return self.state.parts[strategy]

    def _refused(self, ticket: Ticket, reason: str) -> None:
        order = Known(ticket, "refused", reason, number=len(self.state.by_number))
        self.state.orders[ticket.id] = order
        self.state.by_number.append(order)

    def _recount(self, order: Known) -> None:
        """Bring the sums up to date with what has become of an order."""
        state, ticket = self.state, order.ticket
        side, counts = ticket.side, order.status in OPEN
        left = ticket.quantity - order.filled if counts else 0
        if left < 0:
            left = 0
        if counts is order.counts and left == order.counted and not ticket.reduce_only:
            return  # of most acknowledgements: what is open is as it was
        number = self._traded[ticket.venue]
        mine = state.held[number]
        if state.parts:
            part = state.parts[ticket.strategy]
            part.held[number].left[side] += left - order.counted
            part.open += counts - order.counts
        if counts is not order.counts:
            order.counts = counts
            if counts:
                state.open[ticket.id] = order
            else:
                del state.open[ticket.id]
        if left != order.counted:
            mine.left[side] += left - order.counted
            order.counted = left
        if ticket.reduce_only:
            reducing = 0 if order.status == "pending_trigger" else left
            mine.reducing[side] += reducing - order.reducing
            order.reducing = reducing

    def _heard(self, event: Event, order: Known | None) -> None:
        state, kind = self.state, event.kind
        state.heard += 1
        if kind == "filled" or kind == "reported":
            self._filled(event, order)
        elif order is not None:
            ticket = event.ticket
            if ticket is not None and ticket is not order.ticket and ticket != order.ticket:
                order.ticket = ticket
                if order.filled > ticket.quantity:
                    state.flagged.append(f"the change to {ticket.quantity / UNIT:g} overfills {event.id}")
            self._said(order, kind, event.status, event.reason)

    def _said(self, order: Known, kind: str, status: str, reason: str) -> None:
        if kind == "working" and order.status == "unknown" and order.counted == order.ticket.quantity - order.filled:
            order.status = "working"
            return  # what is open is as it was
        if kind == "waiting":
            order.status = "pending_trigger"
        elif kind == "working" and order.status in OPEN:
            order.status = "partially_filled" if order.filled else "working"
        elif kind == "ended" and order.status in OPEN:
            order.status, order.reason, order.canceling = status, reason, ""
        self._recount(order)

    def _filled(self, event: Event, order: Known | None) -> None:
        kind, id, _, _, side, price, quantity, liquidity, fill_id, _, moment, fee, fee_units, venue = event
        if kind == "reported":
            liquidity = kind
        self._book_fill(order, id, side, price, quantity, liquidity, moment, fill_id, fee, fee_units, venue)

    def _book_fill(
        self, order: Known | None, id: str, side: Side, price: int, quantity: int, liquidity: str, moment: int,
        fill_id: str, fee: int | None = None, fee_units: int = 0, venue: int = 0,
    ) -> None:  # fmt: skip
        state, terms = self.state, self.terms
        if fill_id in state.seen_fills:
            return
        state.seen_fills.add(fill_id)
        if order is not None:
            venue = order.ticket.venue
        rate = terms.maker_fee if liquidity == "maker" else 0 if liquidity == "reported" else terms.taker_fee
        if venue and liquidity != "reported":
            place = terms.venues[venue]
            rate = place.maker_fee if liquidity == "maker" else place.taker_fee
        number, sign, cost = self._traded[venue], side.sign, None
        if fee is None and not fee_units:
            state.cash -= price * quantity * (sign * _WHOLE_BP + rate)
            state.held[number].position += sign * quantity
        else:  # as the venue says, not as its terms do
            state.cash -= price * quantity * sign * _WHOLE_BP + (fee or 0)
            state.held[number].position += sign * quantity - fee_units
            cost = (fee or 0) + fee_units * price * _WHOLE_BP
        # As Booked(...) makes it, a third sooner.
        state.fills.append(_new(Booked, (id, side, price, quantity, liquidity, moment, fill_id, cost, venue)))
        if order is None:
            state.flagged.append(f"fill {fill_id} of the unknown order {id}")
            return
        if state.parts:
            state.parts[order.ticket.strategy].held[number].position += sign * quantity - fee_units
        order.filled += quantity
        ticket = order.ticket
        whole = ticket.quantity
        if (
            order.counts
            and order.filled <= whole
            and not (ticket.reduce_only or state.parts or order.status == "pending_trigger")
        ):
            # As _recount has it, a third sooner.
            left = whole - order.filled
            state.held[number].left[ticket.side] += left - order.counted
            order.counted = left
            if left:
                order.status = "partially_filled"
            else:
                order.status, order.counts = "filled", False
                del state.open[id]
            return
        if order.filled > whole:
            state.flagged.append(f"fill {fill_id} overfills {id}")
        if order.status in OPEN and order.status != "pending_trigger":
            order.status = "filled" if order.filled >= whole else "partially_filled"
        self._recount(order)
