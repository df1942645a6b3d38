"""Every command of the page on plug-ins, run as it stands, and what it says of the reason codes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ROOT
from tradepulse.core.plugins import CODES, KINDS

pytestmark = pytest.mark.xdist_group("plugin_tutorial")  # followed once, by one worker
PAGE = (ROOT / "docs" / "plugins.md").read_text()
BIN = Path(sys.executable).parent


def commands():
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A folder in which somebody has followed the page."""
    folder = tmp_path_factory.mktemp("tutorial")
    shell = {
        **os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "TRADEPULSE_CHECKOUT": str(ROOT),
        "TRADEPULSE_HOME": str(folder / "var"), "PYTHONPATH": "",
    }  # fmt: skip
    script, said = "set -e\n", []
    for number, command in enumerate(commands()):
        # Each in the folder and environment that the ones before have made.
        script += f"echo '--- {number}'\n" + (f"({command})\n" if command.startswith("cd ") else f"{command}\n")
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=shell, capture_output=True, text=True, timeout=240, check=False
    )
    said = re.split(r"^--- \d+$", done.stdout, flags=re.MULTILINE)[1:]
    assert done.returncode == 0, f"{commands()[len(said) - 1]}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return folder, dict(zip(commands(), said, strict=True)), shell


def output(followed, words):
    return next(said for command, said in followed[1].items() if words in command)


def test_the_page_has_commands():
    assert len(commands()) > 8


def test_the_wheel_conforms_and_is_used(followed):
    folder = followed[0]

    assert "tradepulse_example-1.0.0-py3-none-any.whl conforms" in output(followed, "plugins verify")
    assert re.search(r"early_month +1 +sessions=5 +tradepulse-example 1.0.0 +loaded", output(followed, "plugins list"))
    quoting = output(followed, "--kind quoting")
    assert re.search(r"step_inside +1 +size=0.01, most=0.05, step=0.01 +tradepulse-example 1.0.0 +loaded", quoting)
    values = pd.read_csv(folder / "ratio.csv")["efficiency_ratio"]
    assert values.isna().sum() == 20
    assert values.dropna().between(0, 1).all()
    summary = json.loads((folder / "result" / "summary.json").read_text())
    assert (summary["strategy"], summary["friction"]) == ("early_month@1", "large_orders@1")
    assert summary["n_round_trips"] == 23  # months that begin after the first bar, the last one's exit included


def test_the_friction_costs_what_it_says(followed):
    fills = pd.read_parquet(followed[0] / "result" / "fills.parquet")
    notional = fills["quantity"] * fills["price"]

    expected = (notional.clip(upper=1e5) + (notional - 1e5).clip(lower=0) / 2) / 10_000
    pd.testing.assert_series_equal(fills["commission"], expected, check_names=False)


def test_dagster_shows_it_without_an_edit(followed):
    folder, _, shell = followed
    code = (
        "from tradepulse_jobs.definitions import defs; "
        "print(sorted(s.key.to_user_string() for s in defs.resolve_all_asset_specs()))"
    )
    done = subprocess.run(
        [BIN / "python", "-c", code], cwd=folder, env={**shell, "PYTHONPATH": f"{folder}/site:{ROOT}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "'strategy_early_month'" in done.stdout
    assert "'indicator_efficiency_ratio'" in done.stdout


def test_the_page_names_every_kind_and_every_reason_code():
    assert [kind for kind in KINDS if f"`{kind}`" not in PAGE] == []
    assert [code for code in CODES if f"`{code}`" not in PAGE] == []
