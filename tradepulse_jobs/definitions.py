"""Everything Dagster loads: ``dagster job execute -m tradepulse_jobs.definitions -j NAME``."""

import warnings

import dagster as dg

# Single-run backfills are beta and say so on every load; docs/decisions/0002 says why we use them.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
# nightly holds assets that take a range in one run (bars) and assets that take one session (signals). It runs one.
warnings.filterwarnings("ignore", message="Asset job nightly materializes assets with varying BackfillPolicies")

from tradepulse_assets import catalogue, execution, finops, golden, indicators, ingestion, instance, release, research  # noqa: E402  after the filter
from tradepulse_jobs.jobs import JOBS  # noqa: E402
from tradepulse_jobs.progress import quiet_logger  # noqa: E402
from tradepulse_jobs.resources import ENVIRONMENT, resources  # noqa: E402
from tradepulse_jobs.schedules import (  # noqa: E402
    finops_schedule,
    maintenance_schedule,
    nightly_schedule,
    savings_schedule,
)
from tradepulse_jobs.sensors import (  # noqa: E402
    audit_sensor,
    failed_runs_sensor,
    missed_nightly_sensor,
    released_signals_sensor,
    stuck_runs_sensor,
)

MODULES = [ingestion, golden, indicators, research, execution, finops, release, instance, catalogue]

defs = dg.Definitions(
    assets=[
        asset.map_asset_specs(lambda spec: spec.merge_attributes(tags={"environment": ENVIRONMENT}))
        for asset in dg.load_assets_from_modules(MODULES)
        if isinstance(asset, dg.AssetsDefinition)
    ],
    asset_checks=dg.load_asset_checks_from_modules(MODULES),
    jobs=JOBS,
    schedules=[nightly_schedule, finops_schedule, savings_schedule, maintenance_schedule],
    sensors=[released_signals_sensor, failed_runs_sensor, audit_sensor, missed_nightly_sensor, stuck_runs_sensor],
    resources=resources(),
    loggers={"console": dg.colored_console_logger, "quiet": quiet_logger},
    # In one process: fifteen small assets take a second, where a process per step takes half a minute.
    executor=dg.in_process_executor,
)
