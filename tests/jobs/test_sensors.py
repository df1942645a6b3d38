"""One run per released partition and data version, whatever happens between two ticks."""

import json
import os
import subprocess
import sys
import time

import dagster as dg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tradepulse_assets.home import Home
from tradepulse_jobs import audit, sensors
from tradepulse_jobs.audit import GATE, GRACE, unexecuted
from tradepulse_jobs.definitions import defs
from tradepulse_jobs.sensors import (
    PAGE,
    audit_sensor,
    failed_runs_sensor,
    missed_nightly_sensor,
    released_signals_sensor,
    stuck_runs_sensor,
)


def release(instance, session, version):
    tags = {"dagster/data_version": version}
    instance.report_runless_asset_event(dg.AssetMaterialization(GATE, partition=session, tags=tags))


def tick(instance, cursor=None):
    """Return the requests of one tick and the cursor after it."""
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        answer = released_signals_sensor(context)
    if isinstance(answer, dg.SkipReason):
        return [], cursor
    return answer.run_requests, answer.cursor


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def test_every_one_of_several_releases_between_two_ticks_has_its_run(instance):
    for session in ("2018-10-01", "2018-10-02", "2018-10-03"):
        release(instance, session, "v1")

    requests, cursor = tick(instance)

    assert [r.partition_key for r in requests] == ["2018-10-01", "2018-10-02", "2018-10-03"]
    assert len({r.run_key for r in requests}) == 3
    assert tick(instance, cursor) == ([], cursor)


def test_nothing_released_is_said(instance):
    with dg.build_sensor_context(instance=instance) as context:
        assert "no session has been released" in released_signals_sensor(context).skip_message


def test_the_same_release_has_the_same_run_key_and_another_version_another(instance):
    release(instance, "2018-10-01", "v1")
    (first,), cursor = tick(instance)
    release(instance, "2018-10-01", "v1")
    (same,), cursor = tick(instance, cursor)
    release(instance, "2018-10-01", "v2")
    (other,), _ = tick(instance, cursor)

    assert first.run_key == same.run_key == "2018-10-01:v1"
    assert other.run_key == "2018-10-01:v2"


def test_a_release_repeated_between_two_ticks_is_one_request(instance):
    for _ in range(3):
        release(instance, "2018-10-01", "v1")

    assert len(tick(instance)[0]) == 1


def test_more_releases_than_a_tick_reads_are_read_on_the_next(instance, monkeypatch):
    monkeypatch.setattr(sensors, "PAGE", 3)
    sessions = [f"2018-10-{day:02}" for day in range(1, 9)]
    for session in sessions:
        release(instance, session, "v1")

    seen, cursor = [], None
    for _ in range(4):
        requests, cursor = tick(instance, cursor)
        seen.append([r.partition_key for r in requests])

    assert seen == [sessions[:3], sessions[3:6], sessions[6:], []]
    assert PAGE > 3


def test_a_release_without_a_partition_is_no_session(instance):
    instance.report_runless_asset_event(dg.AssetMaterialization(GATE))

    assert tick(instance)[0] == []


def test_a_materialization_of_another_asset_is_not_heard(instance):
    instance.report_runless_asset_event(dg.AssetMaterialization("signals", partition="2018-10-01"))

    assert tick(instance)[0] == []


def test_requests_are_valid_runs_of_the_job(instance):
    release(instance, "2018-10-01", "v1")
    (request,), _ = tick(instance)
    job = defs.resolve_job_def("execute_signals")

    assert request.partition_key in job.partitions_def.get_partition_keys()
    assert request.tags["data_version"] == "v1"


@dg.job(name="execute_signals")
def execute_like():
    pass


class Daemon(RuleBasedStateMachine):
    """Releases, ticks that end or are cut off, runs that fail, lost cursors: a real instance, and what it must come to.

    As Dagster's daemon does it, a request whose run key has a run already, whatever became of it, starts none; and the
    cursor is kept after the runs have been started.
    """

    def __init__(self):
        super().__init__()
        self.scope = dg.DagsterInstance.ephemeral()
        self.instance = self.scope.__enter__()
        self.cursor, self.released = None, {}

    def teardown(self):
        self.tick(cut_off=None)
        runs = [run.tags["dagster/run_key"] for run in self.instance.get_runs()]
        assert sorted(runs) == sorted(self.released), "not exactly one run for each release"
        assert unexecuted(self.instance, time.time() + 2 * GRACE) == ([], len(self.released))
        self.scope.__exit__(None, None, None)

    @rule(session=st.sampled_from(["2018-10-01", "2018-10-02", "2018-10-03"]), version=st.sampled_from("ab"))
    def release(self, session, version):
        release(self.instance, session, version)
        self.released[f"{session}:{version}"] = None

    @rule(cut_off=st.none() | st.integers(0, 2))
    def tick(self, cut_off):
        """A tick; one that is cut off has started so many runs, and its cursor is not kept."""
        requests, cursor = tick(self.instance, self.cursor)
        for request in requests[:cut_off]:
            if not self.instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": request.run_key})):
                self.instance.create_run_for_job(execute_like, tags={"dagster/run_key": request.run_key})
        self.cursor = cursor if cut_off is None else self.cursor

    @rule()
    def the_cursor_is_lost(self):
        self.cursor = None

    @rule(data=st.data())
    def a_run_fails(self, data):
        if runs := self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED])):
            self.instance.report_run_failed(data.draw(st.sampled_from(runs)))


TestDaemon = Daemon.TestCase
TestDaemon.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


# -- runs that fail ----------------------------------------------------------------------------------------------------


@dg.op
def breaks():
    raise ValueError("the vendor's file is gone\nand more")


@dg.job
def nightly_like():
    breaks()


def failure_of(instance):
    """Run a job that fails, and return what the failure sensor is given."""
    done = nightly_like.execute_in_process(
        instance=instance, raise_on_error=False, tags={"dagster/partition": "2018-10-01"}
    )
    return dg.build_run_status_sensor_context(
        sensor_name="failed_runs_sensor", dagster_instance=instance, dagster_run=done.dagster_run,
        dagster_event=done.get_run_failure_event(),
    ).for_run_failure(), done.run_id  # fmt: skip


@pytest.fixture
def chat(httpserver, monkeypatch):
    """A channel on loopback; what is posted to it."""
    monkeypatch.setenv("TRADEPULSE_PAGE_TO", f"json://127.0.0.1:{httpserver.port}/page")
    httpserver.expect_request("/page", method="POST").respond_with_data("ok")
    return lambda: [request.get_json() for request, _ in httpserver.log]


def test_a_failed_run_is_told_with_its_step_its_session_and_its_error(instance, chat):
    context, run_id = failure_of(instance)
    failed_runs_sensor(context)

    [posted] = chat()
    assert posted["title"] == "[page] nightly_like of 2018-10-01 failed"
    assert "- breaks: " in posted["message"]
    assert "the vendor's file is gone" in posted["message"]
    assert f"Runs, {run_id[:8]}" in posted["message"]
    assert posted["type"] == "failure"


def test_a_channel_that_does_not_answer_makes_the_tick_red(instance, httpserver, monkeypatch):
    monkeypatch.setenv("TRADEPULSE_PAGE_TO", f"json://127.0.0.1:{httpserver.port}/page")
    httpserver.expect_request("/page").respond_with_data("no", status=500)
    context, _ = failure_of(instance)

    with pytest.raises(dg.Failure, match="json did not take it, nobody did"):
        failed_runs_sensor(context)


def test_without_a_channel_the_log_says_that_nobody_is_told(instance, monkeypatch):
    monkeypatch.delenv("TRADEPULSE_PAGE_TO", raising=False)
    context, _ = failure_of(instance)

    assert failed_runs_sensor(context) is None


# -- runs whose process is gone ----------------------------------------------------------------------------------------


def stuck(instance, usage, pid):
    """A run in progress, with what its step said last of the process that it is in."""
    run = instance.create_run_for_job(nightly_like)
    instance.handle_new_event(started(run))
    folder = usage / "alive"
    folder.mkdir(parents=True, exist_ok=True)
    line = {"run_id": run.run_id, "step": "bars", "pid": pid, "host": os.uname().nodename}
    (folder / f"{run.run_id}.x.json").write_text(json.dumps(line))
    return run


def started(run):
    event = dg.DagsterEvent("PIPELINE_START", job_name=run.job_name, message="started")
    return dg.EventLogEntry(None, "info", "", run.run_id, time.time(), dagster_event=event, job_name=run.job_name)


def test_a_run_whose_process_is_gone_is_failed_and_one_that_works_is_left(instance, tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = stuck(instance, tmp_path / "usage", gone.pid)
    alive = stuck(instance, tmp_path / "usage", os.getpid())
    home = Home(folder=str(tmp_path), reports_folder=str(tmp_path / "reports"))

    with dg.build_sensor_context(instance=instance) as context:
        said = stuck_runs_sensor(context, home=home).skip_message
        again = stuck_runs_sensor(context, home=home).skip_message

    assert said == f"ended 1: {dead.run_id[:8]}"
    assert again == "every run in progress has its process"
    assert instance.get_run_by_id(dead.run_id).status == dg.DagsterRunStatus.FAILURE
    assert instance.get_run_by_id(alive.run_id).status == dg.DagsterRunStatus.STARTED
    [failure] = [e for e in instance.all_logs(dead.run_id) if e.dagster_event and e.dagster_event.is_job_failure]
    assert f"process {gone.pid} on {os.uname().nodename} is gone; it was last seen in step bars" in failure.message


# -- what an hour's look says ------------------------------------------------------------------------------------------


def look(instance):
    with dg.build_sensor_context(instance=instance, definitions=defs) as context:
        return audit_sensor(context, home=Home(folder=instance.root_directory, reports_folder=""))


def test_what_is_missing_is_told_and_makes_the_tick_red(instance, chat, monkeypatch):
    monkeypatch.setattr(audit, "GRACE", -60)
    release(instance, "2018-10-01", "v1")
    with pytest.raises(dg.Failure, match="1 of 1 releases of signals have no run, 2018-10-01:v1 first"):
        look(instance)

    [posted] = chat()
    assert posted["title"] == "[page] 1 of 1 releases of signals have no run, 2018-10-01:v1 first"
    # Nobody looked at what was released, either: it was reported without a run.
    assert "1 of 1 checks have not looked at the newest of their asset" in posted["message"]
    assert "- released_signals:released_is_what_was_checked" in posted["message"]
    assert "Reset the cursor of released_signals_sensor" in posted["message"]


def test_where_nothing_is_missing_it_says_what_it_looked_at(instance):
    assert look(instance).skip_message == (
        "each of 0 releases has its run, each of 0 checks has looked at the newest of its asset, each of 0 sessions "
        "that were due is released, the newest 0 from bars that still stand"
    )


def test_missed_sessions_are_asked_for_oldest_first_and_a_few_at_a_time(instance, monkeypatch):
    days = [f"2018-11-{day:02}" for day in range(1, 9)]
    monkeypatch.setattr(sensors, "missed", lambda instance, now: days)
    with dg.build_sensor_context(instance=instance) as context:
        asked = missed_nightly_sensor(context).run_requests

    assert [(one.partition_key, one.run_key) for one in asked] == [(day, f"missed:{day}") for day in days[:5]]
    monkeypatch.setattr(sensors, "missed", lambda instance, now: [])
    with dg.build_sensor_context(instance=instance) as context:
        assert "no session has been missed" in missed_nightly_sensor(context).skip_message


def test_every_sensor_runs_by_itself():
    there = {sensor.name: sensor.default_status for sensor in defs.sensors}
    names = ("released_signals_sensor", "failed_runs_sensor", "audit_sensor", "missed_nightly_sensor",
             "stuck_runs_sensor")  # fmt: skip
    assert there == dict.fromkeys(names, dg.DefaultSensorStatus.RUNNING)
