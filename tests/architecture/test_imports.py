"""What is imported where, and how long the order path takes to start."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT


def test_imports_point_one_way():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert "Contracts: 4 kept, 0 broken." in done.stdout


def test_the_order_path_imports_neither_dagster_nor_pandas():
    modules = "tradepulse.execution.__main__, tradepulse.execution.engine"
    code = f"import sys, {modules}; print(sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    for heavy in ("dagster", "pandas", "numpy", "pandera", "pyarrow", "duckdb", "yaml", "click"):
        assert f"'{heavy}'" not in loaded


def test_the_order_path_starts_in_six_tenths_of_a_second():
    """The fastest of five starts: this machine may be busy, the promise is about the program."""
    command = [sys.executable, "-m", "tradepulse.execution", "--help"]
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)

    assert min(seconds) < 0.6


PACKAGES = ("tradepulse", "tradepulse_assets", "tradepulse_jobs")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_there_is_no_drawer_for_what_has_no_place():
    assert {path.stem for path in FILES} & {"utils", "common", "helpers", "managers", "misc"} == set()


def test_only_resources_read_the_environment_of_the_pipeline():
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in FILES}
    readers = [name for name, text in texts.items() if "os.environ" in text.replace("os.environ.setdefault", "")]

    # The order path looks whether Dagster's Pipes started it, and whether it may run compiled; syft is given the
    # environment it needs; line sets DAGSTER_HOME for the Dagster that it then uses. A plug-in's probation is given
    # ours, and looks whether it stays. The channels of alerts, a database's URI and a broker's keys are secrets, and
    # what a resource is configured with is stored.
    assert readers == [
        "tradepulse/core/plugins.py",
        "tradepulse/core/probation.py",
        "tradepulse/execution/__init__.py",
        "tradepulse/execution/__main__.py",
        "tradepulse/execution/brokers/alpaca.py",
        "tradepulse/execution/brokers/ccxt.py",
        "tradepulse/finops/alerts.py",
        "tradepulse/release/sbom.py",
        "tradepulse_assets/home.py",
        "tradepulse_jobs/line.py",
        "tradepulse_jobs/resources.py",
    ]


def test_only_the_warehouse_speaks_sql():
    speakers = {p.parent.name for p in FILES if any(word in p.read_text() for word in ("SELECT ", "duckdb.connect"))}

    assert speakers == {"warehouse"}
