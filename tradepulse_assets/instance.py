"""The Dagster instance itself: its event log grows with every run, and is kept small here."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from tradepulse_assets.home import Home
from tradepulse_assets.table_asset import table_check

if TYPE_CHECKING:
    from tradepulse.quality.check import Check

_TAGS = {"team": "platform", "strategy": "shared"}
#: Kinds of event that nobody asks for once a run is old. What is left says when each step began and ended, why it
#: failed, what it made and what its checks found; what assets were made of stays for ever.
CHATTER = (
    "ASSET_CHECK_EVALUATION_PLANNED", "ENGINE_EVENT", "HANDLED_OUTPUT", "LOADED_INPUT", "LOGS_CAPTURED",
    "RESOURCE_INIT_STARTED", "RESOURCE_INIT_SUCCESS",
    "STEP_INPUT", "STEP_OUTPUT", "STEP_WORKER_STARTED", "STEP_WORKER_STARTING",
)  # fmt: skip
_OVER = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class Kept(dg.Config):
    """How long what is said in passing is kept."""

    days: int = Field(30, ge=1, description="Days after which a run that is over has only its results left.")


def prune(instance: dg.DagsterInstance, before: float) -> tuple[int, int]:
    """Remove from runs that ended before a time what nobody asks for any more; return how many runs, and events.

    Parameters
    ----------
    instance : whose event log and captured output are pruned
    before : seconds since 1970
    """
    runs = removed = 0
    for run_id in _old(instance, before):
        gone = _without_chatter(instance.event_log_storage, run_id)
        runs, removed = runs + bool(gone), removed + gone
        shutil.rmtree(Path(instance.storage_directory()) / run_id, ignore_errors=True)
    return runs, removed


def _old(instance: dg.DagsterInstance, before: float) -> Iterator[str]:
    cursor = None
    while page := instance.get_run_records(dg.RunsFilter(statuses=_OVER), limit=200, cursor=cursor):
        yield from (one.dagster_run.run_id for one in page if one.end_time is not None and one.end_time < before)
        cursor = page[-1].dagster_run.run_id


def _without_chatter(storage: Any, run_id: str) -> int:
    """Remove them from one run's events, in whatever database they are."""
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as events
    from sqlalchemy import delete, or_

    # What a step wrote to its own log has no type.
    chatter = or_(events.c.dagster_event_type.in_(CHATTER), events.c.dagster_event_type.is_(None))
    mine = (events.c.run_id == run_id) & chatter & events.c.asset_key.is_(None)
    with storage.run_connection(run_id) as connection:
        gone = int(connection.execute(delete(events).where(mine)).rowcount)
        file = connection.engine.url.database if connection.dialect.name == "sqlite" else None
    if gone and file:  # the run has a file of its own: its room is given back
        with closing(sqlite3.connect(file, timeout=60)) as alone:
            alone.execute("VACUUM")
    return gone


def size(folder: Path) -> int:
    """Return the bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@dg.asset(
    group_name="instance", owners=["team:platform"], tags=_TAGS, kinds={"sqlite"}, code_version="1",
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(days=8)),
)  # fmt: skip
def event_log(context: dg.AssetExecutionContext, home: Home, config: Kept) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Dagster's own log of events, without what is said in passing in runs that are old.

    What assets were made of, what checks found, when steps began and ended and why they failed stays for ever, and so
    do the runs. Ticks of sensors and schedules are forgotten by `retention` in `deploy/dagster.yaml`.
    """
    with home.metered(context, "event_log", _TAGS):
        folder = Path(home.folder) / "dagster"
        before = size(folder)
        runs, removed = prune(context.instance, time.time() - 86_400 * config.days)
        return dg.MaterializeResult(
            metadata={
                "runs pruned": runs, "events removed": removed, "bytes before": before, "bytes after": size(folder),
                "kept for days": config.days,
            }
        )  # fmt: skip


@table_check(asset="event_log", team="platform")
def results_are_still_there(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """Each asset that has ever been made, and not wiped since, has its newest materialization in the log."""
    from tradepulse.quality.check import Check

    instance = context.instance
    records = instance.get_asset_records()
    known = [one.asset_entry for one in records if one.asset_entry.last_materialization_storage_id is not None]
    lost = [
        entry.asset_key.to_user_string()
        for entry in known
        if not instance.fetch_materializations(entry.asset_key, limit=1).records
    ]
    return Check("newest materializations", len(known), len(lost), ", ".join(lost[:5]))
