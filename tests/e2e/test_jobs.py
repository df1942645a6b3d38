"""Each job as CI and the nightly engineer start it: ``dagster job execute``, with an honest exit code."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tradepulse.release.sbom import unlisted
from tradepulse.warehouse.lake import Lake

pytestmark = pytest.mark.e2e


def execute(job, folder, *, cwd=ROOT):
    places = {
        "TRADEPULSE_HOME": str(folder / "var"),
        "TRADEPULSE_REPORTS": str(folder / "reports"),
        "DAGSTER_HOME": str(folder / "var" / "dagster"),
    }
    dagster = Path(sys.executable).with_name("dagster")
    # The broken checkout comes before the installed package.
    environment = {**os.environ, **places, "PYTHONPATH": str(cwd)}
    Path(places["DAGSTER_HOME"]).mkdir(parents=True, exist_ok=True)
    command = [dagster, "job", "execute", "-m", "tradepulse_jobs.definitions", "-j", job]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=250, check=False)


def test_golden_regression_passes_and_says_so(tmp_path):
    done = execute("golden_regression", tmp_path)

    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "reports" / "data_quality" / "regressions" / "index.html").exists()


def test_golden_regression_of_a_broken_indicator_fails(tmp_path, broken_checkout):
    done = execute("golden_regression", tmp_path, cwd=broken_checkout)

    assert done.returncode != 0
    # Of 170 values each, 151 on four whole shapes, 1 + 104 + 5 between the gaps, 126 after the head.
    assert '"differing": 840' in (tmp_path / "reports" / "data_quality" / "regressions" / "verdict.json").read_text()


def test_nightly_of_a_broken_indicator_releases_nothing(tmp_path, broken_checkout):
    done = execute("nightly", tmp_path, cwd=broken_checkout)

    lake = Lake(tmp_path / "var" / "lake")
    assert done.returncode != 0
    assert lake.partitions("bars_history")
    for downstream in ("indicators", "trials", "promotions", "signals", "released_signals"):
        assert lake.partitions(downstream) == [], downstream


#: As few of the jobs as make what all of them make, but for one page of cost.
_SOME = ("nightly", "execute_signals", "finops_weekly", "release")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "jobs",
    [_SOME, pytest.param(("ingest", "research", *_SOME[:2], "finops_rollup", *_SOME[2:]), marks=pytest.mark.long)],
    ids=["some", "all"],
)
def test_jobs_run_on_a_used_instance(whole_run, tmp_path, jobs):
    """The whole chain by jobs alone, for the newest session, after a paper run that ended two months earlier."""
    shutil.copytree(whole_run.home, tmp_path / "var")
    lake = Lake(tmp_path / "var" / "lake")
    for job in jobs:
        done = execute(job, tmp_path)
        assert done.returncode == 0, f"{job}: {done.stderr[-3000:]}"

    assert lake.has("released_signals", "2018-12-31")
    assert lake.has("positions", "2018-12-31")
    assert lake.read("trials")["trial_id"].nunique() == 65
    document = json.loads((tmp_path / "reports" / "release" / "sbom.cdx.json").read_text())
    assert document["bomFormat"] == "CycloneDX"
    assert unlisted(document) == []


def test_signals_without_a_promotion_fail(tmp_path):
    done = execute("execute_signals", tmp_path)

    assert done.returncode != 0
    assert "has no released_signals for 2018-12-31" in done.stderr
