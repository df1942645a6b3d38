"""Trades: each print of the tape, as the vendor delivered it."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Instant, Table


class Trades(Table):
    """One row per trade, in the order of the tape."""

    ts: Series[Instant] = pa.Field(description="When the venue says that it happened.")
    received: Series[Instant] = pa.Field(
        nullable=True, description="When it was received; missing where the source did not record it."
    )
    symbol: Series[str] = pa.Field(str_length={"min_value": 1}, description="Ticker, our spelling.")
    price: Series[float] = pa.Field(
        gt=0, lt=float("inf"), description="Price of the trade.", metadata={"unit": "quote ccy"}
    )
    size: Series[float] = pa.Field(gt=0, lt=float("inf"), description="Traded.", metadata={"unit": "shares"})
    venue: Series[str] = pa.Field(description="Where it traded; empty where the vendor does not say.")
    condition: Series[str] = pa.Field(description="Sale conditions, the vendor's code; empty where there are none.")
    suspicious: Series[bool] = pa.Field(description="Whether the vendor itself doubts it.")
    source: Series[str] = pa.Field(description="Where the row came from.")
    source_hash: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="SHA-256 of the vendor's file, first 16 digits."
    )

    class Config:
        """Stored as ``trades``; equal trades at one instant are two trades."""

        name = "trades"
