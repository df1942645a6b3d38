"""The folder that holds all state of one instance, as a Dagster resource."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from tradepulse.finops.usage import STORAGE, UNTAGGED, Meter, Tags, UsageLog
from tradepulse.warehouse.lake import Lake
from tradepulse.warehouse.store import sizes

if TYPE_CHECKING:
    from tradepulse.backtest.research import Ask
    from tradepulse.backtest.tracking import Tracking
    from tradepulse.ingestion.arch import ArchSource

#: The book that paper trading runs on.
BOOK = "paper"
#: Who pays for what a folder holds that is not the lake.
_HELD_BY = {"dagster": "platform", "execution": "trading", "mlflow": "research", "usage": "finops"}


class Home(dg.ConfigurableResource):  # type: ignore[type-arg]  # dagster's own examples leave the parameter out
    """Where an instance keeps its state, and what it is called when its cost is attributed."""

    folder: str
    reports_folder: str
    environment: str = "local"
    #: Bucket that the lake is in, where it is not in the folder.
    lake_uri: str = ""
    #: Head of the Ray cluster that sweeps are asked on, where it is not this machine.
    ray_address: str = ""
    #: Where a person opens Dagster and MLflow: for links between the two.
    dagster_page: str = "http://127.0.0.1:3000"
    mlflow_page: str = "http://127.0.0.1:5000"
    #: Name of the environment variable that holds the MLflow store's URI: what it holds may be a secret.
    mlflow_uri_from: str = "TRADEPULSE_MLFLOW_URI"

    @cached_property
    def lake(self) -> Lake:
        """The Parquet lake."""
        return Lake(self.lake_uri or Path(self.folder) / "lake")

    @cached_property
    def usage(self) -> UsageLog:
        """What every step consumed."""
        return UsageLog(Path(self.folder) / "usage")

    @property
    def tracking(self) -> "Tracking":
        """The MLflow store."""
        from tradepulse.backtest.tracking import Tracking

        return Tracking(
            Path(self.folder) / "mlflow", os.environ.get(self.mlflow_uri_from, ""), self.dagster_page.rstrip("/")
        )

    @property
    def ask(self) -> "Ask":
        """What asks the questions of a sweep: this machine, or a cluster."""
        from tradepulse.backtest.fanout import Cluster
        from tradepulse.backtest.research import sweep

        return Cluster(self.ray_address, self.usage.elsewhere).sweep if self.ray_address else sweep

    @property
    def source(self) -> "ArchSource":
        """The vendor that sessions are ingested from."""
        from tradepulse.ingestion.arch import ArchSource

        return ArchSource()

    @property
    def reports(self) -> Path:
        """Where pages for people are written."""
        return Path(self.reports_folder)

    @property
    def book(self) -> Path:
        """Folder of the paper-trading book."""
        return Path(self.folder) / "execution" / BOOK

    def meter_storage(self) -> None:
        """Meter what the instance holds: each table for the team whose step wrote it, what is not a table by folder."""
        from datetime import UTC, datetime

        makers, root = self.usage.makers(), Path(self.folder)
        held = [(name, *makers.get(name, (UNTAGGED, "shared")), self.lake.sizes(name)) for name in self.lake.tables()]
        # A folder of the instance may be called as a table is: usage.
        others = [(f"home/{name}", team, "shared", sizes(root / name)) for name, team in _HELD_BY.items()]
        self.usage.hold(
            [
                (Tags(STORAGE, name, "", team, strategy, self.environment), files)
                for name, team, strategy, files in [
                    *held,
                    *others,
                    ("reports", "platform", "shared", sizes(self.reports)),
                ]
            ],
            datetime.now(UTC),
        )

    @contextmanager
    def metered(
        self, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, step: str, tags: dict[str, str]
    ) -> Iterator[Meter]:
        """Measure a step and attribute it; a run's own tags come before those of the asset."""
        run = context.run
        who = {
            key: run.tags.get(key) or tags.get(key, default)
            for key, default in (("team", UNTAGGED), ("strategy", "shared"))
        }
        partition = run.tags.get("dagster/partition", "")
        about = {"job": run.job_name, "user": run.tags.get("user", ""), "trial_id": run.tags.get("trial_id", "")}
        made = Tags(run.run_id, step, partition, environment=self.environment, **who, **about)
        with self.usage.metered(made, self.lake) as meter:
            yield meter
