"""What should be there and is not: found exactly, from event logs made here and a schedule turned on in 2018."""

import time
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.jobs.test_sensors import execute_like, release, tick
from tradepulse_jobs.audit import GRACE, missed, unchecked, unexecuted, unreleased


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def ran(instance, request):
    """What the daemon does with a request: a run of its key."""
    instance.create_run_for_job(
        execute_like, tags={"dagster/run_key": request.run_key, "dagster/partition": request.partition_key}
    )


SESSIONS = st.sampled_from(["2018-10-01", "2018-10-02", "2018-10-03"])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(SESSIONS, st.sampled_from("abc")), max_size=8), st.sets(st.integers(0, 7)))
def test_exactly_the_releases_without_a_run_are_named(releases, lost):
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


def test_page_after_page_is_read():
    with dg.DagsterInstance.ephemeral() as instance:
        for number in range(1_003):
            release(instance, "2018-10-01", f"v{number}")

        missing, seen = unexecuted(instance, time.time() + 2 * GRACE)
    assert (len(missing), seen, missing[0], missing[-1]) == (1_003, 1_003, "2018-10-01:v0", "2018-10-01:v1002")


# -- checks ------------------------------------------------------------------------------------------------------------


@dg.asset
def made():
    """An asset with two checks."""


@dg.asset_check(asset=made)
def is_right():
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=made)
def is_wrong():
    return dg.AssetCheckResult(passed=False)


@dg.asset
def never_made():
    """An asset that nobody has made."""


@dg.asset_check(asset=never_made)
def of_nothing():
    return dg.AssetCheckResult(passed=True)


CHECKED = dg.Definitions(assets=[made, never_made], asset_checks=[is_right, is_wrong, of_nothing])
LATER = 2 * GRACE


def test_a_check_that_was_left_out_is_named_and_one_that_failed_has_looked(instance):
    graph = CHECKED.resolve_asset_graph()
    dg.materialize([made, is_right, is_wrong], instance=instance)
    assert unchecked(instance, graph, time.time() + LATER) == ([], 2)

    dg.materialize([made, is_wrong], instance=instance)
    assert unchecked(instance, graph, time.time() + LATER) == (["made:is_right"], 2)
    assert unchecked(instance, graph, time.time()) == ([], 0)

    # Looked at later, by a run of its own.
    dg.materialize([made, is_right], selection=dg.AssetSelection.checks(is_right), instance=instance)
    assert unchecked(instance, graph, time.time() + LATER) == ([], 2)


# -- sessions ----------------------------------------------------------------------------------------------------------


def turn_on(instance, since, status=InstigatorStatus.RUNNING):
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    target = LoadableTargetOrigin(module_name="tradepulse_jobs.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name="tradepulse")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), "nightly_schedule")
    data = ScheduleInstigatorData("30 16 * * 1-5", since.timestamp())
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SCHEDULE, status, data))


#: Tuesday before Thanksgiving of 2018, at noon in New York.
ON = datetime(2018, 11, 20, 17, tzinfo=UTC)


def at(day, hour, minute=0):
    return datetime(2018, 11, day, hour, minute, tzinfo=UTC)


def test_a_session_is_due_three_hours_after_its_close_by_the_exchange_s_calendar(instance):
    turn_on(instance, ON)

    # New York closes at 21:00 UTC in November, and at 18:00 on the Friday after Thanksgiving.
    assert unreleased(instance, at(20, 23, 59)) == ([], 0)
    assert unreleased(instance, at(21, 0)) == (["2018-11-20"], 1)
    release(instance, "2018-11-20", "v1")
    assert unreleased(instance, at(23, 20, 59)) == (["2018-11-21"], 2)
    assert unreleased(instance, at(23, 21)) == (["2018-11-21", "2018-11-23"], 3)


@pytest.mark.parametrize("status", [InstigatorStatus.STOPPED, None])
def test_while_the_schedule_is_off_nothing_is_due(instance, status):
    if status:
        turn_on(instance, ON, status)

    assert unreleased(instance, at(27, 0)) == ([], 0)
    assert missed(instance, at(27, 0)) == []


def test_sessions_without_a_nightly_run_are_missed_and_one_that_failed_is_not(instance):
    turn_on(instance, ON)
    # The 21st was started, whatever became of it; the 23rd was released by hand.
    instance.create_run_for_job(like_nightly, tags={"dagster/partition": "2018-11-21"})
    release(instance, "2018-11-23", "v1")

    assert missed(instance, at(27, 0)) == ["2018-11-20", "2018-11-26"]
    # Half past ten in the evening, UTC: an hour after the run of the 26th should have started.
    assert missed(instance, at(26, 22, 29)) == ["2018-11-20"]
    assert missed(instance, at(26, 22, 30)) == ["2018-11-20", "2018-11-26"]


@dg.job(name="nightly")
def like_nightly():
    pass


def test_what_the_source_does_not_have_is_never_due(instance):
    turn_on(instance, datetime(2018, 12, 31, 12, tzinfo=UTC))
    late = datetime(2018, 12, 31, 12, tzinfo=UTC) + timedelta(days=400)

    assert unreleased(instance, late) == (["2018-12-31"], 1)
