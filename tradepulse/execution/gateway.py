"""The gateway: a real exchange at the far end of a desk's line, in place of the simulated one.

It says to the desk what the simulated exchange says: events with numbers, heartbeats, what is open, a drop copy; and it
turns away every process but the newest. An exchange remembers none of that for us, so the gateway keeps a journal: an
order is in it before it is sent, what happened to it before the desk is told. A gateway that died asks the exchange
what has become of the orders that its journal has, and goes on. What is sent and asked for in each instrument is a
:class:`~tradepulse.execution.dealing.Dealing`.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from tradepulse.errors import ConfigError, ExecutionError, LineLost, TradePulseError, Unanswered
from tradepulse.execution.dealing import Counterparty, Dealing
from tradepulse.execution.journal import Journal, json_entry
from tradepulse.execution.line import LONGEST, message_of, text_of
from tradepulse.execution.packing import event_of, plain_event, ticket_of
from tradepulse.execution.ticket import Event

#: Seconds between heartbeats.
BEAT = 0.5
#: Seconds without a desk after which what is open is canceled.
ALONE = 15.0
#: Bytes of its journal from which on a gateway whose desk has heard everything goes on in a new file.
ROTATE = 1 << 25


class Gateway:
    """A desk's way to a real exchange.

    Parameters
    ----------
    there : instruments, by the number of the venue that each is to the desk
    folder : of the book, there already; the gateway's journal is in it
    place : path of the socket that it listens at
    say : is told in a line what a person should know

    Raises
    ------
    ConfigError
        If the account or an instrument is not there, or the socket cannot be.
    Unanswered
        If the exchange does not answer.
    """

    def __init__(
        self, there: Sequence[Counterparty], folder: Path, place: Path, say: Callable[[str], None] = lambda line: None
    ) -> None:
        self._there, self._socket, self.inform = there, place, say
        self.epoch = 0
        #: What the desk was told and when, from the number on that is not let go yet.
        self.events: list[Event] = []
        self._stamps: list[int] = []
        self._first = 0
        self._began = time.time_ns()
        self._dealings: list[Dealing] = []
        self._of: dict[str, Dealing] = {}  # by the id of an order
        self._line: asyncio.StreamWriter | None = None
        self._left_at = time.monotonic()
        self._server: asyncio.Server | None = None
        self._answering: set[str] = set()  # what the desk has asked for, and the exchange is asked about
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: Exception | None = None
        self._journal: Journal | None = None
        self._loop = asyncio.new_event_loop()
        try:
            # What is not there leaves no journal that would bind the book to it.
            self.terms = [self._loop.run_until_complete(one.open()) for one in there]
            self._journal = Journal(folder / "gateway.journal", "os")
            self._fold(self._journal)
            self._loop.run_until_complete(self._start())
        except BaseException:
            self.close()
            raise

    # -- running -----------------------------------------------------------------------------------------------------

    def serve(self, until: float) -> None:
        """Run for so many seconds; raise what ended one of its tasks."""
        self._loop.run_until_complete(asyncio.sleep(until))
        if isinstance(self._failed, TradePulseError):
            raise self._failed
        if self._failed is not None:
            raise ExecutionError(f"the gateway stopped: {type(self._failed).__name__}: {self._failed}")

    def leave(self, within: float = 5.0) -> list[str]:
        """Cancel everything that is open, and return the orders of which that is not proven in time."""
        end = time.monotonic() + within
        while (left := self._open_ids()) and time.monotonic() < end:
            for dealing in self._dealings:
                dealing.cancel_all("disconnected")
                dealing.look.set()
            self._loop.run_until_complete(asyncio.sleep(0.2))
        return left

    def close(self) -> None:
        """Close every connection."""
        if self._loop.is_closed():
            return
        with contextlib.suppress(Exception):
            self._loop.run_until_complete(self._end())
        self._loop.close()
        if self._journal is not None:
            self._journal.close()
        self._socket.unlink(missing_ok=True)

    async def _end(self) -> None:
        end = time.monotonic() + 5.0
        while self._tasks and time.monotonic() < end:
            # Again and again: a client may swallow one, and so does asyncio.wait_for where what it waits for is done.
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=0.1)
        if self._line is not None:
            self._line.close()
        if self._server is not None:
            self._server.close()
        for one in self._there:
            with contextlib.suppress(Exception):  # that one does not end leaves the others open otherwise
                await asyncio.wait_for(one.close(), 5.0)

    async def _start(self) -> None:
        for dealing in self._dealings:
            await dealing.reconcile()
        try:
            self._server = await asyncio.start_unix_server(self._serve_line, str(self._socket), limit=LONGEST)
        except OSError as exc:
            raise ConfigError(f"{self._socket}: cannot listen there ({exc.strerror or exc})") from exc
        for dealing in self._dealings:
            dealing.start()
        self.run(self._beats())

    def run(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something meanwhile; what it raises ends the gateway."""
        task = self._loop.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(exc := task.exception(), Exception):
            self._failed = self._failed or exc

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self.say(["beat", time.time_ns(), self.told])
            if self._line is None and self._open_ids() and time.monotonic() - self._left_at > ALONE:
                self._left_at = time.monotonic()
                self.inform("nobody is at the desk; canceling what is open")
                for dealing in self._dealings:
                    dealing.cancel_all("disconnected")

    @property
    def told(self) -> int:
        """Events that the desk was ever told."""
        return self._first + len(self.events)

    @property
    def _names(self) -> str:
        return ", ".join(one.name for one in self._there)

    def _open_ids(self) -> list[str]:
        return [id for dealing in self._dealings for id in dealing.open]

    # -- remembering -------------------------------------------------------------------------------------------------

    def write(self, kind: str, **body: Any) -> None:
        """Remember something."""
        if self._journal is None:
            raise AssertionError("nothing is written before the journal is read")
        self._journal.append(kind, **body)

    def tell(self, event: Event) -> None:
        """Tell the desk what happened, and remember that before."""
        ns = time.time_ns()
        self.write("told", ns=ns, event=plain_event(event))
        self._book(event, ns)
        self.say(*self._numbered(self.told - 1))

    def _book(self, event: Event, ns: int) -> None:
        self.events.append(event)
        self._stamps.append(ns)
        self._of.get(event.id, self._dealings[event.venue]).book(event, ns)

    def _fold(self, journal: Journal) -> None:
        names = self._names
        records = (json_entry(entry, journal.path) for entry in journal.raw())
        kind, body = next(records, ("", {}))
        state = body["state"] if kind == "snapshot" else body
        if state:
            self._began = state["ns"]
            if state["counterparty"] != names:
                raise ConfigError(
                    f"{journal.path}: this book trades {state['counterparty']}, not {names}; name another with --book"
                )
        self._dealings = [Dealing(number, one, self, self._began) for number, one in enumerate(self._there)]
        if kind == "snapshot":
            self.epoch, self._first = state["epoch"], state["told"]
            for dealing, its in zip(self._dealings, state["dealings"], strict=True):
                dealing.restore(its)
                self._of |= dict.fromkeys(dealing.orders, dealing)
        for kind, body in records:
            if kind == "epoch":
                self.epoch = body["epoch"]
            elif kind == "told":
                self._book(event_of(body["event"]), body["ns"])
            elif "ticket" in body:
                ticket = ticket_of(body["ticket"])
                self._of[ticket.id] = self._dealings[ticket.venue]
                self._dealings[ticket.venue].fold(kind, body)
            else:
                self._of[body["id"]].fold(kind, body)
        if not state:
            self.write("opened", ns=self._began, counterparty=names)

    def _let_go(self) -> None:
        """Go on in a new file, which begins with what may still matter; the desk has heard all that was told."""
        if self._journal is None:
            raise AssertionError("there is a journal while a desk is served")
        dealings = [dealing.state() for dealing in self._dealings]
        self._journal.rotate(
            {
                "ns": self._began, "epoch": self.epoch, "told": self.told, "dealings": dealings,
                "counterparty": self._names,
            }
        )  # fmt: skip
        self._first = self.told
        self.events, self._stamps = [], []
        self._of = {id: dealing for dealing in self._dealings for id in dealing.orders}

    # -- what the desk says ------------------------------------------------------------------------------------------

    async def _serve_line(self, reader: asyncio.StreamReader, line: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._done)
        try:
            while text := await reader.readline():
                message = message_of(text)
                try:
                    self._answer(line, message[0], message[1:])
                except (KeyError, ValueError, TypeError, IndexError) as exc:
                    line.write(text_of([["refused", f"not understood: {str(message)[:120]} ({exc})"]]))
                    break
        except (LineLost, OSError, ValueError, asyncio.CancelledError):
            pass  # whoever it was is gone, or says what is no message; or we close
        finally:
            line.close()
            if line is self._line:
                self._line, self._left_at = None, time.monotonic()

    def _answer(self, line: asyncio.StreamWriter, what: str, body: Sequence[Any]) -> None:
        if what == "logon":
            self._logon(line, *body)
            return
        if line is not self._line:
            line.write(text_of([["fenced", self.epoch]]))
            return
        match what:
            case "ready":
                pass
            case "submit":
                ticket = ticket_of(body[0])
                if ticket.id not in self._of:
                    self._of[ticket.id] = self._dealings[ticket.venue]
                    self._dealings[ticket.venue].submit(ticket)
            case "cancel" | "replace" if body[0] not in self._of:
                pass  # what never came has no end
            case "cancel":
                self.run(self._of[body[0]].cancel(body[0], body[1]))
            case "replace":
                self.run(self._of[body[0]].replace(body[0], **body[1]))
            case "again":
                self.say(*self._numbered(int(body[0])))
            # Asked for again before the answer, it is answered once: an exchange lets us ask only so often.
            case "open" | "copy" if what in self._answering:
                pass
            case "open":
                self._answering.add(what)
                self.run(self._prove())
            case "copy":
                self._answering.add(what)
                self.run(self._copy())
            case _:
                raise ValueError("no such message")

    def _logon(self, line: asyncio.StreamWriter, epoch: int, heard: int, open_ids: Sequence[str]) -> None:
        if epoch < self.epoch:
            line.write(text_of([["fenced", self.epoch]]))
            return
        if epoch > self.epoch:
            self.write("epoch", epoch=epoch)
            self.epoch = epoch
        if self._line is not None and self._line is not line:
            self._line.write(text_of([["fenced", epoch]]))
        if not self._first <= heard <= self.told:
            self._failed = ConfigError(
                f"gateway.journal: the desk has heard {heard} events, and this says {self.told}"
                f"{f' and has let go of the first {self._first}' if self._first else ''}; "
                "it is not the journal of this desk's gateway"
            )
        elif heard == self.told and self._journal is not None and self._journal.end > ROTATE:
            self._let_go()
        self._line = line
        unknown = [id for id in open_ids if id not in self._of]
        self.say(
            *(dealing.snapshot for dealing in self._dealings), *self._numbered(heard),
            ["welcome", unknown, self._open_ids()],
        )  # fmt: skip

    async def _prove(self) -> None:
        """Say what is open, as the exchange says it; without its answer nothing is said."""
        try:
            there = await self._reconcile()
        except Unanswered as exc:
            self.inform(f"what is open there is not known ({exc})")
            return
        finally:
            self._answering.discard("open")
        self.say(["open", sorted({*self._open_ids(), *there})])

    async def _copy(self) -> None:
        """Say all fills, as the exchange has them."""
        try:
            await self._reconcile()
        except Unanswered as exc:
            self.inform(f"the trades of the account are not known ({exc})")
            return
        finally:
            self._answering.discard("copy")
        self.say(["copy", [plain_event(event) for event in self.events if event.kind == "filled"]])

    async def _reconcile(self) -> set[str]:
        """Ask the exchange how everything stands; return our orders that rest there."""
        found: set[str] = set()
        for dealing in self._dealings:
            found |= await dealing.reconcile()
        return found

    # -- what we say -------------------------------------------------------------------------------------------------

    def _numbered(self, first: int) -> list[list[Any]]:
        return [
            ["event", number, self._stamps[number - self._first], plain_event(self.events[number - self._first])]
            for number in range(max(first, self._first), self.told)
        ]

    def say(self, *messages: Sequence[Any]) -> None:
        """Tell the desk, if one is there."""
        if self._line is not None and messages:
            self._line.write(text_of(messages))
            if self._line.transport.get_write_buffer_size() > LONGEST:  # who does not read is not there
                self._line.close()
