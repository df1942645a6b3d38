"""Stress on books: what shocks to a recording cost a desk, before it may trade for money."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Table


class BookStress(Table):
    """One row per shock that a desk's strategies were put through; asking again adds rows."""

    trial_id: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="The trial on the recording as it was, in the ledger."
    )
    run_id: Series[str] = pa.Field(description="Run that asked.")
    strategy: Series[str] = pa.Field(description="name@version, of several joined by +.")
    params: Series[str] = pa.Field(description="Parameters, JSON with sorted keys.")
    symbol: Series[str] = pa.Field(description="What was traded, of several joined by +.")
    scenario: Series[str] = pa.Field(description="The shock.")
    bounds: Series[str] = pa.Field(description="Largest position of each instrument, JSON with sorted keys, units.")
    total_return: Series[float] = pa.Field(
        nullable=True, description="Over what the bounds are worth at the begin.", metadata={"unit": "fraction"}
    )
    max_drawdown: Series[float] = pa.Field(
        nullable=True, description="The same of the largest fall.", metadata={"unit": "fraction"}
    )
    holding_drawdown: Series[float] = pa.Field(
        nullable=True,
        description="The same of holding the bounds, on the wrong side of fall and rise.",
        metadata={"unit": "fraction"},
    )
    limit: Series[float] = pa.Field(
        nullable=True, description="Largest drawdown that passes.", metadata={"unit": "fraction"}
    )
    passed: Series[bool] = pa.Field(description="The verdict.")
    detail: Series[str] = pa.Field(description="What was seen, where it was worst.")
    code_version: Series[str] = pa.Field(description="Hash of the code that said so.")

    class Config:
        """Stored as ``book_stress``."""

        name = "book_stress"
        unique = ["trial_id", "run_id", "scenario"]
