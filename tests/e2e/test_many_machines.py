"""Runs, events and trials in Postgres, tables in a bucket: the same results as on one machine, and the same upkeep."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import dagster as dg
import pytest
from moto.server import ThreadedMotoServer

from tests.conftest import ROOT
from tradepulse.backtest.tracking import EXPERIMENT, Tracking
from tradepulse.core.tables.base import content_hash
from tradepulse.warehouse.lake import Lake
from tradepulse_assets.instance import prune

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []
pytestmark = [
    pytest.mark.slow,
    pytest.mark.e2e,
    pytest.mark.skipif(not PROGRAMS, reason="no Postgres here: apt-get install postgresql"),
]
#: Postgres refuses to run as root.
AS_USER = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A cluster of our own on loopback, with a database for Dagster and one for MLflow; its address."""
    folder = Path("/tmp") / f"tradepulse-postgres-{os.getpid()}"
    folder.mkdir()
    if AS_USER:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def program(name, *arguments):
        command = [*AS_USER, PROGRAMS[-1] / name, *arguments]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=60)

    try:
        program("initdb", "-D", folder / "data", "-A", "trust", "-U", "tradepulse")
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        program("pg_ctl", "-D", folder / "data", "-o", settings, "-l", folder / "log", "-w", "start")
        for name in ("dagster", "mlflow"):
            program("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "tradepulse", name)
        yield f"postgresql://tradepulse:planted-c4e1@127.0.0.1:{port}"
    finally:
        subprocess.run(
            [*AS_USER, PROGRAMS[-1] / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop"],
            cwd=folder,
            check=False,
        )
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bucket(monkeypatch):
    """An object store on loopback; the URI of a lake in it."""
    for name, value in (("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing"),
                        ("AWS_EC2_METADATA_DISABLED", "true")):  # fmt: skip
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "{}:{}".format(*server.get_host_and_port())
    boto3.client("s3", endpoint_url=f"http://{address}", region_name="us-east-1").create_bucket(Bucket="tradepulse")
    yield f"s3://tradepulse/lake?region=us-east-1&scheme=http&endpoint_override={address}"
    server.stop()


def contents(lake, name):
    frame = lake.read(name, model="bars" if name == "bars_history" else None)
    return content_hash(frame.drop(columns=["run_id", "mlflow_run_id"], errors="ignore"))


def test_research_comes_to_what_it_comes_to_on_one_machine(database, bucket, whole_run, tmp_path):
    home = tmp_path / "var"
    places = {
        "TRADEPULSE_HOME": str(home), "TRADEPULSE_REPORTS": str(tmp_path / "reports"),
        "DAGSTER_HOME": str(home / "dagster"), "TRADEPULSE_POSTGRES_URL": f"{database}/dagster",
        "TRADEPULSE_MLFLOW_URI": f"{database}/mlflow", "TRADEPULSE_LAKE_URI": bucket,
    }  # fmt: skip
    environment = {**os.environ, **places}
    subprocess.run(
        [sys.executable, "-m", "tradepulse_jobs.line", "--prepare"], cwd=ROOT, env=environment, check=True, timeout=120
    )
    dagster = Path(sys.executable).with_name("dagster")
    command = [dagster, "job", "execute", "-m", "tradepulse_jobs.definitions", "-j"]
    jobs = [
        subprocess.Popen([*command, job], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True)
        for job in ("research", "golden_regression")
    ]  # fmt: skip
    said = [job.communicate(timeout=280)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], [text[-2000:] for text in said]

    # What was made is the same to the last cell, whoever asked.
    for name in ("bars_history", "golden_values", "trials", "stress"):
        assert contents(Lake(bucket), name) == contents(Lake(whole_run.home / "lake"), name)
    # Nothing of it is in files: neither tables nor runs nor trials.
    assert [path for suffix in ("db", "parquet") for path in home.rglob(f"*.{suffix}")] == []
    assert "planted-c4e1" not in (home / "dagster" / "dagster.yaml").read_text()
    client = Tracking(home / "mlflow", f"{database}/mlflow").client()
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    assert len(client.search_runs([experiment], max_results=500)) >= 65

    os.environ["TRADEPULSE_POSTGRES_URL"] = f"{database}/dagster"
    try:
        with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
            assert [run.status.value for run in instance.get_runs()] == ["SUCCESS"] * 2
            key = dg.AssetKey("trials")
            before = [record.asset_materialization for record in instance.fetch_materializations(key, limit=9).records]
            runs, removed = prune(instance, time.time() + 1)
            assert (runs, removed > 20) == (2, True)
            after = [record.asset_materialization for record in instance.fetch_materializations(key, limit=9).records]
            assert after == before
            assert len(before) == 1
            assert prune(instance, time.time() + 1) == (0, 0)
    finally:
        del os.environ["TRADEPULSE_POSTGRES_URL"]
    for path in [*home.rglob("*"), *(tmp_path / "reports").rglob("*")]:
        assert not path.is_file() or b"planted-c4e1" not in path.read_bytes(), path
