"""The daily book: an account as the fold of its sessions' journal. There is no other state.

Orders, positions, cash and what is open are an :class:`~tradepulse.execution.account.Account`'s, as on the continuous
order path. Units are whole here and money is in micros, so that an account's cash is micros times
:data:`~tradepulse.execution.terms.WHOLE_BP`. What only a daily book has (why an order was decided, what a fill's
evidence is, what went ex, which sessions are done) is beside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tradepulse.core.orders import Approved, Fill, Order, OrderStatus, Refused, Side, from_micros, share_of
from tradepulse.errors import JournalCorrupt, MissingData
from tradepulse.execution.account import Account, Held, Known
from tradepulse.execution.journal import Record
from tradepulse.execution.risk import Risk
from tradepulse.execution.terms import WHOLE_BP, Instrument, Limits, Place, Terms
from tradepulse.execution.ticket import OrderType, Ticket

_NONE = Limits()


@dataclass(slots=True)
class OrderState:
    """An order, the record that decided it, and what the account knows of it."""

    order: Order
    record: int
    known: Known

    @property
    def status(self) -> OrderStatus:
        """Where it stands."""
        return OrderStatus(self.known.status)

    @property
    def reason(self) -> str:
        """Why it was refused, rejected or canceled."""
        return self.known.reason

    @property
    def filled(self) -> int:
        """Units filled."""
        return self.known.filled


@dataclass(frozen=True, slots=True)
class Closes:
    """What risk goes by between two sessions: the close, at which there is as much as anybody asks for.

    Parameters
    ----------
    by_number : close of each instrument, micros, where there is one
    reference : close of what is ordered; no price where it is not above zero
    """

    by_number: Mapping[int, int]
    reference: int = 0
    seen_ms: int | None = None
    venue_ms: int | None = None

    @property
    def others(self) -> dict[Side, dict[int, int]]:
        """Enough of it, on both sides."""
        return {side: {self.reference: 1 << 62} for side in Side}

    @property
    def last(self) -> int | None:
        """The close."""
        return self.reference if self.reference > 0 else None

    bid = ask = last

    def best(self, side: Side) -> int | None:
        """Return the close."""
        return self.last

    def doubled(self, instrument: int) -> int | None:
        """Return twice the close of an instrument, None without one."""
        close = self.by_number.get(instrument)
        return None if close is None else 2 * close


class Book:
    """What a journal says, record after record.

    Attributes
    ----------
    name : of the book, from its first record
    account : what it has
    opening_micros : cash that it was opened with
    orders : by id, in the order in which they were decided
    fills : by id, each with the number of its record
    actions : splits, dividends, borrow fees and funding that were booked, by kind, symbol and date, in the journal's
        order
    charged : newest session over whose night borrow fees and funding were booked, ISO, or empty
    stopping, left : whether the kill switch's cancels are still to be asked for, and the orders that the broker has not
        proven gone since
    broker : of the newest session
    closed : what the book held after each session that was completed
    """

    def __init__(self) -> None:
        self.name, self.opening_micros = "", 0
        self.account = Account(Terms(1, 1), "the journal")
        self.orders: dict[str, OrderState] = {}
        self.fills: dict[str, tuple[Fill, int]] = {}
        self.actions: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.charged, self.broker = "", "simulated"
        self.stopping = False
        self.left: list[str] = []
        self.closed: dict[str, dict[str, Any]] = {}
        # Numbers by which the account knows them, in the order in which they are met.
        self._symbols: dict[str, int] = {}
        self._traders: dict[str, int] = {}

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Book":
        """Return the book that a journal's records amount to."""
        book = cls()
        for record in records:
            book.apply(record)
        return book

    @classmethod
    def after(cls, records: Sequence[Record], session: str) -> "Book":
        """Return the book as it stood when a session was completed, whatever has happened since.

        Raises
        ------
        MissingData
            If the journal does not say that the session was completed.
        """
        book = cls()
        for record in records:
            book.apply(record)
            if record.kind == "session_closed" and record.body["session"] == session:
                return book
        raise MissingData(f"book {book.name or '(new)'} has not completed session {session}; run execute_signals")

    @property
    def cash_micros(self) -> int:
        """Cash, settled or not."""
        return self.account.state.cash // WHOLE_BP

    @property
    def positions(self) -> dict[str, int]:
        """Units of each symbol that was ever filled."""
        held = self.account.state.held
        return {fill.symbol: held[self._symbols[fill.symbol]].position for fill, _ in self.fills.values()}

    @property
    def killed(self) -> str:
        """Why the kill switch is pulled, empty if it is not."""
        state = self.account.state
        return state.kill_reason if state.killed else ""

    @property
    def last_session(self) -> str:
        """Newest completed session, ISO, or empty."""
        return max(self.closed, default="")

    def exposure(self, symbol: str) -> int:
        """Return the position after everything open fills."""
        if symbol not in self._symbols:
            return 0
        held = self.account.state.held[self._symbols[symbol]]
        return held.position + held.left[Side.BUY] - held.left[Side.SELL]

    def ticket(self, order: Order) -> Ticket:
        """Return an order as the account knows it; what it does not know yet gets a number."""
        venue, strategy = self._meet(order.symbol, order.strategy)
        return Ticket(
            order.client_order_id, order.side, OrderType.MARKET, order.quantity, venue=venue, strategy=strategy
        )

    def terms(self, limits: Limits = _NONE, strategies: Mapping[str, Limits] | None = None) -> Terms:
        """Return what holds for what the book knows, under limits of the account and of its strategies."""
        own = strategies or {}
        return Terms(
            1, 1, limits=limits,
            venues=tuple(Place(symbol, 1, 1, instrument=number) for symbol, number in self._symbols.items()),
            instruments=tuple(Instrument(symbol, limits) for symbol in self._symbols),
            strategies=tuple(own.get(name, _NONE) for name in self._traders),
        )  # fmt: skip

    def closes(self, closes: Mapping[str, int], reference: int = 0) -> Closes:
        """Return what risk goes by at a session's close; prices in micros by symbol."""
        return Closes({number: closes[s] for s, number in self._symbols.items() if s in closes}, reference)

    def may_go_ex(self, symbol: str, ex_date: str) -> bool:
        """Say whether what goes ex on a date can still be booked: nothing was traded or decided in new units yet."""
        traded = (fill.session >= ex_date for fill, _ in self.fills.values() if fill.symbol == symbol)
        decided = (
            state.status.is_open and state.order.decided_session >= ex_date
            for state in self.orders.values()
            if state.order.symbol == symbol
        )
        return not any(traded) and not any(decided)

    def apply(self, record: Record) -> None:
        """Fold one record into the book.

        Raises
        ------
        JournalCorrupt
            If the record's kind is unknown.
        """
        body, account = record.body, self.account
        state = account.state
        match record.kind:
            case "book_opened":
                self.name, self.opening_micros = body["book"], body["cash_micros"]
                state.cash = state.opening = body["cash_micros"] * WHOLE_BP
            case "order_decided":
                self._decided(order_from(body), record.number)
            case "order_refused":
                self._decided(order_from(body["order"]), record.number, f"{body['rule']}: {body['reason']}")
            case "order_acknowledged":
                account.said(state.orders[body["client_order_id"]], "working", "", "")
            case "order_rejected":
                account.said(state.orders[body["client_order_id"]], "ended", "rejected", body["reason"])
            case "order_canceled":
                account.said(state.orders[body["client_order_id"]], "ended", "canceled", body["reason"])
            case "order_filled":
                self._filled(fill_from(body), record.number)
            case "split":
                self._split(body)
            case "dividend":
                self.actions[record.kind, body["symbol"], body["ex_date"]] = body
                state.cash += self.positions.get(body["symbol"], 0) * body["micros"] * WHOLE_BP
            case "borrow" | "funding":
                self.actions[record.kind, body["symbol"], body["session"]] = body
                state.cash -= body["micros"] * WHOLE_BP
            case "charged":
                self.charged = body["session"]
            case "session_closed":
                self.closed[body["session"]] = {**body, "link": record.link}
                # What the loss of the next session is counted from; none where something held has no close.
                state.opening = state.equity(self.closes(body["closes"]))
            case "session_started":
                self.broker = body.get("broker", self.broker)
            case "killed":
                state.killed, state.kill_reason, self.stopping = True, body["reason"], True
            case "stopped":
                self.left, self.stopping = body["left"], False
            case "reset":
                state.killed, state.kill_reason, self.left, self.stopping = False, "", [], False
            case "order_resent":
                pass
            case _:
                raise JournalCorrupt(
                    f"record {record.number} has the unknown kind {record.kind!r}; a newer version wrote it"
                )

    def _meet(self, symbol: str, strategy: str | None = None) -> tuple[int, int]:
        """Return the numbers of a symbol and a strategy, new ones where they are met for the first time."""
        met = len(self._symbols), len(self._traders)
        venue = self._symbols.setdefault(symbol, met[0])
        number = 0 if strategy is None else self._traders.setdefault(strategy, met[1])
        if (len(self._symbols), len(self._traders)) != met:
            self.account.widen(self.terms())
        return venue, number

    def _decided(self, order: Order, record: int, refused: str = "") -> None:
        ticket = self.ticket(order)
        if refused:
            self.account.refused(ticket, refused)
        else:
            self.account.sent(ticket, 0)
        id = order.client_order_id
        self.orders[id] = OrderState(order, record, self.account.state.orders[id])

    def _filled(self, fill: Fill, record: int) -> None:
        if fill.fill_id in self.fills:
            return  # heard twice
        self.fills[fill.fill_id] = (fill, record)
        venue, _ = self._meet(fill.symbol)
        # A fill of an order that we do not know still moves cash and position.
        self.account.book_fill(
            self.account.state.orders.get(fill.client_order_id), fill.client_order_id, fill.side, fill.price_micros,
            fill.quantity, "taker", 0, fill.fill_id, fill.commission_micros * WHOLE_BP, venue=venue,
        )  # fmt: skip

    def _split(self, body: dict[str, Any]) -> None:
        """Turn units held, and what is open of orders, into new units; a fraction held is paid out."""
        symbol, numerator, denominator = body["symbol"], body["numerator"], body["denominator"]
        self.actions["split", symbol, body["ex_date"]] = body
        venue, _ = self._meet(symbol)
        fraction = self.account.split(venue, numerator, denominator)
        self.account.state.cash += share_of(body["price_micros"], fraction, denominator) * WHOLE_BP
        for state in self.orders.values():
            if state.order.quantity != state.known.ticket.quantity:
                state.order = replace(state.order, quantity=state.known.ticket.quantity)


def review(
    order: Order,
    book: Book,
    limits: Limits,
    *,
    strategies: Mapping[str, Limits] | None = None,
    closes: Mapping[str, int] | None = None,
    settled: int | None = None,
) -> Approved | Refused:
    """Return the order approved, or refused in the words of the first rule that objects.

    Parameters
    ----------
    order : not yet known to the book
    book : what is open in it counts as on the continuous order path
    limits : of the account
    strategies : limits of each strategy on what it has of the account: its own fills and open orders
    closes : what a unit of each symbol held is worth now, micros; asked for where a loss or leverage is limited
    settled : cash that has settled and nobody is owed, micros, which is all that may be spent; None where there is no
        such bound
    """
    ticket, state = book.ticket(order), book.account.state
    market = book.closes(closes or {}, order.reference_micros)
    rule = Risk(book.terms(limits, strategies)).objection(state, ticket, market, 0)
    if not rule:
        return _unpaid(order, book, settled) or Approved(order)
    name = rule.removeprefix("strategy_")
    own, of, whose, opened = limits, state.held[ticket.venue], "", len(state.open)
    if name != rule:
        part = book.account.part_of(ticket.strategy)
        own, of = (strategies or {})[order.strategy], part.held[ticket.venue]
        whose, opened = f" for {order.strategy}", part.open
    return Refused(order, rule, _in_words(name, order, book, own, of, opened, market) + whose)


def _unpaid(order: Order, book: Book, settled: int | None) -> Refused | None:
    """Refuse a purchase that is more than what has settled pays for, valued at the close like those on their way."""
    if settled is None or order.side is Side.SELL:
        return None
    open_buys = (state for state in book.orders.values() if state.order.side is Side.BUY)
    free = settled - sum(state.known.left * state.order.reference_micros for state in open_buys)
    cost = order.quantity * order.reference_micros
    if cost <= free:
        return None
    return Refused(order, "unsettled_cash", f"costs {_money(cost)}, and {_money(free)} has settled and is free")


def _in_words(name: str, order: Order, book: Book, limits: Limits, of: Held, opened: int, market: Closes) -> str:
    """Say in numbers why a rule objects."""
    most = getattr(limits, name, 0)
    after = of.position + order.side.sign * (of.left[order.side] + order.quantity)
    match name:
        case "max_order_quantity":
            return f"{order.quantity} units, at most {most}"
        case "max_order_notional":
            return f"{_money(order.quantity * order.reference_micros)}, at most {_money(most // WHOLE_BP)}"
        case "max_position":
            return f"position would be {after}, at most {most}"
        case "max_short":
            return f"{-after} would be short, at most {most}"
        case "max_leverage":
            return f"more than {from_micros(most):g} would be held for one of equity, or something has no price"
        case "max_open_orders":
            return f"{opened} are open, at most {most}"
        case "max_daily_loss":
            state = book.account.state
            equity = state.equity(market)
            if equity is None or state.opening is None:  # what cannot be marked may have lost anything
                return "something that is held has no price"
            lost = _money((state.opening - equity) // WHOLE_BP)
            return f"lost {lost} since the last close, at most {_money(most // WHOLE_BP)}"
        case "killed":
            return f"the kill switch is pulled: {book.killed}"
        case "no_price":
            return f"reference price {from_micros(order.reference_micros)} is no price"
        case _:
            return f"{order.quantity} units as {order.client_order_id}"


def _money(micros: int) -> str:
    return f"{from_micros(micros):,.2f}"


def order_from(body: dict[str, Any]) -> Order:
    """Return an order from its journal form."""
    return Order(**{**body, "side": Side(body["side"])})


def fill_from(body: dict[str, Any]) -> Fill:
    """Return a fill from its journal form."""
    return Fill(**{**body, "side": Side(body["side"])})


def order_rows(book: Book) -> list[dict[str, Any]]:
    """Return the book's orders as rows of ``orders``, in the order of decision."""
    return [
        {
            "client_order_id": state.order.client_order_id,
            "session": state.order.decided_session,
            "symbol": state.order.symbol,
            "side": state.order.side.value,
            "quantity": state.order.quantity,
            "filled": state.filled,
            "status": state.status.value,
            "reason": state.reason,
            "reference_micros": state.order.reference_micros,
            "strategy": state.order.strategy,
            "trial_id": state.order.trial_id,
            "journal_record": state.record,
        }
        for state in book.orders.values()
    ]


def fill_rows(book: Book) -> list[dict[str, Any]]:
    """Return the book's fills as rows of ``fills``, in the order of the journal."""
    return [{**asdict(fill), "side": fill.side.value, "journal_record": record} for fill, record in book.fills.values()]
