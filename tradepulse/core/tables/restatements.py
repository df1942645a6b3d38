"""Restatements: each value of the past that a vendor has changed, added or taken away."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Instant, Table


class Restatements(Table):
    """One row per changed cell, and per row that came or went."""

    table: Series[str] = pa.Field(description="Table of the lake.")
    partition: Series[str] = pa.Field(description="Its partition.")
    restatement: Series[int] = pa.Field(ge=1, description="Which restatement of the partition it was, from 1.")
    symbol: Series[str] = pa.Field(description="Ticker, our spelling.")
    ts: Series[Instant] = pa.Field(description="Time of the row.")
    change: Series[str] = pa.Field(isin=["changed", "added", "removed"], description="changed, added or removed.")
    column: Series[str] = pa.Field(description="Column that changed; empty where the whole row came or went.")
    old: Series[str] = pa.Field(description="What it said before; empty where there was nothing.")
    new: Series[str] = pa.Field(description="What it says since; empty where there is nothing.")
    old_version: Series[str] = pa.Field(description="Data version of the partition before.")
    new_version: Series[str] = pa.Field(description="Data version since.")

    class Config:
        """Stored as ``restatements``."""

        name = "restatements"
