"""Closes: series of which the vendor has one value a day and nothing else."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Closes(Table):
    """One row per symbol and day. There is no open, range or volume, so nothing can be traded or filled on it."""

    session: Series[Date] = pa.Field(description="Date of the value; the vendor's days, not an exchange's.")
    symbol: Series[str] = pa.Field(str_length={"min_value": 1}, description="Series, our spelling.")
    close: Series[float] = pa.Field(
        gt=-1e4, lt=1e6, description="Value of the day.", metadata={"unit": "points or USD"}
    )
    source: Series[str] = pa.Field(description="Where the row came from.")
    source_hash: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="SHA-256 of the vendor's file, first 16 digits."
    )

    class Config:
        """Stored as ``closes``; one row per symbol and day."""

        name = "closes"
        unique = ["session", "symbol"]
