"""Recordings of a level-2 feed: a line per message, ``<received, ns> <JSON>``, as Binance's combined streams come.

A recording holds depth differences, the best bid and offer (bookTicker), trades, and at least one REST snapshot.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tradepulse.core.book import Difference, OrderBook
from tradepulse.errors import UnreadableFile

if TYPE_CHECKING:
    from tradepulse.ingestion.source import Delivery


@dataclass(frozen=True, slots=True)
class Top:
    """The best bid and offer at an update, as the venue itself sends it."""

    update_id: int
    best: tuple[float, float, float, float]


class Print(NamedTuple):
    """A trade between others: when the venue says, and when it was received; ``buyer_rested`` if a seller took it."""

    event_ns: int
    received_ns: int
    price: float
    size: float
    buyer_rested: bool


@dataclass(slots=True)
class Recording:
    """What a recording holds, in the order of receipt.

    Parameters
    ----------
    path, source_hash : where it came from, and the first 16 digits of its SHA-256
    lines : lines in it
    receipts_late : messages received before one that stands earlier in the file
    received_ns, event_ns : receipt and event time of each message that has both
    book : the snapshots (as books) and differences
    tops : best bids and offers
    prints : each trade
    malformed : number and text of each line that is no message
    """

    path: Path
    source_hash: str
    lines: int = 0
    received_ns: list[int] = field(default_factory=list)
    event_ns: list[int] = field(default_factory=list)
    receipts_late: int = 0
    book: list[OrderBook | Difference] = field(default_factory=list)
    tops: list[Top] = field(default_factory=list)
    prints: list[Print] = field(default_factory=list)
    malformed: list[tuple[int, str]] = field(default_factory=list)
    #: Of each item of ``book``: symbol, event time and receipt time; a snapshot has no symbol and its receipt for both.
    book_times: list[tuple[str, int, int]] = field(default_factory=list)


def load_recording(path: Path) -> Recording:
    """Return a recording.

    Parameters
    ----------
    path : text file, gzipped or not

    Raises
    ------
    UnreadableFile
        If it cannot be read, or no line of it is a message.
    """
    try:
        content = path.read_bytes()
        text = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise UnreadableFile(f"{path}: cannot be read ({reason}); name a level-2 recording") from exc
    recording = Recording(path, sha256(content).hexdigest()[:16])
    newest = 0
    for line in text.splitlines():
        recording.lines += 1
        try:
            stamp, _, message = line.partition(b" ")
            received = int(stamp)
            _take(recording, received, json.loads(message))
        except (ValueError, KeyError, TypeError, IndexError):
            recording.malformed.append((recording.lines, line[:200].decode(errors="replace")))
            continue
        recording.receipts_late += received < newest
        newest = max(newest, received)
    if recording.lines == len(recording.malformed):
        raise UnreadableFile(f"{path}: no line reads '<received, ns> <JSON>'; name a level-2 recording")
    return recording


def _take(recording: Recording, received: int, message: dict[str, Any]) -> None:
    if "lastUpdateId" in message:
        recording.book.append(
            OrderBook.of(int(message["lastUpdateId"]), _levels(message["bids"]), _levels(message["asks"]))
        )
        recording.book_times.append(("", received, received))
        return
    kind, data = message["stream"].partition("@")[2], message["data"]
    if kind.startswith("depth"):
        previous = int(data["pu"]) if "pu" in data else None
        recording.book.append(
            Difference(int(data["U"]), int(data["u"]), previous, _levels(data["b"]), _levels(data["a"]))
        )
        event = int(data["E"]) * 1_000_000 if "E" in data else received
        recording.book_times.append(
            (str(data.get("s") or message["stream"].partition("@")[0].upper()), event, received)
        )
    elif kind == "bookTicker":
        recording.tops.append(
            Top(int(data["u"]), (float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"])))
        )
    elif kind == "trade":
        event = int(data["E"]) * 1_000_000 if "E" in data else received
        recording.prints.append(Print(event, received, float(data["p"]), float(data["q"]), bool(data.get("m"))))
    else:
        raise ValueError(f"unknown stream {kind}")
    if "E" in data:
        recording.received_ns.append(received)
        recording.event_ns.append(int(data["E"]) * 1_000_000)


def _levels(raw: list[list[str]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(price), float(size)) for price, size in raw)


def load_book_events(path: Path, *, zone: str | None = None, columns: Mapping[str, str] | None = None) -> "Delivery":
    """Return the snapshots and differences of a recording as rows of ``book_events``, a row per level.

    A line that is no message is one quarantined row.

    Parameters
    ----------
    path : text file, gzipped or not
    zone, columns : not looked at: a recording's times are instants and its names are the venue's
    """
    import pandas as pd

    from tradepulse.core.tables import table
    from tradepulse.ingestion.source import Delivery, sift

    recording = load_recording(path)
    named = [symbol for symbol, _, _ in recording.book_times if symbol]
    if not named:
        raise UnreadableFile(f"{path}: holds no depth differences; name a level-2 recording")
    rows: list[tuple[Any, ...]] = []
    for item, (symbol, event, received) in zip(recording.book, recording.book_times, strict=True):
        if isinstance(item, OrderBook):
            head = (event, received, symbol or named[0], "snapshot", item.last_id, item.last_id, -1)
            levels: list[tuple[Any, ...]]
            levels = [("bid", *level) for level in item.bids.items()] + [("ask", *level) for level in item.asks.items()]
        else:
            previous = -1 if item.previous_id is None else item.previous_id
            head = (event, received, symbol, "difference", item.first_id, item.last_id, previous)
            levels = [("bid", *level) for level in item.bids] + [("ask", *level) for level in item.asks]
        rows += [(*head, *level) for level in levels]
        if not levels:
            rows.append((*head, "", None, None))
    names = ["ts", "received", "symbol", "kind", "first_id", "last_id", "previous_id", "side", "price", "size"]
    frame = pd.DataFrame(rows, columns=names)
    for column in ("ts", "received"):
        frame[column] = pd.to_datetime(frame[column], unit="ns", utc=True)
    for column in ("price", "size"):
        frame[column] = frame[column].astype(float)
    frame = frame.assign(source=path.name, source_hash=recording.source_hash)
    model = table("book_events")
    lines = pd.DataFrame(recording.malformed, columns=["line", "text"])
    _, refused = sift(
        lines,
        [("the line is a message", lambda lines: pd.Series(False, index=lines.index))],
        table_name="book_events",
        source=path.name,
        source_hash=recording.source_hash,
    )
    accepted = model.accept(frame[list(model.to_schema().columns)], f"book events of {path.name}")
    return Delivery("book_events", len(frame) + len(lines), accepted, refused, recording.source_hash)
