"""Many runs at once on one instance, one of them killed: nothing is locked, torn or lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tradepulse.core.tables.base import content_hash
from tradepulse_jobs.sensors import stuck_runs_sensor

# Never beside the whole run, which has to end in time.
pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.xdist_group("whole_run")]
SESSIONS = [f"2018-12-{day:02}" for day in (3, 4, 6, 7, 10, 11, 12, 13)]


def started(session, home, reports):
    places = {"TRADEPULSE_HOME": str(home), "TRADEPULSE_REPORTS": str(reports), "DAGSTER_HOME": str(home / "dagster")}
    dagster = Path(sys.executable).with_name("dagster")
    tags = json.dumps({"dagster/partition": session})
    return subprocess.Popen(
        [dagster, "job", "execute", "-m", "tradepulse_jobs.definitions", "-j", "ingest", "--tags", tags], cwd=ROOT,
        env={**os.environ, **places}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def prepared(home, times=1):
    """As ``make ui`` does first: so many processes at once make the instance."""
    command, places = [sys.executable, "-m", "tradepulse_jobs.line", "--prepare"], {"TRADEPULSE_HOME": str(home)}
    made = [subprocess.Popen(command, cwd=ROOT, env={**os.environ, **places}) for _ in range(times)]
    assert [one.wait(120) for one in made] == [0] * times


def contents(home):
    tables = ("bars", "closes", "bars_history")
    files = [path for name in tables for path in (home / "lake" / name).glob("[!.]*.parquet")]
    assert len(files) > 200
    return {f"{path.parent.name}/{path.name}": content_hash(pd.read_parquet(path)) for path in files}


@pytest.mark.parametrize("many", [4, pytest.param(8, marks=pytest.mark.long)])
def test_many_runs_at_once_one_of_them_killed(tmp_path, many):
    sessions = SESSIONS[-many:]
    home, reports = tmp_path / "var", tmp_path / "reports"
    prepared(home, times=4)
    runs = {session: started(session, home, reports) for session in sessions}
    victim = runs[sessions[1]]
    until = time.monotonic() + 120
    while not any(json.loads(p.read_text())["pid"] == victim.pid for p in (home / "usage" / "alive").glob("*.json")):
        assert time.monotonic() < until
        assert victim.poll() is None, victim.communicate()[0][-2000:]
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    said = {session: run.communicate(timeout=280)[0] for session, run in runs.items()}

    wrong = {session: said[session][-2000:] for session, run in runs.items() if run.returncode and run is not victim}
    assert wrong == {}
    assert victim.returncode == -signal.SIGKILL
    assert [session for session, text in said.items() if "database is locked" in text] == []
    # Every file is whole, whoever was writing when it was killed.
    for path in (home / "lake").glob("*/[!.]*.parquet"):
        pq.ParquetFile(path).read()

    # The run that nobody works on any more is ended, and run again it leaves what one run alone leaves.
    from tradepulse_assets.home import Home

    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        with dg.build_sensor_context(instance=instance) as context:
            ended = stuck_runs_sensor(context, home=Home(folder=str(home), reports_folder=str(reports)))
        statuses = sorted(str(run.status.value) for run in instance.get_runs())
    assert ended.skip_message.startswith("ended 1: ")
    assert statuses == ["FAILURE", *["SUCCESS"] * (many - 1)]
    assert started(sessions[1], home, reports).wait(120) == 0
    alone = tmp_path / "alone"
    prepared(alone)
    assert started(SESSIONS[-1], alone, tmp_path / "more").wait(120) == 0
    assert contents(home) == contents(alone)
