"""Book events: the snapshots and differences of a level-2 feed, a row per price level."""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Instant, Table


class BookEvents(Table):
    """One row per price level that an event sets, in the order of receipt."""

    ts: Series[Instant] = pa.Field(description="When the venue says that it happened; of a snapshot, when it arrived.")
    received: Series[Instant] = pa.Field(description="When it was received.")
    symbol: Series[str] = pa.Field(str_length={"min_value": 1}, description="Ticker, the venue's spelling.")
    kind: Series[str] = pa.Field(isin=["snapshot", "difference"], description="snapshot or difference.")
    first_id: Series[int] = pa.Field(ge=0, description="First update in the event.")
    last_id: Series[int] = pa.Field(ge=0, description="Last update in it.")
    previous_id: Series[int] = pa.Field(
        ge=-1, description="Last update of the event before it; -1 where the venue does not link its events."
    )
    side: Series[str] = pa.Field(isin=["bid", "ask", ""], description="bid or ask; empty in an event without levels.")
    price: Series[float] = pa.Field(
        gt=0, lt=float("inf"), nullable=True, description="Of the level.", metadata={"unit": "quote ccy"}
    )
    size: Series[float] = pa.Field(
        ge=0, lt=float("inf"), nullable=True, description="Shown there from now on; 0 removes it.",
        metadata={"unit": "units"},
    )  # fmt: skip
    source: Series[str] = pa.Field(description="Where the row came from.")
    source_hash: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="SHA-256 of the recording, first 16 digits."
    )

    class Config:
        """Stored as ``book_events``."""

        name = "book_events"

    @pa.dataframe_check(name="a level has side, price and size, or none of them")
    def _whole_levels(cls, frame: pd.DataFrame) -> "pd.Series[bool]":
        level = frame["side"] != ""
        return (frame["price"].notna() == level) & (frame["size"].notna() == level)
