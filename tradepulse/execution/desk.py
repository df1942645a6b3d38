"""Our side of the line to a venue: what we have seen of its book, and what a strategy may ask and order there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Unpack

from tradepulse.core.orders import Side, client_order_id
from tradepulse.core.quoting.base import Answer, How, Market, QuotingStrategy, checked
from tradepulse.errors import ConfigError, LineLost
from tradepulse.execution.matching import Display
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.router import Offered, route
from tradepulse.execution.terms import Terms
from tradepulse.execution.ticket import Event, Ticket, TimeInForce, type_of

#: Strategies that a ticket can tell apart.
MOST_STRATEGIES = 8
#: A day of the order path, by which losses are counted: of UTC, in ns.
DAY_NS = 86_400 * 10**9


class Move(NamedTuple):
    """Something that others did at the venue.

    Parameters
    ----------
    ns : when, nanoseconds since 1970
    levels : side, price and new quantity of each level that changed; of a trade none
    price, quantity, aggressor : of a trade
    what : where it stands in the source, for the evidence
    venue : number of the venue, where there are several
    """

    ns: int
    levels: tuple[tuple[Side, int, int], ...]
    price: int = 0
    quantity: int = 0
    aggressor: Side | None = None
    what: str = ""
    venue: int = 0


class View(Display):
    """The book as we have seen it so far: what risk looks at, and what strategies are told."""

    #: Units that others have traded.
    traded: int = 0
    #: Number of its instrument, and the books of all, where there are several.
    instrument: int = 0
    all: "Books | None" = None

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

    def of(self, venue: int) -> "View":
        """Return the book of a venue: there is one."""
        return self

    def doubled(self, instrument: int) -> int | None:
        """Return twice what a unit of an instrument is worth: of its own by this book, of others by theirs."""
        if self.all is not None and instrument != self.instrument:
            return self.all.doubled(instrument)
        return super().doubled(instrument)

    def market(self, ns: int) -> Market:
        """Return the top of the book."""
        bid, ask = self.bid, self.ask
        bid_size = 0 if bid is None else self.others[Side.BUY][bid]
        ask_size = 0 if ask is None else self.others[Side.SELL][ask]
        return Market(ns, bid, bid_size, ask, ask_size, self.last, self.traded)


class Views:
    """The books of one instrument at several venues as we have seen them: each by itself, and the best of all.

    Parameters
    ----------
    venues : their numbers
    """

    def __init__(self, venues: Sequence[int]) -> None:
        self._at = {venue: View() for venue in venues}
        self.each = list(self._at.values())
        self.last: int | None = None

    def see(self, move: Move, now_ms: int | None = None) -> None:
        """Take in what others did at one of them."""
        if move.venue not in self._at:
            raise LineLost(f"a move at venue {move.venue}, of {len(self.each)}")
        self._at[move.venue].see(move, now_ms)
        if move.aggressor is not None:
            self.last = move.price

    def forget(self) -> None:
        """Begin anew, at all of them."""
        for view in self.each:
            view.forget()

    def of(self, venue: int) -> View:
        """Return the book of a venue."""
        return self._at[venue]

    @property
    def others(self) -> dict[Side, dict[int, int]]:
        """What others display at all of them together."""
        found: dict[Side, dict[int, int]] = {side: {} for side in Side}
        for view in self.each:
            for side, levels in view.others.items():
                for price, quantity in levels.items():
                    found[side][price] = found[side].get(price, 0) + quantity
        return found

    @property
    def bid(self) -> int | None:
        """Highest bid anywhere; it may lie above the lowest offer elsewhere."""
        return max((view.bid for view in self.each if view.bid is not None), default=None)

    @property
    def ask(self) -> int | None:
        """Lowest offer anywhere."""
        return min((view.ask for view in self.each if view.ask is not None), default=None)

    @property
    def seen_ms(self) -> int | None:
        """When the newest of it was seen."""
        return max((view.seen_ms for view in self.each if view.seen_ms is not None), default=None)

    @property
    def venue_ms(self) -> int | None:
        """The same by the clock of the venues."""
        return max((view.venue_ms for view in self.each if view.venue_ms is not None), default=None)

    def best(self, side: Side) -> int | None:
        """Return the best price that others display on a side anywhere."""
        return self.bid if side is Side.BUY else self.ask

    def doubled(self, instrument: int) -> int | None:
        """Return twice the mid of all books, else twice the last price; None without either."""
        bid, ask = self.bid, self.ask
        if bid is not None and ask is not None:
            return bid + ask
        return None if self.last is None else 2 * self.last

    def market(self, ns: int) -> Market:
        """Return the best of all books, with what is displayed at those prices together."""
        bid, ask = self.bid, self.ask
        sizes = (
            sum(view.others[side].get(price, 0) for view in self.each if price is not None)
            for side, price in ((Side.BUY, bid), (Side.SELL, ask))
        )
        traded = sum(view.traded for view in self.each)
        return Market(ns, bid, next(sizes), ask, next(sizes), self.last, traded)


class Books:
    """The books of several instruments as we have seen them.

    Parameters
    ----------
    terms : of the account
    """

    def __init__(self, terms: Terms) -> None:
        at: list[list[int]] = [[] for _ in terms.instruments]
        for venue, place in enumerate(terms.venues):
            at[place.instrument].append(venue)
        self._venues = len(terms.venues)
        #: Of each instrument.
        self.each: list[View | Views] = [View() if len(venues) == 1 else Views(venues) for venues in at]
        self._of = [self.each[place.instrument] for place in terms.venues]
        for number, venues in enumerate(at):
            for venue in venues:
                view = self.of(venue)
                view.instrument, view.all = number, self

    def see(self, move: Move, now_ms: int | None = None) -> None:
        """Take in what others did."""
        if move.venue >= self._venues:
            raise LineLost(f"a move at venue {move.venue}, of {self._venues}")
        self._of[move.venue].see(move, now_ms)

    def forget(self) -> None:
        """Begin anew, with all of them."""
        for view in self.each:
            view.forget()

    def of(self, venue: int) -> View:
        """Return the book of a venue."""
        return self._of[venue].of(venue)

    def doubled(self, instrument: int) -> int | None:
        """Return twice what a unit of an instrument is worth; None where nobody says."""
        return self.each[instrument].doubled(instrument)


def books_of(terms: Terms) -> View | Views | Books:
    """Return the books that an account looks at, nothing seen of them yet."""
    if terms.instruments:
        return Books(terms)
    return Views(range(len(terms.venues))) if terms.venues else View()


class Desk:
    """What a strategy orders through: risk is asked, the journal is written, and what may leave is sent.

    Parameters
    ----------
    path : of the account
    view : what risk and the strategy see
    send : is given what leaves: when it was decided (ns), ``submit``, ``cancel`` or ``replace``, and what
    book : name that order ids are made from
    strategy : that orders here
    number : of the strategy, where there are several
    instrument : that is ordered here, where there are several
    """

    def __init__(
        self, path: OrderPath, view: View | Views | Books, send: Callable[[int, str, Any], None], book: str,
        strategy: QuotingStrategy, number: int = 0, instrument: int = 0,
    ) -> None:  # fmt: skip
        self.path, self.view, self._send, self._book = path, view, send, book
        self.strategy, self._number, self.instrument = strategy, number, instrument
        self.name = name_of(strategy, path.terms)
        self.now = 0
        #: When each order that was sent was decided, ns.
        self.decided: dict[str, int] = {}
        self.seen = view.each[instrument] if isinstance(view, Books) else view
        #: Where there are several: the strategy's desks, by instrument; those of its first one count for all.
        self._desks: dict[int, Desk] = {instrument: self}
        self._first = self
        terms = path.terms
        self._home = terms.home_of(instrument)
        home = terms.venues[self._home] if terms.venues else terms
        self.tick, self.lot = home.tick, home.lot
        self._places = [
            (n, place) for n, place in enumerate(terms.venues)
            if not terms.instruments or place.instrument == instrument
        ]  # fmt: skip
        # Orders that ids were made for; those of others do not count, so that an id does not hang on what they do.
        self._count = sum(order.ticket.strategy == number for order in path.state.by_number)

    def on(self, instrument: int) -> "Desk":
        """Return the strategy's desk of another instrument, by its number.

        Raises
        ------
        ConfigError
            If it does not trade that.
        """
        if instrument not in self._desks:
            raise ConfigError(f"{self.name} does not trade instrument {instrument} of {len(self.path.state.held)}")
        return self._desks[instrument]

    def beside(self, first: "Desk") -> None:
        """Take a place beside the strategy's first desk: ids are counted and the time is kept there."""
        self._first, self.decided, self._desks = first, first.decided, first._desks
        self._desks[self.instrument] = self

    def at(self, now: int) -> None:
        """Let it be so many ns since 1970 to the strategy."""
        self._first.now = now

    @property
    def position(self) -> int:
        """Units held, as far as we know: of several strategies, by this one."""
        state = self.path.state
        return (state.parts[self._number] if state.parts else state).held[self.instrument].position

    @property
    def market(self) -> Market:
        """What the book is now, as far as we have seen."""
        return self.seen.market(self._first.now)

    def filled(self, side: Side) -> int:
        """Return the units that orders of the strategy have filled on a side here, since the book began."""
        terms, orders = self.path.terms, self.path.state.orders
        # By their ids: a book that is traded by one strategy may have been traded by another before.
        own = (client_order_id(self._book, self.name, str(number)) for number in range(self._first._count))
        return sum(
            order.filled
            for order in (orders[id] for id in own if id in orders)
            if order.ticket.side is side and terms.instrument_of(order.ticket.venue) == self.instrument
        )

    @property
    def memory(self) -> Sequence[Any]:
        """What the strategy has remembered, oldest first."""
        return self.path.state.memory.get(self.name, ())

    def remember(self, value: Any, keep: int = 1) -> None:
        """Write a JSON value to the journal; of those written the last ``keep`` are kept."""
        self.path.remember(self.name, value, keep)

    def open_orders(self) -> Mapping[str, tuple[Side, int | None, int]]:
        """Return side, price and what is left of each order of the strategy that can still fill."""
        found = {
            id: (order.ticket.side, order.ticket.price, order.left)
            for id, order in self.path.state.open.items()
            if order.ticket.strategy == self._number
        }
        if (terms := self.path.terms).instruments:
            orders = self.path.state.open
            return {
                id: one for id, one in found.items() if terms.instrument_of(orders[id].ticket.venue) == self.instrument
            }
        return found

    def submit(self, side: Side, quantity: int, price: int | None = None, **how: Unpack[How]) -> str:
        """Send an order, if risk lets it; of several venues, one to each that the router chooses.

        What takes is routed: a market order, and what is immediate or meets what others display; each part is limited
        by the worst price that it is to take, and canceled where that is gone. What is left of a limit order that may
        rest, and what only rests, goes to the first venue. What waits, is to be hidden or to reduce, and what fills
        whole or not at all, is not split.

        Returns
        -------
        str
            The order's id; of several the first one's.
        """
        tickets = self._routed(side, quantity, price, how) if len(self._places) > 1 else []
        if not tickets:
            tickets = [self._ticket(side, quantity, price, how)]
        for ticket in tickets:
            self._submit(ticket)
        return tickets[0].id

    def _routed(self, side: Side, quantity: int, price: int | None, how: How) -> list[Ticket]:
        """Return an order as one for each venue that it is to go to, and say why; none if it takes nothing."""
        facing = Side.SELL if side is Side.BUY else Side.BUY
        best, tif = self.seen.best(facing), how.get("tif", "gtc")
        meets = best is not None and (price is None or side.sign * best <= side.sign * price)
        whole = tif == "fok" or any(value for name, value in how.items() if name not in {"tif", "expire_at_ms"})
        if not meets or whole or quantity <= 0:
            return []
        offers = [
            Offered(
                place.name, self.view.of(number).others[facing], place.taker_fee, place.latency_us,
                place.half_life_us, place.lot,
            )
            for number, place in self._places
        ]  # fmt: skip
        found = route(side, quantity, offers, price)
        numbers = {place.name: number for number, place in self._places}
        tickets = [
            self._ticket(side, leg.quantity, leg.price, {"tif": "ioc"}, numbers[leg.venue]) for leg in found.legs
        ]
        if tickets:
            self.path.route({ticket.id: leg.reason for ticket, leg in zip(tickets, found.legs, strict=True)})
            if found.left and price is not None and tif != "ioc":
                tickets.append(self._ticket(side, found.left, price, how))
        return tickets

    def _ticket(self, side: Side, quantity: int, price: int | None, how: How, venue: int | None = None) -> Ticket:
        first, said = self._first, dict[str, Any](checked(price, how))
        kind, tif = type_of(price, how), TimeInForce(said.pop("tif", "gtc"))
        said.pop("if_touched", None)
        id = client_order_id(self._book, self.name, str(first._count))
        ticket = Ticket(
            id, side, kind, quantity, price, tif=tif, venue=self._home if venue is None else venue,
            strategy=self._number, **said,
        )  # fmt: skip
        first._count += 1
        return ticket

    def _submit(self, ticket: Ticket) -> None:
        id, now = ticket.id, self._first.now
        if self.path.submit(ticket, self.view.of(ticket.venue), now // 1_000_000):
            self.decided[id] = now
            self._send(now, "submit", ticket)
        else:
            self.strategy.on_answer(Answer(now, id, "refused", self.path.state.orders[id].reason), self)

    def cancel(self, id: str) -> None:
        """Ask for the end of an order."""
        if self.path.cancel(id):
            self._send(self._first.now, "cancel", id)

    def replace(
        self, id: str, *, price: int | None = None, quantity: int | None = None, stop_price: int | None = None
    ) -> None:
        """Ask for another price, another total, or another price that it waits for."""
        order = self.path.state.orders.get(id)
        market = self.view.of(order.ticket.venue if order else 0)
        if self.path.replace(id, market, price=price, quantity=quantity, stop_price=stop_price):
            change = {"price": price, "quantity": quantity, "stop_price": stop_price}
            self._send(self._first.now, "replace", (id, change))


def name_of(strategy: QuotingStrategy, terms: Terms) -> str:
    """Return the name that a strategy's orders go by: its id, and what it trades if that is not the first instrument.

    Raises
    ------
    ConfigError
        If there is no such instrument, or it trades several where there is one.
    """
    there = max(1, len(terms.instruments))
    if strategy.instrument >= there or (strategy.several and there == 1):
        wants = "several instruments" if strategy.several else f"instrument {strategy.instrument}"
        raise ConfigError(f"{strategy.id} trades {wants}, and the account has {there}")
    return f"{strategy.id} on {terms.instruments[strategy.instrument].symbol}" if strategy.instrument else strategy.id


def begin_with(path: OrderPath, strategy: QuotingStrategy, history: Sequence[Sequence[Any]]) -> None:
    """Let a strategy that remembers nothing yet remember bars that it has not seen here."""
    name = name_of(strategy, path.terms)
    if name not in path.state.memory:
        for group in history:
            path.remember(name, list(group), len(history))


class Desks:
    """The desks of the strategies of one account; each hears of its market, and of orders its own.

    Parameters
    ----------
    path, view, send, book : of each :class:`Desk`
    strategies : in the order in which they are asked

    Raises
    ------
    ConfigError
        If two are the same, which would give their orders the same ids, or are more than tickets can tell apart.
    """

    def __init__(
        self, path: OrderPath, view: View | Views | Books, send: Callable[[int, str, Any], None], book: str,
        strategies: Sequence[QuotingStrategy],
    ) -> None:  # fmt: skip
        ids = [name_of(strategy, path.terms) for strategy in strategies]
        if twice := next((id for id in ids if ids.count(id) > 1), None):
            raise ConfigError(f"{twice} trades this desk twice; name each strategy once")
        if not 1 <= len(ids) <= MOST_STRATEGIES:
            raise ConfigError(f"a desk has between 1 and {MOST_STRATEGIES} strategies, not {len(ids)}")
        if len(ids) != max(1, len(path.terms.strategies)):
            raise ConfigError(
                f"{len(ids)} strategies trade, and the account's terms are of {len(path.terms.strategies)}"
            )
        self._path = path
        self.each: list[Desk] = []
        #: By instrument: who hears of its market.
        self._hear: list[list[Desk]] = [[] for _ in path.state.held]
        for number, one in enumerate(strategies):
            traded = range(len(path.state.held)) if one.several else (one.instrument,)
            desks = [Desk(path, view, send, book, one, number, instrument) for instrument in traded]
            self.each.append(desks[0])
            for desk in desks:
                self._hear[desk.instrument].append(desk)
                if desk is not desks[0]:
                    desk.beside(desks[0])

    @property
    def decided(self) -> dict[str, int]:
        """When each order that was sent was decided, ns."""
        return {id: ns for desk in self.each for id, ns in desk.decided.items()}

    def on_market(self, ns: int, now: int, venue: int = 0) -> None:
        """Tell the strategies what the market of a venue's instrument is.

        Parameters
        ----------
        ns : when it was so
        now : when they decide
        venue : where something has changed
        """
        desks = self._hear[self._path.terms.instrument_of(venue)]
        if not desks:
            return
        market = desks[0].seen.market(ns)
        for desk in desks:
            desk.at(now)
            desk.strategy.on_market(market, desk)

    def on_answer(self, event: Event, ns: int) -> None:
        """Tell the strategy whose order it is about what the venue has said."""
        order = self._path.state.orders.get(event.id)
        desk = self.each[order.ticket.strategy if order is not None else 0]
        if order is not None and desk.strategy.several:
            desk = desk.on(self._path.terms.instrument_of(order.ticket.venue))
        desk.at(ns)
        said = Answer(ns, event.id, event.kind, event.reason, event.price, event.quantity)
        desk.strategy.on_answer(said, desk)
