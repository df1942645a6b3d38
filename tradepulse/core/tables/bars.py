"""Bars: open, high, low, close and volume of an interval, as the vendor delivered them."""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Instant, Table


class Bars(Table):
    """One row per symbol and interval, as the vendor delivered it."""

    ts: Series[Instant] = pa.Field(description="Open of the interval.")
    session: Series[Date] = pa.Field(description="Trading date.")
    symbol: Series[str] = pa.Field(str_length={"min_value": 1}, description="Ticker, our spelling.")
    open: Series[float] = pa.Field(gt=0, lt=float("inf"), description="First trade.", metadata={"unit": "quote ccy"})
    high: Series[float] = pa.Field(gt=0, lt=float("inf"), description="Highest trade.", metadata={"unit": "quote ccy"})
    low: Series[float] = pa.Field(gt=0, lt=float("inf"), description="Lowest trade.", metadata={"unit": "quote ccy"})
    close: Series[float] = pa.Field(gt=0, lt=float("inf"), description="Last trade.", metadata={"unit": "quote ccy"})
    volume: Series[float] = pa.Field(
        ge=0,
        lt=float("inf"),
        description="Traded in the interval; 0 where the vendor has none.",
        metadata={"unit": "shares"},
    )
    open_is_stale: Series[bool] = pa.Field(
        description="The open repeats the previous close where it does so too often to be a trade; no fill may use it."
    )
    source: Series[str] = pa.Field(description="Where the row came from.")
    source_hash: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="SHA-256 of the vendor's file, first 16 digits."
    )

    class Config:
        """Stored as ``bars`` (a day of an exchange) and ``bars_1h`` and so on (any other interval)."""

        name = "bars"
        unique = ["symbol", "ts"]

    @pa.dataframe_check(name="low <= open, close <= high")
    def _inside_range(cls, frame: pd.DataFrame) -> "pd.Series[bool]":
        top, bottom = frame[["open", "close"]].max(axis=1), frame[["open", "close"]].min(axis=1)
        return (frame["high"] >= top) & (frame["low"] <= bottom)
