"""What should be there and is not: runs, checks and sessions, held against the event log as it is.

Each of these shares nothing with what should have made it but a name: a cursor that was set too far, a tick that was
lost, a job without its checks, a machine that was off all show here.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from tradepulse.core.sessions import calendar
from tradepulse_jobs.jobs import execute_signals, nightly
from tradepulse_jobs.resources import NEWEST_SESSION

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

    from tradepulse.warehouse.lake import Lake

GATE = dg.AssetKey("released_signals")
#: Newest released sessions whose bars are looked at again.
LOOKED_BACK = 60
#: Seconds in which a release may still get its run, and an asset its checks.
GRACE = 600
#: After its close a session's nightly run starts; after so much more it should have been released.
STARTS, RELEASED = timedelta(minutes=30), timedelta(hours=3)


def run_requests(records: Sequence[dg.EventLogRecord]) -> list[dg.RunRequest]:
    """Return one request per partition and data version of released signals, in the order of release."""
    requests = {}
    for record in records:
        released = record.asset_materialization
        if released is None or released.partition is None:
            continue  # made by hand without a partition: there is no session to execute
        version = (released.tags or {}).get("dagster/data_version", record.run_id)
        key = f"{released.partition}:{version}"
        requests[key] = dg.RunRequest(run_key=key, partition_key=released.partition, tags={"data_version": version})
    return list(requests.values())


def unexecuted(instance: dg.DagsterInstance, now: float) -> tuple[list[str], int]:
    """Return the releases without a run, oldest first, as ``session:version``, and how many releases there are.

    Parameters
    ----------
    instance : whose event log and runs are compared
    now : seconds since 1970; what was released in the last :data:`GRACE` seconds may still get its run
    """
    wanted: dict[str, None] = {}
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(GATE, limit=1_000, cursor=cursor, ascending=True)
        old = [record for record in page.records if record.timestamp < now - GRACE]
        wanted |= {str(request.run_key): None for request in run_requests(old)}
        if not page.has_more:
            break
        cursor = page.cursor
    runs = instance.get_runs(dg.RunsFilter(job_name=execute_signals.name))
    there = {run.tags.get("dagster/run_key") for run in runs}
    return [key for key in wanted if key not in there], len(wanted)


def unchecked(instance: dg.DagsterInstance, graph: "BaseAssetGraph", now: float) -> tuple[list[str], int]:  # type: ignore[type-arg]
    """Return the checks that have not looked at the newest of their asset, as ``asset:check``, and how many there are.

    Parameters
    ----------
    instance : whose event log is read
    graph : assets and checks that there should be
    now : seconds since 1970; what was made in the last :data:`GRACE` seconds may still be checked
    """
    keys = sorted(graph.asset_check_keys, key=lambda key: key.to_user_string())
    looked = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    made = {key: instance.fetch_materializations(key, limit=1).records for key in {key.asset_key for key in keys}}
    missing, seen = [], 0
    for key in keys:
        newest = made[key.asset_key]
        if not newest or newest[0].timestamp > now - GRACE:
            continue
        seen += 1
        last = looked.get(key)
        if (
            last is None
            or last.event is None
            or last.status.value == "PLANNED"
            or not (last.run_id == newest[0].run_id or last.event.timestamp >= newest[0].timestamp)
        ):
            missing.append(key.to_user_string())
    return missing, seen


def due_sessions(instance: dg.DagsterInstance, now: datetime, after_close: timedelta) -> list[date]:
    """Return the sessions whose close lies so far back, and that came since the nightly schedule was turned on.

    Parameters
    ----------
    instance : whose schedule is looked at; while it is off, no session is due
    now : aware
    after_close : how far
    """
    started: list[float] = [
        begin
        for state in instance.all_instigator_state()
        if state.instigator_name == f"{nightly.name}_schedule" and state.is_running
        if (begin := getattr(state.instigator_data, "start_timestamp", None)) is not None
    ]
    if not started:
        return []
    exchange, since = calendar(), datetime.fromtimestamp(max(started), UTC)
    last = min(now.date(), NEWEST_SESSION)
    days: Iterable[date] = exchange.sessions(since.date(), last) if since.date() <= last else []
    return [
        day for day in days if exchange.close_at(day) + STARTS >= since and exchange.close_at(day) + after_close <= now
    ]


def unreleased(instance: dg.DagsterInstance, now: datetime) -> tuple[list[str], int]:
    """Return the due sessions whose signals have not been released, oldest first, and how many are due."""
    due = due_sessions(instance, now, RELEASED)
    there = instance.get_materialized_partitions(GATE) if due else set()
    return [day.isoformat() for day in due if day.isoformat() not in there], len(due)


def missed(instance: dg.DagsterInstance, now: datetime) -> list[str]:
    """Return the due sessions that no nightly run was ever started for, oldest first.

    Dagster starts the ticks of a daemon that was off for a day or two by itself; an hour later it has had the time.
    """
    due = due_sessions(instance, now, STARTS + timedelta(hours=1))
    if not due:
        return []
    runs = instance.get_runs(dg.RunsFilter(job_name=nightly.name))
    there = {run.tags.get("dagster/partition") for run in runs} | instance.get_materialized_partitions(GATE)
    return [day.isoformat() for day in due if day.isoformat() not in there]


def outdated(lake: "Lake") -> tuple[list[str], int]:
    """Return the released sessions that were decided on other bars than are there now, and how many were looked at.

    A signal hangs on all bars up to its session. Of a session that was restated Dagster marks the signals of the same
    session; here those of later ones are found too, by the hash of the bars that each signal names.

    Parameters
    ----------
    lake : whose signals and bars are compared; the newest :data:`LOOKED_BACK` released sessions are
    """
    from tradepulse.core.tables.base import content_hash
    from tradepulse.warehouse.bars import read_bars

    sessions = lake.partitions("released_signals")[-LOOKED_BACK:]
    if not sessions:
        return [], 0
    released = lake.read("released_signals", sessions, model="signals")
    bars = {symbol: read_bars(lake, symbols=[symbol]) for symbol in released["symbol"].unique()}
    found: dict[str, None] = {}
    for session, symbol, version in zip(released["session"], released["symbol"], released["data_version"], strict=True):
        rows = bars[symbol]
        if content_hash(rows[rows["session"] <= session].reset_index(drop=True)) != version:
            found[f"{session:%Y-%m-%d}"] = None
    return list(found), len(sessions)
