"""Indicators: every indicator of every symbol in one long table."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Indicators(Table):
    """One row per session, symbol, indicator and output."""

    session: Series[Date] = pa.Field(description="Trading date; the value is known at its close.")
    symbol: Series[str] = pa.Field(description="Ticker, our spelling.")
    indicator: Series[str] = pa.Field(description="Name of the indicator.")
    params: Series[str] = pa.Field(description="Its parameters, JSON with sorted keys.")
    output: Series[str] = pa.Field(description="Output column of the indicator.")
    value: Series[float] = pa.Field(nullable=True, description="NaN in warm-up.")

    class Config:
        """Stored as ``indicators``."""

        name = "indicators"
        unique = ["session", "symbol", "indicator", "params", "output"]
