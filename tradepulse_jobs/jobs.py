"""Jobs: the occasions on which assets are made.

A job that runs one session takes it as its partition. Started without one (``dagster job execute``, which has no
option for it), it runs for the newest session of the embedded source.
"""

import dagster as dg

from tradepulse_assets.partitions import SESSIONS
from tradepulse_jobs.resources import ENVIRONMENT, NEWEST_SESSION

_NEWEST = {"dagster/partition": NEWEST_SESSION.isoformat()}
#: Runs that trade wait for one another: see tag_concurrency_limits in deploy/dagster.yaml.
EXECUTION_LANE = {"tradepulse/lane": "execution"}


def _tags(team: str, strategy: str = "shared") -> dict[str, str]:
    """Return by whom and for what a run is, as the UI filters runs and the cost ledger attributes them."""
    return {"team": team, "strategy": strategy, "environment": ENVIRONMENT}


def _assets(*names: str) -> dg.AssetSelection:
    """Return assets with all their checks: a job that leaves the checks out also leaves out the gate."""
    return dg.AssetSelection.assets(*names)


_INGESTION = ("bars_history", "bars", "closes", "restatements")
_RESEARCH = ("golden_values", "indicators", "trials", "stress", "promotions")

ingest = dg.define_asset_job(
    "ingest",
    _assets(*_INGESTION),
    partitions_def=SESSIONS,
    description="Vendor files into bars and closes: one session, any earlier one that is missing, and restatements.",
    tags={**_tags("data"), **_NEWEST},
)
research = dg.define_asset_job(
    "research",
    _assets("bars_history", *_RESEARCH),
    description="Sweep, stress and promotion on the closed years, behind the golden regression.",
    tags=_tags("research"),
)
golden_regression = dg.define_asset_job(
    "golden_regression",
    _assets("golden_values"),
    description="Indicators, a backtest, settlement and costs against their golden values. What CI runs.",
    tags=_tags("quality"),
)
nightly = dg.define_asset_job(
    "nightly",
    _assets(*_INGESTION, *_RESEARCH, "signals", "released_signals"),
    partitions_def=SESSIONS,
    description="The whole chain for one session, from the vendor's file to released signals.",
    # A night is everybody's: each asset says by itself whose its cost is.
    tags={"environment": ENVIRONMENT, **_NEWEST},
)
execute_signals = dg.define_asset_job(
    "execute_signals",
    _assets("order_journal", "orders", "fills", "positions", "settlement"),
    partitions_def=SESSIONS,
    description="Released signals of one session into orders, fills, positions and settlement.",
    tags={**_tags("trading", "champion"), **EXECUTION_LANE, **_NEWEST},
)
finops_rollup = dg.define_asset_job(
    "finops_rollup",
    _assets("usage", "costs", "daily_costs", "cost_page"),
    description="What every step so far has cost, by day, team, strategy and environment; who has to know is told.",
    tags=_tags("finops"),
)
finops_weekly = dg.define_asset_job(
    "finops_weekly",
    _assets("usage", "costs", "daily_costs", "recommendations"),
    description="The week's cost, and what could cost less, with its evidence.",
    tags=_tags("finops"),
)
release = dg.define_asset_job(
    "release",
    _assets("sbom"),
    description="What ships with a version: the software bill of materials.",
    tags=_tags("platform"),
)

maintenance = dg.define_asset_job(
    "maintenance",
    _assets("event_log"),
    description="Keeps Dagster's event log small: of old runs only what they made, found and failed at stays.",
    tags=_tags("platform"),
)

JOBS = (
    nightly,
    ingest,
    research,
    golden_regression,
    execute_signals,
    finops_rollup,
    finops_weekly,
    release,
    maintenance,
)
