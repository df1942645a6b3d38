"""Pre-trade risk: every order is asked every rule, and the first that objects gives the reason.

An order that only takes exposure away passes all of them: refusing it would keep on the risk that they are there to
bound. What is open counts as if all of it on the order's side had filled.
"""

from typing import Final, Protocol

from tradepulse.core.orders import Side
from tradepulse.execution.account import Held, Known, Marks, State
from tradepulse.execution.terms import LEVERAGE, WHOLE_BP, Instrument, Terms
from tradepulse.execution.ticket import OrderType, Ticket, TimeInForce

_NEVER: Final = 1 << 62
_HALF_BP: Final = WHOLE_BP // 2
_LIMIT: Final = OrderType.LIMIT
_GTC: Final = TimeInForce.GTC
_SELL: Final = Side.SELL


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


class Risk:
    """The rules of an account.

    Parameters
    ----------
    terms : of the account
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        limits = terms.limits
        instruments = terms.instruments or (Instrument("", limits, terms.position),)
        self._traded = terms.traded
        # Of each instrument its own limits; notional as a price times a quantity, which spares the hot path a
        # multiplication of large numbers.
        self._own = tuple(
            (
                own.max_order_quantity, None if own.max_order_notional is None else own.max_order_notional // WHOLE_BP,
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

    def objection(self, state: State, ticket: Ticket, market: Market, now_ms: int) -> str:
        """Return the first rule that objects to a new order, or nothing."""
        id, side, kind, quantity, price, _, tif, expire, shown, _, _, reduce_only, _, venue, strategy = ticket
        terms = self.terms
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
        if reason := self._to_itself(ticket, kind.has_limit, price, quantity, market, number):
            return reason
        _, _, _, most, shortest = self._own[number]
        if most is not None and abs(position + side.sign * (waiting + quantity)) > most:
            return "max_position"
        if shortest is not None and side is _SELL and waiting + quantity - position > shortest:
            return "max_short"
        if terms.limits.max_leverage is not None and self._exceeds_leverage(state, side, quantity, market, number):
            return "max_leverage"
        most_open, most_lost, rate = self._account
        if most_open is not None and len(state.open) >= most_open:
            return "max_open_orders"
        if most_lost is not None:
            equity = state.cash if not position and self._alone else state.equity(market)
            # What cannot be marked may have lost anything.
            if equity is None or state.opening is None or state.opening - equity > most_lost:
                return "max_daily_loss"
        if state.parts and (reason := self._of_strategy(state, ticket, quantity, quantity, market)):
            return reason
        # As many as may be sent in a second are remembered: whether the oldest of them lies within it is the question.
        if rate is not None and len(state.sent_ms) == rate and (not rate or state.sent_ms[0] > now_ms - 1000):
            return "max_orders_per_second"
        return ""

    def objection_to_change(
        self, state: State, order: Known, changed: Ticket, quantity: int | None, market: Market
    ) -> str:
        """Return the first rule that objects to a change of an order, or nothing."""
        old = order.ticket
        number = self._traded[old.venue]
        mine = state.held[number]
        _, _, _, most, shortest = self._own[number]
        lot = self.terms.venues[old.venue].lot if old.venue else self.terms.lot
        if quantity is not None and quantity <= order.filled and quantity >= 0 and quantity % lot == 0:
            return ""  # it ends the order, which only takes exposure away
        # An iceberg may come to less than it shows at once.
        shown = changed.display_quantity
        if shape := self._off_grid(
            changed if shown is None or shown <= changed.quantity else changed._replace(display_quantity=None)
        ):
            return shape
        # With what another change of it that is not answered yet may make of it.
        left, before = changed.quantity - order.filled, order.counted
        others = mine.left[old.side] - before
        held = -old.side.sign * mine.position
        if not left or (held > 0 and left + others <= held):
            return ""
        if state.killed and left > before:
            return "killed"
        limited, price, whole = changed.type.has_limit, changed.price, changed.quantity
        if reason := self._to_itself(changed, limited, price, whole, market, number):
            return reason
        after = mine.position + old.side.sign * (others + left)
        if left > before:
            if most is not None and abs(after) > most:
                return "max_position"
            if shortest is not None and -after > shortest and old.side is _SELL:
                return "max_short"
            if self.terms.limits.max_leverage is not None and self._exceeds_leverage(
                state, old.side, left - before, market, number
            ):
                return "max_leverage"
        if state.parts:
            return self._of_strategy(state, changed, changed.quantity, left - before, market)
        return ""

    def _of_strategy(self, state: State, ticket: Ticket, quantity: int, more: int, market: Market) -> str:
        """Return the first of a strategy's limits that objects to an order that adds ``more`` to what it has open."""
        part, limits = state.parts[ticket.strategy], self.terms.strategies[ticket.strategy]
        side, mine = ticket.side, part.held[self._traded[ticket.venue]]
        waiting, held = mine.left[side], -side.sign * mine.position
        if held > 0 and more + waiting <= held:
            return ""  # it only takes away from what the strategy has
        if (most := limits.max_order_quantity) is not None and quantity > most:
            return "strategy_max_order_quantity"
        if (most := limits.max_order_notional) is not None:
            limited = ticket.type.has_limit
            value = (ticket.price or 0) * quantity if limited else self._value(ticket, quantity, market)
            if value is None or value * WHOLE_BP > most:
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

    def _to_itself(
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
        return "price_collar_bp" if (off if off > 0 else -off) * WHOLE_BP > twice * collar else ""

    def _exceeds_leverage(self, state: State, side: Side, more: int, marks: Marks, instrument: int) -> bool:
        """Whether what is held would be worth too much against the equity, once open orders and so many units fill."""
        equity, most, twice_worth = state.equity(marks), self.terms.limits.max_leverage, 0
        for number, held in enumerate(state.held):
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
