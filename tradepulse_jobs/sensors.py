"""Sensors: what happens because something else did."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from tradepulse_assets.home import Home
from tradepulse_jobs.audit import GATE, missed, outdated, run_requests, unchecked, unexecuted, unreleased
from tradepulse_jobs.jobs import execute_signals, nightly

#: Materializations read per tick; the rest is read on the next.
PAGE = 50
#: Missed sessions that are asked for in a tick: the queue takes two runs at a time.
CAUGHT_UP = 5


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


@dg.run_failure_sensor(
    # Otherwise the runs that `dagster job execute` starts, which belong to no location, would fail unheard.
    monitor_all_code_locations=True,
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
    description="Proves every hour that each release has its run, each asset its checks, each session its release.",
)
def audit_sensor(context: dg.SensorEvaluationContext, home: Home) -> dg.SkipReason:
    """Hold the event log, all of it, against what should be there; tell the pager of what is not."""
    from tradepulse.finops.alerts import channels, send

    instance, now = context.instance, datetime.now(UTC)
    if context.repository_def is None:
        raise dg.Failure("the audit has no definitions to look at; it runs in a code location")
    looked = {
        "releases of signals have no run": unexecuted(instance, now.timestamp()),
        "checks have not looked at the newest of their asset": unchecked(
            instance, context.repository_def.asset_graph, now.timestamp()
        ),
        "sessions are not released three hours after their close": unreleased(instance, now),
        "released sessions were decided on bars that have been restated since": outdated(home.lake),
    }
    wrong = {what: (missing, seen) for what, (missing, seen) in looked.items() if missing}
    if not wrong:
        seen = [seen for _, seen in looked.values()]
        return dg.SkipReason(
            f"each of {seen[0]} releases has its run, each of {seen[1]} checks has looked at the newest of its asset, "
            f"each of {seen[2]} sessions that were due is released, the newest {seen[3]} from bars that still stand"
        )
    lines = [f"{len(missing)} of {seen} {what}, {missing[0]} first" for what, (missing, seen) in wrong.items()]
    each = [f"- {name}" for missing, _ in wrong.values() for name in missing[:20]]
    body = "\n".join([*lines, *each, "", *(_REMEDIES[what] for what in wrong)])
    if channels().page:
        send(channels(), "page", f"[page] {lines[0]}", body)
    raise dg.Failure(body)


_REMEDIES = {
    "releases of signals have no run": (
        "Reset the cursor of released_signals_sensor: it asks again for every release; what ran is not run again"
    ),
    "checks have not looked at the newest of their asset": (
        "Make the asset again by a job, or materialize it in the UI: both run its checks"
    ),
    "sessions are not released three hours after their close": (
        "Look at the nightly run of the session; without one, is the daemon running, and missed_nightly_sensor on?"
    ),
    "released sessions were decided on bars that have been restated since": (
        "Materialize signals and released_signals of those sessions again, oldest first: what was traded stays traded, "
        "the next session trades the difference; superseded_bars has what the vendor said before"
    ),
}


@dg.sensor(
    job=nightly,
    minimum_interval_seconds=600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts the nightly run of each session that the schedule missed: the machine was off, say.",
)
def missed_nightly_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Request the nightly run of sessions that came since the schedule was turned on and had none, oldest first."""
    found = missed(context.instance, datetime.now(UTC))
    if not found:
        return dg.SkipReason("no session has been missed since the nightly schedule was turned on")
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=f"missed:{day}", partition_key=day) for day in found[:CAUGHT_UP]]
    )


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process is gone: killed, out of memory, or the machine was started anew.",
)
def stuck_runs_sensor(context: dg.SensorEvaluationContext, home: Home) -> dg.SkipReason:
    """Fail the runs that nobody works on any more, so that they are told, and make room for others.

    Each step says every ten seconds which process it is in; of a run that is in progress and whose process is gone
    nothing can come any more. Runs that hang while their process is there are ended by ``run_monitoring``.
    """
    gone = {str(line["run_id"]): line for line in home.usage.died()}
    going = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    ended = [run for run in context.instance.get_runs(going) if run.run_id in gone]
    for run in ended:
        last = gone[run.run_id]
        context.instance.report_run_failed(
            run, f"process {last['pid']} on {last['host']} is gone; it was last seen in step {last['step']}"
        )
    if not ended:
        return dg.SkipReason("every run in progress has its process")
    return dg.SkipReason(f"ended {len(ended)}: {', '.join(run.run_id[:8] for run in ended)}")
