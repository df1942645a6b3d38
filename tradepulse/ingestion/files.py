"""Bars from a CSV or Parquet file, and files as a source: one that a person names, or a folder that files drop into."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from tradepulse.core.resampling import interval_name
from tradepulse.core.sessions import Calendar, calendar
from tradepulse.errors import ConfigError, DataError, UnreadableFile
from tradepulse.ingestion.source import BAR_RULES, Delivery, sift
from tradepulse.ingestion.stale_opens import stale_opens

#: Says in a drop folder what its files hold.
MAPPING = "tradepulse.yaml"
_PRICES = ("open", "high", "low", "close")
_NEEDED = (*_PRICES, "volume")
#: Columns by which files of other tables are known.
_OTHERS = {"trades": {"price", "size"}, "quotes": {"bid", "ask"}}
#: How a written time ends that says where it stands: Z, +02:00, -0500.
_OFFSET = r"[T ].*(?:[zZ]|[+-]\d\d(?::?\d\d)?)$"


def rows_of(path: Path) -> int:
    """Return how many rows a table file has, about, without reading them; 0 where it cannot be told."""
    import gzip

    kind = "".join(path.suffixes[-2:]).lower()
    try:
        if kind.endswith(".parquet"):
            from pyarrow.parquet import ParquetFile

            return int(ParquetFile(path).metadata.num_rows)
        with gzip.open(path, "rb") if kind.endswith(".gz") else path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 22), b""))
    except Exception:  # whoever reads it says what is wrong with it
        return 0


def load_file(path: Path, columns: Mapping[str, str] | None = None, *, text: bool = False) -> tuple[pd.DataFrame, str]:
    """Return a table file's rows as they stand, and the first 16 digits of its SHA-256.

    Parameters
    ----------
    path : a ``.csv``, ``.csv.gz`` or ``.parquet`` file
    columns : the file's name of a column, and ours; a named one that is not there is an error
    text : take every cell of a CSV file as text, so that no digit of an amount is lost

    Raises
    ------
    UnreadableFile
        If it is absent, a folder, empty, of another kind, or not whole.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise UnreadableFile(f"{path}: cannot be read ({exc.strerror}); name a CSV or Parquet file of bars") from exc
    if not content:
        raise UnreadableFile(f"{path}: the file is empty; name a CSV or Parquet file of bars")
    kind = "".join(path.suffixes[-2:]).lower()
    try:
        if kind.endswith(".parquet"):
            frame = pd.read_parquet(path)
        elif kind.endswith((".csv", ".csv.gz")):
            frame = pd.read_csv(path, dtype=str, keep_default_na=False) if text else pd.read_csv(path)
        else:
            raise UnreadableFile(f"{path}: neither .csv, .csv.gz nor .parquet; convert it, or rename it if it is one")
    except UnreadableFile:
        raise
    except Exception as exc:  # pandas and pyarrow raise a dozen unrelated types for a damaged file
        raise UnreadableFile(f"{path}: not a readable {path.suffix} file ({str(exc).splitlines()[0][:120]})") from exc
    # A frame saved with its index comes back with it: a named one is a column (often ts), an unnamed one is nothing.
    named = [name for name in frame.index.names if name is not None]
    frame = frame.reset_index(drop=not named)
    absent = [name for name in columns or {} if name not in frame.columns]
    if absent:
        raise UnreadableFile(f"{path}: lacks the column {absent[0]!r}, which {MAPPING} declares")
    return frame.rename(columns=dict(columns or {})), sha256(content).hexdigest()[:16]


def load_actions(path: Path) -> set[tuple[str, str]]:
    """Return symbol and session (ISO) of each corporate action in a file with ``symbol`` and ``ex_date``.

    Raises
    ------
    UnreadableFile
        If the file, one of the columns or a date cannot be read.
    """
    raw, _ = load_file(path)
    lacking = [column for column in ("symbol", "ex_date") if column not in raw.columns]
    if lacking:
        raise UnreadableFile(f"{path}: lacks the column {lacking[0]!r}; corporate actions have symbol and ex_date")
    days = pd.to_datetime(raw["ex_date"].astype("str"), format="ISO8601", errors="coerce")
    if days.isna().any():
        raise UnreadableFile(f"{path}: row {int(np.argmax(days.isna()))} has no ex_date like 2014-06-09")
    return set(zip(raw["symbol"].astype("str"), days.dt.strftime("%Y-%m-%d"), strict=True))


def load_bars(
    path: Path, *, exchange: Calendar | None = None, symbol: str | None = None, zone: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Delivery:  # fmt: skip
    """Return the bars of a file.

    Parameters
    ----------
    path : CSV or Parquet with ``open high low close volume``, ``ts`` (timezone-aware) or ``session`` (date), and
        optionally ``symbol``
    exchange : calendar that turns a session into its open; XNYS by default
    symbol : ticker of the rows, where the file has none; by default the file's name
    zone : IANA name of the zone of times that are written without one; such times are refused without it
    columns : the file's name of a column, and ours

    Returns
    -------
    Delivery of ``bars``, in the file's own order; rows that break a rule are quarantined

    Raises
    ------
    UnreadableFile
        If the file or a needed column cannot be read.
    DataError
        If a time has no zone.
    """
    if zone is not None:
        zone_named(zone)  # a wrong one is wrong also where no time needs it
    raw, digest = load_file(path, columns)
    exchange = exchange or calendar()
    lacking = [column for column in _NEEDED if column not in raw.columns]
    if lacking:
        kind = next((kind for kind, columns in _OTHERS.items() if columns <= set(raw.columns)), None)
        hint = f"; it looks like {kind}: --table {kind}" if kind else ""
        spelled = next((name for name in map(str, raw.columns) if name.strip().lower() == lacking[0]), None)
        hint = f"; rename {spelled!r}" if spelled else hint
        raise UnreadableFile(
            f"{path}: lacks the column {lacking[0]!r}; bars have ts or session, {' '.join(_NEEDED)}{hint}"
        )
    if raw.empty:
        raise UnreadableFile(f"{path}: has columns but no rows; there is nothing to use")
    frame = pd.DataFrame(index=pd.RangeIndex(len(raw)))
    frame["ts"], frame["session"] = _times(raw, path, exchange, zone)
    frame["symbol"] = (
        raw["symbol"].astype("str").fillna("").to_numpy()
        if "symbol" in raw.columns
        else symbol or path.name.split(".")[0]
    )
    for column in _NEEDED:
        frame[column] = pd.to_numeric(raw[column], errors="coerce").to_numpy(dtype=float)
    frame["open_is_stale"] = False
    for _, rows in frame.groupby("symbol", sort=False):
        frame.loc[rows.index, "open_is_stale"] = stale_opens(
            *(rows[column].to_numpy() for column in ("open", "close", "session"))
        )
    frame["source"], frame["source_hash"] = path.name, digest
    kept, quarantined = sift(frame, BAR_RULES, table_name="bars", source=path.name, source_hash=digest)
    accepted = frame[kept].reset_index(drop=True)
    return Delivery("bars", len(frame), accepted, quarantined, digest, bars_place(accepted))


def bars_place(bars: pd.DataFrame) -> str:
    """Return the table of the lake that bars belong in: ``bars`` a session long, ``bars_5min`` and so on otherwise."""
    if not bars.duplicated(["symbol", "session"]).any():
        return "bars"
    steps = bars.sort_values(["symbol", "ts"]).groupby("symbol")["ts"].diff().dropna()
    return f"bars_{interval_name(steps.mode().iloc[0])}"


def load_whole_bars(path: Path, *, zone: str | None = None) -> pd.DataFrame:
    """Return the bars of a file of which every row keeps the rules, in the order of the file.

    What is computed from a file with rows left out would be about another file, so it is refused instead.

    Raises
    ------
    DataError
        If a row breaks a rule.
    """
    delivery = load_bars(path, zone=zone)
    if len(delivery.quarantined):
        first = delivery.quarantined.iloc[0]
        raise DataError(
            f"{path}: row {first['row']} breaks the rule '{first['rule']}', {len(delivery.quarantined)} rows in all; "
            f"see tradepulse_cli data quality {path}"
        )
    return delivery.accepted


def _times(
    raw: pd.DataFrame, path: Path, exchange: Calendar, zone: str | None
) -> "tuple[pd.Series[pd.Timestamp], pd.Series[pd.Timestamp]]":
    if "ts" in raw.columns:
        return instants(raw["ts"], path, exchange, zone)
    if "session" not in raw.columns:
        raise UnreadableFile(f"{path}: lacks both 'ts' and 'session'; bars need one of them")
    try:
        days: Any = pd.to_datetime(raw["session"].astype("str"), format="ISO8601").dt.as_unit("ns")
        days = days.reset_index(drop=True)
    except (ValueError, TypeError) as exc:
        raise DataError(f"{path}: a session is not a date like 2018-12-31 ({str(exc).splitlines()[0][:100]})") from exc
    if days.isna().any():
        raise DataError(f"{path}: row {int(np.argmax(days.isna()))} has no session")
    if days.dt.tz is not None or (days != days.dt.normalize()).any():
        raise DataError(f"{path}: a session is a date and has neither time nor zone; instants belong into a column ts")
    return opens_of(days, exchange), days


def opens_of(days: "Iterable[pd.Timestamp]", exchange: Calendar) -> "pd.Series[pd.Timestamp]":
    """Return the instants at which sessions open; a date that the exchange does not know gets noon UTC.

    Whether such a date should be there is for the quality checks to say.
    """
    opens = [
        exchange.open_at(day.date())
        if exchange.first <= day.date() <= exchange.last and exchange.is_session(day.date())
        else day.tz_localize("UTC") + pd.Timedelta(hours=12)
        for day in days
    ]
    return pd.Series(pd.DatetimeIndex(opens, tz="UTC").as_unit("ns"))


def instants(
    column: "pd.Series[str]", path: Path, exchange: Calendar, zone: str | None
) -> "tuple[pd.Series[pd.Timestamp], pd.Series[pd.Timestamp]]":
    """Return times as UTC instants, and the dates of the exchange that they fall on.

    Parameters
    ----------
    column : times as they stand in the file, shape (n,)
    path : the file, for messages
    exchange : whose dates
    zone : IANA name of the zone of times that are written without one

    Raises
    ------
    DataError
        If one is missing, is no time, or has no zone and none was named.
    """
    if column.isna().any():
        raise DataError(f"{path}: row {int(np.argmax(column.isna()))} has no ts")
    times: Any = column
    if pd.api.types.is_datetime64_any_dtype(column):
        naive = column if times.dt.tz is None else column.iloc[:0]
    else:
        # utc=True takes a time without an offset for UTC, which is for the file to say and not for us to guess.
        naive = column[~column.astype("str").str.contains(_OFFSET)]
        try:
            # Offsets differ within one file where it is written in a zone that changes to daylight saving and back.
            times = pd.to_datetime(column, format="ISO8601", utc=zone is None or len(naive) < len(column))
        except (ValueError, TypeError) as exc:
            raise DataError(
                f"{path}: a ts is not a time like 2018-12-31T14:30:00Z ({str(exc).splitlines()[0][:100]})"
            ) from exc
    if len(naive) and (zone is None or len(naive) < len(column)):
        raise DataError(
            f"{path}: ts {str(naive.iloc[0])!r} has no time zone; write it as 2018-12-31T14:30:00Z, name its zone with "
            "--zone, or give session (a date)"
        )
    if len(naive):
        times = _localized(times, path, str(zone))
    utc: pd.Series[pd.Timestamp] = times.dt.tz_convert("UTC").dt.as_unit("ns").reset_index(drop=True)
    local = utc.dt.tz_convert(str(exchange.zone))
    return utc, local.dt.normalize().dt.tz_localize(None).dt.as_unit("ns")


def zone_named(zone: str) -> ZoneInfo:
    """Return a zone.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ConfigError(f"--zone {zone}: no such zone; name one like America/New_York or UTC") from exc


def _localized(times: Any, path: Path, zone: str) -> Any:
    """Return naive times in the zone declared for them; an hour that occurs twice or never is refused."""
    try:
        return times.dt.tz_localize(zone_named(zone))
    except ConfigError:
        raise
    except ValueError as exc:
        raise DataError(f"{path}: a ts is no time of {zone}, or two ({str(exc).splitlines()[0][:80]})") from exc
