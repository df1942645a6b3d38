"""One session of a book: fill what rests, then turn the released signals into orders.

Every decision is in the journal before it leaves the process. A run that died is simply run again: the journal says
what was decided, the venue says what arrived, and nothing is lost or sent twice.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tradepulse.core.orders import Approved, Order, OrderStatus, Side, client_order_id, to_micros
from tradepulse.errors import BrokerRejected, ConfigError, SessionOutOfOrder, Unanswered
from tradepulse.execution.book import Book
from tradepulse.execution.broker import Broker
from tradepulse.execution.brokers import open_broker
from tradepulse.execution.brokers.simulated import Fees, SimulatedVenue
from tradepulse.execution.journal import Journal
from tradepulse.execution.lease import locked
from tradepulse.execution.risk import Limits, review


@dataclass(frozen=True, slots=True)
class Target:
    """A released signal: what to hold after a session, and the ids that say why."""

    symbol: str
    target_quantity: int
    reference_micros: int
    strategy: str
    trial_id: str


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a session's run is told. It asks nothing else: no clock, no network, no database.

    Parameters
    ----------
    book : name of the book
    session : trading date whose signals are executed, ISO
    cash_micros : cash that a new book opens with
    opens, closes : prices in micros by session and symbol, for the sessions since the book's last one
    targets : released signals of the session
    limits : risk limits
    fees : what the simulated venue charges
    broker : ``simulated``, or one of :data:`tradepulse.execution.brokers.BROKERS`
    """

    book: str
    session: str
    cash_micros: int
    opens: Mapping[str, Mapping[str, int]]
    closes: Mapping[str, Mapping[str, int]]
    targets: Sequence[Target]
    limits: Limits
    fees: Fees
    broker: str = "simulated"


@dataclass(frozen=True, slots=True)
class Report:
    """What a session's run did."""

    session: str
    repeated: bool
    decided: int
    refused: int
    filled: int
    journal_hash: str
    torn_bytes: int


def parse_request(text: str) -> Request:
    """Return a request from its JSON form; prices and cash are decimal strings there.

    Raises
    ------
    ConfigError
        Naming what is missing, unknown or no number.
    """
    try:
        raw: dict[str, Any] = json.loads(text)
        session = date.fromisoformat(raw["session"]).isoformat()
        return Request(
            book=str(raw["book"]),
            session=session,
            cash_micros=to_micros(raw["cash"]),
            opens=_prices(raw["opens"]),
            closes=_prices(raw["closes"]),
            targets=[
                Target(
                    symbol=target["symbol"],
                    target_quantity=_integer(target["target_quantity"]),
                    reference_micros=to_micros(target["reference_close"]),
                    strategy=target["strategy"],
                    trial_id=target["trial_id"],
                )
                for target in raw["targets"]
            ],
            limits=Limits(
                max_order_quantity=_integer(raw["limits"]["max_order_quantity"]),
                max_order_notional_micros=to_micros(raw["limits"]["max_order_notional"]),
                max_position=_integer(raw["limits"]["max_position"]),
            ),
            fees=Fees(**raw["fees"]),
            broker=str(raw.get("broker", "simulated")),
        )
    except KeyError as exc:
        raise ConfigError(f"request lacks {exc.args[0]!r}; see tradepulse/execution/README.md for its form") from exc
    except (ValueError, TypeError, ArithmeticError, AttributeError) as exc:
        raise ConfigError(f"request is not valid: {exc}") from exc


def run_session(folder: Path, request: Request, progress: Callable[[str], None] = lambda line: None) -> Report:
    """Run one session of a book, or find that it was run before.

    Parameters
    ----------
    folder : of the book: its journal, the venue's journal and the lock
    request : what to do
    progress : is told each step in a line

    Raises
    ------
    BookLocked
        If another process trades this book.
    SessionOutOfOrder
        If the book has completed a later session.
    JournalCorrupt
        If the journal does not prove its own history.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        venue: Broker
        if request.broker == "simulated":
            venue = SimulatedVenue(folder / "venue.journal", request.fees)
        else:
            venue = open_broker(request.broker)
        try:
            with Journal(folder / "orders.journal") as journal:
                return _Session(journal, venue, request, progress).run()
        finally:
            venue.close()


class _Session:
    def __init__(self, journal: Journal, venue: Broker, request: Request, progress: Callable[[str], None]) -> None:
        self.journal, self.venue, self.request, self.progress = journal, venue, request, progress
        self.book = Book.of(journal.read())

    def run(self) -> Report:
        request, book = self.request, self.book
        if book.name and book.name != request.book:
            raise ConfigError(f"{self.journal.path}: is the journal of book {book.name!r}, not of {request.book!r}")
        if request.session in book.closed:
            self.progress(f"session {request.session} was completed before; nothing is sent again")
            return self._report(repeated=True)
        if request.session < book.last_session:
            raise SessionOutOfOrder(
                f"session {request.session} is older than {book.last_session}, the last that book {book.name!r} "
                "completed; sessions are executed in order"
            )
        if self.journal.torn_bytes:
            self.progress(f"cut {self.journal.torn_bytes} bytes of a record that was never completed")
        if not book.name:
            self._record("book_opened", book=request.book, cash_micros=request.cash_micros)
        self._record("session_started", session=request.session)
        self._reconcile()
        self._open_sessions()
        for target in request.targets:
            self._pursue(target)
        self._record(
            "session_closed",
            session=request.session,
            cash_micros=book.cash_micros,
            positions=dict(sorted(book.positions.items())),
            closes=dict(request.closes.get(request.session, {})),
        )
        return self._report(repeated=False)

    def _record(self, kind: str, **body: Any) -> None:
        """Write a record, then let it count: the order matters."""
        self.book.apply(self.journal.append(kind, **body))

    def _reconcile(self) -> None:
        """Settle with the venue what a run that died left open."""
        for state in list(self.book.orders.values()):
            if state.status is OrderStatus.UNKNOWN:
                # The venue does not place an id again that it knows, so sending it again is safe and leaving it is not.
                id = state.order.client_order_id
                if self.venue.knows(id):
                    self._record("order_acknowledged", client_order_id=id)
                    continue
                self.progress(f"order {id} was decided and never arrived; sending it again")
                self._record("order_resent", client_order_id=id)
                self._send(Approved(state.order))
        self._hear_fills()

    def _send(self, approved: Approved) -> bool:
        """Send an order, and book the answer; without one it stays unknown. Returns whether it was accepted."""
        order = approved.order
        try:
            self.venue.submit(approved)
        except BrokerRejected as exc:
            self._record("order_rejected", client_order_id=order.client_order_id, reason=str(exc))
            self.progress(f"rejected {order.side} {order.quantity} {order.symbol}: {exc}")
            return False
        except Unanswered as exc:
            self.progress(f"unknown: {order.side} {order.quantity} {order.symbol} as {order.client_order_id}: {exc}")
            return False
        self._record("order_acknowledged", client_order_id=order.client_order_id)
        return True

    def _open_sessions(self) -> None:
        """Hold the opening auction of every session since the book's last one."""
        if not isinstance(self.venue, SimulatedVenue):
            return  # a real broker's auction happens without us
        for session in sorted(self.request.opens):
            if self.book.last_session < session <= self.request.session:
                self.venue.auction(session, self.request.opens[session])
                self._hear_fills()

    def _hear_fills(self) -> None:
        for fill in self.venue.fills():
            if fill.fill_id not in self.book.fills:
                self._record("order_filled", **asdict(fill))
                self.progress(f"filled {fill.side} {fill.quantity} {fill.symbol} in session {fill.session}")

    def _pursue(self, target: Target) -> None:
        request = self.request
        id = client_order_id(request.book, target.strategy, f"{target.symbol}|{request.session}")
        if id in self.book.orders:
            return  # decided before the run died
        change = target.target_quantity - self.book.exposure(target.symbol)
        if not change:
            return
        order = Order(
            client_order_id=id,
            symbol=target.symbol,
            side=Side.BUY if change > 0 else Side.SELL,
            quantity=abs(change),
            reference_micros=target.reference_micros,
            strategy=target.strategy,
            trial_id=target.trial_id,
            decided_session=request.session,
        )
        verdict = review(order, self.book, request.limits)
        if isinstance(verdict, Approved):
            self._record("order_decided", **asdict(order))
            if self._send(verdict):
                self.progress(f"sent {order.side} {order.quantity} {order.symbol} for the next open as {id}")
        else:
            self._record("order_refused", order=asdict(order), rule=verdict.rule, reason=verdict.reason)
            self.progress(f"refused {order.side} {order.quantity} {order.symbol}: {verdict.rule}: {verdict.reason}")

    def _report(self, *, repeated: bool) -> Report:
        decided = [s for s in self.book.orders.values() if s.order.decided_session == self.request.session]
        return Report(
            session=self.request.session,
            repeated=repeated,
            decided=len(decided),
            refused=sum(state.status is OrderStatus.REFUSED for state in decided),
            filled=sum(fill.session == self.request.session for fill, _ in self.book.fills.values()),
            journal_hash=self.book.closed[self.request.session]["link"],
            torn_bytes=self.journal.torn_bytes,
        )


def _prices(raw: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, int]]:
    return {
        date.fromisoformat(session).isoformat(): {
            symbol: _price(price, symbol, session) for symbol, price in row.items()
        }
        for session, row in raw.items()
    }


def _price(price: str, symbol: str, session: str) -> int:
    micros = to_micros(price)
    if micros <= 0:
        raise ConfigError(f"price {price} of {symbol} on {session} is not above zero")
    return micros


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{value!r} is not a whole number")
    return value
