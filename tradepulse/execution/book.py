"""The book: orders, fills, positions and cash as the fold of a journal. There is no other state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tradepulse.core.orders import Fill, Order, OrderStatus, Side, after_split, share_of
from tradepulse.errors import JournalCorrupt, MissingData
from tradepulse.execution.journal import Record


@dataclass(slots=True)
class OrderState:
    """An order and what has become of it."""

    order: Order
    status: OrderStatus
    record: int
    reason: str = ""
    filled: int = 0

    @property
    def open_quantity(self) -> int:
        """Units that can still fill, signed like the order."""
        return self.order.side.sign * (self.order.quantity - self.filled) if self.status.is_open else 0


@dataclass(slots=True)
class Book:
    """What a journal says, record after record.

    Parameters
    ----------
    name : of the book, from its first record
    cash_micros : cash, settled or not
    opening_micros : cash that it was opened with
    """

    name: str = ""
    cash_micros: int = 0
    opening_micros: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    #: Units that each strategy's orders have come to, by strategy and symbol.
    parts: dict[tuple[str, str], int] = field(default_factory=dict)
    orders: dict[str, OrderState] = field(default_factory=dict)
    fills: dict[str, tuple[Fill, int]] = field(default_factory=dict)
    #: Splits, dividends, borrow fees and funding that were booked, by kind, symbol and date, in the journal's order.
    actions: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    #: Newest session over whose night borrow fees and funding were booked, ISO, or empty.
    charged: str = ""
    #: Why the kill switch is pulled, whether its cancels are still to be asked for, and the orders that the broker has
    #: not proven gone since.
    killed: str = ""
    stopping: bool = False
    left: list[str] = field(default_factory=list)
    #: The broker of the newest session.
    broker: str = "simulated"
    #: What the book held after each session that was completed.
    closed: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Book":
        """Return the book that records add up to."""
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
    def last_session(self) -> str:
        """Newest completed session, ISO, or empty."""
        return max(self.closed, default="")

    def exposure(self, symbol: str, strategy: str | None = None) -> int:
        """Return the position after everything open fills, or what one strategy has of it."""
        held = self.positions.get(symbol, 0) if strategy is None else self.parts.get((strategy, symbol), 0)
        return held + sum(
            state.open_quantity
            for state in self.orders.values()
            if state.order.symbol == symbol and strategy in (None, state.order.strategy)
        )

    def may_go_ex(self, symbol: str, ex_date: str) -> bool:
        """Say whether what goes ex on a date can still be booked: nothing was traded or decided in new units yet."""
        traded = (fill.session >= ex_date for fill, _ in self.fills.values() if fill.symbol == symbol)
        decided = (
            state.status.is_open and state.order.decided_session >= ex_date
            for state in self.orders.values()
            if state.order.symbol == symbol
        )
        return not any(traded) and not any(decided)

    def loss(self, closes: Mapping[str, int]) -> int | None:
        """Return the equity lost since the close of the last completed session; None if something has no price.

        Parameters
        ----------
        closes : what a unit of each symbol is worth now, micros
        """
        if not self.closed:
            return 0
        last = self.closed[self.last_session]
        before = _equity(last["cash_micros"], last["positions"], last["closes"])
        now = _equity(self.cash_micros, self.positions, closes)
        return None if before is None or now is None else before - now

    def apply(self, record: Record) -> None:
        """Fold one record into the book.

        Raises
        ------
        JournalCorrupt
            If the record's kind is unknown.
        """
        body = record.body
        match record.kind:
            case "book_opened":
                self.name, self.cash_micros = body["book"], body["cash_micros"]
                self.opening_micros = self.cash_micros
            case "order_decided":
                order = order_from(body)
                self.orders[order.client_order_id] = OrderState(order, OrderStatus.UNKNOWN, record.number)
            case "order_refused":
                order = order_from(body["order"])
                state = OrderState(order, OrderStatus.REFUSED, record.number, f"{body['rule']}: {body['reason']}")
                self.orders[order.client_order_id] = state
            case "order_acknowledged":
                self.orders[body["client_order_id"]].status = OrderStatus.WORKING
            case "order_rejected":
                state = self.orders[body["client_order_id"]]
                state.status, state.reason = OrderStatus.REJECTED, body["reason"]
            case "order_filled":
                self._fill(fill_from(body), record.number)
            case "split":
                self._split(body)
            case "dividend":
                self.actions[record.kind, body["symbol"], body["ex_date"]] = body
                self.cash_micros += self.positions.get(body["symbol"], 0) * body["micros"]
            case "borrow" | "funding":
                self.actions[record.kind, body["symbol"], body["session"]] = body
                self.cash_micros -= body["micros"]
            case "charged":
                self.charged = body["session"]
            case "session_closed":
                self.closed[body["session"]] = {**body, "link": record.link}
            case "session_started":
                self.broker = body.get("broker", self.broker)
            case "order_canceled":
                state = self.orders[body["client_order_id"]]
                state.status, state.reason = OrderStatus.CANCELED, body["reason"]
            case "killed":
                self.killed, self.stopping = body["reason"], True
            case "stopped":
                self.left, self.stopping = body["left"], False
            case "reset":
                self.killed, self.left, self.stopping = "", [], False
            case "order_resent":
                pass
            case _:
                raise JournalCorrupt(
                    f"record {record.number} has the unknown kind {record.kind!r}; a newer version wrote it"
                )

    def _split(self, body: dict[str, Any]) -> None:
        """Turn units held, and what is open of orders, into new units; a fraction held is paid out."""
        symbol, numerator, denominator = body["symbol"], body["numerator"], body["denominator"]
        self.actions["split", symbol, body["ex_date"]] = body
        for strategy, of in self.parts:
            if of == symbol:
                self.parts[strategy, of], _ = after_split(self.parts[strategy, of], numerator, denominator)
        if held := self.positions.get(symbol, 0):
            self.positions[symbol], fraction = after_split(held, numerator, denominator)
            self.cash_micros += share_of(body["price_micros"], fraction, denominator)
        for state in self.orders.values():
            order = state.order
            if order.symbol == symbol and state.status.is_open:
                left, _ = after_split(order.quantity - state.filled, numerator, denominator)
                state.order = replace(order, quantity=state.filled + left)
                if not left:
                    state.status, state.reason = OrderStatus.CANCELED, "a split left nothing of it"

    def _fill(self, fill: Fill, number: int) -> None:
        if fill.fill_id in self.fills:
            return  # heard twice
        self.fills[fill.fill_id] = (fill, number)
        self.cash_micros += fill.cash_micros
        self.positions[fill.symbol] = self.positions.get(fill.symbol, 0) + fill.side.sign * fill.quantity
        # A fill of an order that we do not know still moved cash and position; it has no state to advance.
        if state := self.orders.get(fill.client_order_id):
            state.filled += fill.quantity
            part = state.order.strategy, fill.symbol
            self.parts[part] = self.parts.get(part, 0) + fill.side.sign * fill.quantity
            done = state.filled >= state.order.quantity
            if done or state.status is not OrderStatus.CANCELED:
                state.status = OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED


def _equity(cash: int, positions: Mapping[str, int], closes: Mapping[str, int]) -> int | None:
    held = {symbol: units for symbol, units in positions.items() if units}
    if held.keys() - closes.keys():
        return None
    return cash + sum(units * closes[symbol] for symbol, units in held.items())


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
