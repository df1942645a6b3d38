"""The journal: an append-only file that says what was decided before it was done, and proves that nothing was changed.

A file begins with ``TPJ`` and a version, and continues the hash of the file before it. Each record has a head of 17
bytes: CRC-32 of the rest, length of the payload, CRC of the record before, how many bytes before it were not yet known
to be on the disk, and its code. The payload is JSON (code 1) or packed by who wrote it (codes from 16 on); code 0 is a
seal, which holds the SHA-256 of the whole journal before it, and code 2 a snapshot, which stands for all before it. A
record that the machine died on is cut off the end and reported; any other damage is an error that names the first bad
record.

Files of version 1 (a SHA-256 in every record, JSON only) are read as they are, and continued by a file of version 2.
"""

import hashlib
import json
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Self
from zlib import crc32

from tradepulse.errors import JournalCorrupt
from tradepulse.execution.flusher import Flusher

Durability = Literal["os", "group", "each"]

_MAGIC_1 = b"TPJ\x01"
_MAGIC = b"TPJ\x02"
#: Of a file: magic, number of its first record, SHA-256 of the journal before it.
_FILE = struct.Struct("<4sQ32s")
#: What a record begins with, after the CRC of all that follows: length of the payload, CRC of the record before, bytes
#: not yet durable before it, code.
HEAD: Final = "<IIIB"
_CRC: Final = struct.Struct("<I")
_REST: Final = struct.Struct(HEAD)
_HEAD = struct.Struct("<IIIIB")
_HEAD_1 = struct.Struct(">II32s")
_GENESIS = hashlib.sha256(_MAGIC).digest()
_GENESIS_1 = hashlib.sha256(_MAGIC_1).digest()
SEAL: Final = 0
JSON: Final = 1
SNAPSHOT: Final = 2
PACKED: Final = 16
#: A seal stands after at most so many bytes. Hashing that much takes some 20 microseconds.
_SEAL_EVERY: Final = 1 << 15
_FIRST_ROOM, _MOST_ROOM = 1 << 16, 1 << 24
#: Bytes that are kept ready to be written to beyond the end: what comes until the next seal, and that; and how Linux is
#: told to (MADV_POPULATE_WRITE, of 5.14).
_READY, _POPULATE_WRITE = 2 * _SEAL_EVERY, 23


class Raw(NamedTuple):
    """One entry as it stands in the file.

    Parameters
    ----------
    number : its place in the journal, from 0, seals included
    code : who packed the payload
    payload : its bytes
    end : offset at which it ends in its file
    """

    number: int
    code: int
    payload: bytes
    end: int


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a journal.

    Parameters
    ----------
    number : its place, from 0
    kind : what happened
    body : the facts, plain JSON values
    link : hash of the journal up to and with this record, hexadecimal: equal links are equal histories
    """

    number: int
    kind: str
    body: dict[str, Any]
    link: str


class Journal:
    """A journal open for appending; one process at a time may have it so.

    Parameters
    ----------
    path : the file; made if absent, its folder too
    durability : what a record survives once :meth:`append` has returned. ``each``: the death of the machine
        (``fdatasync`` of every record: what the disk costs). ``os``: the death of the process; after a power cut the
        journal may be refused. ``group``: the death of the process at once, and of the machine from :attr:`durable`
        on, which a process of its own moves forward.

    Raises
    ------
    JournalCorrupt
        If a record other than a torn last one is damaged.
    """

    def __init__(self, path: Path, durability: Durability = "each") -> None:
        self.path, self.durability = path, durability
        self._synced = durability == "each"
        #: Entries so far, seals included.
        self.count = 0
        #: Where the entries of this file begin, after the snapshot that it may begin with.
        self.begin = 0
        #: CRC of the last record, which the next one says.
        self.crc = 0
        self._at = self._sealed = self._hashed = self._room = 0
        self._sha = hashlib.sha256()
        path.parent.mkdir(parents=True, exist_ok=True)
        _finish_rotation(path)
        self._map: mmap.mmap | None = None
        self._flusher: Flusher | None = None
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self.torn_bytes = self._recover()
            self._make_room(self._at)
            if durability == "group":
                self._flusher = Flusher(self._file, path, self._at)
        except BaseException:
            self._release()
            raise

    # -- writing -----------------------------------------------------------------------------------------------------

    def append(self, kind: str, **body: Any) -> Record:
        """Add an entry of JSON values and return it once it is as durable as :attr:`durability` says."""
        number = self.count
        self.pack(JSON, _payload(kind, body))
        return Record(number, kind, body, self.head)

    def pack(self, code: int, payload: bytes) -> None:
        """Add an entry that its writer has packed; ``payload`` is not empty."""
        self.put(_REST.pack(len(payload), self.crc, 0, code) + payload)

    def put(self, record: bytes) -> None:
        """Add an entry that its writer has packed with its :data:`HEAD`: after :attr:`crc`, and 0 bytes not durable."""
        at = self._at
        group = self._flusher
        if group is not None:
            record = record[:8] + (at - group.durable).to_bytes(4, "little") + record[12:]
        self.crc = crc = crc32(record)
        end = at + 4 + len(record)
        if end > self._room:
            self._make_room(end)
        self._map[at:end] = crc.to_bytes(4, "little") + record  # type: ignore[index]
        self._at = end
        self.count += 1
        if group is not None:
            group.written(end)
        elif self._synced:
            os.fdatasync(self._file)
        if end - self._sealed > _SEAL_EVERY:
            self._seal()

    @property
    def head(self) -> str:
        """Hash of the whole journal so far: equal heads are equal histories."""
        return self._digest().hex()

    @property
    def end(self) -> int:
        """Where the next record of this file will begin; what is sent may leave once :attr:`durable` has reached it."""
        return self._at

    @property
    def durable(self) -> int:
        """Up to where this file survives what :attr:`durability` promises."""
        return self._at if self._flusher is None else self._flusher.durable

    def commit(self) -> None:
        """Wait until everything that was appended is durable."""
        if self._flusher is not None:
            self._flusher.wait(self._at)
        elif self.durability == "os":
            os.fdatasync(self._file)

    def rotate(self, snapshot: Any = None, *, keep: int | None = None) -> None:
        """Go on in a new file, which begins with a snapshot; the old one gets a number behind its name.

        Parameters
        ----------
        snapshot : JSON value that stands for everything before; None if nothing does
        keep : how many old files to keep, all by default. Only what a snapshot stands for can go.
        """
        if self._at > self._sealed:
            self._seal()
        self.commit()
        number, digest = self.count, self._digest()
        fresh = self.path.with_name(self.path.name + ".next")
        file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        head = _FILE.pack(_MAGIC, number, digest)
        body = b"" if snapshot is None else _framed(SNAPSHOT, _payload("snapshot", {"state": snapshot}), _seed(head))
        _write_all(file, head + body)
        os.fdatasync(file)
        self._map.close()  # type: ignore[union-attr]
        self._map = None
        os.ftruncate(self._file, self._at)
        os.fdatasync(self._file)
        self._release()
        self.path.rename(self.path.with_name(f"{self.path.name}.{len(older_files(self.path)):06d}"))
        fresh.rename(self.path)
        _sync_folder(self.path.parent)
        self._file = file
        self._recover()
        self._make_room(self._at)
        if self.durability == "group":
            self._flusher = Flusher(self._file, self.path, self._at)
        if keep is not None and snapshot is not None:
            for old in older_files(self.path)[: -keep or None]:
                # Emptied, not removed: the numbers of the others stay what they are.
                os.truncate(old, 0)

    # -- reading -----------------------------------------------------------------------------------------------------

    def raw(self) -> Iterator[Raw]:
        """Yield the entries, from the last snapshot on; seals are left out."""
        return _since_snapshot(self.path, self._at)

    def read(self) -> Iterator[Record]:
        """Yield the entries of JSON values."""
        yield from read_journal(self.path)[0]

    # -- closing -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Seal and close the file; appending afterwards is an error."""
        if self._map is not None:
            if self._at > self._sealed:
                self._seal()
            if self.durability == "group":
                self.commit()
            self._map.close()
            self._map = None
            os.ftruncate(self._file, self._at)
            if self.durability != "os":
                os.fdatasync(self._file)
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _seal(self) -> None:
        """Write down the hash of everything so far."""
        self._sealed = self._at + _HEAD.size + 32
        self.pack(SEAL, self._digest())
        self._touch()

    def _touch(self) -> None:
        """Make ready what will be written next: a page that is met for the first time costs microseconds."""
        page = self._at // mmap.PAGESIZE * mmap.PAGESIZE
        with suppress(OSError, ValueError):  # a system that does not know how does it when they are met
            self._map.madvise(_POPULATE_WRITE, page, min(_READY, self._room - page))  # type: ignore[union-attr]

    def _digest(self) -> bytes:
        if self._map is not None and self._hashed < self._at:
            self._sha.update(memoryview(self._map)[self._hashed : self._at])
            self._hashed = self._at
        return self._sha.digest()

    def _make_room(self, end: int) -> None:
        """Reserve the disk's space ahead: a full disk is an error here, not a death while a record is written."""
        self._room = max(_FIRST_ROOM, end + min(end, _MOST_ROOM))
        os.posix_fallocate(self._file, 0, self._room)
        if self._map is not None:
            self._map.close()
        self._map = mmap.mmap(self._file, self._room)
        self._touch()

    def _release(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._flusher is not None:
            self._flusher.close()
            self._flusher = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _recover(self) -> int:
        """Find the end of the journal; cut off what the machine died on, and return how many bytes that were."""
        size = os.fstat(self._file).st_size
        content = self.path.read_bytes() if size else b""
        if content[:4] == _MAGIC_1:
            return self._continue_version_1(content)
        if size < _FILE.size:
            # New, or the machine died before the head of the file was whole: there is no record to lose.
            if not _MAGIC.startswith(content[:4]):
                raise JournalCorrupt(f"{self.path}: does not begin as a TradePulse journal does; name a journal file")
            os.ftruncate(self._file, 0)
            content, torn = _FILE.pack(_MAGIC, 0, _GENESIS), size
            _write_all(self._file, content)
            os.fdatasync(self._file)
            _sync_folder(self.path.parent)
        else:
            torn = 0
        _, self.count, before = _FILE.unpack_from(content)
        self._at, self.crc, self._sealed = _FILE.size, _seed(content), _FILE.size
        self.begin = _FILE.size
        for number, code, _, end, crc in _checked(content, self.path):
            if code == SNAPSHOT:
                self.begin = end
            elif code == SEAL:
                self._sealed = end
            self._at, self.count, self.crc = end, number + 1, crc
        torn = torn or _torn(content, self._at)
        self._sha = hashlib.sha256(before)
        self._sha.update(content[: self._at])
        self._hashed = self._at
        if len(content) > self._at:
            os.ftruncate(self._file, self._at)
            os.fdatasync(self._file)
        return torn

    def _continue_version_1(self, content: bytes) -> int:
        """Leave a file of version 1 as it is, under a number, and begin one of this version after it."""
        entries = list(_scan_1(content, self.path))
        end = entries[-1][1] if entries else 4
        if end < len(content):
            os.ftruncate(self._file, end)
            os.fdatasync(self._file)
        digest = bytes.fromhex(entries[-1][0].link) if entries else _GENESIS_1
        fresh = self.path.with_name(self.path.name + ".next")
        file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        _write_all(file, _FILE.pack(_MAGIC, len(entries), digest))
        os.fdatasync(file)
        self.path.rename(self.path.with_name(f"{self.path.name}.{len(older_files(self.path)):06d}"))
        fresh.rename(self.path)
        _sync_folder(self.path.parent)
        os.close(self._file)
        self._file = file
        self._recover()
        return len(content) - end


class ReadOnly:
    """A journal that somebody else writes, read as it grows.

    Parameters
    ----------
    path : of its newest file
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file, self._end = 0, 0

    def raw(self) -> Iterator[Raw]:
        """Yield the entries that are there, from the last snapshot on."""
        self._file, self._end = self._inode(), 0
        for entry in _since_snapshot(self.path):
            self._end = entry.end
            yield entry

    @property
    def moved(self) -> bool:
        """Whether the writer has gone on in another file: :meth:`raw` has to be read again."""
        return self._inode() != self._file

    def news(self) -> Iterator[Raw]:
        """Yield what was written since; an entry that is only half there comes when it is whole."""
        for entry in raw_entries(self.path, self._end):
            self._end = entry.end
            yield entry

    def _inode(self) -> int:
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return self._file  # between the two renames of a rotation


# -- reading a journal that somebody else may be writing ---------------------------------------------------------------


def read_journal(path: Path) -> tuple[list[Record], int]:
    """Return a journal's entries of JSON values and the bytes of a torn last record, changing nothing.

    Raises
    ------
    JournalCorrupt
        If it is no journal, or a record is damaged; the message names the first one.
    """
    records: list[Record] = []
    torn = 0
    for file in journal_files(path):
        content = _content(file)
        if content[:4] == _MAGIC_1:
            entries = list(_scan_1(content, file))
            records += [record for record, _ in entries]
            torn = len(content) - (entries[-1][1] if entries else 4)
            continue
        if len(content) < _FILE.size and _MAGIC.startswith(content[:4]):
            torn = len(content)
            continue
        at = _FILE.size
        sha = hashlib.sha256(content[12:44])
        sha.update(content[:at])
        for entry in _scan(content, file):
            sha.update(memoryview(content)[at : entry.end])
            at = entry.end
            if entry.code in (JSON, SNAPSHOT):
                records.append(_record(entry, sha.hexdigest(), file))
        torn = _torn(content, at)
    return records, torn


@dataclass(frozen=True, slots=True)
class Proof:
    """What a journal proves: its entries, seals included, its hash, and the bytes of a torn last record."""

    records: int
    head: str
    torn_bytes: int


def verify_journal(path: Path) -> Proof:
    """Check every record, every seal, and that each file continues the one before it.

    Raises
    ------
    JournalCorrupt
        Naming the first record that is damaged or does not follow.
    """
    count, digest, torn = 0, b"", 0
    for file in journal_files(path):
        content = _content(file)
        if not content and file != path:
            count, digest = -1, b""  # what a snapshot stands for was let go
            continue
        if content[:4] == _MAGIC_1:
            entries = list(_scan_1(content, file))
            count = len(entries)
            digest = bytes.fromhex(entries[-1][0].link) if entries else _GENESIS_1
            torn = len(content) - (entries[-1][1] if entries else 4)
            continue
        if len(content) < _FILE.size and _MAGIC.startswith(content[:4]):
            torn = len(content)
            continue
        at, end_count = _FILE.size, None
        for entry in _scan(content, file):
            at, end_count = entry.end, entry.number + 1
        _, first, before = _FILE.unpack_from(content)
        if not digest and count == 0 and first and not _begins_with_snapshot(content):
            raise JournalCorrupt(f"{file}: begins at record {first}, and the files before it are gone; restore them")
        if digest and (first, before) != (count, digest):
            raise JournalCorrupt(f"{file}: record {first} does not follow from the file before it; it was changed")
        sha = hashlib.sha256(before)
        sha.update(content[:at])
        digest, count, torn = sha.digest(), end_count if end_count is not None else first, _torn(content, at)
    return Proof(max(count, 0), digest.hex(), torn)


def journal_files(path: Path) -> list[Path]:
    """Return the files of a journal, oldest first."""
    return [*older_files(path), path]


def older_files(path: Path) -> list[Path]:
    """Return the files that :meth:`Journal.rotate` has left behind, oldest first."""
    return sorted(file for file in path.parent.glob(f"{path.name}.??????") if file.suffix[1:].isdigit())


def raw_entries(path: Path, start: int = 0) -> Iterator[Raw]:
    """Yield the entries of one file from an offset on, seals left out: how a file is followed while it is written.

    Parameters
    ----------
    path : of the file
    start : ``end`` of the last entry that is known, 0 from the begin
    """
    content = _content(path)
    if len(content) >= _FILE.size and content[:4] == _MAGIC:
        yield from (entry for entry in _scan(content, path, start) if entry.code != SEAL)


def _since_snapshot(path: Path, checked: int = 0) -> Iterator[Raw]:
    """Yield the entries from the last snapshot on; the newest file has been checked up to ``checked``."""
    return chain.from_iterable(_entries(file, checked if file == path else 0) for file in _from_snapshot(path))


def _from_snapshot(path: Path) -> list[Path]:
    """Return the files of a journal from the last one on that begins with a snapshot."""
    files = journal_files(path)
    first = 0
    for at, file in enumerate(files):
        with file.open("rb") as opened:
            if _begins_with_snapshot(opened.read(_FILE.size + _HEAD.size)):
                first = at
    return files[first:]


def _entries(file: Path, checked: int) -> Iterator[Raw]:
    content = _content(file)
    if content[:4] == _MAGIC_1:
        return (
            Raw(record.number, JSON, _payload(record.kind, record.body), end) for record, end in _scan_1(content, file)
        )
    if len(content) < _FILE.size:
        return iter(())
    return _walk(content, checked) if checked else (e for e in _scan(content, file) if e.code != SEAL)


def _walk(content: bytes, end: int) -> Iterator[Raw]:
    """Yield each record of a file that has been checked up to ``end``, without checking it again."""
    number, at = _FILE.unpack_from(content)[1], _FILE.size
    unpack, head, new = _HEAD.unpack_from, _HEAD.size, tuple.__new__
    while at < end:
        _, length, _, _, code = unpack(content, at)
        begin, at = at + head, at + head + length
        if code:
            # As Raw(...) makes it, in half the time.
            yield new(Raw, (number, code, content[begin:at], at))
        number += 1


def _begins_with_snapshot(content: bytes) -> bool:
    whole = len(content) >= _FILE.size + _HEAD.size and content[:4] == _MAGIC
    return whole and _HEAD.unpack_from(content, _FILE.size)[4] == SNAPSHOT


def _scan(content: bytes, path: Path, start: int = 0) -> Iterator[Raw]:
    """Yield each whole record from an offset on after checking it and all before it, as :func:`_checked` does."""
    for number, code, begin, end, _ in _checked(content, path):
        if begin >= start:
            yield Raw(number, code, content[begin:end], end)


def _checked(content: bytes, path: Path) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield number, code, begin and end of the payload, and CRC of each whole record after checking it.

    It stops before a torn tail, and where nothing was written yet.
    """
    if content[:4] != _MAGIC:
        raise JournalCorrupt(f"{path}: does not begin as a TradePulse journal does; name a journal file")
    _, number, before = _FILE.unpack_from(content)
    at, size, last = _FILE.size, len(content), _seed(content)
    sha, hashed = None, at
    view = memoryview(content)
    unpack, head = _HEAD.unpack_from, _HEAD.size
    while at + head <= size:
        crc, length, follows, _, code = unpack(content, at)
        if not crc and not length:
            break
        end = at + head + length
        if end > size or not length or crc32(view[at + 4 : end]) != crc:
            break
        if follows != last:
            raise JournalCorrupt(f"{path}: record {number} does not follow from the one before it; it was changed")
        if code == SEAL:
            if sha is None:
                sha = hashlib.sha256(before)
                sha.update(view[:hashed])
            sha.update(view[hashed:at])
            hashed = at
            if content[at + head : end] != sha.digest():
                raise JournalCorrupt(f"{path}: a record before seal {number} was changed; restore the file from a copy")
        yield number, code, at + head, end, crc
        at, last, number = end, crc, number + 1
    else:
        if at == size:
            return
    # What follows is torn, unless a later record says that this was on the disk already.
    tail = content[at:].rstrip(b"\0")
    if tail and _was_durable(content, at, at + len(tail)):
        raise JournalCorrupt(f"{path}: record {number} is damaged; restore the file from a copy")


def _was_durable(content: bytes, damaged: int, size: int) -> bool:
    """Whether a whole record stands after a damaged one and was written when that one was durable."""
    view = memoryview(content)
    for at in range(damaged + 1, size - _HEAD.size):
        crc, length, _, behind, _ = _HEAD.unpack_from(content, at)
        end = at + _HEAD.size + length
        if length and end <= len(content) and at - behind > damaged and crc32(view[at + 4 : end]) == crc:
            return True
    return False


def _torn(content: bytes, end: int) -> int:
    return len(content[end:].rstrip(b"\0"))


def _seed(content: bytes) -> int:
    """Return what the first record of a file follows from: the file's head."""
    return crc32(content[: _FILE.size])


def _framed(code: int, payload: bytes, follows: int) -> bytes:
    rest = _REST.pack(len(payload), follows, 0, code) + payload
    return _CRC.pack(crc32(rest)) + rest


def _record(entry: Raw, link: str, path: Path) -> Record:
    kind, body = json_entry(entry, path)
    return Record(entry.number, kind, body, link)


def json_entry(entry: Raw, path: Path) -> tuple[str, dict[str, Any]]:
    """Return kind and body of an entry of JSON values.

    Raises
    ------
    JournalCorrupt
        If it is none.
    """
    try:
        value = json.loads(entry.payload)
        return value["kind"], value["body"]
    except (ValueError, KeyError, TypeError) as exc:
        raise JournalCorrupt(
            f"{path}: record {entry.number} is not a journal entry; restore the file from a copy"
        ) from exc


def _scan_1(content: bytes, path: Path) -> Iterator[tuple[Record, int]]:
    """Yield each whole record of a file of version 1 with the offset at which it ends; stop before a torn tail."""
    chain, at, number = _GENESIS_1, 4, 0
    while at + _HEAD_1.size <= len(content):
        length, crc, link = _HEAD_1.unpack_from(content, at)
        stop = at + _HEAD_1.size + length
        payload = content[at + _HEAD_1.size : stop]
        if stop > len(content) or (crc32(payload) != crc and stop == len(content)):
            return
        chain = hashlib.sha256(chain + payload).digest()
        if crc32(payload) != crc or chain != link:
            raise JournalCorrupt(f"{path}: record {number} is damaged; restore the file from a copy")
        kind, body = json_entry(Raw(number, JSON, payload, stop), path)
        yield Record(number, kind, body, chain.hex()), stop
        at, number = stop, number + 1


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise JournalCorrupt(f"{path}: cannot be read ({exc.strerror}); name a journal file") from exc


def _finish_rotation(path: Path) -> None:
    """Complete a rotation that the machine died in, between its two renames."""
    fresh = path.with_name(path.name + ".next")
    if fresh.exists():
        if path.exists():
            fresh.unlink()  # it died before the first: the old file is still the journal
        else:
            fresh.rename(path)


def _payload(kind: str, body: dict[str, Any]) -> bytes:
    return json.dumps({"kind": kind, "body": body}, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
