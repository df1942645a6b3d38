"""Files as sources: one that a person names, and a folder that a vendor drops files into.

A drop folder says in its ``tradepulse.yaml`` what its files hold, because a file cannot say it itself::

    table: bars
    files: "*.csv"
    zone: America/New_York            # of times that are written without one
    columns: {Date: session, Open: open, High: high, Low: low, Close: close, Vol: volume}
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import yaml

from tradepulse.core.tables import table
from tradepulse.errors import ConfigError, MissingData, UnreadableFile
from tradepulse.ingestion.files import MAPPING, load_bars, load_file
from tradepulse.ingestion.focus import load_bills
from tradepulse.ingestion.recording import load_book_events
from tradepulse.ingestion.source import Covered, Delivery, Part, Rule, Wanted, sift
from tradepulse.ingestion.ticks import load_quotes, load_trades

_KEYS = ("table", "files", "zone", "columns", "symbol")


def load_actions_table(path: Path, *, zone: str | None = None, columns: Mapping[str, str] | None = None) -> Delivery:
    """Return the corporate actions of a file with ``symbol``, ``ex_date``, ``action``, ``ratio`` and ``amount``.

    Parameters
    ----------
    path : CSV or Parquet
    zone : not looked at: an ex-date is a date
    columns : the file's name of a column, and ours
    """
    raw, digest = load_file(path, columns)
    needed = ("symbol", "ex_date", "action", "ratio", "amount")
    lacking = [column for column in needed if column not in raw.columns]
    if lacking:
        raise UnreadableFile(f"{path}: lacks the column {lacking[0]!r}; corporate actions have {' '.join(needed)}")
    frame = pd.DataFrame(
        {
            "symbol": raw["symbol"].astype("str"),
            "ex_date": pd.to_datetime(raw["ex_date"].astype("str"), format="ISO8601", errors="coerce").dt.as_unit("ns"),
            "action": raw["action"].astype("str").replace("dividend", "cash_dividend"),
            "ratio": pd.to_numeric(raw["ratio"], errors="coerce"),
            "amount": pd.to_numeric(raw["amount"], errors="coerce"),
            "source": path.name,
            "source_hash": digest,
        }
    ).reset_index(drop=True)
    rules: list[Rule] = [
        ("ex_date is a date", lambda rows: rows["ex_date"].notna()),
        ("action is split or cash_dividend", lambda rows: rows["action"].isin(["split", "cash_dividend"])),
        (
            "a split has a ratio above zero, a dividend an amount above zero",
            lambda rows: (
                ((rows["action"] == "split") & (rows["ratio"] > 0) & rows["amount"].isna())
                | ((rows["action"] != "split") & (rows["amount"] > 0) & rows["ratio"].isna())
            ),
        ),
        ("symbol, day and action are unique", lambda rows: ~rows.duplicated(["symbol", "ex_date", "action"])),
    ]
    kept, quarantined = sift(frame, rules, table_name="corporate_actions", source=path.name, source_hash=digest)
    accepted = table("corporate_actions").accept(frame[kept].reset_index(drop=True), str(path))
    return Delivery("corporate_actions", len(frame), accepted, quarantined, digest)


#: What vendors call kinds of instruments, and we.
_KINDS = {"etf": "fund", "stock": "equity", "spot": "crypto_spot", "perpetual": "crypto_perpetual"}


def load_instruments(path: Path, *, zone: str | None = None, columns: Mapping[str, str] | None = None) -> Delivery:
    """Return the instruments of a file with ``symbol`` and ``kind``, and what else of the table it has.

    Parameters
    ----------
    path : CSV or Parquet; ``currency venue tick lot minimum_notional first_session last_session`` may be absent
    zone : not looked at: listings are dates
    columns : the file's name of a column, and ours
    """
    raw, digest = load_file(path, columns)
    lacking = [column for column in ("symbol", "kind") if column not in raw.columns]
    if lacking or raw.empty:
        what = f"lacks the column {lacking[0]!r}" if lacking else "has columns but no rows"
        raise UnreadableFile(f"{path}: {what}; instruments have symbol and kind")
    raw = raw.reset_index(drop=True)
    absent = pd.Series([None] * len(raw), dtype="object")

    def text(name: str) -> "pd.Series[str]":
        return raw.get(name, absent).fillna("").astype("str").str.strip()

    frame = pd.DataFrame({"symbol": text("symbol"), "kind": text("kind").str.lower().replace(_KINDS)})
    frame["currency"], frame["venue"] = text("currency"), text("venue")
    for name in ("tick", "lot", "minimum_notional"):
        frame[name] = pd.to_numeric(raw.get(name, absent), errors="coerce").astype(float)
    for name in ("first_session", "last_session"):
        frame[name] = pd.to_datetime(text(name), format="ISO8601", errors="coerce").dt.as_unit("ns")
    for name, value in (("source", path.name), ("source_hash", digest)):
        frame[name] = pd.Series([value] * len(frame), dtype="str")
    model = table("instruments")
    kinds = ("equity", "fund", "index", "crypto_spot", "crypto_perpetual", "future", "fx", "other")
    rules: list[Rule] = [
        ("the row names its symbol", lambda rows: rows["symbol"] != ""),
        (f"kind is one of {', '.join(kinds)}", lambda rows: rows["kind"].isin(kinds)),
        *(
            (f"{name} is above zero where it is given", lambda rows, name=name: rows[name].isna() | (rows[name] > 0))
            for name in ("tick", "lot")
        ),
        *(
            (f"{name} is a date where it is given", lambda rows, name=name: rows[name].notna() | (text(name) == ""))
            for name in ("first_session", "last_session")
        ),
        ("symbols are unique", lambda rows: ~rows.duplicated("symbol")),
    ]
    kept, quarantined = sift(frame, rules, table_name="instruments", source=path.name, source_hash=digest)
    accepted = model.accept(frame[kept].reset_index(drop=True)[list(model.to_schema().columns)], str(path))
    return Delivery("instruments", len(frame), accepted, quarantined, digest)


#: How a file of each table is read.
LOADERS: dict[str, Callable[..., Delivery]] = {
    "bars": load_bars,
    "trades": load_trades,
    "quotes": load_quotes,
    "corporate_actions": load_actions_table,
    "instruments": load_instruments,
    "book_events": load_book_events,
    "bills": load_bills,
}


class FileSource:
    """One file. It is read each time it is asked for.

    Parameters
    ----------
    path : the file
    zone : of times that are written without one
    """

    name: ClassVar[str] = "file"
    tables: ClassVar[tuple[str, ...]] = tuple(LOADERS)
    options: ClassVar[Mapping[str, str]] = {"path": "the file", "zone": "zone of times written without one"}

    def __init__(self, path: str = "", zone: str | None = None) -> None:
        if not path:
            raise ConfigError("--source file needs --path FILE")
        self.path, self.zone = Path(path), zone

    @property
    def identity(self) -> str:
        """The file's place."""
        return f"file {self.path.resolve()}"

    def parts(self, wanted: Wanted, covered: Covered) -> list[Part]:
        """Return one piece: the file."""
        return [Part(f"{wanted.table} {self.path.name}", wanted)]

    def fetch(self, part: Part) -> Delivery:
        """Return the file's rows."""
        return LOADERS[part.wanted.table](self.path, zone=self.zone)


class FolderSource:
    """A drop folder. A file whose content has been taken is not taken again, whatever it is called.

    Parameters
    ----------
    path : the folder; holds ``tradepulse.yaml``
    """

    name: ClassVar[str] = "folder"
    options: ClassVar[Mapping[str, str]] = {"path": f"the folder, with {MAPPING} in it"}

    def __init__(self, path: str = "") -> None:
        if not path:
            raise ConfigError(f"--source folder needs --path FOLDER, with {MAPPING} in it")
        self.path = Path(path)
        self._says = _mapping(self.path / MAPPING)
        self._files: dict[str, Path] = {}

    @property
    def tables(self) -> tuple[str, ...]:
        """The table that the folder says it holds."""
        return (self._says["table"],)

    @property
    def identity(self) -> str:
        """The folder's place."""
        return f"folder {self.path.resolve()}"

    def parts(self, wanted: Wanted, covered: Covered) -> list[Part]:
        """Return a piece for each file that has not been taken, in the order of their names."""
        files = sorted(path for path in self.path.glob(self._says["files"]) if path.is_file() and path.name != MAPPING)
        if not files:
            raise MissingData(f"{self.path}: no file is named like {self._says['files']!r}")
        _, taken = covered(wanted.table)
        parts = []
        for path in files:
            digest = sha256(path.read_bytes()).hexdigest()[:16]
            if digest not in taken:
                parts.append(Part(wanted.table, wanted, digest))
                self._files[digest] = path
        return parts

    def fetch(self, part: Part) -> Delivery:
        """Return a file's rows."""
        given = {key: self._says[key] for key in ("zone", "columns", "symbol") if self._says.get(key)}
        delivery = LOADERS[part.wanted.table](self._files[part.key], **given)
        if delivery.source_hash != part.key:
            raise UnreadableFile(f"{self._files[part.key]}: changed while it was read; run the same command again")
        return delivery


def _mapping(path: Path) -> dict[str, Any]:
    try:
        says = yaml.safe_load(path.read_text())
    except OSError as exc:
        raise UnreadableFile(
            f"{path}: cannot be read ({exc.strerror}); a drop folder says in it what its files hold"
        ) from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise UnreadableFile(f"{path}: not YAML ({str(exc).splitlines()[0][:100]})") from exc
    if not isinstance(says, dict):
        raise ConfigError(f"{path}: write table, files, zone and columns, as docs/data.md shows")
    unknown = sorted(set(map(str, says)) - set(_KEYS))
    if unknown:
        raise ConfigError(f"{path}: unknown key {unknown[0]!r}; it may say {', '.join(_KEYS)}")
    if says.get("table") not in LOADERS:
        raise ConfigError(f"{path}: table is {says.get('table')!r}; there are {', '.join(LOADERS)}")
    if not isinstance(says.setdefault("files", "*"), str) or says["files"].startswith(("/", "..")):
        raise ConfigError(f"{path}: files is a pattern within the folder, like '*.csv'")
    columns = says.setdefault("columns", {})
    if not isinstance(columns, dict) or not all(isinstance(name, str) for pair in columns.items() for name in pair):
        raise ConfigError(f"{path}: columns is a mapping of the file's names to ours, like {{Date: session}}")
    if "symbol" in says and says["table"] != "bars":
        raise ConfigError(f"{path}: symbol is for bars; other tables name it in each row or by the file's name")
    return says
