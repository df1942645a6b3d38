"""Quotes: each change of a venue's best bid or offer, as the vendor delivered it."""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Instant, Table


class Quotes(Table):
    """One row per update, in the order of the tape; a side that it does not update is NaN."""

    ts: Series[Instant] = pa.Field(description="When the venue says that it happened.")
    received: Series[Instant] = pa.Field(
        nullable=True, description="When it was received; missing where the source did not record it."
    )
    symbol: Series[str] = pa.Field(str_length={"min_value": 1}, description="Ticker, our spelling.")
    bid: Series[float] = pa.Field(
        gt=0, lt=float("inf"), nullable=True, description="Best bid.", metadata={"unit": "quote ccy"}
    )
    bid_size: Series[float] = pa.Field(
        ge=0, lt=float("inf"), nullable=True, description="Shown at it.", metadata={"unit": "shares"}
    )
    ask: Series[float] = pa.Field(
        gt=0, lt=float("inf"), nullable=True, description="Best offer.", metadata={"unit": "quote ccy"}
    )
    ask_size: Series[float] = pa.Field(
        ge=0, lt=float("inf"), nullable=True, description="Shown at it.", metadata={"unit": "shares"}
    )
    venue: Series[str] = pa.Field(description="Whose quote it is; empty where the vendor does not say.")
    source: Series[str] = pa.Field(description="Where the row came from.")
    source_hash: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="SHA-256 of the vendor's file, first 16 digits."
    )

    class Config:
        """Stored as ``quotes``."""

        name = "quotes"

    @pa.dataframe_check(name="bid < ask where both are quoted")
    def _uncrossed(cls, frame: pd.DataFrame) -> "pd.Series[bool]":
        return ~(frame["bid"] >= frame["ask"])
