"""Who has a book: a lock that keeps a second process out, and an epoch that outruns one the lock does not reach."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradepulse.errors import BookLocked, ConfigError


@contextmanager
def locked(folder: Path, name: str = "lock") -> Iterator[None]:
    """Hold a book's lock; the system lets go of it when the process dies.

    Parameters
    ----------
    folder : of the book, there already
    name : of the lock: who trades the book has one, who runs its exchange or gateway another

    Raises
    ------
    BookLocked
        If another process has it.
    """
    with (folder / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise BookLocked(
                f"{folder}: another process trades this book; wait for it, or find what holds the lock"
            ) from exc
        yield


def take_lease(folder: Path, least: int) -> int:
    """Take the book's next epoch and return it; whoever had an older one is turned away by the venue."""
    epoch = max(read_lease(folder), least) + 1
    fresh = folder / f"lease.{os.getpid()}"
    with fresh.open("w") as file:
        json.dump({"epoch": epoch, "pid": os.getpid()}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(folder / "lease")
    return epoch


def read_lease(folder: Path) -> int:
    """Return the epoch of the process that has the book, 0 before any had it."""
    try:
        return int(json.loads((folder / "lease").read_text())["epoch"])
    except FileNotFoundError:
        return 0
    except (ValueError, KeyError, TypeError) as exc:
        raise ConfigError(f"{folder / 'lease'}: is no lease; remove it once no process trades the book") from exc
