"""Settlement: when the money and the units of each fill change hands."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Settlement(Table):
    """One row per session and fill that had not settled before it."""

    session: Series[Date] = pa.Field(description="Session as of which this stands.")
    fill_id: Series[str] = pa.Field(description="The fill.")
    trade_date: Series[Date] = pa.Field(description="Session of the fill.")
    settle_date: Series[Date] = pa.Field(description="Day on which it settles, by the cycle of the trade date.")
    cycle: Series[str] = pa.Field(isin=["T+1", "T+2", "T+3", "T+5"], description="Cycle in force on the trade date.")
    symbol: Series[str] = pa.Field(description="Ticker.")
    quantity: Series[int] = pa.Field(description="Units received; negative when delivered.")
    amount_micros: Series[int] = pa.Field(
        description="Cash received; negative when paid. Commission included.", metadata={"unit": "micro quote ccy"}
    )
    settled: Series[bool] = pa.Field(description="Whether the settlement date has come.")

    class Config:
        """Stored as ``settlement``."""

        name = "settlement"
        unique = ["session", "fill_id"]
