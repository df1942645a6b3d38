"""Fills: what traded, at what price and cost, and what made it possible."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Fills(Table):
    """One row per fill."""

    fill_id: Series[str] = pa.Field(description="The venue's id.")
    client_order_id: Series[str] = pa.Field(description="Order it belongs to.")
    session: Series[Date] = pa.Field(description="Session of the fill.")
    symbol: Series[str] = pa.Field(description="Ticker.")
    side: Series[str] = pa.Field(isin=["buy", "sell"], description="buy or sell.")
    quantity: Series[int] = pa.Field(gt=0, description="Units traded.")
    price_micros: Series[int] = pa.Field(
        gt=0, description="Price, slippage included.", metadata={"unit": "micro quote ccy"}
    )
    slippage_micros: Series[int] = pa.Field(
        ge=0, description="Part of the price that is slippage, per unit.", metadata={"unit": "micro quote ccy"}
    )
    commission_micros: Series[int] = pa.Field(
        ge=0, description="Commission of the fill.", metadata={"unit": "micro quote ccy"}
    )
    evidence: Series[str] = pa.Field(description="What at the venue made the fill possible.")
    journal_record: Series[int] = pa.Field(ge=0, description="Record of the journal that holds the fill.")

    class Config:
        """Stored as ``fills``."""

        name = "fills"
        unique = ["fill_id"]
