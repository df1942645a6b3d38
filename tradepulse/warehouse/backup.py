"""Backup of an instance while it works, and the way back: every file, its hash beside it, all or nothing."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import file_digest
from pathlib import Path

from tradepulse.errors import ChecksumMismatch, ConfigError, MissingData

#: Says what a backup holds; a folder without it is none.
MANIFEST = "manifest.json"
#: What belongs to processes that run: of no use to those that start from a backup.
_OF_PROCESSES = ("-wal", "-shm", "-journal", ".lock")
_SQLITE = b"SQLite format 3\x00"


def back_up(home: Path, out: Path) -> int:
    """Copy an instance into a new folder; return how many files that are.

    Tables are replaced by renaming and journals only grow, so that a copy of either is whole at any time; a torn last
    record is cut when the journal is opened. Databases are copied by SQLite itself, as of one moment.

    Parameters
    ----------
    home : folder of the instance; it may be at work
    out : folder that is made; it appears once it is whole

    Raises
    ------
    MissingData
        If there is no instance.
    ConfigError
        If something is at ``out``, or it lies in the instance.
    """
    if not home.is_dir() or not any(home.iterdir()):
        raise MissingData(f"no instance at {home}; name its folder with --home")
    if out.exists():
        raise ConfigError(f"--out {out}: exists; a backup is a new folder")
    if out.resolve().is_relative_to(home.resolve()):
        raise ConfigError(f"--out {out}: lies in the instance; name a folder outside of it")
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        hashes = dict(_copied(home, fresh / "home"))
        (fresh / MANIFEST).write_text(json.dumps({"home": str(home.resolve()), "files": hashes}, indent=1) + "\n")
        os.replace(fresh, out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return len(hashes)


def _copied(home: Path, out: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(home.rglob("*")):
        name, target = path.relative_to(home), out / path.relative_to(home)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.name.startswith(".") or path.name.endswith(_OF_PROCESSES):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _copy(path, target)
        except FileNotFoundError:
            continue  # removed since it was listed
        yield str(name), _hash(target)


def _copy(path: Path, target: Path) -> None:
    with path.open("rb") as file:
        database = file.read(len(_SQLITE)) == _SQLITE
    if not database:
        shutil.copy2(path, target)
        return
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def restore(backup: Path, home: Path) -> int:
    """Put a backup where there is no instance; return how many files that are.

    Every file is held against the hash that was taken when it was copied before the first is put in place.

    Parameters
    ----------
    backup : folder of :func:`back_up`
    home : folder of the instance; it must not be there, or be empty

    Raises
    ------
    MissingData
        If it is no backup, or a file of it is gone.
    ChecksumMismatch
        If a file is not what was copied.
    ConfigError
        If there is something at ``home``.
    """
    try:
        files: dict[str, str] = json.loads((backup / MANIFEST).read_text())["files"]
    except (OSError, ValueError, KeyError) as exc:
        raise MissingData(f"{backup} is no backup: it has no {MANIFEST} of one") from exc
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise ConfigError(f"--home {home}: there is something already; move it away, nothing is overwritten")
    for name, wanted in files.items():
        path = backup / "home" / name
        if not path.is_file():
            raise MissingData(f"{path} is gone from the backup; take another")
        if _hash(path) != wanted:
            raise ChecksumMismatch(f"{path} is not what was copied; take another backup")
    fresh = home.with_name(f".{home.name}.{os.getpid()}")
    try:
        shutil.copytree(backup / "home", fresh)
        if home.exists():
            home.rmdir()
        os.replace(fresh, home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return len(files)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
