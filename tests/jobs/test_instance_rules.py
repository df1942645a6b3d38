"""What ``deploy/dagster.yaml`` promises of runs that hang, held against Dagster's own launcher and monitor."""

import logging
import os
import shutil
import time

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from tests.conftest import ROOT


@pytest.fixture
def instance(tmp_path):
    shutil.copy(ROOT / "deploy" / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def look(instance, context):
    """Let the daemon look once at what is in progress."""
    assert [error for error in execute_run_monitoring_iteration(context, logging.getLogger("monitor")) if error] == []


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_run_that_hangs_is_ended_with_its_process_and_says_why(instance, tmp_path):
    assert instance.run_monitoring_max_runtime_seconds == 7200
    with WorkspaceProcessContext(instance, ModuleTarget("tests.jobs.hanging", None, str(ROOT), "hanging")) as context:
        request = context.create_request_context()
        location = request.get_code_location("hanging")
        job = location.get_repository("__repository__").get_full_job("hangs")
        said = tmp_path / "pid"
        run = instance.create_run(
            job_name="hangs", run_id=None, run_config={"ops": {"hang": {"config": {"file": str(said)}}}},
            # Two hours are not waited for.
            status=dg.DagsterRunStatus.NOT_STARTED, tags={"dagster/max_runtime": "1"}, root_run_id=None,
            parent_run_id=None, step_keys_to_execute=None, execution_plan_snapshot=None,
            job_snapshot=job.job_snapshot, parent_job_snapshot=job.parent_job_snapshot, asset_selection=None,
            asset_check_selection=None, resolved_op_selection=None, op_selection=None, asset_graph=None,
            remote_job_origin=job.get_remote_origin(), job_code_origin=job.get_python_origin(),
        )  # fmt: skip
        instance.launch_run(run.run_id, request)
        until = time.monotonic() + 60
        while not (said.exists() and said.read_text()):
            assert time.monotonic() < until
            time.sleep(0.2)
        pid = int(said.read_text())
        assert alive(pid)
        time.sleep(1.1)

        look(instance, context)

        assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
        messages = " ".join(entry.message for entry in instance.all_logs(run.run_id))
        assert "exceeding maximum runtime of 1 seconds" in messages
        until = time.monotonic() + 30
        while alive(pid):
            assert time.monotonic() < until
            time.sleep(0.2)


def test_a_run_that_never_starts_is_failed(instance, monkeypatch):
    @dg.op
    def nothing():
        pass

    @dg.job
    def waits():
        nothing()

    run = instance.create_run_for_job(waits, status=dg.DagsterRunStatus.STARTING)
    event = dg.DagsterEvent("PIPELINE_STARTING", job_name="waits", message="starting")
    before = time.time() - 170
    instance.handle_new_event(
        dg.EventLogEntry(None, "info", "", run.run_id, before, dagster_event=event, job_name="waits")
    )

    with WorkspaceProcessContext(instance, ModuleTarget("tests.jobs.hanging", None, str(ROOT), "hanging")) as context:
        look(instance, context)
        assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.STARTING
        now = time.time()
        monkeypatch.setattr("dagster._daemon.monitoring.run_monitoring.get_current_timestamp", lambda: now + 15)
        look(instance, context)

    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
