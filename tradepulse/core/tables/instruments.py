"""Instruments: what can be looked at or traded, and on which grid."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Instruments(Table):
    """One row per symbol and source."""

    symbol: Series[str] = pa.Field(str_length={"min_value": 1}, description="Ticker, our spelling.")
    kind: Series[str] = pa.Field(
        isin=["equity", "fund", "index", "crypto_spot", "crypto_perpetual", "future", "fx", "other"],
        description="equity, fund, index, crypto_spot, crypto_perpetual, future, fx or other.",
    )
    currency: Series[str] = pa.Field(description="Quote currency, ISO 4217 or the venue's code; empty where unknown.")
    venue: Series[str] = pa.Field(description="Where it trades; empty where the source does not say.")
    tick: Series[float] = pa.Field(
        gt=0, lt=float("inf"), nullable=True, description="Smallest step of the price.", metadata={"unit": "quote ccy"}
    )
    lot: Series[float] = pa.Field(
        gt=0, lt=float("inf"), nullable=True, description="Smallest step of the quantity.", metadata={"unit": "units"}
    )
    minimum_notional: Series[float] = pa.Field(
        ge=0, lt=float("inf"), nullable=True, description="Smallest order.", metadata={"unit": "quote ccy"}
    )
    first_session: Series[Date] = pa.Field(nullable=True, description="First day it was listed under this symbol.")
    last_session: Series[Date] = pa.Field(nullable=True, description="Last one; missing while it is listed.")
    source: Series[str] = pa.Field(description="Where the row came from.")
    source_hash: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="SHA-256 of what the vendor sent, first 16 digits."
    )

    class Config:
        """Stored as ``instruments``."""

        name = "instruments"
        unique = ["symbol", "source"]
