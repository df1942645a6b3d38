"""Costs: usage times price, one line per meter."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Instant, Table


class Costs(Table):
    """One row per run, step and meter. Integers, so that parts add up to totals exactly."""

    date: Series[Date] = pa.Field(description="Day the step began, UTC.")
    started_at: Series[Instant] = pa.Field(description="When the step began.")
    run_id: Series[str] = pa.Field(description="Run.")
    step: Series[str] = pa.Field(description="Step of the run.")
    team: Series[str] = pa.Field(description="Who pays.")
    strategy: Series[str] = pa.Field(description="Strategy it was for.")
    environment: Series[str] = pa.Field(description="Environment it ran in.")
    meter: Series[str] = pa.Field(description="What is priced: cpu, memory, written, read, gpu or held.")
    amount: Series[int] = pa.Field(
        ge=0, description="Consumed, in the meter's own unit: CPU ms, MiB ms, bytes, byte hours."
    )
    price_nano_usd: Series[int] = pa.Field(
        ge=0, description="Price of the meter's priced quantity on that day.", metadata={"unit": "nano USD"}
    )
    cost_nano_usd: Series[int] = pa.Field(
        ge=0, description="Amount times price, rounded half to even.", metadata={"unit": "nano USD"}
    )
    price_book: Series[str] = pa.Field(description="Hash of the price book.")

    class Config:
        """Stored as ``costs``."""

        name = "costs"
        unique = ["run_id", "step", "meter", "started_at"]
