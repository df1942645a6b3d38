"""Positions: what the book holds after a session."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Positions(Table):
    """One row per session and symbol ever traded, plus the cash of the book."""

    session: Series[Date] = pa.Field(description="Session after which it is held.")
    symbol: Series[str] = pa.Field(description="Ticker.")
    quantity: Series[int] = pa.Field(description="Units held; negative when short.")
    close_micros: Series[int] = pa.Field(
        gt=0, description="Close of the session.", metadata={"unit": "micro quote ccy"}
    )
    value_micros: Series[int] = pa.Field(description="Quantity at the close.", metadata={"unit": "micro quote ccy"})
    cash_micros: Series[int] = pa.Field(
        description="Cash of the whole book, settled or not.", metadata={"unit": "micro quote ccy"}
    )
    journal_hash: Series[str] = pa.Field(description="Hash of the journal up to the record that closed the session.")

    class Config:
        """Stored as ``positions``."""

        name = "positions"
        unique = ["session", "symbol"]
