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
#: Where a person opens Dagster and MLflow, for the links between them: ``make ui`` and ``make mlflow`` by default.
DAGSTER_PAGE = os.environ.get("TRADEPULSE_DAGSTER_PAGE") or "http://127.0.0.1:3000"
MLFLOW_PAGE = os.environ.get("TRADEPULSE_MLFLOW_PAGE") or "http://127.0.0.1:5000"

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
            dagster_page=DAGSTER_PAGE,
            mlflow_page=MLFLOW_PAGE,
        ),
        "pipes_subprocess": dg.PipesSubprocessClient(),
    }
