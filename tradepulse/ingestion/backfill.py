"""Backfill: everything that is wanted of a source and not yet there, piece by piece, resumable at any point.

A piece is fetched, stored and then written into the source's manifest. Killed between the last two, it is fetched and
stored once more, which changes nothing: storing the same rows twice is storing them once.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from time import sleep
from typing import Any

import pandas as pd

from tradepulse.core.files import replace_text
from tradepulse.errors import ConfigError, SourceUnavailable, UnreadableFile
from tradepulse.ingestion.source import Delivery, Part, Source, Wanted

#: Seconds between attempts where the vendor does not say how long to wait.
_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
#: Longest that a vendor may make us wait before the backfill gives up, to be run again later.
_PATIENCE = 120.0


class Manifest:
    """What has been ingested from one source: a JSON file, replaced whole after each piece.

    Parameters
    ----------
    folder : holds the manifests
    identity : of the source
    """

    def __init__(self, folder: Path, identity: str) -> None:
        digest = sha256(identity.encode()).hexdigest()[:8]
        self.path = folder / f"{re.sub(r'[^A-Za-z0-9]+', '_', identity)[:40]}_{digest}.json"
        self.identity = identity
        try:
            content = json.loads(self.path.read_text()) if self.path.exists() else {"parts": []}
            self.parts: list[dict[str, Any]] = content["parts"]
        except (ValueError, KeyError, TypeError) as exc:
            raise UnreadableFile(
                f"{self.path}: not a manifest; remove it, and what it covered is fetched anew"
            ) from exc

    def covered(self, stream: str) -> tuple[list[tuple[date, date]], set[str]]:
        """Return the date ranges of a stream, joined where they touch, and the keys of its pieces."""
        mine = [part for part in self.parts if part["stream"] == stream]
        ranges = sorted((date.fromisoformat(p["first"]), date.fromisoformat(p["last"])) for p in mine if p["first"])
        joined: list[tuple[date, date]] = []
        for first, last in ranges:
            if joined and (first - joined[-1][1]).days <= 1:
                joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
            else:
                joined.append((first, last))
        return joined, {part["key"] for part in mine if part["key"]}

    def add(self, part: Part, delivery: Delivery) -> None:
        """Remember that a piece is stored, in place of an earlier record of the same piece."""
        dated = part.wanted.first != date.min
        entry = {
            "stream": part.stream,
            "key": part.key,
            "first": part.wanted.first.isoformat() if dated else "",
            "last": part.wanted.last.isoformat() if dated else "",
            "received": delivery.received,
            "accepted": len(delivery.accepted),
            "quarantined": len(delivery.quarantined),
            "why": _reasons(delivery),
            "source_hash": delivery.source_hash,
        }
        same = ("stream", "key", "first", "last")
        self.parts = [old for old in self.parts if any(old[key] != entry[key] for key in same)] + [entry]
        replace_text(self.path, json.dumps({"source": self.identity, "parts": self.parts}, indent=1) + "\n")


@dataclass
class Taken:
    """What a backfill did.

    Parameters
    ----------
    parts : pieces fetched
    received, accepted, quarantined, written : rows; ``written`` are the accepted ones that were wanted
    why : quarantined rows by rule
    hashes : of what was received
    restated : partitions of the lake whose past changed
    """

    parts: int = 0
    received: int = 0
    accepted: int = 0
    quarantined: int = 0
    written: int = 0
    why: dict[str, int] = field(default_factory=dict)
    hashes: list[str] = field(default_factory=list)
    restated: list[str] = field(default_factory=list)

    @property
    def source_hash(self) -> str:
        """One hash for all that was received."""
        if len(self.hashes) == 1:
            return self.hashes[0]
        return sha256("".join(self.hashes).encode()).hexdigest()[:16]


#: Stores the wanted rows of a delivery and returns the names of the partitions whose past it changed.
Store = Callable[[Delivery, pd.DataFrame, Wanted], list[str]]


def backfill(
    source: Source,
    wanted: Wanted,
    manifest: Manifest,
    store: Store,
    *,
    refresh: bool = False,
    progress: Callable[[Part, int, int], None] = lambda part, number, of: None,
    wait: Callable[[float], None] = sleep,
) -> Taken:
    """Fetch and store what is wanted and not yet covered.

    Parameters
    ----------
    source : to ask
    wanted : what
    manifest : of the source
    store : where rows go
    refresh : also fetch again what is covered: a vendor may have changed its past
    progress : told of each piece before it is fetched, with its number and how many there are
    wait : how to wait, in seconds

    Raises
    ------
    ConfigError
        If the source has no such table.
    SourceUnavailable
        If the vendor does not answer after several attempts. What was stored stays; run again to go on.
    """
    if wanted.table not in source.tables:
        raise ConfigError(f"source {source.name} has no {wanted.table}; it has {', '.join(source.tables)}")
    parts = source.parts(wanted, (lambda stream: ([], set())) if refresh else manifest.covered)
    taken = Taken()
    for number, part in enumerate(parts, start=1):
        progress(part, number, len(parts))
        delivery = _patiently(source, part, wait)
        rows = chosen(delivery.accepted, part.wanted)
        taken.restated += store(delivery, rows, part.wanted)
        if delivery.received:  # nothing is no coverage: it may be there tomorrow
            manifest.add(part, delivery)
        taken.parts += 1
        taken.received += delivery.received
        taken.accepted += len(delivery.accepted)
        taken.quarantined += len(delivery.quarantined)
        taken.written += len(rows)
        taken.hashes.append(delivery.source_hash)
        for rule, count in _reasons(delivery).items():
            taken.why[rule] = taken.why.get(rule, 0) + count
    return taken


def chosen(frame: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
    """Return the rows of the symbols and dates that are wanted."""
    keep = pd.Series(True, index=frame.index)
    if wanted.symbols:
        keep &= frame["symbol"].isin(wanted.symbols)
    day = next((name for name in ("session", "ex_date", "ts") if name in frame.columns), None)
    if day:
        dates = frame[day].dt.tz_localize(None) if day == "ts" else frame[day]
        if wanted.first != date.min:
            keep &= dates >= pd.Timestamp(wanted.first)
        if wanted.last != date.max:
            keep &= dates < pd.Timestamp(wanted.last) + pd.Timedelta(days=1)
    return frame[keep].reset_index(drop=True)


def _patiently(source: Source, part: Part, wait: Callable[[float], None]) -> Delivery:
    for seconds in (*_WAITS, None):
        try:
            return source.fetch(part)
        except SourceUnavailable as exc:
            pause = exc.retry_after if exc.retry_after is not None else seconds
            if seconds is None or pause is None or pause > _PATIENCE:
                asked = f", and asks us to wait {pause:.0f} s" if pause and pause > _PATIENCE else ""
                raise SourceUnavailable(
                    f"{exc}{asked}; {part.stream} stays as far as it came, run the same command later to go on"
                ) from exc
            wait(pause)
    raise AssertionError("the last attempt returns or raises")


def _reasons(delivery: Delivery) -> Mapping[str, int]:
    return {str(rule): int(count) for rule, count in delivery.quarantined["rule"].value_counts().items()}
