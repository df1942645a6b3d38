"""Usage: what each step of each run consumed, as measured."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Instant, Table


class Usage(Table):
    """One row per run and step, also for steps that failed; and one per day and folder for the storage that it held."""

    run_id: Series[str] = pa.Field(description="Run.")
    step: Series[str] = pa.Field(description="Step of the run: the asset or check.")
    partition: Series[str] = pa.Field(description="Partition of the run, or empty.")
    started_at: Series[Instant] = pa.Field(description="When the step began.")
    team: Series[str] = pa.Field(description="Who pays; 'untagged' where the asset does not say.")
    strategy: Series[str] = pa.Field(description="Strategy it was for, or 'shared'.")
    environment: Series[str] = pa.Field(description="Environment it ran in.")
    outcome: Series[str] = pa.Field(
        isin=["done", "failed", "died", "held"],
        description="done, failed, died (killed, and measured up to its last sample), or held: storage, no step.",
    )
    cpu_ms: Series[int] = pa.Field(
        ge=0, description="Processor time, child processes included.", metadata={"unit": "ms"}
    )
    wall_ms: Series[int] = pa.Field(ge=0, description="Elapsed time.", metadata={"unit": "ms"})
    peak_memory_bytes: Series[int] = pa.Field(
        ge=0,
        description="Largest resident size of the process so far: steps of one process share it.",
        metadata={"unit": "B"},
    )
    written_bytes: Series[int] = pa.Field(ge=0, description="Bytes written to the lake.", metadata={"unit": "B"})
    read_bytes: Series[int] = pa.Field(
        ge=0, description="Bytes that storage was asked for, child processes included.", metadata={"unit": "B"}
    )
    gpu_ms: Series[int] = pa.Field(ge=0, description="GPU time, where the step reports it.", metadata={"unit": "ms"})
    held_byte_hours: Series[int] = pa.Field(
        ge=0,
        description="Bytes that a table or folder held, times the hours that it held them.",
        metadata={"unit": "B h"},
    )
    job: Series[str] = pa.Field(description="Job of the run, or empty.")
    user: Series[str] = pa.Field(description="Who launched the run, where that is known.")
    trial_id: Series[str] = pa.Field(description="Trial that the run was for, where it was for one.")

    class Config:
        """Stored as ``usage``."""

        name = "usage"
        unique = ["run_id", "step", "started_at"]
