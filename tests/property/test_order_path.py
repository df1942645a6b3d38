"""The order path under any sequence of events; and bugs of the kinds that users report, which that has to find."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.execution.test_mutants import MUTANTS
from tests.property.order_path_machine import explore

FOUND_HERE = [mutant for mutant in MUTANTS if mutant.get("machine")]


@pytest.mark.slow
def test_nothing_that_can_happen_breaks_what_must_hold():
    explore(int(os.environ.get("MACHINE_RUNS", "200")), 40, start=0)


def test_there_are_enough_bugs_that_it_has_to_find():
    assert len(FOUND_HERE) >= 25


@pytest.mark.slow
@pytest.mark.parametrize("mutant", FOUND_HERE, ids=lambda mutant: mutant["name"])
def test_a_seeded_bug_is_found(tmp_path, mutant):
    shutil.copytree(ROOT / "tradepulse", tmp_path / "tradepulse", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "property" / "order_path_machine.py", tmp_path / "machine.py")
    path = tmp_path / "tradepulse" / "execution" / mutant["file"]
    right = path.read_text()
    assert right.count(mutant["old"]) == 1
    path.write_text(right.replace(mutant["old"], mutant["new"]))

    command = [sys.executable, "machine.py", "10", str(mutant.get("seed", 0))]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "COVERAGE_PROCESS_START": ""},
    )  # fmt: skip

    assert done.returncode == 1
    assert "Error" in done.stderr
