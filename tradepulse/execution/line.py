"""The line between an order path and a venue: messages as JSON arrays, one to a line, over a local stream socket."""

import contextlib
import json
import select
import socket
from collections.abc import Sequence
from typing import Any

from tradepulse.core.orders import Side
from tradepulse.errors import LineLost
from tradepulse.execution.desk import Move

#: More than any message has; what is longer is no message of ours.
LONGEST = 1 << 24
#: Bytes taken from the line at once, at most; what is done with them does not hang on it.
_CHUNK = 1 << 20


class Line:
    """One end of a line.

    Parameters
    ----------
    stream : connected socket
    """

    def __init__(self, stream: socket.socket) -> None:
        stream.setblocking(True)
        self._stream = stream
        self._heard = bytearray()

    def fileno(self) -> int:
        """Return the descriptor, to be waited for."""
        return self._stream.fileno()

    def send(self, *messages: Sequence[Any]) -> None:
        """Send messages together.

        Raises
        ------
        LineLost
            If the other side has gone.
        """
        try:
            self._stream.sendall(text_of(messages))
        except OSError as exc:
            raise LineLost(f"the line is lost ({exc.strerror or exc})") from exc

    def receive(self, timeout: float | None) -> list[list[Any]]:
        """Return the messages that have come, waiting for the first at most ``timeout`` seconds.

        Raises
        ------
        LineLost
            If the other side has gone.
        """
        if not select.select([self._stream], [], [], timeout)[0]:
            return []
        try:
            part = self._stream.recv(_CHUNK)
        except OSError as exc:
            raise LineLost(f"the line is lost ({exc.strerror or exc})") from exc
        if not part:
            raise LineLost("the other side has closed the line")
        self._heard += part
        if len(self._heard) > LONGEST:
            raise LineLost("a message never ends")
        *whole, rest = bytes(self._heard).split(b"\n")
        self._heard = bytearray(rest)
        return [message_of(text) for text in whole]

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()


def text_of(messages: Sequence[Sequence[Any]]) -> bytes:
    """Return messages as they go over a line."""
    return "".join(json.dumps(one, separators=(",", ":"), allow_nan=False) + "\n" for one in messages).encode()


def message_of(text: bytes) -> list[Any]:
    """Return the message of a line.

    Raises
    ------
    LineLost
        If it is none.
    """
    try:
        message = json.loads(text)
    except ValueError as exc:
        raise LineLost(f"not a message: {text[:60]!r}") from exc
    if not isinstance(message, list) or not message or not isinstance(message[0], str):
        raise LineLost(f"not a message: {text[:60]!r}")
    return message


def plain_move(move: Move) -> list[Any]:
    """Return what others did as JSON values."""
    said = [move.ns, move.levels, move.price, move.quantity, move.aggressor, move.what]
    return [*said, move.venue] if move.venue else said


def move_of(body: Sequence[Any]) -> Move:
    """Return what others did from its JSON values.

    Raises
    ------
    LineLost
        If they are none: a price or quantity that is no whole number would disable every limit that looks at it.
    """
    try:
        ns, levels, price, quantity, aggressor, what, *more = body
        venue = more[0] if len(more) == 1 else 0
        numbers = [ns, price, quantity, venue, *(n for _, *rest in levels for n in rest)]
        if len(more) > 1 or venue < 0 or any(type(number) is not int for number in numbers):
            raise ValueError("not whole numbers")
        made = tuple((Side(side), int(p), int(q)) for side, p, q in levels)
        return Move(ns, made, price, quantity, None if aggressor is None else Side(aggressor), str(what), venue)
    except (ValueError, TypeError) as exc:
        raise LineLost(f"not a market message: {str(body)[:80]}") from exc
