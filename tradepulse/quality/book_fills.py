"""Could these fills on a book have happened? Asked of a run by rules that share no code with its engine and its venue.

What others did is gone through once more. A resting order stands behind what was displayed at its price when it
arrived; a print uses up what stands before it, then fills it; what is taken is gone until it is displayed anew; what
waits for a price is an order from when that is there. Each claim of a fill (when it was decided and arrived, what made
it possible, what was displayed) is held against that.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from tradepulse.core.orders import UNIT, Side
from tradepulse.execution.desk import Move
from tradepulse.execution.terms import FEE, MONEY, Instrument, Terms
from tradepulse.quality.check import Check

_ORDERED = "an order of its side and venue"
_WHOLE = "no more than was ordered"
_LIMIT = "at its limit or better"
_SENT = "no sooner than its order is there"
_HEARD = "heard no sooner than the answer takes"
_SORTED = "after the fill before it"
_FEE = "its fee"
_SAID = "what is said to have made it possible was there"
_DISPLAYED = "taken where it was displayed, and sold once"
_REACHED = "reached by a print or a display"
_PRINTED = "of a print or a display, sold once"
_PASSED = "the queue before it was passed"
_EARNED = "cash, position and equity are what the fills make"
_OPEN = "while the venue was open"
_RATE = "no more orders than the venue takes"
_TRIGGERED = "triggered as its price was there"
_KIND = "as an order of its kind may"
_REDUCES = "off what is held, where it only reduces"
_RULES = (
    _ORDERED, _WHOLE, _LIMIT, _SENT, _HEARD, _SORTED, _FEE, _SAID, _DISPLAYED, _REACHED, _PRINTED, _PASSED, _EARNED,
    _OPEN, _RATE, _TRIGGERED, _KIND, _REDUCES,
)  # fmt: skip
_SIGN = {"buy": 1, "sell": -1}
_OTHER = {"buy": "sell", "sell": "buy"}
#: Relative difference of two sums of floats that says nothing.
_CLOSE = 1e-9


def book_fills_could_happen(
    fills: pd.DataFrame,
    orders: pd.DataFrame,
    equity: pd.DataFrame,
    moves: Iterable[Move],
    terms: Terms,
    *,
    order_us: Sequence[float] = (0.0,),
    answer_us: float = 0.0,
    cancels_ahead: float = 0.0,
    shut: Sequence[tuple[datetime, datetime]] = (),
    rate: tuple[int, float] | None = None,
    stop_us: float | None = None,
) -> list[Check]:
    """Return each rule with the fills that break it.

    Parameters
    ----------
    fills, orders, equity : as a run on books writes them
    moves : what others did, by time
    terms : grid, fees, cash and position that the run was given
    order_us : microseconds that an order is under way at least, to each venue
    answer_us : that an answer is
    cancels_ahead : share of what others take back that may have stood before us, as the run was given it
    shut : begin and end of each halt of the first venue
    rate : new orders that it takes within so many seconds
    stop_us : microseconds at least from a price to the order that waited for it, where that waited at the desk

    Returns
    -------
    list of :class:`Check`; a rule that was asked of nothing has seen nothing: of a run without fills all but its
    equity. An order that was changed on its way is not asked for its limit, its trigger and its queue, since the
    tables do not say when it was.
    """
    trial = _Trial(terms, cancels_ahead, [(_ns_of(begin), _ns_of(end)) for begin, end in shut], stop_us)
    trial.hear(fills, orders, order_us, answer_us)
    trial.go_through(moves)
    trial.count(equity)
    if rate:
        trial.count_orders(orders, *rate)
    return [Check(rule, trial.asked[rule], len(found), "; ".join(found[:3])) for rule, found in trial.broken.items()]


@dataclass(slots=True)
class _Order:
    """An order of ours: what it says of itself, and where it stands."""

    id: str
    side: str
    price: int | None
    quantity: int
    venue: int
    arrived: int
    decided: int
    changed: bool
    number: int
    #: What is shown of it at a time, units; all of it where that is 0.
    part: int = 0
    #: The price that it waits for, or the distance at which that follows; +1 where it is to rise; which price.
    stop: int | None = None
    trail: int | None = None
    rising: int = 1
    trigger: str = ""
    #: When it filled last as it rested, -1 for never; what others display that stands before it; what of it is left
    #: and shown; when its price was there, -1 for never, and as the how many of all.
    last: int = -1
    ahead: int = 0
    left: int = 0
    shown: int = 0
    triggered: int = -1
    turn: int = 1 << 62

    def rest(self, displayed: int) -> None:
        """Stand behind what is displayed."""
        self.ahead, self.shown = displayed, min(self.part or self.left, self.left)

    def fill(self, quantity: int, displayed: int) -> None:
        """Fill as it rests; the next part of one that is shown in parts stands behind what is displayed."""
        self.left -= quantity
        self.shown = max(0, self.shown - quantity)
        if self.part and not self.shown and self.left > 0:
            self.rest(displayed)

    def before(self, quantity: int, displayed: int) -> int:
        """Return what others display that goes before so many units of it."""
        if not self.part:
            return self.ahead
        passed, ahead, shown, left = 0, self.ahead, self.shown, self.left
        while True:
            passed += ahead
            some = min(shown, quantity)
            quantity, left = quantity - some, left - some
            if quantity <= 0 or not some:
                return passed
            ahead, shown = max(0, displayed - passed), min(self.part, left)


@dataclass(slots=True)
class _Fill:
    """A fill as it is claimed, in whole units."""

    where: str
    order: _Order
    side: str
    price: int
    quantity: int
    ns: int
    evidence: str
    before: int
    after: int


@dataclass(slots=True)
class _Book:
    """A venue as others have made it, less what we took; and our orders that rest there."""

    shown: dict[str, dict[int, int]] = field(default_factory=lambda: {"buy": {}, "sell": {}})
    #: Prices of each side, less their sign for sells: the best is the last.
    prices: dict[str, list[int]] = field(default_factory=lambda: {"buy": [], "sell": []})
    resting: list[_Order] = field(default_factory=list)
    #: Our orders that wait for a price, the oldest first; and that of the last trade of others.
    waiting: list[_Order] = field(default_factory=list)
    last: int | None = None

    def seen(self, order: _Order) -> int | None:
        """Return the price that an order waits for, as it is now."""
        if order.trigger == "last":
            return self.last
        facing = _OTHER[order.side]
        return _SIGN[facing] * self.prices[facing][-1] if self.prices[facing] else None

    def at(self, side: str, price: int) -> int:
        return self.shown[side].get(price, 0)

    def show(self, side: str, price: int, quantity: int) -> None:
        levels, prices, signed = self.shown[side], self.prices[side], _SIGN[side] * price
        if quantity > 0:
            if price not in levels:
                insort(prices, signed)
            levels[price] = quantity
        elif levels.pop(price, None) is not None:
            del prices[bisect_left(prices, signed)]

    def standing(self, side: str, price: int) -> list[_Order]:
        return [order for order in self.resting if order.side == side and order.price == price]

    def use_up(self, side: str, price: int, quantity: int) -> None:
        """Take from the front of what others display at a price."""
        gone = min(quantity, self.at(side, price))
        self.show(side, price, self.at(side, price) - gone)
        for order in self.standing(side, price):
            order.ahead = max(0, order.ahead - gone)


class _Trial:
    def __init__(
        self, terms: Terms, cancels_ahead: float, shut: Sequence[tuple[int, int]], stop_us: float | None
    ) -> None:
        self.terms, self.cancels_ahead, self.shut = terms, cancels_ahead, shut
        places = terms.venues
        self.names = {place.name: number for number, place in enumerate(places)}
        self.rates = [(p.maker_fee, p.taker_fee) for p in places] or [(terms.maker_fee, terms.taker_fee)]
        self.lots = [place.lot for place in places] or [terms.lot]
        self.books = [_Book() for _ in self.lots]
        self.asked = dict.fromkeys(_RULES, 0)
        self.broken: dict[str, list[str]] = {rule: [] for rule in _RULES}
        self.rows: list[dict[Any, Any]] = []
        self.orders: dict[str, _Order] = {}
        #: Fills by the moment: of what rested, and of what took; orders by the moment of their arrival.
        self.made: dict[int, list[_Fill]] = defaultdict(list)
        self.took: dict[int, list[_Fill]] = defaultdict(list)
        self.arriving: dict[int, list[_Order]] = defaultdict(list)
        #: What waited at the desk, by the moment at which it is there, and the ns from its price to that at least.
        self.leaving: dict[int, list[_Order]] = defaultdict(list)
        self.turns = 0
        self.stop_ns = None if stop_us is None else round(stop_us * 1000)

    def ask(self, rule: str, holds: bool, where: str) -> bool:
        self.asked[rule] += 1
        if not holds:
            self.broken[rule].append(where)
        return holds

    # -- each fill by itself ---------------------------------------------------------------------------------------

    def hear(self, fills: pd.DataFrame, orders: pd.DataFrame, order_us: Sequence[float], answer_us: float) -> None:
        """Hold each fill against its order, and the ways and fees."""
        stamps = {name: _ns(orders[name]) for name in ("arrived_ts", "decided_ts", "expire_ts", "triggered_ts")}
        own = orders.assign(**stamps).to_dict("records")
        for number, row in enumerate(own):
            rises = _SIGN[row["side"]] * (-1 if row["type"].endswith("if_touched") else 1)
            quantity = _units(row["quantity"])
            self.orders[row["order_id"]] = _Order(
                row["order_id"], row["side"], _there(row["price"]), quantity, self.names.get(row["venue"], 0),
                row["arrived_ts"], row["decided_ts"], bool(row["changed"]), number,
                _there(row["display_quantity"]) or 0, _there(row["stop_price"]), _there(row["trail_offset"]), rises,
                row["trigger"], left=quantity,
            )  # fmt: skip
        stamps = {name: _ns(fills[name]) for name in ("ts", "heard_ts", "arrived_ts", "decided_ts")}
        self.rows = fills.assign(**stamps).to_dict("records")
        filled: dict[str, int] = defaultdict(int)
        held = [0] * len(self.books)
        for number, one in enumerate(self.terms.instruments or (Instrument("", position=self.terms.position),)):
            held[self.terms.home_of(number)] = one.position
        previous = 0
        for number, row in enumerate(self.rows):
            where, order = f"fill {number}", self.orders.get(row["order_id"])
            venue = self.names.get(row["venue"], 0)
            is_ours = order is not None and order.side == row["side"] and order.venue == venue
            if not self.ask(_ORDERED, is_ours, where) or order is None:
                continue
            rests = row["liquidity"] == "maker"
            price, quantity = _units(row["price"]), _units(row["quantity"])
            filled[order.id] += quantity
            self.ask(_WHOLE, quantity > 0 and filled[order.id] <= order.quantity, where)
            if order.price is not None and not order.changed:
                inside = _SIGN[order.side] * price <= _SIGN[order.side] * order.price
                self.ask(_LIMIT, price == order.price if rests else inside, where)
            # What rests is met by what comes later; what takes takes as it arrives or its price is there, or as its
            # change arrives.
            later, at_once = row["ts"] > order.arrived >= 0, row["ts"] == order.arrived >= 0
            in_time = later if rests else at_once or (later and (order.changed or bool(order.trigger)))
            way = order.arrived - order.decided >= round(order_us[min(venue, len(order_us) - 1)] * 1000)
            is_its = row["arrived_ts"] == order.arrived and row["decided_ts"] == order.decided
            self.ask(_SENT, in_time and way and is_its, where)
            self.ask(_HEARD, row["heard_ts"] - row["ts"] >= round(answer_us * 1000), where)
            self.ask(_SORTED, row["ts"] >= previous, where)
            previous = max(previous, row["ts"])
            rate = self.rates[venue][not rests] / FEE / 10_000
            fee = row["price"] * row["quantity"] * rate
            self.ask(_FEE, abs(row["commission"] - fee) <= _CLOSE * abs(fee), where)
            if self.shut:
                self.ask(_OPEN, venue > 0 or not self._is_shut(row["ts"]), where)
            said = _Fill(
                where, order, order.side, price, quantity, row["ts"], row["evidence"],
                _units(row["displayed_before"]), _units(row["displayed_after"]),
            )  # fmt: skip
            (self.made if rests else self.took)[row["ts"]].append(said)
            if rests:
                order.last = row["ts"]
            of = own[order.number]
            if of["reduce_only"]:
                off = -_SIGN[order.side] * held[venue]
                self.ask(_REDUCES, quantity <= off, f"{where}: {max(0, off) / UNIT:g} were held against it")
            held[venue] += _SIGN[order.side] * quantity
            self._as_its_kind(of, row, quantity, where)
        for id in filled:
            order = self.orders[id]
            self.arriving[order.arrived].append(order)
            if self.stop_ns is not None and order.trigger and not order.changed:
                self.leaving[own[order.number]["triggered_ts"]].append(order)

    def _as_its_kind(self, order: dict[Any, Any], row: dict[Any, Any], quantity: int, where: str) -> None:
        """Hold a fill against how its order was to be worked."""
        rests, tif = row["liquidity"] == "maker", order["tif"]
        at_once = tif in {"ioc", "fok"} or order["price"] != order["price"]
        if at_once:
            self.ask(_KIND, not rests, f"{where}: an order that does not rest rested")
        if tif == "fok":
            whole = quantity == _units(order["quantity"]) or _units(order["filled"]) == _units(order["quantity"])
            self.ask(_KIND, whole, f"{where}: one that fills whole filled in part")
        if order["post_only"]:
            self.ask(_KIND, rests, f"{where}: one that only rests took")
        if order["expire_ts"] >= 0:
            self.ask(_KIND, row["ts"] // 10**6 * 10**6 < order["expire_ts"], f"{where}: it had ended by then")

    def _is_shut(self, ns: int) -> bool:
        return any(begin <= ns < end for begin, end in self.shut)

    # -- all of them, beside what others did -------------------------------------------------------------------------

    def go_through(self, moves: Iterable[Move]) -> None:
        """Go through what others did, and hold against it what we are said to have had of it."""
        own = sorted({*self.arriving, *self.leaving, *self.took}, reverse=True)
        opens = sorted((end for _, end in self.shut), reverse=True)
        for ns, together in groupby(moves, key=lambda move: move.ns):
            while (own and own[-1] < ns) or (opens and opens[-1] <= ns):
                if opens and (not own or opens[-1] <= own[-1]):
                    self._go_on(opens.pop())
                else:
                    self._arrive(own.pop())
            group = list(together)
            claimed = self.made.get(ns, [])
            for number, move in enumerate(group):
                mine: list[_Fill] = []
                # Of two that say the same and happened at once the last is asked.
                if claimed and all((_said(move), move.venue) != (_said(one), one.venue) for one in group[number + 1 :]):
                    mine = [fill for fill in claimed if (fill.evidence, fill.order.venue) == (_said(move), move.venue)]
                    claimed = [fill for fill in claimed if fill not in mine]
                    for fill in mine:
                        self.ask(_SAID, True, fill.where)
                halted = move.venue == 0 and self._is_shut(ns)
                for fill in mine:
                    if fill.order.trigger and not fill.order.changed:
                        self.ask(_TRIGGERED, fill.order.triggered >= 0, f"{fill.where}: it still waited")
                (self._recorded if halted else self._shown if move.aggressor is None else self._printed)(move, mine)
                for fill in mine:
                    fill.order.fill(fill.quantity, self.books[move.venue].at(fill.side, fill.price))
                if move.aggressor is not None:
                    self.books[move.venue].last = move.price
                if not halted:
                    self._look(self.books[move.venue], ns, f"triggered after {move.what}")
            for fill in claimed:
                self.ask(_SAID, False, f"{fill.where}: {fill.evidence}")
            if self.made.pop(ns, None):
                for book in self.books:  # who fills no more is not followed
                    book.resting = [order for order in book.resting if order.last > ns]
        while own:
            if opens and opens[-1] <= own[-1]:
                self._go_on(opens.pop())
            else:
                self._arrive(own.pop())
        for some in (*self.made.values(), *self.took.values()):
            for fill in some:
                self.ask(_SAID, False, f"{fill.where}: nothing happened then")

    def _printed(self, move: Move, fills: Sequence[_Fill]) -> None:
        """Others have traded: our orders beyond the price come first, then the queue at it."""
        book, side = self.books[move.venue], _OTHER[str(move.aggressor)]
        sign, beyond = _SIGN[side], 0
        for fill in fills:
            self.ask(_REACHED, fill.side == side and sign * fill.price >= sign * move.price, fill.where)
            beyond += fill.quantity if fill.price != move.price else 0
        at_price, so_far = [fill for fill in fills if fill.price == move.price], beyond
        for fill in sorted(at_price, key=lambda fill: (fill.order.arrived, fill.order.number)):
            so_far += fill.quantity
            if not fill.order.changed:
                stood = fill.order.before(fill.quantity, book.at(side, move.price))
                # What is shown in parts lets our other orders pass between them.
                ours = beyond + fill.quantity if fill.order.part else so_far
                self.ask(
                    _PASSED, stood + ours <= move.quantity,
                    f"{fill.where}: {stood / UNIT:g} stood before it, {move.quantity / UNIT:g} was printed",
                )  # fmt: skip
        total = sum(fill.quantity for fill in fills)
        for fill in fills:
            self.ask(_PRINTED, total <= move.quantity, fill.where)
        self._beyond(book, side, move.price)
        for order in book.resting:
            if order.side == side and order.price is not None and sign * order.price > sign * move.price:
                order.ahead = 0
        book.use_up(side, move.price, max(0, move.quantity - total))

    @staticmethod
    def _beyond(book: _Book, side: str, price: int) -> None:
        """Take away what was displayed at better prices than one that was traded at."""
        sign = _SIGN[side]
        while book.prices[side] and book.prices[side][-1] > sign * price:
            book.show(side, sign * book.prices[side][-1], 0)

    def _shown(self, move: Move, fills: Sequence[_Fill]) -> None:
        """Others display anew: what would cross our orders trades with them, the best price first."""
        book, owed = self.books[move.venue], {id(fill): fill.quantity for fill in fills}
        if not fills and not book.resting and not book.waiting:
            for side, price, quantity in move.levels:
                book.show(side.value, price, quantity)
            return
        for side, price, quantity in sorted(move.levels, key=lambda level: -level[0].sign * level[1]):
            left, sign = quantity, side.sign
            for fill in fills:
                if fill.side != side.value and sign * fill.price <= sign * price:
                    part = min(left, owed[id(fill)])
                    owed[id(fill)] -= part
                    left -= part
            had = book.at(side.value, price)
            book.show(side.value, price, left)
            for order in book.standing(side.value, price):
                ahead = order.ahead
                if self.cancels_ahead and left < had:
                    lot = self.lots[move.venue]
                    ahead -= int(self.cancels_ahead * (ahead / lot) * ((had - left) / had)) * lot
                order.ahead = min(ahead, left)
        for fill in fills:
            crossing = (
                s for s, price, _ in move.levels if s.value != fill.side and s.sign * fill.price <= s.sign * price
            )
            self.ask(_REACHED, next(crossing, None) is not None, fill.where)
            self.ask(_PRINTED, not owed[id(fill)], fill.where)

    def _recorded(self, move: Move, fills: Sequence[_Fill]) -> None:
        """Others show and print in a halt: nothing of it meets us, and nobody's place changes."""
        book = self.books[move.venue]
        for side, price, quantity in move.levels:
            book.show(side.value, price, quantity)
        for fill in fills:
            self.ask(_REACHED, False, f"{fill.where}: in a halt")

    def _go_on(self, ns: int) -> None:
        """The halt is over: what others display through our orders trades with them, the best price first."""
        claimed = [fill for fill in self.made.get(ns, []) if fill.evidence == "displayed as trading went on"]
        book, owed = self.books[0], {id(fill): fill.quantity for fill in claimed}
        for side in Side:
            for signed in reversed(list(book.prices[side.value])):
                price = side.sign * signed
                for fill in claimed:
                    if fill.side != side.value and side.sign * fill.price <= side.sign * price:
                        part = min(book.at(side.value, price), owed[id(fill)])
                        owed[id(fill)] -= part
                        book.show(side.value, price, book.at(side.value, price) - part)
        for fill in claimed:
            self.ask(_SAID, True, fill.where)
            self.ask(_REACHED, owed[id(fill)] < fill.quantity, fill.where)
            self.ask(_PRINTED, not owed[id(fill)], fill.where)
            fill.order.fill(fill.quantity, book.at(fill.side, fill.price))
        self._look(book, ns, "triggered as trading went on")
        self.made[ns] = [fill for fill in self.made.get(ns, []) if fill not in claimed]

    def _arrive(self, ns: int) -> None:
        """What we sent is there: it waits, or takes what is displayed, and then rests behind it."""
        for order in sorted(self.arriving.get(ns, []), key=lambda order: order.number):
            book, cause = self.books[order.venue], f"triggered as {order.id} arrived"
            if order.trigger and self.stop_ns is not None:  # whatever else comes at that moment may come after it
                book.waiting.append(order)
                self._look(book, ns, cause)
                continue
            # One that waited as another was changed was there before.
            mine = (fill for fill in self.took.get(ns, []) if fill.order is order and order.trigger)
            if not any(fill.evidence != cause for fill in mine):
                self._late(ns)
            if order.trigger:
                book.waiting.append(order)
                self._look(book, ns, cause)
            elif self._act(order, ns, "displayed when it arrived"):
                self._look(book, ns, cause)
        self._late(ns, last=True)
        for fill in self.took.pop(ns, []):
            self.ask(_TRIGGERED if fill.order.trigger else _SAID, False, f"{fill.where}: {fill.evidence}")

    def _late(self, ns: int, *, last: bool = False) -> None:
        """Let act what was changed on its way or has waited at the desk, as long as it is the next that says so."""
        leaving = self.leaving.get(ns, [])
        while True:
            took = self.took.get(ns)
            order = took[0].order if took else None
            if order is not None and order.changed and (last or order.arrived != ns):
                mine = [fill for fill in took or () if fill.order is order]
                self.took[ns] = [fill for fill in took or () if fill.order is not order]
                waited = order.trigger and self.stop_ns is None
                self._take(mine, f"triggered as {order.id} arrived" if waited else "displayed when it arrived")
            elif order is not None and order in leaving and (last or order.triggered >= 0):
                self._leave(order, ns)
            elif last and leaving:
                order = min(leaving, key=lambda order: order.turn)
                self._leave(order, ns)
            else:
                return
            self._look(self.books[order.venue], ns, f"triggered as {order.id} arrived")

    def _leave(self, order: _Order, ns: int) -> None:
        """Let act what has waited at the desk."""
        self.leaving[ns].remove(order)
        where = f"{order.id}: it was there before its price had come and gone the way of an order"
        self.ask(_TRIGGERED, 0 <= order.triggered <= ns - (self.stop_ns or 0), where)
        self._act(order, ns, "displayed when it arrived")

    def _act(self, order: _Order, ns: int, evidence: str) -> bool:
        """Let an order take what it says that it took at a moment, and rest; return whether it took."""
        took = [fill for fill in self.took.get(ns, []) if fill.order is order]
        if took:
            self.took[ns] = [fill for fill in self.took[ns] if fill.order is not order]
        self._take(took, evidence)
        if order.price is not None and order.last >= 0 and not order.changed:
            book = self.books[order.venue]
            order.rest(book.at(order.side, order.price))
            book.resting.append(order)
        return bool(took)

    def _look(self, book: _Book, ns: int, cause: str) -> None:
        """Let what waits for a price that is there be an order like others, the oldest first."""
        found: list[_Order] = []
        while True:
            for order in list(book.waiting):
                if (seen := book.seen(order)) is None:
                    continue
                if order.trail is not None:
                    sign = _SIGN[order.side]
                    follows = seen + sign * order.trail
                    order.stop = follows if order.stop is None else sign * min(sign * order.stop, sign * follows)
                there = order.stop is not None and order.rising * seen >= order.rising * order.stop
                is_told = order.changed and order.trail is None
                if is_told:  # what it waits for now nobody has said: it is believed that it is the next
                    said = next(iter(self.took.get(ns, ())), None)
                    there = said is not None and said.order is order and said.evidence == cause
                if there:
                    book.waiting.remove(order)
                    self.turns += 1
                    order.triggered, order.turn = ns, self.turns
                    if self.stop_ns is not None:
                        continue  # it is not here yet
                    found.insert(0 if is_told else len(found), order)
            if not found:
                return
            order = found.pop(0)
            for fill in self.took.get(ns, []):
                if fill.order is order:
                    self.ask(_TRIGGERED, True, fill.where)
            self._act(order, ns, cause)

    def _take(self, fills: Sequence[_Fill], evidence: str) -> None:
        for fill in fills:
            book, facing = self.books[fill.order.venue], _OTHER[fill.side]
            fill.order.left -= fill.quantity
            there = book.at(facing, fill.price)
            self.ask(_DISPLAYED, fill.quantity <= there, f"{fill.where}: {there / UNIT:g} were displayed")
            book.use_up(facing, fill.price, fill.quantity)
            right = fill.before == there and fill.after == there - fill.quantity
            self.ask(_SAID, right and fill.evidence == evidence, fill.where)

    # -- what it comes to ----------------------------------------------------------------------------------------------

    def count(self, equity: pd.DataFrame) -> None:
        """Count cash and positions again from the fills, and mark them."""
        terms = self.terms
        symbols = [one.symbol for one in terms.instruments]
        held = [one.position / UNIT for one in terms.instruments] or [terms.position / UNIT]
        cash, traded = terms.cash / MONEY, 1.0
        for row in self.rows:
            signed = _SIGN.get(row["side"], 0) * row["quantity"]
            held[symbols.index(row["symbol"]) if symbols and row["symbol"] in symbols else 0] += signed
            cash -= signed * row["price"] + row["commission"]
            traded += row["quantity"] * row["price"]
        names = ["", *(f" {symbol}" for symbol in symbols[1:])]
        last, near = equity.iloc[-1], _CLOSE * (abs(terms.cash / MONEY) + traded)
        self.ask(_EARNED, abs(last["cash"] - cash) <= near, f"cash is {last['cash']:.10g}, and they make {cash:.10g}")
        for name, units in zip(names, held, strict=True):
            there = last[f"position{name}"]
            self.ask(_EARNED, abs(there - units) <= 1e-9, f"position{name} is {there:g}, and they make {units:g}")
        worth = equity["cash"].to_numpy()
        for name in names:
            worth = worth + equity[f"position{name}"].to_numpy() * equity[f"mid{name}"].to_numpy()
        wrong = np.flatnonzero(np.abs(worth - equity["equity"].to_numpy()) > near)
        self.ask(_EARNED, not len(wrong), f"{len(wrong)} of {len(equity)} marks are not cash and what is held")

    def count_orders(self, orders: pd.DataFrame, most: int, seconds: float) -> None:
        """Hold the orders that the first venue took against how many it takes."""
        taken = orders[(orders["reason"] != "rate_limited") & orders["arrived_ts"].notna()]
        if self.names:
            taken = taken[taken["venue"] == self.terms.venues[0].name]
        there = np.sort(np.array(_ns(taken["arrived_ts"]), dtype=np.int64))
        for at in np.flatnonzero(there[most:] - there[:-most] < seconds * 1e9):
            self.ask(_RATE, False, f"{most + 1} within {(there[at + most] - there[at]) / 1e9:g} s")
        self.asked[_RATE] += len(there) - len(self.broken[_RATE])


def _said(move: Move) -> str:
    """Return the evidence of a fill that others made possible, as it has to be."""
    if move.aggressor is None:
        return f"{move.what} displayed through it"
    return f"{move.what}: {move.quantity / UNIT:g} at {move.price / UNIT:g} by a {move.aggressor.value}er"


def _units(value: float) -> int:
    return round(value * UNIT)


def _there(value: float | None) -> int | None:
    """Return a figure of an order in units, None where it has none."""
    return None if value is None or value != value else _units(value)


def _ns_of(at: datetime) -> int:
    return int(pd.Timestamp(at).value)


def _ns(column: "pd.Series[Any]") -> list[int]:
    """Return instants as ns since 1970, -1 where there is none."""
    stamps = pd.to_datetime(column, utc=True).to_numpy("datetime64[ns]").astype(np.int64)
    return [int(ns) for ns in np.maximum(stamps, -1)]
