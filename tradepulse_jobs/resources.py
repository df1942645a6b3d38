"""What jobs run with. The only file that reads the environment."""

import os
from datetime import date
from pathlib import Path

import dagster as dg

from tradepulse.ingestion.coverage import COVERAGE
from tradepulse_assets.home import Home

#: Folder of all state; ``var`` in the current folder by default.
HOME = Path(os.environ.get("TRADEPULSE_HOME") or "var").resolve()
#: Folder of the pages written for people; ``reports`` in the current folder by default.
REPORTS = Path(os.environ.get("TRADEPULSE_REPORTS") or "reports").resolve()
#: What runs here are attributed to, beside team and strategy.
ENVIRONMENT = os.environ.get("TRADEPULSE_ENVIRONMENT") or "local"
#: Bucket of the lake, such as ``s3://bucket/prefix``; in the folder of all state by default.
LAKE_URI = os.environ.get("TRADEPULSE_LAKE_URI") or ""
#: Head of the Ray cluster that sweeps are asked on, such as ``host:6379``; this machine by default.
RAY_ADDRESS = os.environ.get("TRADEPULSE_RAY_ADDRESS") or ""

#: Newest session that the embedded source has: what a job started without a partition runs for.
NEWEST_SESSION: date = COVERAGE["arch"][1]


def resources() -> dict[str, object]:
    """Return the resources of every job."""
    return {
        "home": Home(
            folder=str(HOME),
            reports_folder=str(REPORTS),
            environment=ENVIRONMENT,
            lake_uri=LAKE_URI,
            ray_address=RAY_ADDRESS,
        ),
        "pipes_subprocess": dg.PipesSubprocessClient(),
    }
