"""Sensors: what happens because something else did."""

import time
from collections.abc import Sequence

import dagster as dg

from tradepulse_jobs.jobs import execute_signals

GATE = dg.AssetKey("released_signals")
#: Materializations read per tick; the rest is read on the next.
PAGE = 50
#: Seconds in which a release may still get its run.
GRACE = 600


@dg.sensor(
    job=execute_signals,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts one execute_signals run for each newly released session.",
)
def released_signals_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Request one run per partition and data version of the gate asset, oldest first.

    Pages through the event log from a stored cursor, because ``@asset_sensor`` drops all but the last of several
    materializations between two ticks. The run key makes a second look at the same release harmless.
    """
    after = int(context.cursor) if context.cursor else None
    filters = dg.AssetRecordsFilter(asset_key=GATE, after_storage_id=after)
    page = context.instance.fetch_materializations(filters, limit=PAGE, ascending=True)
    if not page.records:
        return dg.SkipReason("no session has been released since the last look")
    return dg.SensorResult(run_requests=run_requests(page.records), cursor=str(page.records[-1].storage_id))


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


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the pager of every run that failed: which step or check, of which session, and how to see it.",
)
def failed_runs_sensor(context: dg.RunFailureSensorContext) -> None:
    """Post a failed run to the channels in ``TRADEPULSE_PAGE_TO``; without any, the daemon's log says so.

    A check that fails blocks its step, and the run with it, so that a failed check is told as well.
    """
    from tradepulse.finops.alerts import channels, send

    run = context.dagster_run
    title, body = failure_message(
        run.job_name, run.run_id, run.tags.get("dagster/partition", ""),
        [(event.step_key or "", _why(event)) for event in context.get_step_failure_events()],
        context.failure_event.message or "",
    )  # fmt: skip
    told = channels()
    if not told.page:
        context.log.warning(f"nobody is told: TRADEPULSE_PAGE_TO names no channel. {title}")
        return
    reached, missed = send(told, "page", title, body)
    if missed:
        # Dagster does not tell a run again: the tick is red in the UI, with the services that missed it.
        raise dg.Failure(f"{title}: {', '.join(missed)} did not take it, {', '.join(reached) or 'nobody'} did")


def _why(event: dg.DagsterEvent) -> str:
    """Return what a step raised, not that it failed: the innermost error."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message if error is not None else event.message or ""


def failure_message(
    job: str, run_id: str, session: str, steps: Sequence[tuple[str, str]], message: str
) -> tuple[str, str]:
    """Return title and text of what is told of a failed run: each step that failed with the first line of its error."""
    title = f"[page] {job}{f' of {session}' if session else ''} failed"
    lines = [f"- {step}: {' '.join(text.split())[:300]}" for step, text in steps] or [f"- {message[:300]}"]
    look = f"Look, and run it again once it is mended: make ui, then Runs, {run_id[:8]}"
    return title, "\n".join([*lines, "", look])


@dg.sensor(
    minimum_interval_seconds=3600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Proves every hour that each release of signals has its run; tells the pager of one that has none.",
)
def release_audit_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Hold the releases in the event log against the runs that were requested for them, all of them, every time.

    It shares nothing with the sensor that requests them but the name of a request: a cursor that was set too far, or
    a tick that was lost, shows here.
    """
    from tradepulse.finops.alerts import channels, send

    missing, seen = unexecuted(context.instance, time.time())
    if not missing:
        return dg.SkipReason(f"each of {seen} releases has its run")
    title = f"[page] {len(missing)} of {seen} releases of signals have no run, {missing[0]} first"
    body = "\n".join(
        [
            *(f"- {name}" for name in missing[:20]), "",
            "Reset the cursor of released_signals_sensor: it asks again for every release; what ran is not run again",
        ]
    )  # fmt: skip
    if channels().page:
        send(channels(), "page", title, body)
    raise dg.Failure(f"{title}\n{body}")


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
