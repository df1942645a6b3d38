"""Corporate actions: splits and cash dividends by the day from which the price is without them."""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class CorporateActions(Table):
    """One row per action."""

    symbol: Series[str] = pa.Field(str_length={"min_value": 1}, description="Ticker, our spelling.")
    ex_date: Series[Date] = pa.Field(description="First session that trades without it.")
    action: Series[str] = pa.Field(isin=["split", "cash_dividend"], description="split or cash_dividend.")
    ratio: Series[float] = pa.Field(
        gt=0, lt=float("inf"), nullable=True, description="New units per old one, of a split; 7 for a 7-for-1 split."
    )
    amount: Series[float] = pa.Field(
        gt=0, lt=float("inf"), nullable=True, description="Paid per unit, of a dividend.",
        metadata={"unit": "quote ccy"},
    )  # fmt: skip
    source: Series[str] = pa.Field(description="Where the row came from.")
    source_hash: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="SHA-256 of what the vendor sent, first 16 digits."
    )

    class Config:
        """Stored as ``corporate_actions``."""

        name = "corporate_actions"
        unique = ["symbol", "ex_date", "action"]

    @pa.dataframe_check(name="a split has a ratio and a dividend an amount, and neither the other's")
    def _one_figure(cls, frame: pd.DataFrame) -> "pd.Series[bool]":
        split = frame["action"] == "split"
        return (frame["ratio"].notna() == split) & (frame["amount"].notna() == ~split)
