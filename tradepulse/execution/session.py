"""One session of a book: fill what rests, then turn the released signals into orders.

Every decision is in the journal before it leaves the process. A run that died is simply run again: the journal says
what was decided, the venue says what arrived, and nothing is lost or sent twice.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from tradepulse.core.orders import Approved, Order, OrderStatus, Side, after_split, client_order_id, share_of
from tradepulse.core.sessions import calendar
from tradepulse.errors import (
    BookLocked,
    BrokerRejected,
    ConfigError,
    ExecutionError,
    MissingData,
    SessionOutOfOrder,
    TradePulseError,
    Unanswered,
)
from tradepulse.execution.accounting import ledger_of
from tradepulse.execution.book import Book, review
from tradepulse.execution.broker import Broker
from tradepulse.execution.brokers import open_broker
from tradepulse.execution.brokers.simulated import Fees, SimulatedVenue
from tradepulse.execution.journal import Journal
from tradepulse.execution.kill_switch import check_pulled, check_reason, is_pulled, pull_kill_switch
from tradepulse.execution.lease import locked
from tradepulse.execution.request import Dividend, Request, Split, Target

#: A year of borrowing, in which a micro-bp is a whole number: 360 days (the convention of the market), bp and micros.
_YEAR_BP = 360 * 10_000 * 10**6


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
    killed: str = ""
    left: Sequence[str] = ()


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
        venue = _open(folder, request.broker, request.fees)
        try:
            with Journal(folder / "orders.journal") as journal:
                return _Session(folder, journal, venue, request, progress).run()
        finally:
            venue.close()


def kill_book(
    folder: Path, reason: str, by: str, progress: Callable[[str], None] = lambda line: None, *, wait: float = 5.0
) -> Book | None:
    """Pull the kill switch of a daily book, and cancel at its broker what can still fill.

    Parameters
    ----------
    folder : of the book
    reason, by : why, and who
    progress : is told each step in a line
    wait : seconds for which a session that runs is waited for

    Returns
    -------
    Book or None
        the book as it is then, with what is ``left`` that the broker has not proven gone; None if a session runs on,
        which acts on it before its next order and at its end

    Raises
    ------
    ConfigError
        If there is no such book, or nobody says why.
    """
    if not (folder / "orders.journal").is_file():
        raise ConfigError(f"{folder}: there is no such book; name one that has traded")
    pull_kill_switch(folder, reason, by)
    end = time.monotonic() + wait
    while (book := _stopped(folder, progress)) is None and time.monotonic() < end:
        time.sleep(0.1)
    return book


def _stopped(folder: Path, progress: Callable[[str], None]) -> Book | None:
    """Return a book of which nothing rests any more, as far as its broker proves it; None while a session has it."""
    try:
        with locked(folder), Journal(folder / "orders.journal") as journal:
            try:
                venue = _open(folder, Book.of(journal.read()).broker, Fees(0, 0))  # which nothing fills at here
            except TradePulseError as exc:
                raise ExecutionError(
                    f"the kill switch is pulled, and sessions send nothing; but what rests at the broker could not be "
                    f"canceled: {exc}"
                ) from exc
            try:
                trading = _Trading(folder, journal, venue, progress)
                trading.heed()
                trading.stop()
                return trading.book
            finally:
                venue.close()
    except BookLocked:
        return None


def reset_book(folder: Path, reason: str, by: str) -> None:
    """Release the kill switch of a daily book that no session trades; who does, says why, and it is in the journal.

    Raises
    ------
    BookLocked
        If a session runs.
    ConfigError
        If the switch is not pulled, or nobody says why it is released.
    """
    check_reason("reset", reason, by)
    with locked(folder), Journal(folder / "orders.journal") as journal:
        book = Book.of(journal.read())
        check_pulled(folder, book.killed)
        book.apply(journal.append("reset", reason=reason, by=by))
        (folder / "kill").unlink(missing_ok=True)


def _open(folder: Path, broker: str, fees: Fees) -> Broker:
    return SimulatedVenue(folder / "venue.journal", fees) if broker == "simulated" else open_broker(broker)


class _Trading:
    """A book and its broker, while a process has both."""

    def __init__(self, folder: Path, journal: Journal, venue: Broker, progress: Callable[[str], None]) -> None:
        self.folder, self.journal, self.venue, self.progress = folder, journal, venue, progress
        self.book = Book.of(journal.read())

    def _record(self, kind: str, **body: Any) -> None:
        """Write a record, then let it count: the order matters."""
        self.book.apply(self.journal.append(kind, **body))

    def heed(self) -> bool:
        """Take in that the kill switch was pulled from outside; return whether that is news."""
        if self.book.killed or not (reason := is_pulled(self.folder)):
            return False
        self._record("killed", reason=reason)
        self.progress(f"the kill switch is pulled: {reason}")
        return True

    def stop(self) -> None:
        """Cancel what can still fill, and note what the broker does not prove gone."""
        left = []
        for id, state in list(self.book.orders.items()):
            if not state.status.is_open:
                continue
            try:
                ended = self.venue.cancel(state.order)
            except TradePulseError as exc:
                self.progress(f"the end of {id} is not proven: {exc}")
                ended = None
            if ended is OrderStatus.CANCELED:
                self._record("order_canceled", client_order_id=id, reason="killed")
            elif ended is None:  # what has filled is heard in the next session
                left.append(id)
        self._record("stopped", left=left)
        if left:
            self.progress(f"ESCALATED: the broker has not proven that these are gone: {', '.join(left)}")


class _Session(_Trading):
    def __init__(
        self, folder: Path, journal: Journal, venue: Broker, request: Request, progress: Callable[[str], None]
    ) -> None:
        super().__init__(folder, journal, venue, progress)
        self.request = request

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
        self._record("session_started", session=request.session, broker=request.broker)
        if self.heed() or book.stopping or book.left:
            self.stop()
        self._reconcile()
        self._open_sessions()
        for target in request.targets:
            self._pursue(target)
        if self.heed():
            self.stop()
        self._record(
            "session_closed",
            session=request.session,
            cash_micros=book.cash_micros,
            positions=dict(sorted(book.positions.items())),
            closes=dict(request.closes.get(request.session, {})),
        )
        return self._report(repeated=False)

    def _reconcile(self) -> None:
        """Settle with the venue what a run that died left open."""
        for state in list(self.book.orders.values()):
            if state.status is OrderStatus.UNKNOWN:
                # The venue does not place an id again that it knows, so sending it again is safe and leaving it is not.
                id = state.order.client_order_id
                if self.venue.knows(state.order):
                    self._record("order_acknowledged", client_order_id=id)
                    continue
                if id in self.book.left:
                    self._record("order_canceled", client_order_id=id, reason="killed")
                    continue
                self.progress(f"order {id} was decided and never arrived; sending it again")
                self._record("order_resent", client_order_id=id)
                self._send(Approved(state.order))

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
        """Live through every session since the book's last one: what goes ex before it, its auction, its fills."""
        request, past = self.request, self.book.last_session
        for session in sorted({*request.opens, request.session}):
            if past < session <= request.session:
                self._charge(session, before=past)
                past = session
                self._go_ex(session)
                if isinstance(self.venue, SimulatedVenue):  # a real broker's auction happens without us
                    self.venue.auction(session, request.opens.get(session, {}))
                self._hear_fills(until=session)

    def _charge(self, session: str, before: str) -> None:
        """Book what holding over the nights before a session costs: borrow fees of shorts, funding of perpetuals."""
        if not before or session <= self.book.charged:
            return
        nights = (date.fromisoformat(session) - date.fromisoformat(before)).days
        due = [("borrow", symbol, micro_bp * nights, _YEAR_BP) for symbol, micro_bp in self.request.borrow.items()]
        due += [
            ("funding", one.symbol, one.rate_micros, 10**6) for one in self.request.funding if one.session == session
        ]
        if not due:
            return
        self._hear_fills(until=before)  # what is held is known only then
        for kind, symbol, part, whole in sorted(due):
            held = self.book.positions.get(symbol, 0)
            if (kind, symbol, session) in self.book.actions or not held or (kind == "borrow" and held > 0):
                continue
            close = self._close_of(symbol, before)
            if close is None:
                raise MissingData(
                    f"{symbol} was held over the night of {before} and has no close then, which its {kind} goes by; "
                    "add it to the request"
                )
            paid = share_of((abs(held) if kind == "borrow" else held) * close, part, whole)
            if paid:
                self._record(kind, session=session, symbol=symbol, units=held, price_micros=close,
                             micros=paid)  # fmt: skip
                self.progress(f"{kind} of {symbol}, {held} units")
        # Who held nothing pays nothing, also where a run that dies here is run again after the fills of the day.
        self._record("charged", session=session)

    def _close_of(self, symbol: str, session: str) -> int | None:
        known = self.request.closes.get(session, {}).get(symbol)
        return known if known is not None else self.book.closed.get(session, {}).get("closes", {}).get(symbol)

    def _go_ex(self, session: str) -> None:
        """Book what goes ex up to a session and is not booked yet; of a day's, splits come before dividends."""
        if self.request.actions:
            self._hear_fills(until=self.book.last_session)  # in the units of before
        for action in sorted(self.request.actions, key=lambda one: (one.ex_date, isinstance(one, Dividend), one)):
            symbol, ex_date, *_ = action
            booked = ("dividend" if isinstance(action, Dividend) else "split", symbol, ex_date) in self.book.actions
            if ex_date <= self.book.last_session and not booked and not self.book.may_go_ex(symbol, ex_date):
                raise SessionOutOfOrder(
                    f"{symbol} went ex on {ex_date}, and book {self.book.name!r} has traded it since; leave it out, "
                    "and set the position right by an order"
                )
            if ex_date > session:
                continue
            if isinstance(action, Dividend):
                if not booked:
                    self._record("dividend", session=session, **action._asdict())
                    self.progress(f"dividend of {symbol}, {self.book.positions.get(symbol, 0)} units")
                continue
            if not booked:
                price = self._price_of_fractions(action)
                self._record("split", session=session, **action._asdict(), price_micros=price)
                self.progress(f"split of {symbol}, {action.numerator} for {action.denominator}")
            if isinstance(self.venue, SimulatedVenue):
                self.venue.split(*action)

    def _price_of_fractions(self, split: Split) -> int:
        """Return what a new unit is worth by the last close before a split; 0 where no fraction is to be paid."""
        held = self.book.positions.get(split.symbol, 0)
        if not after_split(held, split.numerator, split.denominator)[1]:
            return 0
        closes = {session: row["closes"] for session, row in self.book.closed.items()} | dict(self.request.closes)
        for session in sorted(closes, reverse=True):
            if session < split.ex_date and split.symbol in closes[session]:
                return share_of(closes[session][split.symbol], split.denominator, split.numerator)
        raise MissingData(
            f"{split.symbol} is split on {split.ex_date}, and no close before is known; add it to the request"
        )

    def _hear_fills(self, until: str) -> None:
        """Book what was filled up to a session; later fills are in units that may not be ours yet."""
        orders = [state.order for state in self.book.orders.values()]
        waiting = [state.order.decided_session for state in self.book.orders.values() if state.status.is_open]
        since = min(waiting, default=self.book.last_session)
        for fill in self.venue.fills({order.symbol for order in orders}, since):
            if fill.fill_id not in self.book.fills and fill.session <= until:
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
        if self.heed():
            self.stop()
        verdict = review(
            order,
            self.book,
            replace(request.limits, max_short=0) if request.account == "cash" else request.limits,
            strategies=request.strategies,
            closes=request.closes.get(request.session, {}),
            settled=self._settled,
        )
        if isinstance(verdict, Approved):
            self._record("order_decided", **asdict(order))
            if self._send(verdict):
                self.progress(f"sent {order.side} {order.quantity} {order.symbol} for the next open as {id}")
        else:
            self._record("order_refused", order=asdict(order), rule=verdict.rule, reason=verdict.reason)
            self.progress(f"refused {order.side} {order.quantity} {order.symbol}: {verdict.rule}: {verdict.reason}")

    @cached_property
    def _settled(self) -> int | None:
        """What has settled by the close and nobody is owed, micros; None in an account that may spend more."""
        if self.request.account != "cash":
            return None
        return ledger_of(self.book, calendar(), until=self.request.session).available()

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
            killed=self.book.killed,
            left=self.book.left,
        )
