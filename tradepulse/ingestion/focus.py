"""Cloud bills in FOCUS, the FinOps Foundation's open format, with the dirt that real files have.

Literal ``NULL`` means missing, and columns that the specification does not know are left alone. FOCUS wants UTC with a
``Z``; a file that writes times without a zone is refused unless the zone is declared.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pandas as pd

from tradepulse.core.sessions import calendar
from tradepulse.core.tables import table
from tradepulse.errors import UnreadableFile
from tradepulse.ingestion.bill_exports import as_focus
from tradepulse.ingestion.files import instants, load_file, rows_of, zone_named
from tradepulse.ingestion.source import Delivery, Rule, sift

#: FOCUS column, ours.
_COLUMNS = {
    "BillingAccountId": "symbol", "ChargePeriodStart": "ts", "ChargePeriodEnd": "until", "ProviderName": "provider",
    "ServiceName": "service", "ChargeCategory": "category", "ResourceId": "resource", "BillingCurrency": "currency",
    "BilledCost": "billed", "EffectiveCost": "effective", "Tags": "tags",
}  # fmt: skip
#: Rows of one file: each is text of some kilobytes until it is sifted.
MOST_ROWS = 2_000_000
_MAY_BE_EMPTY = ("resource", "tags")
_CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")


def load_bills(
    path: Path, *, zone: str | None = None, columns: Mapping[str, str] | None = None, export: str | None = None
) -> Delivery:
    """Return the charges of a FOCUS file.

    Parameters
    ----------
    path : CSV or Parquet with the columns of FOCUS 1.0 to 1.2
    zone : IANA name of the zone of times that are written without one
    columns : the file's name of a column, and that of FOCUS
    export : provider whose own export it is, one of :data:`~tradepulse.ingestion.bill_exports.EXPORTS`

    Raises
    ------
    UnreadableFile
        If the file or a needed column cannot be read.
    DataError
        If a time has no zone and none is declared.
    """
    if zone is not None:
        zone_named(zone)
    if (rows := rows_of(path)) > MOST_ROWS:
        raise UnreadableFile(
            f"{path}: has {rows:,} rows, and a bill is read whole, at most {MOST_ROWS:,} at a time; split it by day "
            "and import the parts with --add"
        )
    raw, digest = load_file(path, columns, text=True)
    if export is not None:
        raw = as_focus(raw, export, path)
    lacking = [name for name, ours in _COLUMNS.items() if name not in raw.columns and ours not in _MAY_BE_EMPTY]
    if lacking:
        raise UnreadableFile(f"{path}: lacks the column {lacking[0]!r}; it is no FOCUS file, or an incomplete one")
    if raw.empty:
        raise UnreadableFile(f"{path}: has columns but no rows; there is nothing to use")
    text = pd.DataFrame(
        {
            ours: raw[name].astype("str").str.strip().replace({"NULL": "", "nan": "", "None": ""}).fillna("")
            if name in raw.columns
            else ""
            for name, ours in _COLUMNS.items()
        }
    ).reset_index(drop=True)
    frame = pd.DataFrame({"row": text.index.to_numpy(dtype="int64")})
    for ours in _COLUMNS.values():
        if ours in ("ts", "until"):
            frame[ours], _ = instants(text[ours], path, calendar(), zone)
        elif ours in ("billed", "effective"):
            frame[ours] = text[ours].map(_exact).astype("str")
        else:
            frame[ours] = text[ours].astype("str")
    frame["source"], frame["source_hash"] = path.name, digest
    kept, quarantined = sift(frame, _RULES, table_name="bills", source=path.name, source_hash=digest)
    order = list(table("bills").to_schema().columns)
    accepted = table("bills").accept(frame[kept].reset_index(drop=True)[order], f"bill {path.name}")
    return Delivery("bills", len(frame), accepted, quarantined, digest)


def _exact(text: str) -> str:
    """Return a decimal without exponent, or the text itself where it is no finite number."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    return f"{value:f}" if value.is_finite() else text


def _filled(column: str) -> Rule:
    return (f"{column} is there", lambda rows: rows[column] != "")


_RULES: tuple[Rule, ...] = (
    *(_filled(column) for column in ("symbol", "provider", "service")),
    ("the category is one of FOCUS", lambda rows: rows["category"].isin(_CATEGORIES)),
    ("the currency is a code of three letters", lambda rows: rows["currency"].str.fullmatch(r"[A-Z]{3}")),
    *(
        (f"{column} is a finite number", lambda rows, column=column: rows[column].str.fullmatch(r"-?\d+(\.\d+)?"))
        for column in ("billed", "effective")
    ),
    ("the charge period begins before it ends", lambda rows: rows["ts"] < rows["until"]),
)
