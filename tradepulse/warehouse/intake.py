"""Takes deliveries into the lake. What a vendor said before is kept when it says otherwise: history is never lost."""

import re
from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from tradepulse.core.tables import table
from tradepulse.core.tables.base import content_hash, records
from tradepulse.warehouse.lake import WHOLE, Lake, Written

#: How the folder is named that keeps what a table's partitions said before they were restated.
SUPERSEDED = "superseded_"
#: Columns that say where a row came from and not what it says.
_ORIGIN = ("source", "source_hash")


def model_of(place: str) -> str:
    """Return the declared table behind a table of the lake: ``bars`` behind ``bars_1h`` and ``bars_history``."""
    return "bars" if place.startswith("bars") else place


def take(
    lake: Lake,
    place: str,
    rows: pd.DataFrame,
    *,
    first: date = date.min,
    last: date = date.max,
    symbols: Sequence[str] = (),
) -> list[str]:
    """Lay rows over those that the lake has, and return the partitions whose past this changed.

    What the lake has of the same symbol, source and dates is replaced; rows of other symbols stay, and so do rows of
    other sources unless they have the same key. A row that says what it said before keeps the file that it first came
    from, so that a vendor's new file with the old values changes nothing. A partition that comes out as it was is not
    written. One that had rows of a delivered symbol, and has other ones now, is restated: its old content stays in
    ``superseded_<place>``.

    Parameters
    ----------
    lake : lake
    place : table of the lake
    rows : accepted rows
    first, last : dates that the delivery speaks for; by default those of its rows
    symbols : it speaks for, beside those of its rows
    """
    if rows.empty:
        return []
    days = partitions_of(rows)
    begin = first.isoformat() if first != date.min else str(days.min())
    end = last.isoformat() if last != date.max else str(days.max())
    speaks_for, sources = {*symbols, *rows["symbol"].unique()}, set(rows["source"])
    fresh = dict(tuple(rows.groupby(days, sort=True)))
    there = set(lake.partitions(place))
    known = [name for name in sorted(there) if name in fresh or name == WHOLE or begin <= name <= end]
    old = _each(lake, place, known)
    none = rows.iloc[:0]
    changed = {}
    for name in sorted({*fresh, *known}):
        before, now = old.get(name, none), fresh.get(name, none)
        if name in old and _same(before, now):
            continue
        merged = _laid_over(before, now, place, speaks_for, sources)
        if name not in old or not merged.equals(before):
            changed[name] = merged
    restated = [name for name in changed if _said_something(old.get(name), speaks_for)]
    for name in restated:
        supersede(lake, place, name, old[name])
    if changed:
        lake.write_each(place, changed, model=model_of(place))
    return restated


def replace(lake: Lake, place: str, frames: Mapping[str, pd.DataFrame]) -> dict[str, Written]:
    """Replace partitions as :meth:`Lake.write_each` does, keeping what a changed one said before."""
    for name, frame in frames.items():
        if lake.has(place, name):
            old = lake.read(place, [name], model=model_of(place))
            if not old.equals(frame.reset_index(drop=True)):
                supersede(lake, place, name, old)
    return lake.write_each(place, frames, model=model_of(place))


def supersede(lake: Lake, place: str, partition: str, old: pd.DataFrame) -> None:
    """Keep what a partition says now, before it says something else. Kept twice, it is kept once."""
    earlier = versions(lake, place).get(partition, [])
    if earlier:
        newest = lake.read(f"{SUPERSEDED}{place}", [earlier[-1]], model=model_of(place))
        if newest.equals(old):  # a run that was killed after this step has already kept it
            return
    number = len(earlier) + 1
    lake.write(f"{SUPERSEDED}{place}", old, f"{partition}_v{number:04d}", model=model_of(place))


def versions(lake: Lake, place: str) -> dict[str, list[str]]:
    """Return the superseded partitions of a table by the partition that they were, oldest first."""
    found: dict[str, list[str]] = {}
    for name in lake.partitions(f"{SUPERSEDED}{place}"):
        found.setdefault(re.sub(r"_v\d{4,}$", "", name), []).append(name)
    return found


def restatements(lake: Lake) -> pd.DataFrame:
    """Return rows of ``restatements``: every value that any vendor has changed since it was first stored."""
    parts = []
    for name in (name for name in lake.tables() if name.startswith(SUPERSEDED)):
        place = name.removeprefix(SUPERSEDED)
        if not {"ts", "ex_date"} & set(table(model_of(place)).to_schema().columns):
            continue  # instruments have no history: what they are is what the vendor says now
        for partition, names in versions(lake, place).items():
            states = [lake.read(name, [version], model=model_of(place)) for version in names]
            states.append(lake.read(place, [partition], model=model_of(place)))
            parts += [
                _difference(place, partition, number, states[number - 1], states[number])
                for number in range(1, len(states))
            ]
    parts = [part for part in parts if len(part)]
    model = table("restatements")
    return model.accept(pd.concat(parts, ignore_index=True), "restatements") if parts else model.no_rows()


def partitions_of(rows: pd.DataFrame) -> "pd.Series[str]":
    """Return the partition that each row belongs in: its session, else its day in UTC, else the only one."""
    if "session" in rows.columns:
        return pd.Series(rows["session"].dt.strftime("%Y-%m-%d"), dtype="str")
    if "ts" in rows.columns:
        return pd.Series(rows["ts"].dt.strftime("%Y-%m-%d"), dtype="str")
    return pd.Series(WHOLE, index=rows.index, dtype="str")


def _each(lake: Lake, place: str, partitions: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return partitions of a table; read at once, because a file at a time takes three milliseconds each."""
    if not partitions:
        return {}
    together = lake.read(place, partitions, model=model_of(place))
    apart = dict(tuple(together.groupby(partitions_of(together), sort=False)))
    return {name: apart[name].reset_index(drop=True) if name in apart else together.iloc[:0] for name in partitions}


def _same(old: pd.DataFrame, new: pd.DataFrame) -> bool:
    """Whether rows say the same in the same order, wherever they came from."""
    says = [name for name in new.columns if name not in _ORIGIN]
    return len(old) == len(new) and old[says].equals(new[says].reset_index(drop=True))


def _laid_over(
    old: pd.DataFrame, new: pd.DataFrame, place: str, speaks_for: set[str], sources: set[str]
) -> pd.DataFrame:
    key = table(model_of(place)).to_schema().unique or []
    if old.empty:
        kept = old
    else:
        replaced = old["symbol"].isin(speaks_for) & old["source"].isin(sources)
        if key and len(new):
            replaced |= pd.MultiIndex.from_frame(old[key]).isin(pd.MultiIndex.from_frame(new[key]))
        kept = old[~replaced]
    order = [name for name in ("session", "ts", "ex_date", "row", "symbol") if name in new.columns]
    if len(old) and len(new):
        new = _with_first_origin(new, old)
    both = [part for part in (kept, new) if len(part)]
    if not both:
        return new.reset_index(drop=True)
    return pd.concat(both).sort_values(order, kind="stable").reset_index(drop=True)


def _with_first_origin(new: pd.DataFrame, old: pd.DataFrame) -> pd.DataFrame:
    """Return rows with source and file of the old row that says the same, where there is one."""
    says = [name for name in new.columns if name not in _ORIGIN]
    first = new[says].merge(old.drop_duplicates(says), on=says, how="left")
    return new.assign(
        **{name: first[name].where(first[name].notna(), new[name].to_numpy()).to_numpy() for name in _ORIGIN}
    )


def _said_something(old: pd.DataFrame | None, speaks_for: set[str]) -> bool:
    # An empty partition is one whose rows the vendor has taken back.
    return old is not None and (old.empty or bool(old["symbol"].isin(speaks_for).any()))


def _difference(place: str, partition: str, number: int, old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return rows of ``restatements`` between two states of a partition, whatever file they came from."""
    time = "ts" if "ts" in old.columns else "ex_date"
    values = [name for name in old.columns if name not in {"symbol", time, "session", *_ORIGIN}]
    keyed = [_keyed(frame, ["symbol", time]) for frame in (old, new)]
    found: list[dict[str, object]] = []

    def note(key: tuple[object, ...], change: str, column: str = "", before: object = "", after: object = "") -> None:
        found.append(
            {"symbol": key[0], "ts": key[1], "change": change, "column": column, "old": _text(before),
             "new": _text(after)}
        )  # fmt: skip

    for key in sorted({*keyed[0], *keyed[1]}, key=str):
        before, after = keyed[0].get(key), keyed[1].get(key)
        if before is None or after is None:
            note(key, "added" if before is None else "removed")
            continue
        for column in values:
            if not (before[column] == after[column] or (_absent(before[column]) and _absent(after[column]))):
                note(key, "changed", column, before[column], after[column])
    frame = pd.DataFrame(found)
    if frame.empty:
        return table("restatements").no_rows()
    instants = pd.DatetimeIndex(frame["ts"])
    frame["ts"] = (instants.tz_localize("UTC") if instants.tz is None else instants).as_unit("ns")
    for column in ("symbol", "change", "column", "old", "new"):
        frame[column] = frame[column].astype("str")
    frame = frame.assign(
        table=place, partition=partition, restatement=number,
        old_version=content_hash(old), new_version=content_hash(new),
    )  # fmt: skip
    return frame[list(table("restatements").to_schema().columns)]


def _keyed(frame: pd.DataFrame, key: list[str]) -> dict[tuple[object, ...], dict[str, object]]:
    """Return rows by key and, where a key occurs several times, by how often it has occurred before."""
    numbered = frame.groupby(key, dropna=False).cumcount()
    rows = records(frame)
    return {(row[key[0]], row[key[1]], int(n)): row for row, n in zip(rows, numbered, strict=True)}


def _absent(value: object) -> bool:
    return value is None or value != value or value is pd.NaT


def _text(value: object) -> str:
    return repr(float(value)) if isinstance(value, float) else str(value)
