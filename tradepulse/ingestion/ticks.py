"""Trades and quotes from a CSV or Parquet file that a person names on the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tradepulse.core.sessions import calendar
from tradepulse.core.tables import table
from tradepulse.errors import UnreadableFile
from tradepulse.ingestion.files import instants, load_file, zone_named
from tradepulse.ingestion.source import Delivery, Rule, sift

_SIDES = ("bid", "bid_size", "ask", "ask_size")
_VENUES = ("venue", "exchange")


def _positive(column: str) -> Rule:
    return (f"{column} is a finite number above zero", lambda rows: np.isfinite(rows[column]) & (rows[column] > 0))


def _quoted(side: str) -> Rule:
    return (
        f"{side} is a finite number above zero, or not quoted",
        lambda rows: rows[side].isna() | (np.isfinite(rows[side]) & (rows[side] > 0)),
    )


TRADE_RULES: Sequence[Rule] = (_positive("price"), _positive("size"))
QUOTE_RULES: Sequence[Rule] = (
    ("a side is quoted", lambda rows: rows["bid"].notna() | rows["ask"].notna()),
    _quoted("bid"),
    _quoted("ask"),
    ("bid is below ask", lambda rows: ~(rows["bid"] >= rows["ask"])),
)


def load_trades(path: Path, *, zone: str | None = None, columns: Mapping[str, str] | None = None) -> Delivery:
    """Return the trades of a file.

    Parameters
    ----------
    path : CSV or Parquet with ``ts`` (timezone-aware), ``price``, ``size`` and optionally ``symbol``, ``venue`` (or
        ``exchange``), ``condition`` (or ``cond``), ``suspicious`` and ``received``
    zone : IANA name of the zone of times that are written without one
    columns : the file's name of a column, and ours

    Raises
    ------
    UnreadableFile
        If the file or a needed column cannot be read.
    DataError
        If a time has no zone.
    """
    raw, digest = _rows(path, ("ts", "price", "size"), "trades", columns)
    frame = _frame(raw, path, zone)
    for column in ("price", "size"):
        frame[column] = pd.to_numeric(raw[column], errors="coerce").to_numpy(dtype=float)
    frame["venue"] = _text(raw, _VENUES)
    frame["condition"] = _text(raw, ("condition", "cond"))
    frame["suspicious"] = raw["suspicious"].astype(bool).to_numpy() if "suspicious" in raw.columns else False
    return _delivery("trades", frame, TRADE_RULES, path, digest)


def load_quotes(path: Path, *, zone: str | None = None, columns: Mapping[str, str] | None = None) -> Delivery:
    """Return the quotes of a file; a price of 0 says that the side was not updated.

    Parameters
    ----------
    path : CSV or Parquet with ``ts`` (timezone-aware), ``bid``, ``bid_size``, ``ask``, ``ask_size`` and optionally
        ``symbol``, ``venue`` (or ``exchange``) and ``received``
    zone : IANA name of the zone of times that are written without one
    columns : the file's name of a column, and ours

    Raises
    ------
    UnreadableFile
        If the file or a needed column cannot be read.
    DataError
        If a time has no zone.
    """
    raw, digest = _rows(path, ("ts", *_SIDES), "quotes", columns)
    frame = _frame(raw, path, zone)
    for column in _SIDES:
        frame[column] = pd.to_numeric(raw[column], errors="coerce").to_numpy(dtype=float)
    for side in ("bid", "ask"):
        frame.loc[frame[side] == 0, [side, f"{side}_size"]] = np.nan
    frame["venue"] = _text(raw, _VENUES)
    return _delivery("quotes", frame, QUOTE_RULES, path, digest)


def _rows(path: Path, needed: Sequence[str], name: str, columns: Mapping[str, str] | None) -> tuple[pd.DataFrame, str]:
    raw, digest = load_file(path, columns)
    lacking = [column for column in needed if column not in raw.columns]
    if lacking:
        raise UnreadableFile(f"{path}: lacks the column {lacking[0]!r}; {name} have {' '.join(needed)}")
    if raw.empty:
        raise UnreadableFile(f"{path}: has columns but no rows; there is nothing to use")
    return raw, digest


def _frame(raw: pd.DataFrame, path: Path, zone: str | None) -> pd.DataFrame:
    if zone is not None:
        zone_named(zone)
    frame = pd.DataFrame(index=pd.RangeIndex(len(raw)))
    frame["ts"], _ = instants(raw["ts"], path, calendar(), zone)
    frame["received"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns, UTC]")
    if "received" in raw.columns:
        frame["received"], _ = instants(raw["received"], path, calendar(), zone)
    named = "symbol" in raw.columns
    frame["symbol"] = raw["symbol"].astype("str").to_numpy() if named else path.name.split(".")[0]
    return frame


def _text(raw: pd.DataFrame, names: Sequence[str]) -> "pd.Series[str]":
    name = next((name for name in names if name in raw.columns), None)
    if name is None:
        return pd.Series([""] * len(raw), dtype="str")
    codes = raw[name].reset_index(drop=True)
    if pd.api.types.is_float_dtype(codes) and (codes.dropna() % 1 == 0).all():
        codes = codes.astype("Int64")  # a CSV of codes of which some are absent reads as 20.0
    return codes.astype("object").where(codes.notna(), "").astype("str")


def _delivery(name: str, frame: pd.DataFrame, rules: Sequence[Rule], path: Path, digest: str) -> Delivery:
    frame["source"], frame["source_hash"] = path.name, digest
    kept, quarantined = sift(frame, rules, table_name=name, source=path.name, source_hash=digest)
    accepted = frame[kept].reset_index(drop=True)[list(table(name).to_schema().columns)]
    return Delivery(name, len(frame), table(name).accept(accepted, f"{name} of {path.name}"), quarantined, digest)
