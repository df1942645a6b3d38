"""The quarantine, on its way out: refused rows to be mended, and mended ones taken out."""

import json
from collections.abc import Collection

import pandas as pd

from tradepulse.core.tables.base import records
from tradepulse.errors import ConfigError, MissingData
from tradepulse.warehouse.lake import Lake

#: What says of a quarantined row which one it is.
KEY = ("table", "source", "source_hash", "row")


def refused_rows(lake: Lake, name: str | None = None) -> pd.DataFrame:
    """Return quarantined rows with what was received as columns, beside ``table source source_hash row rule``.

    Parameters
    ----------
    lake : lake
    name : table that the rows were meant for; all of them by default, which must then have the same columns

    Raises
    ------
    MissingData
        If there is none.
    ConfigError
        If rows of different tables are asked for at once.
    """
    found = lake.read("quarantine") if lake.partitions("quarantine") else None
    if found is not None and name:
        found = found[found["table"] == name]
    if found is None or found.empty:
        raise MissingData(f"no row{f' of {name}' if name else ''} is in quarantine")
    tables = sorted(set(found["table"]))
    if len(tables) > 1:
        raise ConfigError(f"there are quarantined rows of {', '.join(tables)}; choose one with --table")
    rows = []
    for row in records(found):
        payload = json.loads(row["payload"])
        for key in ("source", "source_hash"):
            payload.pop(key, None)
        rows.append({**{key: row[key] for key in KEY}, "rule": row["rule"], **payload})
    return pd.DataFrame(rows)


def refused_by_symbol(lake: Lake, names: Collection[str]) -> dict[str, int]:
    """Return how many rows meant for these tables are in quarantine, by symbol."""
    counts: dict[str, int] = {}
    held = lake.read("quarantine") if lake.partitions("quarantine") else None
    for payload in held[held["table"].isin(list(names))]["payload"] if held is not None else ():
        symbol = str(json.loads(payload).get("symbol", ""))
        counts[symbol] = counts.get(symbol, 0) + 1
    return counts


def release(lake: Lake, keys: "set[tuple[str, str, str, int]]") -> None:
    """Take rows out of quarantine.

    Parameters
    ----------
    lake : lake
    keys : ``table``, ``source``, ``source_hash`` and ``row`` of each
    """
    for partition in lake.partitions("quarantine"):
        held = lake.read("quarantine", [partition])
        here = [tuple(row) in keys for row in held[list(KEY)].itertuples(index=False)]
        if any(here):
            lake.write("quarantine", held[[not out for out in here]], partition)
