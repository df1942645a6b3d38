"""Daily costs: the ledger rolled up by who pays."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class DailyCosts(Table):
    """One row per day, team, strategy, environment and meter."""

    date: Series[Date] = pa.Field(description="Day, UTC.")
    team: Series[str] = pa.Field(description="Who pays.")
    strategy: Series[str] = pa.Field(description="Strategy it was for.")
    environment: Series[str] = pa.Field(description="Environment it ran in.")
    meter: Series[str] = pa.Field(description="What is priced.")
    steps: Series[int] = pa.Field(gt=0, description="Steps that consumed it.")
    cost_nano_usd: Series[int] = pa.Field(ge=0, description="Sum of the ledger.", metadata={"unit": "nano USD"})

    class Config:
        """Stored as ``daily_costs``."""

        name = "daily_costs"
        unique = ["date", "team", "strategy", "environment", "meter"]
