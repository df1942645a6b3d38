"""Where the lake's files are: a folder, or a bucket of an object store. Both replace a file whole or not at all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Protocol

from tradepulse.errors import ConfigError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow.dataset as ds

_SUFFIX = ".parquet"


class Store(Protocol):
    """Parquet files by table and partition."""

    def address(self, table: str, partition: str) -> str:
        """Return where a file is, for a person."""
        ...

    def tables(self) -> list[str]:
        """Return the names of the tables that have a folder, sorted."""
        ...

    def partitions(self, table: str) -> list[str]:
        """Return the names of a table's files without their suffix, sorted."""
        ...

    def has(self, table: str, partition: str) -> bool:
        """Whether a file is there."""
        ...

    def put(self, table: str, partition: str, frame: "pd.DataFrame") -> int:
        """Replace a file whole or not at all; return its bytes."""
        ...

    def dataset(self, table: str, partitions: Sequence[str]) -> "ds.Dataset":
        """Return files of a table as one dataset, in the order named."""
        ...

    def view(self, connection: "duckdb.DuckDBPyConnection", table: str) -> None:
        """Make all files of a table a view of its name."""
        ...

    def sizes(self, table: str) -> Iterator[tuple[int, float]]:
        """Yield the bytes of each file and when it was written, in seconds since 1970."""
        ...


def store(root: Path | str) -> Store:
    """Return the store at a folder, or at a URI such as ``s3://bucket/prefix``.

    Raises
    ------
    ConfigError
        If no store is known for the URI.
    """
    return Bucket(root) if isinstance(root, str) and "://" in root else Folder(Path(root))


class Folder:
    """A folder per table on this machine. A file is written beside its place and renamed into it.

    Parameters
    ----------
    root : made when first written to
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, table: str, partition: str) -> Path:
        """Return the file of a partition, whether it exists or not."""
        return self.root / table / f"{partition}{_SUFFIX}"

    def address(self, table: str, partition: str) -> str:  # noqa: D102  see Store
        return str(self.path(table, partition))

    def tables(self) -> list[str]:  # noqa: D102
        return sorted(path.name for path in self.root.glob("[!.]*") if path.is_dir())

    def partitions(self, table: str) -> list[str]:  # noqa: D102
        return sorted(path.stem for path in (self.root / table).glob(f"[!.]*{_SUFFIX}"))

    def has(self, table: str, partition: str) -> bool:  # noqa: D102
        return self.path(table, partition).exists()

    def put(self, table: str, partition: str, frame: "pd.DataFrame") -> int:  # noqa: D102
        target = self.path(table, partition)
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            frame.to_parquet(fresh, index=False, compression="zstd")
            os.replace(fresh, target)
        finally:
            fresh.unlink(missing_ok=True)
        return target.stat().st_size

    def dataset(self, table: str, partitions: Sequence[str]) -> "ds.Dataset":  # noqa: D102
        import pyarrow.dataset as ds

        return ds.dataset([self.address(table, partition) for partition in partitions], format="parquet")

    def view(self, connection: "duckdb.DuckDBPyConnection", table: str) -> None:  # noqa: D102
        files = (self.address(table, partition).replace("'", "''") for partition in self.partitions(table))
        quoted = ", ".join(f"'{file}'" for file in files)
        connection.execute(f'CREATE VIEW "{table}" AS SELECT * FROM read_parquet([{quoted}])')

    def sizes(self, table: str) -> Iterator[tuple[int, float]]:  # noqa: D102
        return sizes(self.root / table)


class Bucket:
    """A prefix of an object store, through pyarrow; an object appears whole, once it is written.

    Parameters
    ----------
    uri : ``s3://bucket/prefix``, ``gs://...`` or ``abfs://...``; of S3 with what pyarrow takes behind a ``?``, such as
        ``endpoint_override``. Credentials are those of the environment
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @cached_property
    def _place(self) -> tuple[Any, str]:
        import pyarrow as pa
        from pyarrow.fs import FileSystem

        try:
            system, base = FileSystem.from_uri(self.uri)
        except (pa.ArrowInvalid, NotImplementedError, OSError) as exc:
            raise ConfigError(f"no lake at {self.uri.partition('?')[0]}: {str(exc).splitlines()[0]}") from exc
        if not base.rstrip("/"):
            raise ConfigError(f"no lake at {self.uri.partition('?')[0]}: it names no bucket")
        return system, base.rstrip("/")

    def _key(self, table: str, partition: str = "") -> str:
        return f"{self._place[1]}/{table}" + (f"/{partition}{_SUFFIX}" if partition else "")

    def _list(self, folder: str) -> list[Any]:
        from pyarrow.fs import FileSelector

        found: list[Any] = self._place[0].get_file_info(FileSelector(folder, allow_not_found=True))
        return [one for one in found if not one.base_name.startswith(".")]

    def address(self, table: str, partition: str) -> str:  # noqa: D102
        return f"{self.uri.partition('?')[0].rstrip('/')}/{table}/{partition}{_SUFFIX}"

    def tables(self) -> list[str]:  # noqa: D102
        return sorted(one.base_name for one in self._list(self._place[1]) if not one.is_file)

    def partitions(self, table: str) -> list[str]:  # noqa: D102
        files = (one.base_name for one in self._list(self._key(table)) if one.is_file)
        return sorted(name.removesuffix(_SUFFIX) for name in files if name.endswith(_SUFFIX))

    def has(self, table: str, partition: str) -> bool:  # noqa: D102
        return bool(self._place[0].get_file_info(self._key(table, partition)).is_file)

    def put(self, table: str, partition: str, frame: "pd.DataFrame") -> int:  # noqa: D102
        content = frame.to_parquet(index=False, compression="zstd")
        with self._place[0].open_output_stream(self._key(table, partition)) as sink:
            sink.write(content)
        return len(content)

    def dataset(self, table: str, partitions: Sequence[str]) -> "ds.Dataset":  # noqa: D102
        import pyarrow.dataset as ds

        keys = [self._key(table, partition) for partition in partitions]
        return ds.dataset(keys, format="parquet", filesystem=self._place[0])

    def view(self, connection: "duckdb.DuckDBPyConnection", table: str) -> None:  # noqa: D102
        connection.register(table, self.dataset(table, self.partitions(table)))

    def sizes(self, table: str) -> Iterator[tuple[int, float]]:  # noqa: D102
        for one in self._list(self._key(table)):
            if one.is_file:
                yield one.size, one.mtime.timestamp()


def sizes(folder: Path) -> Iterator[tuple[int, float]]:
    """Yield the bytes of each file in a folder and when it last changed, but for those that vanish meanwhile."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if S_ISREG((found := path.lstat()).st_mode):
                yield found.st_size, found.st_mtime
