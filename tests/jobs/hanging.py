"""A job that hangs, in a code location of its own."""

import os
import time
from pathlib import Path

import dagster as dg


class Where(dg.Config):
    """Where its process says its id."""

    file: str


@dg.op
def hang(config: Where) -> None:
    Path(config.file).write_text(str(os.getpid()))
    time.sleep(600)


@dg.job
def hangs() -> None:
    hang()


defs = dg.Definitions(jobs=[hangs])
