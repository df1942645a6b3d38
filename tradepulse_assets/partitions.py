"""Partitions: one per session of the exchange."""

from datetime import UTC, date, datetime, time

import dagster as dg

from tradepulse.core.sessions import calendar

#: First session ingested by itself. What lies before it is bulk history, one partition of the lake per year: Dagster
#: takes 11 ms to log a materialization to SQLite, a minute for twenty years of sessions, and nobody re-runs 1999.
FIRST_SESSION = date(2018, 1, 2)

SESSIONS = dg.TimeWindowPartitionsDefinition(
    start=FIRST_SESSION.isoformat(),
    fmt="%Y-%m-%d",
    cron_schedule="0 0 * * 1-5",
    timezone="UTC",
    exclusions=[datetime.combine(day, time(), UTC) for day in calendar().holidays if day >= FIRST_SESSION],
)
