"""The simulated exchange: a venue that others' recorded behaviour drives, behind a line, outliving who trades there.

It knows its book by the epoch of the process that logged on last, and turns away every older one. It says everything
that happens to an order with a number, and with each heartbeat how many there were; it says again what is asked for by
number, and tells the fills on a second way (drop copy), so that what was lost on the first is found.
"""

import contextlib
import selectors
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tradepulse.core.orders import Side
from tradepulse.errors import ConfigError, DataError, LineLost
from tradepulse.execution.desk import Move
from tradepulse.execution.line import Line, plain_move
from tradepulse.execution.matching import venues_of
from tradepulse.execution.packing import plain_event, ticket_of
from tradepulse.execution.ticket import Event

#: Seconds between heartbeats when there is nothing to say.
_BEAT = 0.5


class Exchange:
    """A simulated exchange for one instrument and one book, or several that one line leads to.

    Parameters
    ----------
    moves : what others do, by time
    place : path of the socket that it listens at
    speed : seconds of the recording in a second; 0 lets the next thing happen when everything before it is answered,
        which makes a run the same every time
    positions : of the book at each venue when the exchange opens, in units; reduce-only orders are held to them
    lots : step of quantities at each
    cancels_ahead : of their queues (:class:`tradepulse.execution.matching.Venue`)
    cancel_on_disconnect : whether a line that is lost ends the orders of its book

    Raises
    ------
    DataError
        If nothing happens.
    """

    def __init__(
        self,
        moves: Sequence[Move],
        place: Path,
        *,
        speed: float = 1.0,
        positions: Sequence[int] = (0,),
        lots: Sequence[int] = (1,),
        cancels_ahead: float = 0.0,
        cancel_on_disconnect: bool = False,
    ) -> None:
        if not moves:
            raise DataError("there is nothing to trade on: no quote, level or trade")
        if not 0 <= speed <= 1e6:
            raise ConfigError(f"speed must lie between 0 and 1e+06, not {speed}")
        if (most := max(move.venue for move in moves)) >= len(positions):
            raise ConfigError(f"a move is at venue {most}, of {len(positions)}")
        self.venues = venues_of(positions, lots, cancels_ahead)
        self.venue = self.venues[0]
        #: What happened to orders, wherever, in the order in which it did.
        self.events: list[Event] = self.venue.events if len(self.venues) == 1 else []
        self._collected = [0] * len(self.venues)
        #: Highest epoch that has logged on, and how many orders each older one still tried to send.
        self.epoch = 0
        self.turned_away = 0
        self._moves, self._speed, self._ends_orders = moves, speed, cancel_on_disconnect
        self._next = 0
        self._stamps: list[int] = []  # when each event happened
        self._told = self._first = 0
        self._line: Line | None = None
        self._asked = False  # whether the book has something to do before the next thing happens
        self._begun = 0.0
        self._waits = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        place.unlink(missing_ok=True)
        try:
            self._listener.bind(str(place))
        except OSError as exc:
            raise ConfigError(f"{place}: cannot listen there ({exc.strerror or exc}); name a shorter path") from exc
        self._listener.listen()
        self._waits.register(self._listener, selectors.EVENT_READ, None)
        self._place = place

    # -- running -----------------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether everything that others do has happened, and is answered."""
        return self._next >= len(self._moves) and not self._asked

    @property
    def now(self) -> int:
        """Time at the exchange, ns."""
        if not self._speed or not self._begun:
            return self._moves[max(self._next - 1, 0)].ns
        passed = int((time.monotonic() - self._begun) * self._speed * 1e9)
        return max(self._moves[max(self._next - 1, 0)].ns, self._moves[0].ns + passed)

    def serve(self, until: float | None = None) -> None:
        """Run until the recording is over, or for so many seconds; nothing happens before somebody has logged on."""
        end = None if until is None else time.monotonic() + until
        beat = time.monotonic()
        while not self.over and (end is None or time.monotonic() < end):
            self.step(0.05)
            if time.monotonic() - beat > _BEAT:
                beat = time.monotonic()
                self._say(["beat", self.now, self._first + self._told])
        if self.over:
            self.say_over()
            self.step(0.02)  # whoever logs on only now hears it too

    def say_over(self) -> None:
        """Say that the market has ended; said again to whoever logs on late."""
        self._say(["end", self._first + self._told])

    def go_on_from(self, heard: int, fills: int) -> None:
        """Number events and fills from here on: a book that knows those of an exchange that is gone hears new ones."""
        self._first = heard
        for venue in self.venues:
            venue.traded = fills

    def step(self, timeout: float) -> None:
        """Do what is due, and wait at most so long for what is said to us."""
        self.happen()
        if self._speed and self._begun and self._next < len(self._moves):
            timeout = min(timeout, max(0.0, self._due(self._next) - time.monotonic()))
        for key, _ in self._waits.select(timeout):
            if key.data is None:
                stream, _ = self._listener.accept()
                line = Line(stream)
                self._waits.register(line, selectors.EVENT_READ, line)
            else:
                self._listen(key.data)

    def happen(self) -> None:
        """Let happen what is due: by the clock, or, step by step, what happens at the next moment."""
        if self._speed and self._begun:
            while self._next < len(self._moves) and self._due(self._next) <= time.monotonic():
                self._happen(1)
        elif not self._speed and self._line is not None and not self._asked and self._next < len(self._moves):
            ns = self._moves[self._next].ns
            together = next((n for n in range(self._next, len(self._moves)) if self._moves[n].ns != ns), None)
            self._happen((len(self._moves) if together is None else together) - self._next)
            self._asked = True
            self._say(["turn"])

    def close(self) -> None:
        """Close the exchange and every line."""
        for key in list(self._waits.get_map().values()):
            if key.data is not None:
                key.data.close()
        self._waits.close()
        self._listener.close()
        self._place.unlink(missing_ok=True)

    # -- what others do ----------------------------------------------------------------------------------------------

    def _due(self, number: int) -> float:
        return self._begun + (self._moves[number].ns - self._moves[0].ns) / 1e9 / self._speed

    def _happen(self, count: int) -> None:
        messages: list[list[Any]] = []
        for _ in range(count):
            move = self._moves[self._next]
            self._next += 1
            venue = self.venues[move.venue]
            self._advance(move.ns // 1_000_000)
            if move.aggressor is None:
                venue.display(move.levels)
            else:
                venue.trade(move.price, move.quantity, move.aggressor)
            self._collect()
            # What it did to our orders is told before it is: the order that the backtest has.
            messages += [*self._news(), ["move", *plain_move(move)]]
        self._say(*messages)

    # -- what we are told --------------------------------------------------------------------------------------------

    def _listen(self, line: Line) -> None:
        try:
            messages = line.receive(0)
        except LineLost:
            self._hang_up(line)
            return
        for message in messages:
            try:
                self._answer(line, message[0], message[1:])
            except (KeyError, ValueError, TypeError, IndexError) as exc:
                with contextlib.suppress(LineLost):
                    line.send(["refused", f"not understood: {' '.join(str(message).split())[:120]} ({exc})"])
                self._hang_up(line)
                return

    def _answer(self, line: Line, what: str, body: Sequence[Any]) -> None:
        if what == "logon":
            self._logon(line, *body)
            return
        if line is not self._line:
            self.turned_away += what in {"submit", "replace"}
            with contextlib.suppress(LineLost):
                line.send(["fenced", self.epoch])
            return
        if what == "ready":
            news = self._news()
            self._asked = bool(news)
            self._say(*news, *([["turn"]] if news else []))
            return
        self._advance(self.now // 1_000_000)
        match what:
            case "submit":
                ticket = ticket_of(body[0])
                self.venues[ticket.venue].submit(ticket)
            case "cancel":
                for venue in self.venues:
                    venue.cancel(body[0], body[1])
            case "replace":
                for venue in self.venues:
                    venue.replace(body[0], **body[1])
            case "again":
                self._say(*self._events(int(body[0]) - self._first, self._told))
            case "open":
                self._say(["open", self._open_ids()])
            case "copy":
                self._news()  # so that each has its time
                self._say(["copy", [self._plain(n) for n, e in enumerate(self.events) if e.kind == "filled"]])
            case _:
                raise ValueError("no such message")
        self._collect()
        if self._speed:
            self._say(*self._news())

    def _logon(self, line: Line, epoch: int, heard: int, open_ids: Sequence[str]) -> None:
        if epoch < self.epoch:
            line.send(["fenced", self.epoch])
            return
        self.epoch = epoch
        if self._line is not None and self._line is not line:
            with contextlib.suppress(LineLost):
                self._line.send(["fenced", epoch])
        self._line = line
        self._news()
        books = []
        for number, venue in enumerate(self.venues):
            shown = tuple((side, p, q) for side in Side for p, q in venue.others[side].items())
            books.append(["book", *plain_move(Move(self.now, shown, what="snapshot", venue=number))])
        unknown = [id for id in open_ids if not any(venue.knows(id) for venue in self.venues)]
        events = self._events(heard - self._first, self._told)
        self._say(*books, *events, ["welcome", unknown, self._open_ids()])
        if not self._speed:
            self._asked = True
            self._say(["turn"])
        if not self._begun:
            self._begun = time.monotonic()

    # -- what we say -------------------------------------------------------------------------------------------------

    def _news(self) -> list[list[Any]]:
        """Return what has happened to orders since this was asked last."""
        first, self._told = self._told, len(self.events)
        self._stamps += [self.now] * (self._told - first)
        return self._events(first, self._told)

    def _events(self, first: int, end: int) -> list[list[Any]]:
        first = max(first, 0)
        return [
            ["event", n + self._first, self._stamps[n], self._plain(n)]
            for n in range(first, min(end, len(self.events)))
        ]

    def _plain(self, number: int) -> dict[str, Any]:
        """Return an event as JSON values; the moment of a fill is when it happened."""
        event = self.events[number]
        return plain_event(event._replace(moment=self._stamps[number]) if event.kind == "filled" else event)

    def _advance(self, now_ms: int) -> None:
        for venue in self.venues:
            venue.advance(now_ms)
        self._collect()

    def _collect(self) -> None:
        """Take what has happened at each of several venues in one order."""
        if len(self.venues) > 1:
            for number, venue in enumerate(self.venues):
                self.events += [event._replace(venue=number) for event in venue.events[self._collected[number] :]]
                self._collected[number] = len(venue.events)

    def _open_ids(self) -> list[str]:
        return [id for venue in self.venues for id in venue.open_ids()]

    def _say(self, *messages: Sequence[Any]) -> None:
        if self._line is None or not messages:
            return
        try:
            self._line.send(*messages)
        except LineLost:
            self._hang_up(self._line)

    def _hang_up(self, line: Line) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._waits.unregister(line)
        line.close()
        if line is self._line:
            self._line, self._asked = None, False
            if self._ends_orders:
                for venue in self.venues:
                    for id in venue.open_ids():
                        venue.cancel(id, "disconnected")


def connect(place: Path, wait: float) -> Line:
    """Return a line to the exchange that listens at a path, waiting for it to open.

    Raises
    ------
    LineLost
        If nobody does in time.
    """
    end = time.monotonic() + wait
    while True:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            stream.connect(str(place))
            return Line(stream)
        except OSError as exc:
            stream.close()
            if time.monotonic() > end:
                raise LineLost(f"{place}: nobody answers there ({exc.strerror or exc})") from exc
            time.sleep(0.02)


def logon(line: Line, epoch: int, heard: int, open_ids: Sequence[str]) -> None:
    """Say who we are: the epoch of our book's process, how many events were heard, and what we take to be open."""
    line.send(["logon", epoch, heard, list(open_ids)])
