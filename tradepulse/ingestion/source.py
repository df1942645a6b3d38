"""What every source gives: a delivery in which each received row is either accepted or quarantined.

A source is one file, found by the entry point ``source.NAME`` of the group ``tradepulse.plugins``, ours like anybody's.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradepulse.core import plugins
from tradepulse.core.tables import table
from tradepulse.errors import ConfigError, InvalidTable, UnknownName

#: Name of a rule, and the function that says of each row whether it keeps it.
Rule = tuple[str, Callable[[pd.DataFrame], "pd.Series[bool]"]]


@dataclass(frozen=True)
class Delivery:
    """Rows received from a source, sorted into those that keep the row rules and those that do not.

    Parameters
    ----------
    table : table the rows are for
    received : rows the source sent
    accepted : rows of that table
    quarantined : rows of the quarantine table
    source_hash : SHA-256 of what was received, first 16 digits
    stored_as : table of the lake, where it is not ``table``: bars of an hour are ``bars_1h``
    """

    table: str
    received: int
    accepted: pd.DataFrame
    quarantined: pd.DataFrame
    source_hash: str
    stored_as: str = ""

    def __post_init__(self) -> None:
        if len(self.accepted) + len(self.quarantined) != self.received:
            raise InvalidTable(
                f"{self.table}: {self.received} rows received, but {len(self.accepted)} accepted and "
                f"{len(self.quarantined)} quarantined"
            )

    @property
    def place(self) -> str:
        """Table of the lake that the rows belong in."""
        return self.stored_as or self.table


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks a source for.

    Parameters
    ----------
    table : table of rows
    symbols : in our spelling; none means all that the source has
    first, last : trading dates, both included
    interval : length of bars, as in ``1h``
    """

    table: str = "bars"
    symbols: tuple[str, ...] = ()
    first: date = date.min
    last: date = date.max
    interval: str = "1D"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of work that is fetched, stored and remembered as one.

    Parameters
    ----------
    stream : what it is a piece of, for instance ``bars 1h BTC/USDT``
    wanted : what exactly is fetched
    key : what tells it from other pieces of the stream where dates do not: a file's hash
    """

    stream: str
    wanted: Wanted
    key: str = ""


#: Days of a stream that a manifest has, as ranges with both ends included; and keys of the pieces it has.
Covered = Callable[[str], tuple[list[tuple[date, date]], set[str]]]


class Source(Protocol):
    """A vendor: says which pieces a wish falls into, and fetches one of them."""

    name: ClassVar[str]
    #: Options it takes, each with what it says; all are text.
    options: ClassVar[Mapping[str, str]]

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables that it can fill, the one that is meant where none is named first."""
        ...

    @property
    def identity(self) -> str:
        """What tells one such source from another: its exchange, its folder. Names its manifest."""
        ...

    def parts(self, wanted: Wanted, covered: Covered) -> list[Part]:
        """Return what is still to be fetched, in the order in which to fetch it."""
        ...

    def fetch(self, part: Part) -> Delivery:
        """Return everything that the vendor has of a part.

        Raises
        ------
        SourceUnavailable
            If asking again later may help.
        DataError
            If it will not.
        """
        ...


def source_names() -> list[str]:
    """Return the names of the sources there are, those of bills included; nothing is imported."""
    return sorted({*plugins.usable("source"), *plugins.usable("cost_source")})


def open_source(name: str, options: Mapping[str, str]) -> Source:
    """Return a source.

    Parameters
    ----------
    name : one of ``source_names``
    options : of that source

    Raises
    ------
    UnknownName
        If there is no such source.
    PluginQuarantined
        If it is a plug-in that is kept out.
    ConfigError
        If it has no such option.
    """
    kinds = [plugin.kind for plugin in plugins.declared() if plugin.name == name]
    kind = next((kind for kind in ("source", "cost_source") if kind in kinds), None)
    if kind is None:
        raise UnknownName("source", name, source_names())
    found = plugins.load(kind, name)
    for option in options:
        if option not in found.options:
            raise ConfigError(
                f"source {name} has no option {option!r}; it has {', '.join(found.options) or 'none at all'}"
            )
    opened: Source = found(**options)
    return opened


def uncovered(first: date, last: date, covered: Sequence[tuple[date, date]], days: int) -> Iterator[tuple[date, date]]:
    """Yield the ranges of dates that are not covered, none longer than a number of days, oldest first.

    Parameters
    ----------
    first, last : both included
    covered : ranges with both ends included, in any order
    days : most that a range may have
    """
    day = timedelta(days=1)
    at = first
    for begin, end in [*sorted(covered), (last + day, last + day)]:
        while at < begin and at <= last:
            until = min(begin - day, last, at + timedelta(days=days - 1))
            yield at, until
            at = until + day
        at = max(at, end + day)


def sift(
    raw: pd.DataFrame,
    rules: Sequence[Rule],
    *,
    table_name: str,
    source: str,
    source_hash: str,
) -> tuple["NDArray[np.bool_]", pd.DataFrame]:
    """Return which rows keep every rule, and quarantine rows for those that do not.

    Parameters
    ----------
    raw : rows as received, index 0 to n - 1
    rules : in the order in which they are asked; a row's first broken rule is its reason
    table_name, source, source_hash : what the quarantine rows say of their origin

    Returns
    -------
    mask of shape (n,), True where accepted; and one quarantine row per False
    """
    broken = np.full(len(raw), "", dtype=object)
    for name, keeps in rules:
        kept = keeps(raw).fillna(False).to_numpy(dtype=bool)
        broken[(broken == "") & ~kept] = name
    bad = broken != ""
    refused = raw[bad]
    payloads = [json.dumps(row, default=str) for row in refused.to_dict("records")]
    quarantine = pd.DataFrame(
        {
            "table": pd.Series([table_name] * len(refused), dtype="str"),
            "source": pd.Series([source] * len(refused), dtype="str"),
            "row": refused.index.to_numpy(dtype="int64"),
            "rule": pd.Series(list(broken[bad]), dtype="str"),
            "reason": pd.Series([f"row breaks the rule: {rule}" for rule in broken[bad]], dtype="str"),
            "payload": pd.Series(payloads, dtype="str"),
            "source_hash": pd.Series([source_hash] * len(refused), dtype="str"),
        }
    )
    return ~bad, table("quarantine").accept(quarantine, f"quarantine of {source}")


def _finite_positive(column: str) -> Rule:
    return (
        f"{column} is a finite number above zero",
        lambda raw: np.isfinite(raw[column]) & (raw[column] > 0),
    )


#: What must be true of a bar by itself, in the order in which it is asked.
BAR_RULES: Sequence[Rule] = (
    ("the row names its symbol", lambda raw: raw["symbol"].astype("str").str.strip() != ""),
    *(_finite_positive(column) for column in ("open", "high", "low", "close")),
    (
        "volume is a finite number not below zero",
        lambda raw: np.isfinite(raw["volume"]) & (raw["volume"] >= 0),
    ),
    (
        "high is not below open, close or low",
        lambda raw: raw["high"] >= raw[["open", "close", "low"]].max(axis=1),
    ),
    ("low is not above open or close", lambda raw: raw["low"] <= raw[["open", "close"]].min(axis=1)),
    # Daily bars begin with their session, so that a session has one of them; intraday bars share theirs.
    ("symbol and time are unique", lambda raw: ~raw.duplicated(["symbol", "ts"], keep="first")),
)
