"""``make run``, from the outside."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import make_run
from tradepulse.core.tables.base import content_hash
from tradepulse.warehouse.lake import Lake

pytestmark = pytest.mark.e2e


def test_it_shows_progress_and_ends_with_a_summary_and_a_report(whole_run):
    output = whole_run.output

    for part in ("1/6 golden", "2/6 ingestion", "3/6 research", "4/6 signals", "5/6 execution", "6/6 cost"):
        assert part in output
    assert re.search(r"  checks +(\d+) of \1 passed\n", output)
    for line in ("bars", "best strategy", "stress", "orders", "fills", "settlement", "cost so far"):
        assert re.search(rf"^  {line} +\S", output, re.MULTILINE), line
    report = re.search(r"Report: (\S+)", output).group(1)
    assert report == str(whole_run.reports / "run" / "index.html")


def test_it_writes_state_nowhere_else(whole_run):
    assert {path.name for path in whole_run.home.iterdir()} == {"dagster", "execution", "lake", "mlflow", "usage"}
    assert {path.name for path in whole_run.reports.iterdir()} == {
        "data_quality", "finops", "research", "run",
    }  # fmt: skip


def test_a_second_run_is_incremental_and_changes_nothing(whole_run, tmp_path):
    shutil.copytree(whole_run.home.parent, tmp_path / "again")
    lake = Lake(tmp_path / "again" / "var" / "lake")
    tables = (
        "bars_history",
        "bars",
        "closes",
        "indicators",
        "trials",
        "promotions",
        "released_signals",
        "orders",
        "fills",
    )
    models = {"bars_history": "bars", "released_signals": "signals"}

    def hashes():
        return {name: content_hash(lake.read(name, model=models.get(name))) for name in tables}

    before = hashes()

    done = make_run(tmp_path / "again")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4/6 signals: 0 of 23 sessions to release" in done.stdout
    assert "5/6 execution: 0 of 23 released sessions to execute" in done.stdout
    assert hashes() == before
    journal = tmp_path / "again" / "var" / "execution" / "paper" / "orders.journal"
    assert journal.read_bytes() == (whole_run.home / "execution" / "paper" / "orders.journal").read_bytes()


def test_a_broken_indicator_stops_it_with_one_line(broken_checkout, tmp_path):
    environment = {
        **os.environ,
        "TRADEPULSE_HOME": str(tmp_path / "var"),
        "TRADEPULSE_REPORTS": str(tmp_path / "reports"),
    }
    command = [sys.executable, "-m", "tradepulse_jobs.line"]

    done = subprocess.run(command, cwd=broken_checkout, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert (
        "Stopped: check golden_values_match of golden_values failed: sma.sma: largest relative difference 1.0e-03"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "var" / "lake" / "bars").exists()


def test_sessions_outside_the_calendar_are_refused_in_one_line(tmp_path):
    environment = {**os.environ, "TRADEPULSE_HOME": str(tmp_path / "var")}
    command = [sys.executable, "-m", "tradepulse_jobs.line", "--paper-start", "2030-01-01", "--paper-end", "2030-02-01"]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "Stopped: 2030-01-01 lies outside the XNYS calendar" in done.stderr
