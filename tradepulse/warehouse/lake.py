"""The lake: one Parquet file per table and partition, replaced whole or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradepulse.core.tables import table
from tradepulse.errors import ConfigError, MissingData
from tradepulse.warehouse.store import store

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

#: Partition of a table that has only one.
WHOLE = "all"


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind.

    Parameters
    ----------
    path : where the file is
    rows : rows in it
    size_bytes : its size
    data_version : hash of its content
    """

    path: str
    rows: int
    size_bytes: int
    data_version: str


class Lake:
    """Tables as folders of Parquet files.

    A reader sees the old rows of a file or the new ones, never half of either, and any number of processes can read and
    write at once without a lock.

    Parameters
    ----------
    root : folder of the lake, made when first written to; or the URI of a bucket, ``s3://bucket/prefix``
    """

    def __init__(self, root: Path | str) -> None:
        self.root = root
        self._store = store(root)
        #: Bytes this object has written: what the meter reads.
        self.written_bytes = 0
        #: Content hash of every partition written so far, in order, by ``table/partition``.
        self.written: list[tuple[str, str]] = []

    def write(self, name: str, frame: "pd.DataFrame", partition: str = WHOLE, *, model: str | None = None) -> Written:
        """Replace one partition of a table.

        Parameters
        ----------
        name : table
        frame : its rows, which must keep the table's rules
        partition : session, year or run; any file name without a dot or slash
        model : declared table that the rows follow, where it is not ``name``

        Raises
        ------
        InvalidTable
            If a row breaks a rule; nothing is written.
        """
        return self.write_each(name, {partition: frame}, model=model)[partition]

    def write_each(
        self, name: str, frames: "Mapping[str, pd.DataFrame]", *, model: str | None = None
    ) -> dict[str, Written]:
        """Replace several partitions of a table, each whole or not at all, all of them validated before the first.

        Validation costs ten milliseconds a call and next to nothing a row: a thousand sessions are one call.

        Parameters
        ----------
        name, model : as in :meth:`write`
        frames : rows by partition

        Raises
        ------
        InvalidTable
            If a row breaks a rule; nothing is written.
        """
        import pandas as pd

        for partition in frames:
            _checked(name, partition)
        declared = table(model or name)
        whole = next(iter(frames.values())) if len(frames) == 1 else pd.concat(frames.values())
        span = min(frames) if len(frames) == 1 else f"{min(frames)} to {max(frames)}"
        # A key is unique within its partition; that it is unique over all of them too is what a table promises.
        declared.accept(whole.reset_index(drop=True), f"{name} {span}")
        return {partition: self._put(name, partition, frame) for partition, frame in frames.items()}

    def _put(self, name: str, partition: str, frame: "pd.DataFrame") -> Written:
        from tradepulse.core.tables.base import content_hash

        frame = frame.reset_index(drop=True)
        size = self._store.put(name, partition, frame)
        self.written_bytes += size
        made = Written(self.path(name, partition), len(frame), size, content_hash(frame))
        self.written.append((f"{name}/{partition}", made.data_version))
        return made

    def read(self, name: str, partitions: Sequence[str] | None = None, *, model: str | None = None) -> "pd.DataFrame":
        """Return partitions of a table, in the order named, or all of them in the order of their names.

        Raises
        ------
        MissingData
            If a named partition, or the whole table, is not there.
        """
        chosen = self.partitions(name) if partitions is None else list(partitions)
        if not chosen:
            raise MissingData(f"the lake {self.root} has no {name} yet; run the job that makes it, or make run")
        for partition in partitions or ():
            if not self.has(name, partition):
                raise MissingData(f"the lake {self.root} has no {name} for {partition}; run the job that makes it")
        frame: pd.DataFrame = self._store.dataset(name, chosen).to_table().to_pandas()
        return frame[list(table(model or name).to_schema().columns)]

    def partitions(self, name: str) -> list[str]:
        """Return the partitions of a table, sorted; none when the table is not there."""
        return self._store.partitions(name)

    def tables(self) -> list[str]:
        """Return the names of the tables that there are, sorted; they need not be declared ones."""
        return self._store.tables()

    def sizes(self, name: str) -> Iterator[tuple[int, float]]:
        """Yield the bytes of each file of a table and when it was written, in seconds since 1970."""
        return self._store.sizes(name)

    def has(self, name: str, partition: str = WHOLE) -> bool:
        """Whether a partition of a table has been written."""
        _checked(name, partition)
        return self._store.has(name, partition)

    def path(self, name: str, partition: str = WHOLE) -> str:
        """Return where the file of a partition is, whether it exists or not."""
        _checked(name, partition)
        return self._store.address(name, partition)

    def query(self, sql: str, **parameters: object) -> "pd.DataFrame":
        """Return the rows of a query; each table of the lake is a view of its own name.

        Parameters
        ----------
        sql : DuckDB SQL
        **parameters : values of its ``$name`` placeholders
        """
        with self.connect() as connection:
            return connection.execute(sql, parameters).df() if parameters else connection.execute(sql).df()

    def connect(self) -> "duckdb.DuckDBPyConnection":
        """Return an in-memory DuckDB connection with a view for each table of the lake."""
        import duckdb

        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        for name in self.tables():
            if self.partitions(name):
                self._store.view(connection, name)
        return connection


def _checked(name: str, partition: str) -> None:
    if not partition or set(partition) & set("/\\.") or "/" in name or name.startswith("."):
        raise ConfigError(f"{name}/{partition}: not the name of a table and a partition")
