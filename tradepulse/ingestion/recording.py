"""Recordings of a level-2 feed: a line per message, ``<received, ns> <JSON>``, as Binance's combined streams come.

A recording holds depth differences, the best bid and offer (bookTicker), trades, and at least one REST snapshot.
"""

import gzip
import json
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tradepulse.core.book import Difference, OrderBook
from tradepulse.errors import UnreadableFile


@dataclass(frozen=True, slots=True)
class Top:
    """The best bid and offer at an update, as the venue itself sends it."""

    update_id: int
    best: tuple[float, float, float, float]


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
    trades : price and size of each trade
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
    trades: list[tuple[float, float]] = field(default_factory=list)
    malformed: list[tuple[int, str]] = field(default_factory=list)


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
        return
    kind, data = message["stream"].partition("@")[2], message["data"]
    if kind.startswith("depth"):
        previous = int(data["pu"]) if "pu" in data else None
        recording.book.append(
            Difference(int(data["U"]), int(data["u"]), previous, _levels(data["b"]), _levels(data["a"]))
        )
    elif kind == "bookTicker":
        recording.tops.append(
            Top(int(data["u"]), (float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"])))
        )
    elif kind == "trade":
        recording.trades.append((float(data["p"]), float(data["q"])))
    else:
        raise ValueError(f"unknown stream {kind}")
    if "E" in data:
        recording.received_ns.append(received)
        recording.event_ns.append(int(data["E"]) * 1_000_000)


def _levels(raw: list[list[str]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(price), float(size)) for price, size in raw)
