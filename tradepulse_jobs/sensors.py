"""Sensors: what happens because something else did."""

from collections.abc import Sequence

import dagster as dg

from tradepulse_jobs.jobs import execute_signals

GATE = dg.AssetKey("released_signals")
#: Materializations read per tick; the rest is read on the next.
PAGE = 50


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


def run_requests(records: Sequence[dg.EventLogRecord]) -> list[dg.RunRequest]:
    """Return one request per partition and data version of released signals, in the order of release."""
    requests = {}
    for record in records:
        released = record.asset_materialization
        if released is None or released.partition is None:
            continue  # made by hand without a partition: there is no session to execute
        version = (released.tags or {}).get("dagster/data_version", record.run_id)
        key = f"{released.partition}:{version}"
        requests[key] = dg.RunRequest(run_key=key, partition_key=released.partition, tags={"data_version": version})
    return list(requests.values())
