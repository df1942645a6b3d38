"""A home of its own for each test, and a way to materialize assets in it."""

import gzip
import shutil
from importlib.metadata import distribution
from pathlib import Path

import dagster as dg
import pytest

from tradepulse.ingestion.arch import ArchSource
from tradepulse_assets.home import Home
from tradepulse_jobs.definitions import defs


@pytest.fixture
def home(tmp_path):
    return Home(folder=str(tmp_path / "var"), reports_folder=str(tmp_path / "reports"), environment="test")


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def used(whole_run, tmp_path):
    """A copy of what ``make run`` left, and its instance."""
    shutil.copytree(whole_run.home, tmp_path / "used")
    home = Home(folder=str(tmp_path / "used"), reports_folder=str(tmp_path / "reports"), environment="test")
    with dg.DagsterInstance.from_config(str(tmp_path / "used" / "dagster")) as instance:
        yield home, instance, _maker(home, instance)


@pytest.fixture
def make(home, instance):
    """Materialize assets, with their checks, and return the result."""
    return _maker(home, instance)


def _maker(home, instance):
    def make(*names, partition=None, tags=None, config=None):
        job = dg.Definitions(
            assets=defs.assets,
            asset_checks=defs.asset_checks,
            jobs=[dg.define_asset_job("chosen", dg.AssetSelection.assets(*names))],
            resources={"home": home, "pipes_subprocess": dg.PipesSubprocessClient()},
            executor=dg.in_process_executor,
        ).resolve_job_def("chosen")
        return job.execute_in_process(
            instance=instance, partition_key=partition, tags=tags, run_config=config, raise_on_error=False
        )

    return make


@pytest.fixture
def vendor(tmp_path, monkeypatch):
    """Replace the embedded source by a copy of its files in which one line of one file reads otherwise."""
    folder = Path(shutil.copytree(str(distribution("arch").locate_file("arch/data")), tmp_path / "vendor"))
    monkeypatch.setattr(Home, "source", property(lambda _: ArchSource(folder, checksums=None)))

    def change(name, day, edit):
        path = folder / name / f"{name}.csv.gz"
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        at = next(n for n, line in enumerate(lines) if line.startswith(f"{day},"))
        cells = edit(dict(zip(lines[0].split(","), lines[at].split(","), strict=True)))
        lines[at : at + 1] = [] if cells is None else [",".join(map(str, cells.values()))]
        path.write_bytes(gzip.compress("\n".join(lines).encode()))

    return change


def checks(result):
    """Return whether each check passed, by name."""
    return {found.check_name: found.passed for found in result.get_asset_check_evaluations()}


def made(result):
    """Return the names of the assets that a run materialized, with their partitions."""
    return [
        (event.asset_key.to_user_string(), event.partition)
        for event in result.filter_events(lambda e: e.is_step_materialization)
    ]
