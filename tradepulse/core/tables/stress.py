"""Stress: what the winner does in slices of history that hurt, and in days that have not happened yet."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Stress(Table):
    """One row per scenario that a trial was put through."""

    trial_id: Series[str] = pa.Field(description="The trial under stress.")
    scenario: Series[str] = pa.Field(description="Scenario file of backtest/configs.")
    first_session: Series[Date] = pa.Field(
        nullable=True, description="First session of the slice; missing where no bars were traded on."
    )
    last_session: Series[Date] = pa.Field(nullable=True, description="Last session of the slice.")
    total_return: Series[float] = pa.Field(
        nullable=True, description="Of the strategy in the slice, after costs.", metadata={"unit": "fraction"}
    )
    max_drawdown: Series[float] = pa.Field(
        nullable=True, description="Of the strategy in the slice.", metadata={"unit": "fraction"}
    )
    holding_drawdown: Series[float] = pa.Field(
        nullable=True, description="Of holding the same quantity throughout.", metadata={"unit": "fraction"}
    )
    limit: Series[float] = pa.Field(
        nullable=True, description="Largest drawdown that passes.", metadata={"unit": "fraction"}
    )
    passed: Series[bool] = pa.Field(description="The verdict.")
    detail: Series[str] = pa.Field(description="What was seen.")

    class Config:
        """Stored as ``stress``."""

        name = "stress"
        unique = ["trial_id", "scenario"]
