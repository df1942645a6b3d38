"""One run per released partition and data version, whatever happens between two ticks."""

import time

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradepulse_jobs import sensors
from tradepulse_jobs.definitions import defs
from tradepulse_jobs.sensors import (
    GATE,
    GRACE,
    PAGE,
    failed_runs_sensor,
    release_audit_sensor,
    released_signals_sensor,
    unexecuted,
)  # fmt: skip


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
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
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


steps = st.lists(
    st.one_of(
        st.just("tick"),
        st.just("lose cursor"),
        st.tuples(st.sampled_from(["2018-10-01", "2018-10-02", "2018-10-03"]), st.sampled_from(["v1", "v2"])),
    ),
    max_size=25,
)


@settings(max_examples=30)
@given(steps)
def test_exactly_one_run_per_partition_and_version_over_any_interleaving(steps):
    """The daemon starts one run per new run key; so must every interleaving of releases, ticks and lost cursors."""
    with dg.DagsterInstance.ephemeral() as instance:
        cursor, released, runs = None, set(), []

        def daemon(cursor):
            requests, cursor = tick(instance, cursor)
            runs.extend(r.run_key for r in requests if r.run_key not in runs)
            return cursor

        for step in [*steps, "tick"]:
            if step == "tick":
                cursor = daemon(cursor)
            elif step == "lose cursor":
                cursor = None
            else:
                release(instance, *step)
                released.add(f"{step[0]}:{step[1]}")

        assert sorted(runs) == sorted(released)


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


# -- the audit ---------------------------------------------------------------------------------------------------------


def ran(instance, request):
    """What the daemon does with a request: a run of its key."""
    instance.create_run_for_job(
        execute_like, tags={"dagster/run_key": request.run_key, "dagster/partition": request.partition_key}
    )


@dg.job(name="execute_signals")
def execute_like():
    breaks()


SESSIONS = st.sampled_from(["2018-10-01", "2018-10-02", "2018-10-03"])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(SESSIONS, st.sampled_from("abc")), max_size=8), st.sets(st.integers(0, 7)))
def test_the_audit_names_exactly_the_releases_without_a_run(releases, lost):
    with dg.DagsterInstance.ephemeral() as instance:
        for session, version in releases:
            release(instance, session, version)
        requests, _ = tick(instance)
        for number, request in enumerate(requests):
            if number not in lost:
                ran(instance, request)

        wanted = [request.run_key for number, request in enumerate(requests) if number in lost]
        assert unexecuted(instance, time.time() + 2 * GRACE) == (wanted, len(requests))
        # What has just been released may still get its run.
        assert unexecuted(instance, time.time()) == ([], 0)


def test_the_audit_reads_page_after_page(instance, monkeypatch):
    for number in range(1_003):
        release(instance, "2018-10-01", f"v{number}")

    missing, seen = unexecuted(instance, time.time() + 2 * GRACE)
    assert (len(missing), seen, missing[0], missing[-1]) == (1_003, 1_003, "2018-10-01:v0", "2018-10-01:v1002")


def test_a_release_without_a_run_is_told_and_makes_the_tick_red(instance, chat, monkeypatch):
    release(instance, "2018-10-01", "v1")
    monkeypatch.setattr(sensors, "GRACE", -60)
    with dg.build_sensor_context(instance=instance) as context, pytest.raises(dg.Failure, match="1 of 1 releases"):
        release_audit_sensor(context)

    [posted] = chat()
    assert posted["title"] == "[page] 1 of 1 releases of signals have no run, 2018-10-01:v1 first"
    ran(instance, tick(instance)[0][0])
    with dg.build_sensor_context(instance=instance) as context:
        assert release_audit_sensor(context).skip_message == "each of 1 releases has its run"


def test_every_sensor_runs_by_itself():
    sensors_there = {sensor.name: sensor.default_status for sensor in defs.sensors}
    assert sensors_there == {
        "released_signals_sensor": dg.DefaultSensorStatus.RUNNING, "failed_runs_sensor": dg.DefaultSensorStatus.RUNNING,
        "release_audit_sensor": dg.DefaultSensorStatus.RUNNING,
    }  # fmt: skip
