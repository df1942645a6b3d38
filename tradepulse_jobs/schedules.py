"""Schedules: what happens because it is time."""

import dagster as dg

from tradepulse.core.sessions import calendar
from tradepulse_jobs.jobs import finops_rollup, finops_weekly, maintenance, nightly
from tradepulse_jobs.resources import NEWEST_SESSION


@dg.schedule(
    job=nightly,
    # Half an hour after a half day's close and after a whole day's, exchange time.
    cron_schedule=["30 13 * * 1-5", "30 16 * * 1-5"],
    execution_timezone=str(calendar().zone),
    description="The whole chain after each session's close, by the exchange's own calendar.",
)
def nightly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Request the nightly run of the session that has just closed, once; say why when there is none."""
    exchange = calendar()
    now = context.scheduled_execution_time
    today = now.astimezone(exchange.zone).date()
    if not exchange.is_session(today):
        return dg.SkipReason(f"{exchange.name} does not trade on {today}")
    if exchange.close_at(today) > now:
        return dg.SkipReason(f"{exchange.name} is open until {exchange.close_at(today):%H:%M} UTC")
    if today > NEWEST_SESSION:
        return dg.SkipReason(f"the embedded source ends with {NEWEST_SESSION}; configure a live one for {today}")
    return dg.RunRequest(run_key=today.isoformat(), partition_key=today.isoformat())


finops_schedule = dg.ScheduleDefinition(
    job=finops_rollup,
    cron_schedule="0 6 * * *",
    execution_timezone="UTC",
    description="Yesterday's cost, before anyone asks.",
)

savings_schedule = dg.ScheduleDefinition(
    job=finops_weekly,
    cron_schedule="30 6 * * 1",
    execution_timezone="UTC",
    description="What could cost less, every Monday.",
)

maintenance_schedule = dg.ScheduleDefinition(
    job=maintenance,
    cron_schedule="0 3 * * 0",
    execution_timezone="UTC",
    description="Every Sunday night, when no exchange is open.",
)
