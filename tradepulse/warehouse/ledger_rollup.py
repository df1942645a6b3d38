"""A cost ledger too large for memory, rolled up by DuckDB, and kept up to date day by day.

The ledger is a folder of Parquet files with the columns of ``costs``, one a day, named by it: ``2026-01-31.parquet``.
The roll-up is a file a day as well, in folders that DuckDB and pandas read as one table, beside an index of what each
was made from. A day that came, changed or went is rolled up alone; the others stay as they are, so that yesterday's
correction costs a day and not a year.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tradepulse.core.files import replace_text
from tradepulse.errors import DataError, MissingData
from tradepulse.warehouse.costs import KEYS

if TYPE_CHECKING:
    import duckdb

#: What the query may hold in memory; beyond it DuckDB writes to the system's temporary folder.
MEMORY = "800MB"
_NEEDED = (*KEYS, "run_id", "step", "cost_nano_usd")


@dataclass(frozen=True, slots=True)
class Rolled:
    """What was done.

    Parameters
    ----------
    days : of the ledger
    changed : that were rolled up now, or went
    rows, total_nano_usd : of the whole roll-up
    """

    days: int
    changed: tuple[str, ...]
    rows: int
    total_nano_usd: int


def roll_up(ledger: Path, out: Path, *, threads: int | None = None) -> Rolled:
    """Bring the roll-up of a ledger up to date.

    Parameters
    ----------
    ledger : folder of a Parquet file a day
    out : folder of the roll-up, ``date=2026-01-31/costs.parquet``, and its index; made if it is not there
    threads : processor cores used; all of them by default

    Raises
    ------
    MissingData
        If there is no day.
    DataError
        If a file is named by no day, lacks a column, or has rows of another day.
    """
    files = {path.stem: path for path in sorted(ledger.glob("*.parquet"))}
    if not files:
        raise MissingData(f"{ledger}: holds no day; a ledger is a folder of files such as 2026-01-31.parquet")
    for name, path in files.items():
        try:
            date.fromisoformat(name)
        except ValueError as exc:
            raise DataError(f"{path}: is named by no day; a ledger's files are named as 2026-01-31.parquet") from exc
    now = {name: [(found := path.stat()).st_size, found.st_mtime_ns] for name, path in files.items()}
    index = out / "index.json"
    before: dict[str, list[int]] = json.loads(index.read_text()) if index.is_file() else {}
    changed = sorted(name for name in {*now, *before} if now.get(name) != before.get(name, [])[:2])
    out.mkdir(parents=True, exist_ok=True)
    made = _write([files[name] for name in changed if name in files], out, threads)
    for name in changed:
        if name not in made:  # it went, or holds nothing any more
            _day(out, name).unlink(missing_ok=True)
    known = {n: [*now[n], *(made.get(n, [0, 0]) if n in changed else before[n][2:])] for n in now}
    replace_text(index, json.dumps(known))
    rows, total = (sum(one[place] for one in known.values()) for place in (2, 3))
    return Rolled(len(files), tuple(changed), rows, total)


@cache
def _database() -> "duckdb.DuckDBPyConnection":
    """Return the process's database in memory: opening one takes longer than rolling up a day."""
    import duckdb

    # Said when it is opened: once it has spilled, DuckDB takes no other folder.
    spill = Path(tempfile.gettempdir()) / f"tradepulse-rollup-{os.getpid()}"
    return duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(spill)})


def _day(out: Path, name: str) -> Path:
    return out / f"date={name}" / "costs.parquet"


def _write(fresh: list[Path], out: Path, threads: int | None) -> dict[str, list[int]]:
    """Roll up some days; return the rows and the total of each."""
    if not fresh:
        return {}
    keys = ", ".join(KEYS[1:])
    quoted = ", ".join("'" + str(path).replace("'", "''") + "'" for path in fresh)
    with _database().cursor() as db, tempfile.TemporaryDirectory(prefix=".rolling-", dir=out) as folder:
        if threads:
            db.execute(f"SET threads = {int(threads)}")
        columns = {row[0] for row in db.execute(f"DESCRIBE SELECT * FROM read_parquet([{quoted}])").fetchall()}
        if lacking := [name for name in _NEEDED if name not in columns]:
            raise DataError(f"{fresh[0].parent}: the ledger lacks the column {lacking[0]!r}; it has those of costs")
        db.execute(
            f"CREATE TEMP TABLE rolled AS SELECT date::DATE AS date, {keys}, count(*)::BIGINT AS lines, "
            f"sum(cost_nano_usd)::DECIMAL(38, 0) AS cost_nano_usd FROM read_parquet([{quoted}]) GROUP BY ALL"
        )
        made = {
            str(day): [int(rows), int(total)]
            for day, rows, total in db.execute(
                "SELECT date, count(*), sum(cost_nano_usd) FROM rolled GROUP BY date"
            ).fetchall()
        }
        if foreign := sorted(set(made) - {path.stem for path in fresh}):
            raise DataError(f"{fresh[0].parent}: there are rows of {foreign[0]} in the file of another day")
        where = folder.replace("'", "''")
        db.execute(
            f"COPY (SELECT * FROM rolled ORDER BY date, {keys}) TO '{where}/days' "
            "(FORMAT parquet, PARTITION_BY (date), WRITE_PARTITION_COLUMNS, OVERWRITE_OR_IGNORE)"
        )
        for name in made:
            [part] = (Path(folder) / "days" / f"date={name}").iterdir()
            target = _day(out, name)
            target.parent.mkdir(exist_ok=True)
            os.replace(part, target)
    return made
