"""What every source gives: a delivery in which each received row is either accepted or quarantined."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradepulse.core.tables import table
from tradepulse.errors import InvalidTable

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
    """

    table: str
    received: int
    accepted: pd.DataFrame
    quarantined: pd.DataFrame
    source_hash: str

    def __post_init__(self) -> None:
        if len(self.accepted) + len(self.quarantined) != self.received:
            raise InvalidTable(
                f"{self.table}: {self.received} rows received, but {len(self.accepted)} accepted and "
                f"{len(self.quarantined)} quarantined"
            )


class Source(Protocol):
    """A vendor. Rows are read for a range of sessions, so that one session and twenty years are the same call."""

    name: str
    last_session: date | None

    def bars(self, start: date, end: date) -> Delivery:
        """Return the bars of the sessions from ``start`` to ``end``, both included."""
        ...

    def closes(self) -> Delivery:
        """Return every close-only value."""
        ...


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
    ("symbol and session are unique", lambda raw: ~raw.duplicated(["symbol", "session"], keep="first")),
)
