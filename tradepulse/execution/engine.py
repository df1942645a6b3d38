"""The engine: strategies on one instrument, from market data to orders, in one loop of one process.

``python -m tradepulse.execution --folder DIR --desk FILE`` runs it. It takes the book's lock and the next epoch, folds
the journal, reconciles with the venue, and trades until the venue closes, the kill switch is pulled, or it cannot go on
safely, which pulls the kill switch: an exception, market data that stopped, a message that is none. Killed, it cancels
everything and has the venue prove that nothing is open, within a deadline; without that proof it says ESCALATED.
"""

import gc
import json
import os
import time
from bisect import insort
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from tradepulse.core.files import replace_text
from tradepulse.core.orders import UNIT
from tradepulse.core.quoting.base import QuotingStrategy
from tradepulse.core.quoting.loader import quoting_strategy
from tradepulse.errors import BookLocked, ConfigError, LineLost
from tradepulse.execution.desk import DAY_NS, Books, Desks, begin_with, books_of, name_of
from tradepulse.execution.exchange import connect, logon
from tradepulse.execution.journal import Durability, Journal
from tradepulse.execution.kill_switch import is_pulled
from tradepulse.execution.lease import locked, read_lease, take_lease
from tradepulse.execution.line import Line, move_of
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.packing import event_of, plain
from tradepulse.execution.terms import (
    FEE,
    LEVERAGE,
    MONEY,
    OF_INSTRUMENT,
    OF_STRATEGY,
    Instrument,
    Limits,
    Place,
    Terms,
)

#: Seconds between looks at the kill switch and the lease.
_LOOK = 0.05
#: Seconds for which a venue that has gone is looked for before the kill switch is looked at again.
_SEEK = 0.25
#: Seconds to wait for the venue while something waits for the disk.
_SHORT = 0.0002
#: Units that the numbers of a desk file are in, where they are not whole numbers of their own.
LIMIT_UNITS = {
    "max_order_quantity": UNIT, "max_order_notional": MONEY, "max_position": UNIT, "price_collar_bp": FEE,
    "max_open_orders": 1, "max_orders_per_second": 1, "max_daily_loss": MONEY, "max_price_age_ms": 1,
    "max_clock_skew_ms": 1, "max_short": UNIT, "max_leverage": LEVERAGE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spec:
    """What an engine is told: the desk file.

    Parameters
    ----------
    book : name that order ids are made from
    place : path of the venue's socket
    strategies : shipped quoting strategies and their parameters, in the order in which they are asked
    terms : of the account
    durability : of the journal; what leaves is durable as it says
    silence_s : seconds without market data after which the kill switch is pulled; heartbeats are no data
    deadline_s : seconds in which the venue has to prove that nothing is open
    reconnect_s : seconds in which a lost line has to be back
    messages_per_second : that the venue takes; cancels go first, 0 for no limit
    rotate_mb : megabytes of journal, and no less than its snapshot has, after which a start goes on in a new file
    keep_files : older files that are kept, newest first; all by default
    symbol : what is traded, for logs
    clock : ``venue``'s, which a replayed market has, or our ``own``: by which risk says how old a price is
    on : number of the instrument that each strategy trades, where there are several
    broker : whose account is traded; empty on paper
    untried : why it trades for money without having passed every shock; empty where it has, or does not
    history : bars that the first strategy begins with, if it is one of bars and the book is new: of each moment a list
        of ns since 1970, the instrument's number, open, high, low, close and volume of each bar
    """

    book: str
    place: Path
    strategies: Sequence[tuple[str, Mapping[str, float]]]
    terms: Terms
    durability: Durability = "group"
    silence_s: float = 30.0
    deadline_s: float = 2.0
    reconnect_s: float = 5.0
    messages_per_second: int = 0
    rotate_mb: float = 64.0
    keep_files: int | None = None
    symbol: str = ""
    clock: Literal["venue", "own"] = "venue"
    on: Sequence[int] = ()
    broker: str = ""
    untried: str = ""
    history: Sequence[Sequence[Any]] = ()

    @property
    def symbols(self) -> list[str]:
        """What each instrument is called in logs."""
        return [one.symbol for one in self.terms.instruments] or [self.symbol or self.book]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an engine ended.

    Parameters
    ----------
    ended : ``closed`` (the venue), ``killed`` (nothing is open at the venue), ``escalated`` (that is not proven)
    reason : of the kill
    orders, fills, position, cash : of the book; position in units, cash in units of the order path
    positions : of each of several instruments, by its symbol; none where there is one
    head : hash of its journal
    refused : orders that risk or the venue did not want, by reason
    acknowledged_us : percentiles of the time from decision to answer, microseconds of the wall clock
    within_200_ms : share of the answers
    """

    ended: str
    reason: str
    epoch: int
    orders: int
    fills: int
    position: int
    cash: int
    head: str
    refused: dict[str, int]
    acknowledged_us: dict[str, float]
    within_200_ms: float
    positions: dict[str, int]


def parse_desk(text: str) -> Spec:
    """Return what a desk file says; prices, quantities and money are decimal strings there.

    Raises
    ------
    ConfigError
        Naming what is missing, unknown or no number.
    """
    from decimal import Decimal

    def units(value: object, unit: int, what: str) -> int:
        number = Decimal("NaN" if isinstance(value, bool) else str(value)) * unit
        if not number.is_finite() or number != number.to_integral_value():
            raise ConfigError(f"desk: {what} is {value!r}, which is no number of its kind")
        return int(number)

    try:
        raw: dict[str, Any] = json.loads(text)
        others = raw.pop("strategies", [])
        of_first, of_others = raw.pop("strategy_limits", {}), [one.pop("limits", {}) for one in others]
        on = [one.pop("on", None) for one in (raw, *others)]
        strategies = [(str(raw.pop("strategy")), dict(raw.pop("params", {}))), *map(_strategy, others)]
        terms = Terms(
            units(raw.pop("tick"), UNIT, "tick"), units(raw.pop("lot"), UNIT, "lot"),
            units(raw.pop("maker_bp", "0"), FEE, "maker_bp"), units(raw.pop("taker_bp", "0"), FEE, "taker_bp"),
            _limits(raw.pop("limits", {}), tuple(LIMIT_UNITS), units),
            units(raw.pop("cash", "0"), MONEY, "cash"), units(raw.pop("position", "0"), UNIT, "position"),
            strategies=tuple(_limits(one, OF_STRATEGY, units) for one in (of_first, *of_others) if others or of_first),
        )  # fmt: skip
        symbols = [str(raw.get("symbol", "")), *(str(one["symbol"]) for one in raw.get("instruments", ()))]
        if others := raw.pop("venues", []):
            first = Place(str(raw.pop("venue", "first")), terms.tick, terms.lot, terms.maker_fee, terms.taker_fee)
            terms = replace(terms, venues=(first, *(_place(one, units, symbols) for one in others)))
            if len({place.name for place in terms.venues}) < len(terms.venues):
                raise ConfigError("desk: two venues have one name")
        if more := raw.pop("instruments", []):
            terms = replace(terms, instruments=_instruments(terms, symbols, more, units))
        if terms.tick <= 0 or terms.lot <= 0:
            raise ConfigError("desk: tick and lot are above zero")
        known = {field.name for field in fields(Spec)} - {"terms", "strategies", "on"}
        if unknown := sorted(set(raw) - known):
            raise ConfigError(f"desk: has the unknown key {unknown[0]!r}; it may have {', '.join(sorted(known))}")
        durability = raw.get("durability", "group")
        if durability not in {"os", "group", "each"}:
            raise ConfigError(f"desk: durability is {durability!r}; it is os, group or each")
        if raw.get("clock", "venue") not in {"venue", "own"}:
            raise ConfigError(f"desk: clock is {raw['clock']!r}; it is venue or own")
        for key in ("silence_s", "deadline_s", "reconnect_s", "messages_per_second"):
            if key in raw and not 0 <= float(raw[key]) <= 86_400:
                raise ConfigError(f"desk: {key} must lie between 0 and 86400, not {raw[key]!r}")
        if not 0 <= float(raw.get("rotate_mb", 64)) <= 1e6:
            raise ConfigError(f"desk: rotate_mb must lie between 0 and 1000000, not {raw['rotate_mb']!r}")
        kept = raw.get("keep_files")
        if kept is not None and (not isinstance(kept, int) or isinstance(kept, bool) or kept < 0):
            raise ConfigError(f"desk: keep_files is a whole number from 0 on, not {kept!r}")
        _check_history(raw.get("history", []))
        trades = [0 if symbol is None else _number_of(symbol, symbols) for symbol in on]
        return Spec(terms=terms, strategies=strategies, on=trades, **{**raw, "place": Path(raw["place"])})
    except KeyError as exc:
        raise ConfigError(f"desk: lacks {exc.args[0]!r}; see tradepulse/execution/README.md for its form") from exc
    except (ValueError, TypeError, ArithmeticError, AttributeError) as exc:
        if isinstance(exc, ConfigError):
            raise
        raise ConfigError(f"desk: is not valid ({exc}); see tradepulse/execution/README.md for its form") from exc


def _limits(raw: Mapping[str, Any], known: Sequence[str], units: Callable[[object, int, str], int]) -> Limits:
    if unknown := sorted(set(raw) - set(known)):
        raise ConfigError(f"desk: limits have the unknown key {unknown[0]!r}; there are {', '.join(known)}")
    found = {key: units(value, LIMIT_UNITS[key], key) for key, value in raw.items()}
    for key, most in found.items():
        if not 0 <= most <= 10**15 * LIMIT_UNITS[key]:
            raise ConfigError(f"desk: the limit {key} must lie between 0 and 1e+15, not {raw[key]}")
    return Limits(**found)


def _strategy(raw: Mapping[str, Any]) -> tuple[str, Mapping[str, float]]:
    """Return one of several strategies from its part of a desk file, its limits aside."""
    if unknown := sorted(set(raw) - {"strategy", "params"}):
        raise ConfigError(f"desk: a strategy has the unknown key {unknown[0]!r}; it may have strategy, params, limits")
    return str(raw["strategy"]), dict(raw.get("params", {}))


def _check_history(history: Any) -> None:
    for group in history:
        for ns, symbol, *figures in group:
            known = isinstance(ns, int) and isinstance(symbol, str) and len(figures) == 5
            if not known or any(not isinstance(one, int | float) or not isfinite(one) for one in figures):
                raise ConfigError(f"desk: history: {[ns, symbol, *figures]!r} is no bar")


def _number_of(symbol: object, symbols: Sequence[str]) -> int:
    if symbol not in symbols:
        raise ConfigError(f"desk: there is no instrument {symbol!r}; there are {', '.join(symbols)}")
    return symbols.index(str(symbol))


def _instruments(
    terms: Terms, symbols: Sequence[str], more: Sequence[Mapping[str, Any]], units: Callable[[object, int, str], int]
) -> tuple[Instrument, ...]:
    """Return all of several instruments from the part of a desk file that says those beside the first."""
    if not symbols[0] or len(set(symbols)) < len(symbols):
        raise ConfigError("desk: of several instruments each has a symbol of its own, the first one too")
    made = [Instrument(symbols[0], terms.limits, terms.position)]
    for raw in more:
        if unknown := sorted(set(raw) - {"symbol", "limits", "position"}):
            raise ConfigError(
                f"desk: an instrument has the unknown key {unknown[0]!r}; it may have symbol, limits, position"
            )
        limits = _limits(raw.get("limits", {}), OF_INSTRUMENT, units)
        made.append(Instrument(str(raw["symbol"]), limits, units(raw.get("position", "0"), UNIT, "position")))
    if nowhere := [symbol for n, symbol in enumerate(symbols) if all(one.instrument != n for one in terms.venues)]:
        raise ConfigError(f"desk: {nowhere[0]} is traded nowhere; name it as the instrument of one of the venues")
    return tuple(made)


def _place(raw: Mapping[str, Any], units: Callable[[object, int, str], int], symbols: Sequence[str]) -> Place:
    """Return one of several venues from its part of a desk file."""
    known = {"name", "tick", "lot", "maker_bp", "taker_bp", "latency_us", "fades_us", "instrument"}
    if unknown := sorted(set(raw) - known):
        raise ConfigError(f"desk: a venue has the unknown key {unknown[0]!r}; it may have {', '.join(sorted(known))}")
    place = Place(
        str(raw["name"]), units(raw["tick"], UNIT, "tick"), units(raw["lot"], UNIT, "lot"),
        units(raw.get("maker_bp", "0"), FEE, "maker_bp"), units(raw.get("taker_bp", "0"), FEE, "taker_bp"),
        float(raw.get("latency_us", 0)), float(raw.get("fades_us", 0)),
        _number_of(raw["instrument"], symbols) if "instrument" in raw else 0,
    )  # fmt: skip
    if place.tick <= 0 or place.lot <= 0 or not 0 <= place.latency_us <= 6e7 or not 0 <= place.half_life_us <= 1e12:
        raise ConfigError(f"desk: {place.name}: tick and lot are above zero, latency and what fades are not below it")
    return place


def trade(
    folder: Path, spec: Spec, progress: Callable[[str], None] = lambda line: None, *,
    strategies: Sequence[QuotingStrategy] = (),
) -> Outcome:  # fmt: skip
    """Trade until the venue closes or the kill switch is pulled.

    Parameters
    ----------
    folder : of the book: journal, lock, lease, kill switch and status
    spec : what to do
    progress : is told what happens in a line
    strategies : in place of the shipped ones that ``spec`` names

    Raises
    ------
    BookLocked
        If another process trades this book, also one that took it over meanwhile.
    LineLost
        If the venue does not answer; orders that were not answered stay unknown, and their risk reserved.
    """
    strategies = strategies or strategies_of(spec)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder), Journal(folder / "orders.journal", spec.durability) as journal:
        if journal.torn_bytes:
            progress(f"cut {journal.torn_bytes} bytes of a record that was never completed")
        path = OrderPath(journal, spec.terms)
        if journal.end - journal.begin > max(spec.rotate_mb * 1e6, journal.begin):
            journal.rotate(path.snapshot(), keep=spec.keep_files)
            progress("the journal was long: it goes on in a new file, which begins with a snapshot")
        traders = [name_of(one, spec.terms) for one in strategies] if spec.terms.strategies else []
        if path.state.traders != traders and path.state.orders:
            raise ConfigError(
                f"{folder}: this book is traded by {', '.join(path.state.traders) or 'one strategy'}; "
                "name the same, in the same order, or another book"
            )
        symbols = [one.symbol for one in spec.terms.instruments]
        if path.state.symbols != symbols and path.state.orders:
            raise ConfigError(
                f"{folder}: this book trades {', '.join(path.state.symbols) or 'one instrument'}; "
                "name the same, in the same order, or another book"
            )
        epoch = take_lease(folder, path.state.epoch)
        path.start(epoch, traders, symbols)
        begin_with(path, strategies[0], spec.history)
        # What is alive now stays: the collector never looks at it again, and never stops an order.
        gc.collect()
        gc.freeze()
        return _Engine(folder, spec, strategies, path, journal, epoch, progress).run()


def strategies_of(spec: Spec) -> list[QuotingStrategy]:
    """Return fresh instances of the shipped strategies that a desk names."""
    made = [quoting_strategy(name)(**params) for name, params in spec.strategies]
    for strategy, instrument in zip(made, spec.on, strict=False):
        strategy.instrument = instrument
    return made


class _Engine:
    def __init__(
        self, folder: Path, spec: Spec, strategies: Sequence[QuotingStrategy], path: OrderPath, journal: Journal,
        epoch: int, progress: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.folder, self.spec, self.path, self.journal = folder, spec, path, journal
        self.epoch, self.progress = epoch, progress
        self.view = books_of(spec.terms)
        self.desks = Desks(path, self.view, self._send, spec.book, strategies)
        self._seen_ns = 0
        self.line: Line | None = None
        #: Seconds to wait for the venue to be there; less once a deadline runs.
        self._patience = spec.reconnect_s
        self.over = False
        self._urgent: deque[tuple[int, list[Any]]] = deque()  # cancels; with where their record ends
        self._others: deque[tuple[int, list[Any]]] = deque()
        self._turn = self._in_steps = False
        self._open_at_venue: list[str] | None = None
        self._allowance, self._filled_up = float(spec.messages_per_second), time.monotonic()
        self._data = time.monotonic()
        self._looked = self._shown = 0.0
        self._sent_at: dict[str, int] = {}
        self._took: list[int] = []

    def run(self) -> Outcome:
        """Trade, and make an end of it that can be relied on."""
        try:
            self._connect()
            if self.path.state.killed:
                self.progress(f"the kill switch is pulled ({self.path.state.kill_reason}); nothing is traded")
                return self._kill(self.path.state.kill_reason)
            while not self.over:
                if reason := self._alarm():
                    return self._kill(reason)
                try:
                    self._pump(_SHORT if self._urgent or self._others else _LOOK)
                except LineLost as exc:
                    self.progress(f"{exc}; connecting again")
                    if reason := self._seek():
                        return self._kill(reason)
                except BookLocked:
                    raise
                except Exception as exc:  # whatever it is: fail closed
                    return self._kill(f"{type(exc).__name__}: {exc}")
            try:
                self._flush(wait=True)
                self._ask_for_copy()
            except LineLost as exc:
                self.progress(f"{exc}; the fills of the end are not compared with the drop copy")
            return self._outcome("closed", "")
        finally:
            self._show()
            if self.line is not None:
                self.line.close()

    # -- the line ----------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Log on and reconcile: hear what was missed, learn what never arrived, ask again for cancels that were lost.

        What was decided and not sent when the line was lost is not sent late: it is not at the venue, and ends so.
        """
        if self.line is not None:
            self.line.close()
        self._urgent.clear()
        self._others.clear()
        self.view.forget()
        self._turn = False
        self.line = connect(self.spec.place, self._patience)
        state = self.path.state
        logon(self.line, self.epoch, state.heard, list(state.open))
        end = time.monotonic() + self._patience
        unknown: list[str] | None = None
        while unknown is None:
            for message in self.line.receive(0.1):
                if message[0] == "welcome":
                    unknown = message[1]
                else:
                    self._hear(message, strategy=False)
            if time.monotonic() > end:
                raise LineLost(f"{self.spec.place}: answers, and does not let us log on")
        for id in unknown:
            if id in state.open:
                self.path.not_received(id)
        self.path.forget_changes()
        for id, order in list(state.open.items()):
            if order.canceling:
                self._urgent.append((self.path.written, ["cancel", id, order.canceling]))
        self._ask_for_copy()
        self._flush(wait=True)
        self._data = time.monotonic()

    def _seek(self) -> str:
        """Look for the venue again; return why the kill switch has to be pulled meanwhile, if it has."""
        end = time.monotonic() + self.spec.reconnect_s
        try:
            while True:
                if reason := self._alarm():
                    return reason
                self._patience = max(0.01, min(_SEEK, end - time.monotonic()))
                try:
                    self._connect()
                    return ""
                except LineLost:
                    if time.monotonic() >= end:
                        raise
        finally:
            self._patience = self.spec.reconnect_s

    def _ask_for_copy(self) -> None:
        """Compare the fills with those that the venue tells on its second way."""
        line, seen = self.line, self.path.state.seen_fills
        if line is None:
            return
        line.send(["copy"])
        end = time.monotonic() + self._patience
        while time.monotonic() < end:
            messages = line.receive(0.1)
            for number, message in enumerate(messages):
                if message[0] != "copy":
                    self._hear(message, strategy=False)
                    continue
                for later in messages[number + 1 :]:
                    self._hear(later, strategy=False)
                for body in message[1]:
                    if body["fill_id"] not in seen:
                        self.progress(f"fill {body['fill_id']} was not told on the session; booked from the drop copy")
                        self.path.recover(event_of(body))
                return
        raise LineLost(f"{self.spec.place}: does not answer with its drop copy")

    def _pump(self, timeout: float) -> None:
        """Send what may leave, and hear what has come."""
        self._flush()
        line = self.line
        if line is None:
            raise LineLost("there is no line")
        for message in line.receive(timeout):
            self._hear(message)
            # At once: what leaves, and in which order, does not hang on how much was heard together, nor, where the
            # market waits for us, on how long the disk takes: what was decided first would be overtaken meanwhile.
            self._flush(wait=self._in_steps)
        if self._turn:
            self._flush(wait=True)
            self._turn = False
            line.send(["ready"])

    def _hear(self, message: list[Any], *, strategy: bool = True) -> None:
        what, *body = message
        match what:
            case "move" | "book":
                move = move_of(body)
                if what == "book":
                    self.view.of(move.venue).forget()
                self._data = time.monotonic()
                self._seen_ns, now = move.ns, self._now(move.ns)
                self.view.see(move, now // 1_000_000)
                self.path.mark(self.view, now // DAY_NS)
                if strategy and what == "move":
                    self.desks.on_market(move.ns, now, move.venue)
            case "event":
                number, ns, plain_event = body
                self._hear_event(number, ns, plain_event, strategy=strategy)
            case "turn":
                self._turn = self._in_steps = True
            case "open":
                self._open_at_venue = [str(id) for id in body[0]]
            case "fenced":
                raise BookLocked(
                    f"{self.folder}: a process with epoch {body[0]} trades this book; this one, with epoch "
                    f"{self.epoch}, is turned away and sends nothing"
                )
            case "end" | "beat":
                missing = body[-1] > self.path.state.heard
                if missing:
                    self._ask_again()
                self.over = what == "end" and not missing
            case "welcome":
                pass
            case _:
                raise LineLost(f"not a message: {str(message)[:80]}")

    def _hear_event(self, number: int, ns: int, body: Mapping[str, Any], *, strategy: bool) -> None:
        heard = self.path.state.heard
        if number < heard:
            return  # said again
        if number > heard:
            self._ask_again()  # something before it is missing: it comes again, in order
            return
        event = event_of(body)
        self.path.hear(event)
        if (sent := self._sent_at.pop(event.id, None)) is not None:
            insort(self._took, time.perf_counter_ns() - sent)
        if event.kind == "filled":
            self.progress(f"{event.side} {event.quantity / UNIT:g} at {event.price / UNIT:g} ({event.liquidity})")
        if strategy:
            self.desks.on_answer(event, self._now(ns))

    def _now(self, ns: int) -> int:
        """Return what time it is for risk when it is ``ns`` at the venue."""
        return ns if self.spec.clock == "venue" else time.time_ns()

    def _ask_again(self) -> None:
        if self.line is not None:
            self.line.send(["again", self.path.state.heard])

    # -- sending -----------------------------------------------------------------------------------------------------

    def _send(self, ns: int, what: str, body: Any) -> None:
        if what == "submit":
            self._sent_at[body.id] = time.perf_counter_ns()
            self._others.append((self.path.written, ["submit", plain(body)]))
        elif what == "cancel":
            self._urgent.append((self.path.written, ["cancel", body, "requested"]))
        else:
            self._others.append((self.path.written, ["replace", *body]))

    def _flush(self, *, wait: bool = False) -> None:
        """Send what is durable and within the venue's rate, cancels first; ``wait`` sends all of it."""
        if not (self._urgent or self._others) or self.line is None:
            return
        if wait and self.path.written > self.journal.durable:
            self.journal.commit()
        rate = self.spec.messages_per_second
        while self._urgent or self._others:
            durable = self.journal.durable
            now = time.monotonic()
            self._allowance = min(float(rate), self._allowance + (now - self._filled_up) * rate)
            self._filled_up = now
            queue = self._urgent or self._others
            # A cancel never overtakes the order that it is for.
            if queue is self._urgent and self._waits_to_be_sent(queue[0][1][1]):
                queue = self._others
            if queue[0][0] > durable or (rate and self._allowance < 1):
                if not wait:
                    return
                time.sleep(0.0005)
                continue
            self._allowance -= 1
            self.line.send(queue.popleft()[1])

    def _waits_to_be_sent(self, id: str) -> bool:
        return any(message[0] == "submit" and message[1]["id"] == id for _, message in self._others)

    # -- stopping ----------------------------------------------------------------------------------------------------

    def _alarm(self) -> str:
        """Return why the kill switch has to be pulled, if it has."""
        now = time.monotonic()
        if now - self._looked > _LOOK:
            self._looked = now
            if reason := is_pulled(self.folder):
                return reason
            if read_lease(self.folder) != self.epoch:
                raise BookLocked(f"{self.folder}: another process has taken the lease; this one sends nothing more")
            if now - self._shown > 0.25:
                self._show()
        if now - self._data > self.spec.silence_s:
            return f"no market data for {self.spec.silence_s:g} s"
        return ""

    def _kill(self, reason: str) -> Outcome:
        """Cancel everything, and have the venue prove that nothing is open."""
        if not self.path.state.killed:
            self.path.kill(reason)
        self.progress(f"killed: {reason}")
        self._others.clear()  # decided, not sent: it stays unknown until the venue has said that it does not know it
        end = time.monotonic() + self.spec.deadline_s
        left = list(self.path.state.open)
        while (left_s := end - time.monotonic()) > 0:
            self._patience = min(self.spec.reconnect_s, left_s)
            try:
                if self.line is None:
                    self._connect()
                for id in list(self.path.state.open):
                    if self.path.state.orders[id].canceling != "killed":
                        self.path.cancel(id, "killed")
                    self._urgent.append((self.path.written, ["cancel", id, "killed"]))
                self._flush(wait=True)
                if self._proven(end):
                    self._drop_unsent()
                    return self._outcome("killed", reason)
            except LineLost:
                self.line = None
                time.sleep(0.01)
            left = self._open_at_venue or list(self.path.state.open)
        self.path.escalate(left)
        self.progress(
            f"ESCALATED: the venue has not proven in {self.spec.deadline_s:g} s that nothing is open "
            f"({len(left)} orders may be); look there by hand"
        )
        return self._outcome("escalated", reason)

    def _proven(self, end: float) -> bool:
        """Ask the venue what is open, and say whether it answers that nothing is."""
        line = self.line
        if line is None:
            return False
        self._open_at_venue = None
        line.send(["open"])
        until = min(end, time.monotonic() + 0.2)
        while self._open_at_venue is None and time.monotonic() < until:
            for message in line.receive(0.02):
                if message[0] != "turn":
                    self._hear(message, strategy=False)
                else:
                    line.send(["ready"])
        return self._open_at_venue == []

    def _drop_unsent(self) -> None:
        """Learn from the venue what became of orders that it may never have seen."""
        if self.path.state.open:
            self._connect()

    # -- telling -----------------------------------------------------------------------------------------------------

    def _percentile(self, share: float) -> float:
        took = self._took
        return took[min(len(took) - 1, int(share * len(took)))] / 1e3 if took else 0.0

    def _latency(self) -> dict[str, float]:
        return {"p50": self._percentile(0.5), "p99": self._percentile(0.99), "max": self._percentile(1.0)}

    def _show(self) -> None:
        """Leave for whoever watches what the journal does not say."""
        self._shown = time.monotonic()
        books = self.view.each if isinstance(self.view, Books) else [self.view]
        shown = {
            "at": time.time(), "pid": os.getpid(), "epoch": self.epoch, "ns": self._seen_ns,
            "markets": [[book.bid, book.ask, book.last] for book in books], "acknowledged_us": self._latency(),
            "answers": len(self._took), "durable": self.journal.durable, "over": self.over,
        }  # fmt: skip
        replace_text(self.folder / "status.json", json.dumps(shown))

    def _outcome(self, ended: str, reason: str) -> Outcome:
        self.journal.commit()
        state, took = self.path.state, self._took
        return Outcome(
            ended, reason, self.epoch, len(state.orders), len(state.fills), state.position, state.cash,
            self.journal.head,
            dict(Counter(one.reason for one in state.by_number if one.status in {"refused", "rejected"})),
            self._latency(),
            sum(ns <= 200_000_000 for ns in took) / len(took) if took else 1.0,
            {one.symbol: held.position for one, held in zip(self.spec.terms.instruments, state.held, strict=False)},
        )  # fmt: skip
