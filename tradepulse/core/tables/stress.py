"""Stress: what the winner does in slices of history that hurt."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Stress(Table):
    """One row per scenario that a trial was put through."""

    trial_id: Series[str] = pa.Field(description="The trial under stress.")
    scenario: Series[str] = pa.Field(description="Scenario file of backtest/configs.")
    first_session: Series[Date] = pa.Field(description="First session of the slice.")
    last_session: Series[Date] = pa.Field(description="Last session of the slice.")
    total_return: Series[float] = pa.Field(
        description="Of the strategy in the slice, after costs.", metadata={"unit": "fraction"}
    )
    max_drawdown: Series[float] = pa.Field(description="Of the strategy in the slice.", metadata={"unit": "fraction"})
    holding_drawdown: Series[float] = pa.Field(
        description="Of holding the same quantity throughout.", metadata={"unit": "fraction"}
    )
    limit: Series[float] = pa.Field(description="Largest drawdown that passes.", metadata={"unit": "fraction"})
    passed: Series[bool] = pa.Field(description="The verdict.")

    class Config:
        """Stored as ``stress``."""

        name = "stress"
        unique = ["trial_id", "scenario"]
