from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from tradepulse.core.sessions import calendar
from tradepulse_jobs.definitions import defs
from tradepulse_jobs.schedules import finops_schedule, nightly_schedule, savings_schedule

NEW_YORK = ZoneInfo("America/New_York")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def tick(when):
    with dg.build_schedule_context(scheduled_execution_time=when) as context:
        return nightly_schedule(context)


def requested(when):
    answer = tick(when)
    return answer.partition_key if isinstance(answer, dg.RunRequest) else None


def test_a_whole_day_is_run_after_its_close_and_not_at_noon():
    assert requested(at("2018-11-21 13:30")) is None
    assert requested(at("2018-11-21 16:30")) == "2018-11-21"


def test_a_half_day_is_run_after_its_own_close():
    assert requested(at("2018-11-23 13:30")) == "2018-11-23"
    # and again at half past four with the same run key, which starts no second run
    assert tick(at("2018-11-23 13:30")).run_key == tick(at("2018-11-23 16:30")).run_key


@pytest.mark.parametrize(
    ("when", "why"),
    [
        (at("2018-11-22 16:30"), "XNYS does not trade on 2018-11-22"),  # Thanksgiving
        (at("2018-12-05 16:30"), "XNYS does not trade on 2018-12-05"),  # day of mourning
        (at("2018-11-21 13:30"), "XNYS is open until 21:00 UTC"),
        (at("2019-01-02 16:30"), "the embedded source ends with 2018-12-31"),
    ],
)
def test_a_tick_without_a_run_says_why(when, why):
    assert why in tick(when).skip_message


def test_the_tick_moves_with_daylight_saving():
    # 2018-03-11: half past four in New York was 21:30 UTC on Friday and is 20:30 UTC on Monday.
    assert requested(datetime(2018, 3, 9, 21, 30, tzinfo=UTC)) == "2018-03-09"
    assert requested(datetime(2018, 3, 12, 20, 30, tzinfo=UTC)) == "2018-03-12"
    assert requested(datetime(2018, 3, 9, 20, 30, tzinfo=UTC)) is None


def test_every_session_of_a_year_is_run_exactly_once():
    """Drive the schedule by its own cron expressions in its own zone, across both changes of daylight saving."""
    from dagster._utils.schedules import schedule_execution_time_iterator

    start, end = datetime(2018, 1, 1, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC)
    keys = []
    ticks = schedule_execution_time_iterator(
        start.timestamp(), nightly_schedule.cron_schedule, nightly_schedule.execution_timezone, ascending=True
    )
    for moment in ticks:
        if moment >= end:
            break
        answer = tick(moment)
        if isinstance(answer, dg.RunRequest):
            closed = calendar().close_at(datetime.fromisoformat(answer.partition_key).date())
            assert closed <= moment
            keys.append(answer.run_key)

    sessions = [day.isoformat() for day in calendar().sessions(start.date(), datetime(2018, 12, 31, tzinfo=UTC).date())]
    assert sorted(set(keys)) == sessions


def test_partitions_are_the_sessions_of_the_exchange():
    partitions = defs.resolve_job_def("nightly").partitions_def
    keys = partitions.get_partition_keys(current_time=datetime(2026, 1, 1, tzinfo=UTC))

    expected = calendar().sessions(datetime(2018, 1, 2, tzinfo=UTC).date(), datetime(2025, 12, 31, tzinfo=UTC).date())
    assert keys == [day.isoformat() for day in expected]


def test_cost_is_rolled_up_every_morning():
    assert (finops_schedule.cron_schedule, finops_schedule.job_name) == ("0 6 * * *", "finops_rollup")
    assert (savings_schedule.cron_schedule, savings_schedule.job_name) == ("30 6 * * 1", "finops_weekly")
