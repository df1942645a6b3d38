"""Quarantine: rows that were received and not accepted, with the rule that they broke."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Table


class Quarantine(Table):
    """One row per refused row; accepted and quarantined together are what was received."""

    table: Series[str] = pa.Field(description="Table the row was meant for.")
    source: Series[str] = pa.Field(description="Where the row came from.")
    row: Series[int] = pa.Field(ge=0, description="Position of the row in what was received, from 0.")
    rule: Series[str] = pa.Field(str_length={"min_value": 1}, description="First rule that it broke.")
    reason: Series[str] = pa.Field(description="The rule in words, with the value.")
    payload: Series[str] = pa.Field(description="The row as received, JSON.")
    source_hash: Series[str] = pa.Field(description="SHA-256 of the vendor's file, first 16 digits.")

    class Config:
        """Stored as ``quarantine``."""

        name = "quarantine"
        unique = ["table", "source", "row"]
