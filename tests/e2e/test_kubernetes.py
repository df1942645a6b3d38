"""The values for Dagster's chart: the same rules as on one machine, and runs that Dagster's own launcher starts."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
import yaml

from tests.conftest import ROOT
from tests.e2e.kubernetes import Kubernetes
from tradepulse.warehouse.lake import Lake

VALUES = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "values.yaml").read_text())
ONE_MACHINE = yaml.safe_load((ROOT / "deploy" / "dagster.yaml").read_text())
DEPLOYMENT = VALUES["dagster-user-deployments"]["deployments"][0]
LAUNCHER = VALUES["runLauncher"]["config"]["k8sRunLauncher"]


def snake(text):
    return re.sub(r"(?<!^)([A-Z])", r"_\1", text).lower()


def test_the_values_have_the_rules_of_one_machine():
    coordinator = VALUES["dagsterDaemon"]["runCoordinator"]
    queue = coordinator["config"]["queuedRunCoordinator"]
    assert coordinator["type"] == ONE_MACHINE["run_coordinator"]["class"]
    assert queue["tagConcurrencyLimits"] == ONE_MACHINE["run_coordinator"]["config"]["tag_concurrency_limits"]
    monitoring = {snake(key): value for key, value in VALUES["dagsterDaemon"]["runMonitoring"].items()}
    assert monitoring["enabled"] is ONE_MACHINE["run_monitoring"]["enabled"] is True
    assert monitoring["max_runtime_seconds"] == ONE_MACHINE["run_monitoring"]["max_runtime_seconds"]
    for kind in ("schedule", "sensor"):
        assert VALUES["retention"][kind]["purgeAfterDays"] == ONE_MACHINE["retention"][kind]["purge_after_days"]
    assert VALUES["telemetry"] == ONE_MACHINE["telemetry"]


def test_deployment_and_runs_have_one_image_and_one_folder():
    assert LAUNCHER["image"] == DEPLOYMENT["image"]
    assert LAUNCHER["volumeMounts"] == DEPLOYMENT["volumeMounts"]
    assert DEPLOYMENT["env"]["TRADEPULSE_HOME"] == LAUNCHER["volumeMounts"][0]["mountPath"]
    read = (ROOT / "tradepulse_jobs" / "resources.py").read_text()
    assert [name for name in DEPLOYMENT["env"] if f'"{name}"' not in read] == []


def test_the_image_is_made_of_what_is_there():
    text = (ROOT / "deploy" / "kubernetes" / "Dockerfile").read_text()
    assert "make setup" in text
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {"var", "reports", ".venv"} <= set(ignored)
    assert not {"Makefile", "requirements.lock", "pyproject.toml", "README.md", "LICENSE", "deploy"} & set(ignored)


@pytest.fixture
def cluster(tmp_path):
    secrets = {"tradepulse-addresses": {}}
    with Kubernetes(tmp_path, secrets, {"deployment": DEPLOYMENT["env"]}, {"/var/lib/tradepulse": tmp_path}) as cluster:
        yield cluster


def launch(job, cluster, folder):
    """Launch a job as the queue would, through the launcher that the chart configures; return the run."""
    home = folder / "dagster"
    home.mkdir(exist_ok=True)
    # What the chart writes of the values: names in Dagster's spelling, and the addresses of the pod it runs in.
    config = {snake(key): value for key, value in LAUNCHER.items() if key not in ("image", "runK8sConfig")}
    config |= {
        "job_image": "{repository}:{tag}".format(**LAUNCHER["image"]),
        "run_k8s_config": {snake(key): value for key, value in LAUNCHER["runK8sConfig"].items()},
        "env_secrets": [secret["name"] for secret in LAUNCHER["envSecrets"]],
        "env_config_maps": ["deployment"], "service_account_name": "dagster", "instance_config_map": "dagster-instance",
        "dagster_home": str(home), "job_namespace": "trading",
        # Outside of a cluster it is found by a file.
        "load_incluster_config": False, "kubeconfig_file": str(cluster.kubeconfig),
    }  # fmt: skip
    launcher = {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": config}
    at_once = {"module": "dagster.core.run_coordinator", "class": "DefaultRunCoordinator"}  # there is no daemon here
    instance = {"telemetry": {"enabled": False}, "run_launcher": launcher, "run_coordinator": at_once}
    (home / "dagster.yaml").write_text(yaml.safe_dump(instance))
    dagster = Path(sys.executable).with_name("dagster")
    subprocess.run(
        [dagster, "job", "launch", "-m", "tradepulse_jobs.definitions", "-j", job], cwd=ROOT, check=True,
        env={**os.environ, "DAGSTER_HOME": str(home)}, capture_output=True, timeout=120,
    )  # fmt: skip
    with dg.DagsterInstance.from_config(str(home)) as instance:
        [record] = instance.get_run_records(limit=1)
        until = time.monotonic() + 90
        while not (run := instance.get_run_by_id(record.dagster_run.run_id)).is_finished:
            assert time.monotonic() < until, [path.read_text()[-2000:] for path in folder.glob("*.log")]
            time.sleep(0.5)
        [pod] = cluster.pods.values()
        pod.wait(60)
        health = instance.run_launcher.check_run_worker_health(run).status.value
        return run, health


@pytest.mark.slow
@pytest.mark.e2e
def test_a_run_is_a_job_of_the_cluster_and_makes_what_it_makes_here(cluster, tmp_path, whole_run):
    run, health = launch("golden_regression", cluster, tmp_path)

    assert (run.status.value, health) == ("SUCCESS", "SUCCESS")
    [job] = cluster.jobs.values()
    pod = job["spec"]["template"]["spec"]
    assert (job["spec"]["backoffLimit"], pod["containers"][0]["image"]) == (0, "tradepulse:0.1.0")
    assert pod["securityContext"] == {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000}
    assert pod["containers"][0]["resources"]["limits"] == {"memory": "2Gi"}
    assert job["metadata"]["labels"]["dagster/run-id"] == run.run_id
    here, there = (Lake(home / "lake").read("golden_values") for home in (whole_run.home, tmp_path))
    assert there.equals(here)


@pytest.mark.slow
@pytest.mark.e2e
def test_a_run_that_fails_is_a_pod_that_failed(cluster, tmp_path):
    run, health = launch("execute_signals", cluster, tmp_path)

    assert (run.status.value, health) == ("FAILURE", "FAILED")
