"""Sessions: the trading days of an exchange, with their own opening and closing instants."""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Instant, Table


class Sessions(Table):
    """One row per session of an exchange."""

    session: Series[Date] = pa.Field(description="Trading date.")
    symbol: Series[str] = pa.Field(str_length={"min_value": 1}, description="The exchange's code (MIC).")
    ts: Series[Instant] = pa.Field(description="When it opens.")
    closes: Series[Instant] = pa.Field(description="When it closes; half days and daylight saving included.")
    halted_seconds: Series[float] = pa.Field(
        ge=0, lt=float("inf"), description="Market-wide halts within it.", metadata={"unit": "s"}
    )
    source: Series[str] = pa.Field(description="Where the row came from.")
    source_hash: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="SHA-256 of the calendar, first 16 digits."
    )

    class Config:
        """Stored as ``sessions``."""

        name = "sessions"
        unique = ["session", "symbol"]

    @pa.dataframe_check(name="a session opens before it closes")
    def _opens_first(cls, frame: pd.DataFrame) -> "pd.Series[bool]":
        return frame["ts"] < frame["closes"]
