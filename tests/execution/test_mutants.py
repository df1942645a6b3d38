"""Seeded bugs: each must be found by our own scenario cards, or the cards prove less than they seem to."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

FOLDER = Path(__file__).parent
MUTANTS = yaml.safe_load((FOLDER / "mutants" / "mutants.yaml").read_text())


def run_cards(package):
    command = [sys.executable, "-m", "tradepulse.interfaces.cli.main", "execution", "cards", str(FOLDER / "cards")]
    return subprocess.run(
        command, cwd=package, env={**os.environ, "PYTHONPATH": str(package)}, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the library in which one file at a time is another."""
    folder = tmp_path_factory.mktemp("mutated")
    shutil.copytree(ROOT / "tradepulse", folder / "tradepulse", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_copy_itself_passes(package):
    done = run_cards(package)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_enough_of_them_and_each_has_its_name():
    assert sum(one.get("cards", True) for one in MUTANTS) >= 40
    assert len({mutant["name"] for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize(
    "mutant", [one for one in MUTANTS if one.get("cards", True)], ids=lambda mutant: mutant["name"]
)
def test_a_seeded_bug_is_found(package, mutant):
    path = package / "tradepulse" / "execution" / mutant["file"]
    right = path.read_text()
    assert right.count(mutant["old"]) == 1, "the text of the bug does not stand in the file once"
    try:
        path.write_text(right.replace(mutant["old"], mutant["new"]))
        done = run_cards(package)
    finally:
        path.write_text(right)

    # A card that fails, or a run that breaks: either way somebody is told.
    assert done.returncode != 0
