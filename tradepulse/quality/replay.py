"""Mended rows out of quarantine: asked the same rules again, and taken in only if they keep them."""

from pathlib import Path
from typing import Any

import pandas as pd

from tradepulse.core.tables import table
from tradepulse.errors import ConfigError, InvalidTable, UnreadableFile
from tradepulse.ingestion.files import load_file
from tradepulse.ingestion.source import BAR_RULES, sift
from tradepulse.ingestion.ticks import QUOTE_RULES, TRADE_RULES
from tradepulse.warehouse.intake import model_of, partitions_of
from tradepulse.warehouse.lake import Lake
from tradepulse.warehouse.quarantine import KEY, refused_rows, release

_RULES = {"bars": BAR_RULES, "trades": TRADE_RULES, "quotes": QUOTE_RULES}


def replayed(lake: Lake, path: Path) -> dict[str, Any]:
    """Take the mended rows of a file out of quarantine and into the table that they were meant for.

    A row keeps its source and its source's hash, so that accepted and quarantined still add up to what was received.
    One that still breaks a rule, or whose place has been taken since, stays.

    Parameters
    ----------
    lake : lake
    path : what ``data quarantine`` wrote, mended

    Returns
    -------
    dict of ``replayed``, ``accepted``, ``left`` (rows still in quarantine) and ``why`` (rows by rule)

    Raises
    ------
    UnreadableFile
        If the file is not one that ``data quarantine`` wrote.
    ConfigError
        If it holds a row that is not in quarantine, or rows of a table that cannot be replayed.
    """
    raw, _ = load_file(path)
    lacking = [name for name in KEY if name not in raw.columns]
    if lacking or raw.empty:
        what = f"lacks the column {lacking[0]!r}" if lacking else "has no rows"
        raise UnreadableFile(f"{path}: {what}; replay takes what tradepulse_cli data quarantine wrote")
    names = sorted(set(raw["table"].astype("str")))
    if len(names) > 1 or model_of(names[0]) not in _RULES:
        raise ConfigError(
            f"{path}: holds rows of {', '.join(names)}; replay takes bars, trades or quotes, one at a time"
        )
    place = names[0]
    held = refused_rows(lake, place)
    known = {tuple(row) for row in held[list(KEY)].itertuples(index=False)}
    asked = [tuple(row) for row in raw[list(KEY)].astype({"row": "int64"}).itertuples(index=False)]
    strange = [key for key in asked if key not in known]
    if strange or len(set(asked)) < len(asked):
        row = strange[0] if strange else next(key for key in asked if asked.count(key) > 1)
        raise ConfigError(f"{path}: row {row[3]} of {row[1]} is {'not in quarantine' if strange else 'there twice'}")
    frame = _typed(raw, place, path)
    kept, refused = sift(frame, _RULES[model_of(place)], table_name=place, source=path.name, source_hash="0" * 16)
    rows = frame[kept]
    reasons = refused["rule"].value_counts().to_dict()
    taken, occupied = _lay_in(lake, place, rows)
    if occupied:
        reasons["the place is not taken"] = occupied
    accepted = {asked[at] for at in taken}
    release(lake, accepted)
    why = [{"rule": rule, "rows": int(count)} for rule, count in reasons.items()]
    return {"replayed": len(raw), "accepted": len(accepted), "left": len(held) - len(accepted), "why": why}


def _typed(raw: pd.DataFrame, place: str, path: Path) -> pd.DataFrame:
    """Return mended rows with the columns and types of their table."""
    columns = table(model_of(place)).to_schema().columns
    lacking = [name for name in columns if name not in raw.columns]
    if lacking:
        raise UnreadableFile(f"{path}: lacks the column {lacking[0]!r}; replay takes what data quarantine wrote")
    frame = raw[list(columns)].reset_index(drop=True)
    for name, column in columns.items():
        kind = str(column.dtype)
        try:
            if kind.startswith("datetime64"):
                times = pd.to_datetime(frame[name], format="ISO8601", utc="UTC" in kind)
                frame[name] = times.dt.as_unit("ns")
            elif kind == "float64":
                frame[name] = pd.to_numeric(frame[name], errors="coerce").astype(float)
            elif kind == "bool":
                frame[name] = frame[name].astype("str").str.lower().eq("true")
            else:
                frame[name] = frame[name].fillna("").astype("str")
        except (ValueError, TypeError) as exc:
            raise UnreadableFile(f"{path}: {name} does not read as {kind} ({str(exc).splitlines()[0][:80]})") from exc
    return frame


def _lay_in(lake: Lake, place: str, rows: pd.DataFrame) -> tuple[set[int], int]:
    """Add rows to their partitions; return the index of those added, and how many found their place taken."""
    key = table(model_of(place)).to_schema().unique or []
    added: set[int] = set()
    changed = {}
    for name, mine in rows.groupby(partitions_of(rows), sort=True):
        there = lake.read(place, [str(name)], model=model_of(place)) if lake.has(place, str(name)) else mine.iloc[:0]
        free = mine
        if key and len(there):
            free = mine[~pd.MultiIndex.from_frame(mine[key]).isin(pd.MultiIndex.from_frame(there[key]))]
        if len(free):
            order = ["session", "symbol"] if "session" in free.columns else ["ts"]
            parts = [part for part in (there, free) if len(part)]
            changed[str(name)] = pd.concat(parts).sort_values(order, kind="stable").reset_index(drop=True)
            added |= set(free.index)
    try:
        lake.write_each(place, changed, model=model_of(place)) if changed else None
    except InvalidTable as exc:
        raise ConfigError(f"{exc}; mend the row and replay it again") from exc
    return added, len(rows) - len(added)
