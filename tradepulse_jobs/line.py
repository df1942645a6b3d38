"""``make run``: the whole chain on the embedded data, in one process, on the instance that ``make ui`` opens.

Each part is the same job that the schedule, the sensor and the UI start. What is there and unchanged is not made again:
sessions that have been released stay released, questions that the trial ledger has answered are not asked again, and a
session that the book has completed sends nothing.
"""

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import dagster as dg

from tradepulse.core.sessions import calendar
from tradepulse.errors import TradePulseError
from tradepulse.quality.shipped import shipped
from tradepulse_jobs.audit import GATE
from tradepulse_jobs.definitions import defs
from tradepulse_jobs.progress import steps_shown
from tradepulse_jobs.resources import HOME, LAKE_URI, NEWEST_SESSION, REPORTS
from tradepulse_jobs.sensors import released_signals_sensor

#: First session that the promoted strategy trades on paper: the sell-off of October 2018, which research has not seen.
PAPER_START = date(2018, 10, 1)
PAPER_END = date(2018, 10, 31)
#: Where it is set, Dagster keeps runs, events and ticks in that Postgres.
POSTGRES = "TRADEPULSE_POSTGRES_URL"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chain and return the exit code: 0, or 1 if any part failed."""
    parser = argparse.ArgumentParser(prog="python -m tradepulse_jobs.line", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--paper-start", type=date.fromisoformat, default=PAPER_START, help="first session traded on paper"
    )
    parser.add_argument("--paper-end", type=date.fromisoformat, default=PAPER_END, help="last session traded on paper")
    parser.add_argument("--prepare", action="store_true", help="only make the instance's folder, for make ui")
    chosen = parser.parse_args(arguments)
    folder = prepare()
    if chosen.prepare:
        return 0
    started = perf_counter()
    try:
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            line = Line(instance)
            finished = line.run(calendar().sessions(chosen.paper_start, chosen.paper_end))
            if not finished:
                print(
                    f"\nStopped: {line.failure}\nRun again after mending it; what was done stays done.", file=sys.stderr
                )
                return 1
            _conclude(instance, perf_counter() - started)
    except TradePulseError as exc:
        print(f"\nStopped: {exc}", file=sys.stderr)
        return 1
    return 0


def prepare() -> Path:
    """Make the folder of the Dagster instance, its databases in it, and return it.

    Several first users at once leave the databases of Dagster half made: one process makes them, holding a lock.
    """
    folder = HOME / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = (shipped("deploy") / "dagster.yaml").read_text()
        if os.environ.get(POSTGRES):  # its name stands in the file, not what it holds
            text += f"storage:\n  postgres:\n    postgres_url:\n      env: {POSTGRES}\n"
        (folder / "dagster.yaml").write_text(text)
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            instance.get_runs(limit=1)
            instance.fetch_materializations(GATE, limit=1)
            instance.all_instigator_state()
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


class Line:
    """The parts of the chain, one after another.

    Parameters
    ----------
    instance : where runs and events are kept
    """

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.failure = ""

    def run(self, sessions: Sequence[date]) -> bool:
        """Run every part; False as soon as one fails, with the reason in ``failure``."""
        newest = NEWEST_SESSION.isoformat()
        return (
            self._job("golden_regression", "1/6 golden regression")
            and self._job("ingest", "2/6 ingestion", partition=newest)
            and self._job("research", "3/6 research")
            and self._release(sessions)
            and self._execute()
            and self._job("finops_rollup", "6/6 cost")
        )

    def _job(self, name: str, title: str, partition: str | None = None) -> bool:
        print(f"{title}", flush=True)
        with steps_shown():
            return self._run(defs.resolve_job_def(name), partition)

    def _release(self, sessions: Sequence[date]) -> bool:
        """Make and release the signals of each session that has none yet: a backfill, one run per session."""
        done = self.instance.get_materialized_partitions(GATE)
        waiting = [day.isoformat() for day in sessions if day.isoformat() not in done]
        print(f"4/6 signals: {len(waiting)} of {len(sessions)} sessions to release", flush=True)
        job = defs.resolve_implicit_global_asset_job_def()
        gate = [dg.AssetKey("signals"), GATE]
        with _counted(waiting) as each:
            return all(self._run(job, session, assets=gate) for session in each)

    def _execute(self) -> bool:
        """Do what the daemon does: ask the sensor, and start one run per run key that has had none."""
        asked: list[dg.RunRequest] = []
        cursor: str | None = None
        while True:
            with dg.build_sensor_context(instance=self.instance, cursor=cursor) as context:
                answer = released_signals_sensor(context)
            if not isinstance(answer, dg.SensorResult):
                break
            asked += answer.run_requests or []
            cursor = answer.cursor
        # A run that failed, or that died and will never end, has not executed its session: it is started again.
        ended = dg.RunsFilter(job_name="execute_signals", statuses=[dg.DagsterRunStatus.SUCCESS])
        done = {run.tags.get("dagster/run_key") for run in self.instance.get_runs(ended)}
        waiting = [request for request in asked if request.run_key not in done]
        print(f"5/6 execution: {len(waiting)} of {len(asked)} released sessions to execute", flush=True)
        job = defs.resolve_job_def("execute_signals")
        by_session = {request.partition_key: request for request in waiting}
        with _counted(sorted(filter(None, by_session))) as each:
            return all(self._run(job, session, tags=_sensor_tags(by_session[session])) for session in each)

    def _run(
        self,
        job: dg.JobDefinition,
        partition: str | None,
        *,
        assets: list[dg.AssetKey] | None = None,
        tags: dict[str, str] | None = None,
    ) -> bool:
        result = job.execute_in_process(
            instance=self.instance,
            partition_key=partition,
            asset_selection=assets,
            tags=tags,
            raise_on_error=False,
            run_config={"loggers": {"quiet": {}}},
        )
        if not result.success:
            self.failure = _reason(result)
        return result.success


def _sensor_tags(request: dg.RunRequest) -> dict[str, str]:
    """Return the tags by which the daemon knows that a request has had its run."""
    return {
        **request.tags,
        "dagster/run_key": str(request.run_key),
        "dagster/sensor_name": released_signals_sensor.name,
    }


def _reason(result: dg.ExecuteInProcessResult) -> str:
    """Return in one line what stopped a run."""
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            asset, why = check.asset_key.to_user_string(), check.description or "see it in the UI (make ui)"
            return f"check {check.check_name} of {asset} failed: {why}"
    for event in result.filter_events(lambda event: event.is_step_failure):
        error = event.step_failure_data.error
        cause = error.cause if error and error.cause else error
        return f"{event.step_key}: {(cause.message if cause else event.message or '').strip().splitlines()[0]}"
    return f"run {result.run_id} failed; see it in the UI (make ui)"


@contextmanager
def _counted(sessions: Sequence[str]) -> Iterator[Iterator[str]]:
    """Count sessions off on one line of a terminal, or every tenth on a line of its own elsewhere."""
    started = perf_counter()

    def each() -> Iterator[str]:
        for number, session in enumerate(sessions, start=1):
            if sys.stdout.isatty():
                print(f"\r      {number}/{len(sessions)} {session}", end="", flush=True)
            elif number % 10 == 0:
                print(f"      {number}/{len(sessions)} {session}", flush=True)
            yield session

    yield each()
    if sessions:
        back = "\r" if sys.stdout.isatty() else ""
        print(f"{back}      {len(sessions)} sessions in {perf_counter() - started:.1f} s", flush=True)


def _checks(instance: dg.DagsterInstance) -> list[dict[str, Any]]:
    """Return the newest evaluation of every check."""
    rows = []
    for key in sorted(defs.resolve_asset_graph().asset_check_keys, key=str):
        for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=1):
            event = record.event.dagster_event if record.event else None
            found = event.event_specific_data if event else None
            if isinstance(found, dg.AssetCheckEvaluation):
                figures = {name: found.metadata[name].value for name in ("seen", "failing") if name in found.metadata}
                rows.append(
                    {"asset": key.asset_key.to_user_string(), "check": key.name, "passed": found.passed, **figures}
                )
    return rows


def _conclude(instance: dg.DagsterInstance, seconds: float) -> None:
    from tradepulse.interfaces.evidence import summary, write_page
    from tradepulse.warehouse.lake import Lake

    lake = Lake(LAKE_URI or HOME / "lake")
    checks = _checks(instance)
    lines = summary(lake)
    passed = sum(check["passed"] for check in checks)
    lines = {
        "bars": lines.pop("bars"),
        "closes": lines.pop("closes"),
        "checks": f"{passed} of {len(checks)} passed",
        **lines,
    }
    page = write_page(lake, REPORTS / "run" / "index.html", checks)
    width = max(map(len, lines))
    print("\n" + "\n".join(f"  {name:<{width}}  {text}" for name, text in lines.items()))
    print(f"\n  {seconds:.0f} s. Report: {page}\n  Browse runs, lineage and checks with: make ui")


if __name__ == "__main__":
    sys.exit(main())
