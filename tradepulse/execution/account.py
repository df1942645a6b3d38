"""An account as far as we know it: its orders and what has become of them, what it holds, and its cash.

It is told what happened and asks nobody. What keeps it over a death is a journal, of which it is the fold: of the
continuous order path (:mod:`tradepulse.execution.orderpath`) or of a daily book (:mod:`tradepulse.execution.book`).
Prices and quantities are whole numbers of whatever unit its teller counts in; cash is a price times a quantity times
:data:`~tradepulse.execution.terms.WHOLE_BP`.

An order costs the same whether it is the first or the millionth: what risk sums up over open orders is kept up to date
order by order.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from tradepulse.core.orders import UNIT, Side, after_split
from tradepulse.errors import ConfigError
from tradepulse.execution.terms import WHOLE_BP, Instrument, Terms
from tradepulse.execution.ticket import Event, Ticket

_new: Final = tuple.__new__
_HALF_BP: Final = WHOLE_BP // 2

OPEN: Final = frozenset({"working", "pending_trigger", "partially_filled", "unknown"})


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

    # As dataclass would make it, but compiled with the rest.
    def __init__(
        self, ticket: Ticket, status: str, reason: str = "", filled: int = 0, canceling: str = "", number: int = 0,
        counts: bool = False, counted: int = 0, reducing: int = 0,
    ) -> None:  # fmt: skip
        self.ticket = ticket
        self.status = status
        self.reason = reason
        self.filled = filled
        self.canceling = canceling
        self.number = number
        self.counts = counts
        self.counted = counted
        self.reducing = reducing

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

    ``cost`` is what was taken for it, in units of :data:`~tradepulse.execution.terms.MONEY`; None where it is the rate
    that the terms say. ``venue`` is its number, where there are several. Of what was taken, ``fee_units`` were units.
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
    fee_units: int = 0

    def taken(self, terms: Terms) -> int:
        """Return what was taken for it, as ``cost`` has it, under the terms of the account."""
        if self.cost is not None:
            return self.cost
        place = terms.venues[self.venue] if self.venue else terms
        rate = place.maker_fee if self.liquidity == "maker" else place.taker_fee
        return 0 if self.liquidity == "reported" else self.price * self.quantity * rate


class Marks(Protocol):
    """What a unit of each instrument is worth."""

    def doubled(self, instrument: int) -> int | None:
        """Return twice the mid, else twice the last price; None without either."""
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
    changing : changes that are not answered yet, by the id of their order: how many, and the largest total asked for
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
    changing: dict[str, list[int]] = field(default_factory=dict)

    @property
    def position(self) -> int:
        """Units held of the first instrument, which is the only one where there are not several."""
        return self.held[0].position

    def equity(self, marks: Marks) -> int | None:
        """Return cash and what is held at the mid, else at the last price; None where some cannot be marked."""
        worth = 0
        for number, held in enumerate(self.held):
            if position := held.position:
                if (twice := marks.doubled(number)) is None:
                    return None
                worth += position * twice
        return self.cash + worth * _HALF_BP


class Account:
    """What we know of an account, told of it in the order in which it happened.

    Parameters
    ----------
    terms : of the account
    source : what it is the fold of, for errors
    """

    def __init__(self, terms: Terms, source: object = "") -> None:
        self.source = source
        self.terms = terms
        self._traded = terms.traded
        instruments = terms.instruments or (Instrument("", terms.limits, terms.position),)
        self.state = self._begun(terms.cash, [one.position for one in instruments])

    def _begun(self, cash: int, positions: Sequence[int]) -> State:
        """Return the state before anything was decided."""
        return State(
            cash, [Held(position) for position in positions],
            deque(maxlen=self.terms.limits.max_orders_per_second or 0),
            [Part([Held() for _ in positions]) for _ in self.terms.strategies],
        )  # fmt: skip

    def widen(self, terms: Terms) -> None:
        """Go on under terms that have more instruments, venues or strategies, after those that there are."""
        state = self.state
        self.terms, self._traded = terms, terms.traded
        for one in terms.instruments[len(state.held) :]:
            state.held.append(Held(one.position))
            for part in state.parts:
                part.held.append(Held())
        for _ in terms.strategies[len(state.parts) :]:
            state.parts.append(Part([Held() for _ in state.held]))

    # -- what happens ------------------------------------------------------------------------------------------------

    def sent(self, ticket: Ticket, at_ms: int) -> None:
        """Take in an order that is about to be sent: until it is answered it is unknown, and counts as open."""
        id, side, _, quantity, _, _, _, _, _, _, _, reduce_only, _, venue, strategy = ticket
        state = self.state
        try:
            number = self._traded[venue]
        except IndexError as exc:
            raise ConfigError(
                f"{self.source}: has orders at venues that the account's terms do not have; name the same"
            ) from exc
        order = Known(ticket, "unknown", "", 0, "", len(state.by_number), True, quantity)
        state.orders[id] = state.open[id] = order
        state.by_number.append(order)
        state.held[number].left[side] += quantity
        if state.parts:
            part = self.part_of(strategy)
            part.held[number].left[side] += quantity
            part.open += 1
        if reduce_only:
            self.recount(order)
        sent = state.sent_ms
        # A clock that is put back does not make an order older than the one before it.
        sent.append(at_ms if not sent or at_ms > sent[-1] else sent[-1])

    def part_of(self, strategy: int) -> Part:
        """Return what a strategy has, of which the journal says something."""
        if strategy >= len(self.state.parts):
            raise ConfigError(
                f"{self.source}: has orders of strategies that the account's terms do not have; name the same"
            )
        return self.state.parts[strategy]

    def refused(self, ticket: Ticket, reason: str) -> None:
        """Take in an order that risk refused."""
        order = Known(ticket, "refused", reason, number=len(self.state.by_number))
        self.state.orders[ticket.id] = order
        self.state.by_number.append(order)

    def change_asked(self, order: Known, total: int) -> None:
        """Take in that an order is about to be asked to have another total: until the answer the larger one counts."""
        number, most = self.state.changing.get(order.ticket.id, (0, 0))
        self.state.changing[order.ticket.id] = [number + 1, max(most, total)]
        self.recount(order)

    def change_answered(self, order: Known) -> None:
        """Take in that a change was made, or was not."""
        under_way = self.state.changing.get(order.ticket.id)
        if under_way is not None:
            under_way[0] -= 1
            if not under_way[0]:
                del self.state.changing[order.ticket.id]

    def recount(self, order: Known) -> None:
        """Bring the sums up to date with what has become of an order."""
        state, ticket = self.state, order.ticket
        side, counts = ticket.side, order.status in OPEN
        whole = ticket.quantity
        if state.changing and ticket.id in state.changing:
            if counts:
                whole = max(whole, state.changing[ticket.id][1])
            else:
                del state.changing[ticket.id]
        left = whole - order.filled if counts else 0
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

    def heard(self, event: Event, order: Known | None) -> None:
        """Take in what the venue said about an order that is known, or is not."""
        state, kind = self.state, event.kind
        state.heard += 1
        if kind == "filled" or kind == "reported":
            self.filled(event, order)
        elif order is not None:
            ticket = event.ticket
            if ticket is not None and ticket is not order.ticket and ticket != order.ticket:
                order.ticket = ticket
                if order.filled > ticket.quantity:
                    state.flagged.append(f"the change to {ticket.quantity / UNIT:g} overfills {event.id}")
            self.said(order, kind, event.status, event.reason)

    def said(self, order: Known, kind: str, status: str, reason: str) -> None:
        """Take in what the venue said of an order that is no fill."""
        if kind == "working" and order.status == "unknown" and order.counted == order.ticket.quantity - order.filled:
            order.status = "working"
            return  # what is open is as it was
        if kind == "waiting":
            order.status = "pending_trigger"
        elif kind == "working" and order.status in OPEN:
            order.status = "partially_filled" if order.filled else "working"
        elif kind == "ended" and order.status in OPEN:
            order.status, order.reason, order.canceling = status, reason, ""
        elif kind == "changed" or kind == "not_changed":
            self.change_answered(order)
        self.recount(order)

    def filled(self, event: Event, order: Known | None) -> None:
        """Take in a fill as it is told."""
        kind, id, _, _, side, price, quantity, liquidity, fill_id, _, moment, fee, fee_units, venue = event
        if kind == "reported":
            liquidity = kind
        self.book_fill(order, id, side, price, quantity, liquidity, moment, fill_id, fee, fee_units, venue)

    def book_fill(
        self, order: Known | None, id: str, side: Side, price: int, quantity: int, liquidity: str, moment: int,
        fill_id: str, fee: int | None = None, fee_units: int = 0, venue: int = 0,
    ) -> None:  # fmt: skip
        """Take in a fill, once, whoever's it is."""
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
            state.cash -= price * quantity * (sign * WHOLE_BP + rate)
            state.held[number].position += sign * quantity
        else:  # as the venue says, not as its terms do
            state.cash -= price * quantity * sign * WHOLE_BP + (fee or 0)
            state.held[number].position += sign * quantity - fee_units
            cost = (fee or 0) + fee_units * price * WHOLE_BP
        # As Booked(...) makes it, a third sooner.
        state.fills.append(
            _new(Booked, (id, side, price, quantity, liquidity, moment, fill_id, cost, venue, fee_units))
        )
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
            and not (ticket.reduce_only or state.parts or state.changing or order.status == "pending_trigger")
        ):
            # As recount has it, a third sooner.
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
        self.recount(order)

    def split(self, instrument: int, numerator: int, denominator: int) -> int:
        """Turn units held, and what is open of orders, into new units, ``numerator`` for ``denominator``.

        Prices stay: orders at one have to be gone before.

        Returns
        -------
        int
            what is left over of a unit held, in parts of the denominator
        """
        state = self.state
        for part in state.parts:
            mine = part.held[instrument]
            mine.position, _ = after_split(mine.position, numerator, denominator)
        held = state.held[instrument]
        held.position, fraction = after_split(held.position, numerator, denominator)
        for order in list(state.open.values()):
            ticket = order.ticket
            if self._traded[ticket.venue] == instrument:
                left, _ = after_split(ticket.quantity - order.filled, numerator, denominator)
                order.ticket = ticket._replace(quantity=order.filled + left)
                if not left:
                    order.status, order.reason = "canceled", "a split left nothing of it"
                self.recount(order)
        return fraction
