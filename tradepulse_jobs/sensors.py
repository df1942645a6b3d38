"""Sensors: what happens because something else did."""

from collections.abc import Sequence

import dagster as dg

from tradepulse_jobs.jobs import execute_signals

GATE = dg.AssetKey("released_signals")
#: Materializations read per tick; the rest is read on the next.
PAGE = 50


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
    again = f"dagster job execute -m tradepulse_jobs.definitions -j {job}"
    return title, "\n".join(
        [*lines, "", f"Look: make ui, then Runs, {run_id[:8]}", f"Again, once it is mended: {again}"]
    )
