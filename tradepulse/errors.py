"""Every error TradePulse raises on purpose.

::

    TradePulseError                 we could not do what was asked
    ├── DataError (ValueError)      the data are not what they claim to be
    │   ├── UnreadableFile          a file cannot be read as the table it should hold
    │   ├── InvalidTable            rows break the rules of their table
    │   ├── MissingData (LookupError)   what was asked for is not in the lake or the source
    │   ├── ChecksumMismatch        a vendor file is not the one we know
    │   ├── UnusableOpens           next-open fills were asked for on opens that are not opens
    │   ├── SourceUnavailable       a vendor does not answer now; asking again later may help
    │   └── SequenceGap             updates of an order book are missing
    ├── ConfigError (ValueError)    a setting is unknown or out of range
    │   ├── UnknownName (KeyError)  a name that no registry holds
    │   └── PluginQuarantined       a plug-in is kept out
    ├── ExecutionError (RuntimeError)
    │   ├── JournalCorrupt          the journal does not prove its own history
    │   ├── BookLocked              another process trades this book
    │   ├── SessionOutOfOrder       a session older than the journal's last one
    │   ├── LineLost                the venue has gone, or says what is no message
    │   ├── Unanswered              nobody knows whether an order arrived
    │   └── BrokerRejected          a broker has said no
    ├── ClusterLost (RuntimeError)  no cluster answers, or it has gone
    └── ToolMissing (RuntimeError)  an optional tool is not installed

An outcome that a healthy system produces every day (a refused order, a failed check) is a value, not an error.
Messages are one line: what, where, and what to try.
"""

from collections.abc import Collection
from difflib import get_close_matches


class TradePulseError(Exception):
    """We could not do what was asked."""


class DataError(TradePulseError, ValueError):
    """The data are not what they claim to be."""


class UnreadableFile(DataError):
    """A file cannot be read as the table it should hold."""


class InvalidTable(DataError):
    """Rows break the rules of their table."""


class MissingData(DataError, LookupError):
    """What was asked for is neither in the lake nor in the source."""


class ChecksumMismatch(DataError):
    """A vendor file is not the one we know."""


class UnusableOpens(DataError):
    """Next-open fills were asked for on rows whose open is not a price that traded."""


class SourceUnavailable(DataError):
    """A vendor does not answer now, or not with what was asked for; asking again later may help.

    Parameters
    ----------
    message : what, where, what to try
    retry_after : seconds that the vendor asks us to wait, where it says so
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class SequenceGap(DataError):
    """A difference of an order book does not follow from the one before it: something was lost in between."""


class ConfigError(TradePulseError, ValueError):
    """A setting is unknown or out of range."""


class UnknownName(ConfigError, KeyError):
    """A name was asked for that its registry does not hold.

    Parameters
    ----------
    kind : what the registry holds, in the singular ("strategy")
    name : the name asked for
    known : the names there are
    """

    def __init__(self, kind: str, name: str, known: Collection[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        self.close_matches = get_close_matches(name, self.known, n=3)
        super().__init__(name)

    def __str__(self) -> str:
        names = self.close_matches or self.known
        lead = "close matches" if self.close_matches else "known"
        return f"No {self.kind} named {self.name!r}; {lead}: {', '.join(names) or 'none'}."


class PluginQuarantined(ConfigError):
    """A plug-in is kept out.

    Parameters
    ----------
    kind, name : of the plug-in
    code : reason code, one of ``tradepulse.core.plugins.CODES``
    detail : what exactly
    """

    def __init__(self, kind: str, name: str, code: str, detail: str) -> None:
        self.kind, self.name, self.code, self.detail = kind, name, code, detail
        super().__init__(f"{kind} {name} is quarantined ({code}): {detail}; see tradepulse_cli plugins list")


class ExecutionError(TradePulseError, RuntimeError):
    """The order path could not go on safely."""


class JournalCorrupt(ExecutionError):
    """The journal does not prove its own history."""


class BookLocked(ExecutionError):
    """Another process trades this book."""


class SessionOutOfOrder(ExecutionError):
    """A session was asked for that is older than the last one in the journal."""


class Unanswered(ExecutionError):
    """Nobody knows whether an order arrived: it stays unknown, its risk reserved, until the broker is asked."""


class BrokerRejected(ExecutionError):
    """The broker has said no; the message is its own."""


class LineLost(ExecutionError):
    """The other side of a line has gone, or says what is no message."""


class ClusterLost(TradePulseError, RuntimeError):
    """No cluster answers at the address, or it has gone in the middle of the work."""


class ToolMissing(TradePulseError, RuntimeError):
    """An optional tool is not installed."""
