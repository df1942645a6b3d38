"""The event log is kept small, and everything that anybody asks it for stays."""

import time

import dagster as dg
import pytest

from tradepulse_assets.home import Home
from tradepulse_assets.instance import CHATTER, event_log, prune, results_are_still_there, size


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
def made(context):
    """Says much, and is made."""
    for number in range(50):
        context.log.info(f"line {number} of what nobody reads a month later")
    return dg.MaterializeResult(metadata={"rows": 3}, data_version=dg.DataVersion("v1"))


@dg.asset_check(asset=made)
def is_right():
    return dg.AssetCheckResult(passed=True, metadata={"seen": 3})


@dg.asset
def breaks():
    """Fails."""
    raise ValueError("the vendor's file is gone")


@pytest.fixture
def instance(tmp_path):
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        for partition in ("a", "b", "a"):
            dg.materialize([made, is_right], instance=instance, partition_key=partition)
        dg.materialize([breaks], instance=instance, raise_on_error=False)
        yield instance


def what_is_asked_for(instance):
    """Everything that pages, sensors and the audit read."""
    key = dg.AssetKey("made")
    runs = instance.get_run_records()
    check = instance.event_log_storage.get_latest_asset_check_execution_by_key([dg.AssetCheckKey(key, "is_right")])
    failure = [
        event.dagster_event.step_failure_data.error.cause.message
        for run in runs
        for event in instance.all_logs(run.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    ]
    return (
        [(r.dagster_run.run_id, r.dagster_run.status, r.start_time, r.end_time) for r in runs],
        [
            (r.storage_id, r.partition_key, r.asset_materialization)
            for r in instance.fetch_materializations(key, limit=10).records
        ],
        instance.get_materialized_partitions(key),
        [(one.run_id, one.status, one.evaluation.metadata["seen"].value) for one in check.values()],
        [
            (step.step_key, step.status, step.start_time, step.end_time)
            for r in runs
            for step in instance.get_run_step_stats(r.dagster_run.run_id)
        ],
        failure,
    )


def test_what_is_said_in_passing_goes_and_what_is_asked_for_stays(instance, tmp_path):
    before, bytes_before = what_is_asked_for(instance), size(tmp_path / "dagster")

    runs, removed = prune(instance, time.time() + 1)

    assert runs == 4
    assert removed > 3 * 50
    assert what_is_asked_for(instance) == before
    assert before[5] == ["ValueError: the vendor's file is gone\n"]
    assert size(tmp_path / "dagster") < bytes_before
    kinds = {
        event.dagster_event.event_type_value if event.dagster_event else None
        for run in instance.get_runs()
        for event in instance.all_logs(run.run_id)
    }
    assert kinds & {*CHATTER, None} == set()
    assert prune(instance, time.time() + 1) == (0, 0)


def test_runs_that_are_young_or_in_progress_are_left(instance):
    waiting = instance.create_run_for_job(going)
    count = {run.run_id: len(instance.all_logs(run.run_id)) for run in instance.get_runs()}

    assert prune(instance, time.time() - 86_400) == (0, 0)
    assert {run.run_id: len(instance.all_logs(run.run_id)) for run in instance.get_runs()} == count
    assert waiting.run_id in count


@dg.job
def going():
    pass


def test_pages_of_old_runs_are_all_seen(instance, monkeypatch):
    seen = []
    monkeypatch.setattr("tradepulse_assets.instance._without_chatter", lambda storage, run: seen.append(run) or 1)
    records, calls = instance.get_run_records(), []

    class Paged:
        event_log_storage = None
        storage_directory = staticmethod(instance.storage_directory)

        def get_run_records(self, filters, limit, cursor):
            calls.append(cursor)
            ids = [one.dagster_run.run_id for one in records]
            begin = ids.index(cursor) + 1 if cursor else 0
            return records[begin : begin + 2]

    prune(Paged(), time.time() + 1)

    assert seen == [one.dagster_run.run_id for one in records]
    assert len(calls) == 3


def test_the_asset_says_what_it_removed_and_its_check_finds_what_was_lost(instance, tmp_path):
    home = Home(folder=str(tmp_path), reports_folder=str(tmp_path / "reports"))
    asked = {"ops": {"event_log": {"config": {"days": 1}}}}
    done = dg.materialize(
        [event_log, results_are_still_there], instance=instance, resources={"home": home}, run_config=asked
    )

    [said] = done.asset_materializations_for_node("event_log")
    assert said.metadata["runs pruned"].value == 0
    assert said.metadata["bytes after"].value > 0
    [check] = done.get_asset_check_evaluations()
    assert check.passed
    with pytest.raises(dg.DagsterInvalidConfigError, match="dayz"):
        dg.materialize([event_log], instance=instance, resources={"home": home},
                       run_config={"ops": {"event_log": {"config": {"dayz": 1}}}})  # fmt: skip
