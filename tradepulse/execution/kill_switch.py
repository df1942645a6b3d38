"""The kill switch of a book: pulled from outside by who is on call, and released by a person for a reason.

It is a file in the book's folder, so that it can be pulled while another process has the book: an engine looks for it
twenty times a second, a session before each order. What was decided by it is in the journal, and stays over restarts.
"""

import json
import time
from pathlib import Path

from tradepulse.core.files import replace_text
from tradepulse.errors import ConfigError
from tradepulse.execution.journal import Journal
from tradepulse.execution.lease import locked
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.terms import Terms


def pull_kill_switch(folder: Path, reason: str, by: str) -> Path:
    """Pull the kill switch of a book; who has the book acts on it.

    Raises
    ------
    ConfigError
        If there is no such book, or nobody says why.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such book; name one that has traded")
    check_reason("pulled", reason, by)
    return replace_text(folder / "kill", json.dumps({"reason": reason, "by": by, "at": time.time()}))


def is_pulled(folder: Path) -> str:
    """Return why the kill switch of a book was pulled from outside, and who did; nothing if it was not."""
    pulled = folder / "kill"
    if not pulled.exists():
        return ""
    try:
        told = json.loads(pulled.read_text())
        return f"{told['reason']} ({told['by']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "the kill switch was pulled"  # whoever meant something else by it has to say so


def check_reason(what: str, reason: str, by: str) -> None:
    """Raise ConfigError unless somebody says why the switch is pulled or reset."""
    if not reason.strip() or not by.strip():
        raise ConfigError(f"a kill switch is {what} by somebody for a reason; name both")


def check_pulled(folder: Path, killed: object) -> None:
    """Raise ConfigError unless a book is killed, or its switch pulled from outside."""
    if not killed and not (folder / "kill").exists():
        raise ConfigError(f"{folder}: the kill switch is not pulled; there is nothing to reset")


def reset_kill_switch(folder: Path, terms: Terms, reason: str, by: str) -> None:
    """Release the kill switch of a desk that nobody trades; who does, says why, and it is in the journal.

    Raises
    ------
    BookLocked
        If a process trades the book.
    ConfigError
        If the switch is not pulled, or nobody says why it is released.
    """
    check_reason("reset", reason, by)
    if not (folder / "orders.journal").is_file():
        raise ConfigError(f"{folder}: there is no such book; name one that has traded")
    with locked(folder), Journal(folder / "orders.journal") as journal:
        path = OrderPath(journal, terms)
        check_pulled(folder, path.state.killed)
        path.reset(reason, by)
        (folder / "kill").unlink(missing_ok=True)
