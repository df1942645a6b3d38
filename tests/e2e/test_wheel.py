"""The wheel, installed into an empty environment and used from an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_what_is_read_at_run_time(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    for needed in (
        "tradepulse/py.typed", "tradepulse_assets/py.typed", "tradepulse_jobs/py.typed",
        "tradepulse/finops/prices.yaml", "tradepulse/backtest/configs/dotcom_crash.yaml",
        "tradepulse_assets/column_schemas.json", "tradepulse/shipped/expectations/bars.json",
        "tradepulse/shipped/data/golden/sma/v1/expected.csv", "tradepulse/shipped/deploy/dagster.yaml",
    ):  # fmt: skip
        assert needed in names
    metadata = next(name for name in names if name.endswith("METADATA"))
    assert "# TradePulse" in zipfile.ZipFile(wheel).read(metadata).decode()
    assert not [name for name in names if name.startswith(("tests", "var", "scripts", "docs"))]


def test_it_works_in_an_empty_environment(wheel, tmp_path):
    uv = Path(sys.executable).with_name("uv")
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}

    def run(*command):
        done = subprocess.run(
            [*map(str, command)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run(uv, "venv", "--quiet", "--python", sys.executable, "env")
    python, bin_ = tmp_path / "env" / "bin" / "python", tmp_path / "env" / "bin"
    run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, ROOT / "requirements.lock")
    run(uv, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel)

    assert run(bin_ / "tradepulse_cli", "--version").startswith("tradepulse_cli, version 0.")
    assert "all match" in run(bin_ / "tradepulse_cli", "golden", "compare")
    assert "donchian" in run(bin_ / "tradepulse_cli", "plugins", "list")
    run(bin_ / "dagster", "job", "execute", "-m", "tradepulse_jobs.definitions", "-j", "golden_regression")
    assert str(tmp_path) in run(python, "-c", "import tradepulse; print(tradepulse.__file__)")
