"""Everything Dagster loads: ``dagster job execute -m tradepulse_jobs.definitions -j NAME``."""

import warnings

import dagster as dg

# Single-run backfills are beta and say so on every load; docs/decisions/0002 says why we use them.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
# nightly holds assets that take a range in one run (bars) and assets that take one session (signals). It runs one.
warnings.filterwarnings("ignore", message="Asset job nightly materializes assets with varying BackfillPolicies")

from tradepulse_assets import catalogue, execution, finops, golden, indicators, ingestion, release, research  # noqa: E402  after the filter
from tradepulse_jobs.jobs import JOBS  # noqa: E402
from tradepulse_jobs.progress import quiet_logger  # noqa: E402
from tradepulse_jobs.resources import ENVIRONMENT, resources  # noqa: E402
from tradepulse_jobs.schedules import finops_schedule, nightly_schedule, savings_schedule  # noqa: E402
from tradepulse_jobs.sensors import failed_runs_sensor, release_audit_sensor, released_signals_sensor  # noqa: E402

MODULES = [ingestion, golden, indicators, research, execution, finops, release, catalogue]

defs = dg.Definitions(
    assets=[
        asset.map_asset_specs(lambda spec: spec.merge_attributes(tags={"environment": ENVIRONMENT}))
        for asset in dg.load_assets_from_modules(MODULES)
        if isinstance(asset, dg.AssetsDefinition)
    ],
    asset_checks=dg.load_asset_checks_from_modules(MODULES),
    jobs=JOBS,
    schedules=[nightly_schedule, finops_schedule, savings_schedule],
    sensors=[released_signals_sensor, failed_runs_sensor, release_audit_sensor],
    resources=resources(),
    loggers={"console": dg.colored_console_logger, "quiet": quiet_logger},
    # In one process: fifteen small assets take a second, where a process per step takes half a minute.
    executor=dg.in_process_executor,
)
