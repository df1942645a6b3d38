"""The simulated venue: price-time priority, one instrument, others' liquidity as it was displayed and nothing more.

Prices and quantities are integers of :data:`~tradepulse.core.orders.UNIT`; the venue does no arithmetic on them that
could round. What others display and print comes from outside (a recording, a card); our own orders stand in the queue
behind it. Each thing the venue tells us is an event in :attr:`Venue.events`, in the order in which it happened; who
listens keeps a place in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush

from tradepulse.core.orders import UNIT, Side
from tradepulse.errors import ConfigError
from tradepulse.execution.ticket import Event, Ticket, TimeInForce, reached

_new = tuple.__new__


@dataclass(slots=True)
class _Resting:
    """One of our orders at the venue: in the book, or waiting for its trigger."""

    ticket: Ticket
    age: int
    place: int = 0
    filled: int = 0
    ahead: int = 0
    shown: int = 0
    waiting: bool = False
    #: Of a trailing stop: the best trigger price seen.
    best: int | None = None

    @property
    def left(self) -> int:
        return self.ticket.quantity - self.filled


@dataclass(slots=True)
class Display:
    """What others display, and the best of it: a book of a thousand levels is not searched at every event.

    Attributes
    ----------
    others : quantity by price, of each side
    bid, ask : best prices of the two sides, None where nothing is displayed
    last : price of the last trade, None before there was one
    seen_ms, venue_ms : when the newest of it was seen, by our clock and by the venue's; None before anything was
    """

    others: dict[Side, dict[int, int]] = field(default_factory=lambda: {Side.BUY: {}, Side.SELL: {}}, init=False)
    last: int | None = field(default=None, init=False)
    seen_ms: int | None = field(default=None, init=False)
    venue_ms: int | None = field(default=None, init=False)
    bid: int | None = field(default=None, init=False)
    ask: int | None = field(default=None, init=False)
    #: Prices of each side as a heap, best first; some are not displayed any more.
    _heaps: dict[Side, list[int]] = field(
        default_factory=lambda: {Side.BUY: [], Side.SELL: []}, init=False, repr=False, compare=False
    )

    def best(self, side: Side) -> int | None:
        """Return the best price that others display on a side."""
        return self.bid if side is Side.BUY else self.ask

    def doubled(self, instrument: int) -> int | None:
        """Return twice the mid, else twice the last price; None without either. There is one instrument."""
        bid, ask = self.bid, self.ask
        if bid is not None and ask is not None:
            return bid + ask
        return None if self.last is None else 2 * self.last

    def _set(self, side: Side, price: int, quantity: int) -> None:
        prices = self.others[side]
        if quantity > 0:
            if price not in prices:
                self._add(side, price)
            prices[price] = quantity
            if side is Side.BUY:
                if self.bid is None or price > self.bid:
                    self.bid = price
            elif self.ask is None or price < self.ask:
                self.ask = price
        elif prices.pop(price, None) is not None:
            if side is Side.BUY:
                if price == self.bid:
                    self.bid = self._next(side)
            elif price == self.ask:
                self.ask = self._next(side)

    def _add(self, side: Side, price: int) -> None:
        heap = self._heaps[side]
        if len(heap) > 2 * len(self.others[side]) + 64:
            heap[:] = [-side.sign * level for level in self.others[side]]
            heapify(heap)
        heappush(heap, -side.sign * price)

    def _next(self, side: Side) -> int | None:
        """Return the best price that is left; a book of thousands is not searched for it."""
        heap, prices = self._heaps[side], self.others[side]
        while heap and -side.sign * heap[0] not in prices:
            heappop(heap)
        return -side.sign * heap[0] if heap else None


@dataclass(slots=True)
class Venue(Display):
    """A venue for one instrument.

    Parameters
    ----------
    self_trade : what happens when our own orders would meet: ``cancel_newest``, ``cancel_oldest`` or ``cancel_both``
    position : what the account holds, in units; reduce-only orders are held to it
    traded : fills so far, which the ids of fills are numbered by
    cancels_ahead : how much of its share in the level what stands ahead of us has in what others take back there: 0
        none, it all stood behind as far as it can; 1 all of it, any unit being as likely to be taken back as any other
    lot : step that what has left ahead of us is rounded down to, in units
    prefix : of the ids of fills, which several venues of one account number each by itself
    stops_elsewhere : whether what waits for a price waits with whoever sends it: triggered, it is not here until
        :meth:`let_in`
    """

    self_trade: str = "cancel_newest"
    position: int = 0
    traded: int = 0
    cancels_ahead: float = 0.0
    lot: int = 1
    prefix: str = "V"
    stops_elsewhere: bool = False
    halted: bool = False
    closed: bool = False
    now_ms: int = 0
    moment: int = 0
    events: list[Event] = field(default_factory=list)
    _orders: dict[str, _Resting] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _clock: int = 0
    _fill_ids: set[str] = field(default_factory=set)
    _triggered: list[_Resting] = field(default_factory=list)
    _elsewhere: dict[str, _Resting] = field(default_factory=dict)

    # -- what we send ------------------------------------------------------------------------------------------------

    def submit(self, ticket: Ticket) -> None:
        """Take a new order. An id that has come before is not placed again."""
        if ticket.id in self._seen:
            return
        self._seen.add(ticket.id)
        if self.closed or self.halted:
            self._say_ended(ticket.id, "rejected", "closed" if self.closed else "halted")
        elif ticket.expire_at_ms is not None and self.now_ms >= ticket.expire_at_ms:
            self._say_ended(ticket.id, "rejected", "expired")
        else:
            order = _Resting(ticket, self._tick())
            if ticket.type.waits:
                order.waiting = True
                self._orders[ticket.id] = order
                self.events.append(Event("waiting", ticket.id, ticket=ticket))
                self._look()
            else:
                self._arrive(order)
            self._settle()

    def refuse(self, id: str, reason: str) -> None:
        """Turn away a new order before it is looked at; its id has come all the same."""
        self._seen.add(id)
        self._say_ended(id, "rejected", reason)

    def cancel(self, id: str, reason: str = "requested") -> None:
        """End an order of ours, if it is here; halts and the close do not hinder it."""
        if order := self._orders.get(id) or self._elsewhere.pop(id, None):
            self._end(order, "canceled", reason)

    def let_in(self, id: str) -> None:
        """Take an order that waited elsewhere, unless it has ended there."""
        if (order := self._elsewhere.pop(id, None)) is None:
            return
        if self.closed or self.halted:
            self._end(order, "rejected", "closed" if self.closed else "halted")
        elif (end := order.ticket.expire_at_ms) is not None and end <= self.now_ms:
            self._end(order, "expired", "expired")
        else:
            self._arrive(order, triggered=True)
        self._settle()

    def replace(self, id: str, *, price: int | None, quantity: int | None, stop_price: int | None) -> None:
        """Change an order of ours; ``quantity`` is the new total, fills included."""
        order = self._orders.get(id)
        if order is None:
            return
        if self.halted or self.closed:
            self.events.append(Event("not_changed", id, reason="closed" if self.closed else "halted"))
            return
        old = order.ticket
        new = old._replace(
            price=old.price if price is None else price,
            quantity=old.quantity if quantity is None else quantity,
            stop_price=old.stop_price if stop_price is None else stop_price,
        )
        if new.quantity <= order.filled:
            order.ticket = new
            self._end(order, "filled" if order.filled else "canceled", "" if order.filled else "requested")
            return
        if old.reduce_only and not order.waiting:
            new = new._replace(quantity=order.filled + min(new.quantity - order.filled, self._reducible(order)))
        if new == old:
            self.events.append(Event("changed", id, ticket=new))
            return
        if new.post_only and not order.waiting and self._would_take(new):
            self.events.append(Event("not_changed", id, reason="post_only_would_take"))
            return
        order.ticket = new
        self.events.append(Event("changed", id, ticket=new))
        if order.waiting:
            self._look()
        elif new.price == old.price and new.quantity <= old.quantity:
            order.shown = min(order.shown, order.left)
        else:
            del self._orders[id]
            self._arrive(order, known=True)
        self._settle()

    # -- what others do ----------------------------------------------------------------------------------------------

    def display(self, levels: Iterable[tuple[Side, int, int]]) -> None:
        """Others now display these absolute quantities: side, price and quantity of each level.

        Raises
        ------
        ConfigError
            If this leaves others' own book crossed.
        """
        ordered = sorted(levels, key=lambda level: -level[0].sign * level[1])
        for side, price, quantity in ordered:
            left = quantity
            if self._matching and self._orders:
                for order in self._crossed_by(side, price):
                    left -= self._fill(order, min(left, order.left), order.ticket.price or 0, "maker")
            had = self.others[side].get(price, 0)
            self._set(side, price, left)
            if self._matching and self._orders:
                self._shorten(side, price, had)
        bid, ask = self.best(Side.BUY), self.best(Side.SELL)
        if bid is not None and ask is not None and bid >= ask:
            raise crossed(bid / UNIT, ask / UNIT, self.now_ms)
        self._after_step()

    def trade(self, price: int, quantity: int, aggressor: Side) -> None:
        """Others have traded: ``aggressor`` took ``quantity`` at ``price`` from the other side.

        While nothing matches here it has not taken what is displayed here, and is the last price only.
        """
        if self._matching:
            side = _other(aggressor)
            while (top := self.best(side)) is not None and side.sign * top > side.sign * price:
                self._set(side, top, 0)
            left = quantity
            for order in self._resting(side):
                own = order.ticket.price or 0
                if side.sign * own > side.sign * price:
                    order.ahead = 0
                    left -= self._fill(order, min(left, order.left), own, "maker")
            self._print(side, price, left)
        self.last = price
        self._after_step()

    def report(self, id: str, side: Side, price: int, quantity: int, fill_id: str) -> None:
        """Tell us a fill, without a trade here: a repetition, or something that we did not know.

        One that has not been told before has changed the account's position, and reduce-only orders are cut to it.
        """
        self.events.append(Event("reported", id, "", "", side, price, quantity, "", fill_id, moment=self.moment))
        if fill_id not in self._fill_ids:
            self._fill_ids.add(fill_id)
            self.position += side.sign * quantity
            self._cut()

    def advance(self, now_ms: int) -> None:
        """Let another moment begin: what expires by then does so before anything else happens."""
        self.now_ms = self.seen_ms = self.venue_ms = now_ms
        self.moment += 1
        for order in list(self._orders.values()):
            if order.ticket.expire_at_ms is not None and now_ms >= order.ticket.expire_at_ms:
                self._end(order, "expired", "expired")

    def halt(self) -> None:
        """Stop matching; what is displayed and printed is still recorded."""
        self.halted = True

    def resume(self) -> None:
        """Match again: display that crosses our orders trades with them, then stops trigger."""
        self.halted = False
        if self.closed:
            return
        for side in Side:
            for price in sorted(self.others[side], key=lambda level: -side.sign * level):
                for order in self._crossed_by(side, price):
                    had = self.others[side].get(price, 0)
                    self._set(
                        side, price, had - self._fill(order, min(had, order.left), order.ticket.price or 0, "maker")
                    )
        self._after_step()

    def close(self) -> None:
        """End the session: ``day`` orders expire, others stay; nothing matches any more."""
        self.closed = True
        for order in list(self._orders.values()):
            if order.ticket.tif is TimeInForce.DAY:
                self._end(order, "expired", "expired")

    # -- what there is to see ----------------------------------------------------------------------------------------

    def knows(self, id: str) -> bool:
        """Whether an order has ever arrived."""
        return id in self._seen

    @property
    def elsewhere(self) -> list[str]:
        """The orders that were triggered and have not been let in yet, in that order."""
        return list(self._elsewhere)

    def open_ids(self) -> list[str]:
        """Return the orders that rest or wait here, oldest first."""
        return list(self._orders)

    # -- arriving ----------------------------------------------------------------------------------------------------

    @property
    def _matching(self) -> bool:
        return not (self.halted or self.closed)

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    def _arrive(self, order: _Resting, *, known: bool = False, triggered: bool = False) -> None:
        """Let an order take what it may, and rest with what is left.

        Parameters
        ----------
        known : it was working before, and has been replaced
        triggered : it was waiting before
        """
        ticket = order.ticket
        if ticket.reduce_only:
            most = self._reducible(order)
            if not most:
                self._end(order, "canceled" if known or triggered else "rejected", "reduce_only")
                return
            if order.left > most:
                order.ticket = ticket = ticket._replace(quantity=order.filled + most)
        if ticket.post_only and self._would_take(ticket):
            self._end(order, "rejected", "post_only_would_take")
            return
        # It is working from here on, also for reduce-only orders that are cut while it takes.
        self._orders[ticket.id] = order
        order.place = self._tick()
        if not known:
            # As Event(...) makes it, twice as soon.
            self.events.append(
                _new(Event, ("working", ticket.id, "", "", Side.BUY, 0, 0, "", "", ticket, 0, None, 0, 0))
            )
        if ticket.tif is TimeInForce.FOK and (reason := self._not_whole(order)):
            self._end(order, "canceled", reason)
            return
        took = self._take(order)
        if ticket.id in self._orders:
            if not ticket.type.has_limit:
                self._end(order, "canceled", "no_liquidity")
            elif ticket.tif in {TimeInForce.IOC, TimeInForce.FOK}:
                self._end(order, "canceled", "ioc")
            else:
                self._rest(order)
        if took:
            self._look()

    def _rest(self, order: _Resting) -> None:
        ticket = order.ticket
        order.place = self._tick()
        order.ahead = self.others[ticket.side].get(ticket.price or 0, 0)
        order.shown = min(ticket.display_quantity or order.left, order.left)

    def _take(self, order: _Resting) -> bool:
        """Take from others, best price first, until done or one of our own is in the way; say whether any was taken."""
        side = _other(order.ticket.side)
        if len(self._orders) == 1 or not any(
            own.ticket.side is side and not own.waiting for own in self._orders.values()
        ):
            return self._take_others(order, side)
        took = False
        for price, own, quantity in self._facing(order.ticket):
            if own is None:
                part = min(quantity, order.left, self.others[side].get(price, 0))
                if part:
                    took = True
                    self._take_displayed(side, price, part)
                    self._fill(order, part, price, "taker")
            elif own.ticket.id in self._orders:
                if self.self_trade in {"cancel_oldest", "cancel_both"}:
                    self._end(own, "canceled", "self_trade")
                if self.self_trade in {"cancel_newest", "cancel_both"}:
                    self._end(order, "canceled", "self_trade")
            if not order.left or order.ticket.id not in self._orders:
                break  # and what lies beyond is not even looked for
        return took

    def _take_others(self, order: _Resting, side: Side) -> bool:
        """Take where nothing of ours is in the way: one level after another, as long as one is within the limit."""
        ticket, took = order.ticket, False
        most, sign = ticket.price if ticket.type.has_limit else None, ticket.side.sign
        while (top := self.best(side)) is not None and (most is None or sign * top <= sign * most):
            part = min(self.others[side][top], order.left)
            took = True
            self._take_displayed(side, top, part)
            self._fill(order, part, top, "taker")
            if not order.left or ticket.id not in self._orders:
                break
        return took

    def _facing(self, ticket: Ticket) -> Iterator[tuple[int, "_Resting | None", int]]:
        """Yield what an order meets in the order of the queue: price, our own order or None, and others' quantity."""
        side = _other(ticket.side)
        mine = [own for own in self._resting(side) if own.ticket.id != ticket.id] if len(self._orders) > 1 else []
        top = self.best(side)
        if not mine:
            # The best price is known; only who looks beyond it pays for a deep book to be sorted.
            most, sign = ticket.price if ticket.type.has_limit else None, ticket.side.sign
            if top is None or (most is not None and sign * top > sign * most):
                return
            yield top, None, self.others[side][top]
            beyond = sorted((p for p in self.others[side] if sign * p > sign * top), key=lambda level: sign * level)
            for price in beyond:
                if most is not None and sign * price > sign * most:
                    return
                yield price, None, self.others[side][price]
            return
        prices = {*self.others[side], *(own.ticket.price or 0 for own in mine)}
        for price in sorted(prices, key=lambda level: -side.sign * level):
            if ticket.type.has_limit and ticket.side.sign * price > ticket.side.sign * (ticket.price or 0):
                return
            # As the queue stands now: while it is being taken, what is ahead of us shrinks.
            displayed, passed = self.others[side].get(price, 0), 0
            for own, ahead in [(own, own.ahead) for own in mine if own.ticket.price == price]:
                before = min(ahead, displayed) - passed
                if before > 0:
                    yield price, None, before
                    passed += before
                yield price, own, 0
            if displayed > passed:
                yield price, None, displayed - passed

    def _not_whole(self, order: _Resting) -> str:
        """Return why a fill-or-kill order cannot fill whole at once, or nothing."""
        left = order.left
        for _, own, quantity in self._facing(order.ticket):
            if own is not None:
                return "self_trade"
            left -= quantity
            if left <= 0:
                return ""
        return "fok"

    def _would_take(self, ticket: Ticket) -> bool:
        """Whether an order would take from others; that it would meet our own is for the self-trade rule."""
        best = self.best(_other(ticket.side))
        return best is not None and ticket.side.sign * best <= ticket.side.sign * (ticket.price or 0)

    # -- filling -----------------------------------------------------------------------------------------------------

    def _fill(self, order: _Resting, quantity: int, price: int, liquidity: str) -> int:
        if quantity <= 0:
            return 0
        ticket = order.ticket
        order.filled += quantity
        self.position += ticket.side.sign * quantity
        self.traded += 1
        fill_id = f"{self.prefix}{self.traded}"
        self._fill_ids.add(fill_id)
        # As Event(...) makes it, twice as soon.
        made = (
            "filled", ticket.id, "", "", ticket.side, price, quantity, liquidity, fill_id, None, self.moment, None, 0,
            0,
        )  # fmt: skip
        self.events.append(_new(Event, made))
        order.shown = max(0, min(order.shown - quantity, order.left))
        if not order.left:
            self._orders.pop(ticket.id, None)
        elif liquidity == "maker" and not order.shown:
            self._rest(order)  # the next part of an iceberg, at the back of the queue
        self._cut()
        return quantity

    def _print(self, side: Side, price: int, left: int) -> None:
        """Let a print use up the queue at its price: what stands ahead of us, then us, then what stands behind."""
        while left:
            queue = [own for own in self._resting(side) if own.ticket.price == price]
            if not queue:
                break
            first = queue[0]
            before = min(first.ahead, self.others[side].get(price, 0), left)
            if before:
                self._take_displayed(side, price, before)
                left -= before
                continue
            part = self._fill(first, min(left, first.shown), price, "maker")
            left -= part
        self._take_displayed(side, price, left)

    def _take_displayed(self, side: Side, price: int, quantity: int) -> None:
        """Remove what others displayed, from the front of their queue."""
        had = self.others[side].get(price, 0)
        gone = min(had, quantity)
        self._set(side, price, had - gone)
        for own in self._orders.values():
            if own.ticket.side is side and own.ticket.price == price and not own.waiting:
                own.ahead = max(0, own.ahead - gone)

    def _shorten(self, side: Side, price: int, had: int) -> None:
        """What others took back stood behind us, but for the part of it that is said to have stood ahead."""
        displayed = self.others[side].get(price, 0)
        for own in self._resting(side):
            if own.ticket.price == price:
                if self.cancels_ahead and displayed < had:
                    part = self.cancels_ahead * (own.ahead / self.lot) * ((had - displayed) / had)
                    own.ahead -= int(part) * self.lot
                own.ahead = min(own.ahead, displayed)

    def _resting(self, side: Side) -> list[_Resting]:
        """Return our orders in the book on a side, best price first, then by place in the queue."""
        here = [own for own in self._orders.values() if own.ticket.side is side and not own.waiting and own.shown]
        if len(here) < 2:
            return here
        return sorted(here, key=lambda own: (-side.sign * (own.ticket.price or 0), own.place))

    def _crossed_by(self, side: Side, price: int) -> list[_Resting]:
        """Return our resting orders that a level of others on ``side`` would trade with."""
        mine = self._resting(_other(side))
        return [own for own in mine if side.sign * (own.ticket.price or 0) <= side.sign * price]

    # -- reduce-only -------------------------------------------------------------------------------------------------

    def _reducible(self, order: _Resting) -> int:
        """Return what a reduce-only order may still take off the position, beside what others of its kind can."""
        side = order.ticket.side
        held = -side.sign * self.position
        others = sum(own.left for own in self._reducing(side) if own is not order)
        return max(0, held - others)

    def _reducing(self, side: Side) -> list[_Resting]:
        return [
            own for own in self._orders.values()
            if own.ticket.reduce_only and own.ticket.side is side and not own.waiting
        ]  # fmt: skip

    def _cut(self) -> None:
        """Cut working reduce-only orders, youngest first, to what is left of the position."""
        for own in self._orders.values():
            if own.ticket.reduce_only:
                break
        else:
            return
        for side in Side:
            mine = sorted(self._reducing(side), key=lambda own: -own.place)
            excess = sum(own.left for own in mine) - max(0, -side.sign * self.position)
            for own in mine:
                if excess <= 0:
                    break
                part = min(own.left, excess)
                excess -= part
                own.ticket = own.ticket._replace(quantity=own.ticket.quantity - part)
                own.shown = min(own.shown, own.left)
                if own.left:
                    self.events.append(Event("changed", own.ticket.id, ticket=own.ticket))
                else:
                    self._end(own, "canceled", "reduce_only")

    # -- triggers ----------------------------------------------------------------------------------------------------

    def _after_step(self) -> None:
        if self._matching:
            self._look()
            self._settle()

    def _look(self) -> None:
        """Look at the trigger prices: move trailing stops, and line up what they trigger, oldest first."""
        for order in self._orders.values():
            if order.waiting:
                break
        else:
            return
        for order in sorted(self._orders.values(), key=lambda own: own.age):
            if not order.waiting:
                continue
            ticket = order.ticket
            seen = self.last if ticket.trigger == "last" else self.best(_other(ticket.side))
            if seen is None:
                continue
            there, order.best = reached(ticket, seen, order.best)
            if there:
                # It works once it arrives, and not while those before it do.
                del self._orders[ticket.id]
                order.waiting = False
                self._triggered.append(order)

    def _settle(self) -> None:
        """Let triggered orders arrive, one after another; each may trigger more."""
        while self._triggered:
            order = self._triggered.pop(0)
            if self.stops_elsewhere:
                self._elsewhere[order.ticket.id] = order
            else:
                self._arrive(order, triggered=True)

    # -- saying ------------------------------------------------------------------------------------------------------

    def _end(self, order: _Resting, status: str, reason: str) -> None:
        self._orders.pop(order.ticket.id, None)
        self._say_ended(order.ticket.id, status, reason)

    def _say_ended(self, id: str, status: str, reason: str) -> None:
        self.events.append(Event("ended", id, status=status, reason=reason))


def crossed(bid: float, ask: float, ms: int) -> ConfigError:
    """Return what is wrong with a market in which others bid what they ask, ``ms`` after its clock began."""
    # The clock of a card begins with it, and that of a recording in 1970.
    at = datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds") if ms > 10**11 else f"{ms} ms"
    return ConfigError(f"others' own book is crossed: they bid {bid:g} and offer {ask:g}, at {at}")


def _other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


def venues_of(
    positions: Iterable[int], lots: Iterable[int], cancels_ahead: float = 0.0, *, stops_elsewhere: bool = False
) -> list[Venue]:
    """Return the venues of one account, by their number: what it holds at each, and the step of quantities there."""
    return [
        Venue(
            position=position,
            cancels_ahead=cancels_ahead,
            lot=lot,
            prefix=f"V{number}." if number else "V",
            stops_elsewhere=stops_elsewhere,
        )
        for number, (position, lot) in enumerate(zip(positions, lots, strict=True))
    ]
