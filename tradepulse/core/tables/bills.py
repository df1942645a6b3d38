"""Bills: the charge rows of a cloud provider's FOCUS file that costs are allocated from."""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Instant, Table


class Bills(Table):
    """One row per charge; amounts are exact decimals, as text."""

    row: Series[int] = pa.Field(ge=0, description="Position in the file, from 0: two equal charges are two charges.")
    symbol: Series[str] = pa.Field(str_length={"min_value": 1}, description="Billing account.")
    ts: Series[Instant] = pa.Field(description="Start of the charge period.")
    until: Series[Instant] = pa.Field(description="End of the charge period, exclusive.")
    provider: Series[str] = pa.Field(str_length={"min_value": 1}, description="Who provides it.")
    service: Series[str] = pa.Field(str_length={"min_value": 1}, description="What is provided.")
    category: Series[str] = pa.Field(
        isin=["Usage", "Purchase", "Tax", "Credit", "Adjustment"], description="FOCUS ChargeCategory."
    )
    resource: Series[str] = pa.Field(description="What was used; empty where the charge has none.")
    currency: Series[str] = pa.Field(str_matches=r"^[A-Z]{3}$", description="Billing currency, ISO 4217.")
    billed: Series[str] = pa.Field(
        str_matches=r"^-?\d+(\.\d+)?$", description="Invoiced.", metadata={"unit": "billing ccy"}
    )
    effective: Series[str] = pa.Field(
        str_matches=r"^-?\d+(\.\d+)?$",
        description="With discounts and prepaid purchases spread over what they pay for.",
        metadata={"unit": "billing ccy"},
    )
    tags: Series[str] = pa.Field(description="Tags as the provider sent them, JSON; empty where there are none.")
    source: Series[str] = pa.Field(description="Where the row came from.")
    source_hash: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="SHA-256 of the file, first 16 digits."
    )

    class Config:
        """Stored as ``bills``."""

        name = "bills"
        unique = ["source_hash", "row"]

    @pa.dataframe_check(name="a charge period begins before it ends")
    def _begins_first(cls, frame: pd.DataFrame) -> "pd.Series[bool]":
        return frame["ts"] < frame["until"]
