"""The recipe for an indicator in CONTRIBUTING.md, followed in a copy of the checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.xdist_group("recipe")  # followed once, by one worker
BIN = Path(sys.executable).parent
RECIPE = (ROOT / "CONTRIBUTING.md").read_text().split("**An indicator.**")[1].split("**A strategy.**")[0]
MODULE = '''"""Disparity index."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import rolling_mean


def disparity(close: Values, *, window: int = 14) -> Values:
    """Return how far the close stands from its mean, in percent of the mean.

    Parameters
    ----------
    close : shape (n,), in time order
    window : closes averaged

    Returns
    -------
    float64 array of shape (n,), percent; the first ``window - 1`` values are NaN, and so is each window that holds one.

    References
    ----------
    Nison, S. (1994). Beyond Candlesticks. Wiley.
    """
    mean = rolling_mean(close, window)
    return 100 * np.divide(close - mean, mean, out=np.full(len(close), np.nan), where=mean != 0)


INDICATOR = Indicator(
    "disparity",
    disparity,
    inputs=("close",),
    outputs=("disparity",),
    params={"window": 14},
    warmup=lambda window: window - 1,
)
'''
TEST = """import numpy as np

from tradepulse.core.indicators import indicator


def test_disparity_by_hand():
    # Mean of 1 and 3 is 2: 3 stands 50 % above it.
    values = indicator("disparity")({"close": np.array([1.0, 3.0])}, window=2)["disparity"]

    np.testing.assert_allclose(values, [np.nan, 50.0])
"""


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A copy of the checkout in which somebody has followed the recipe, and what each command said."""
    copy = tmp_path_factory.mktemp("recipe") / "checkout"
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
        check=True,
    ).stdout.split("\n")  # fmt: skip
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    before = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()}
    contents = {path: (copy / path).read_bytes() for path in before}
    shell = {
        **os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1",
        "TRADEPULSE_HOME": str(copy.parent / "var"),
    }  # fmt: skip
    said = []
    for line in re.findall(r"^\$ (.*)$", RECIPE, re.MULTILINE):
        command = line.replace("NAME", "disparity")
        if "golden create" in command:
            shapes = pd.read_csv(copy / "shapes.csv")
            mean = shapes.groupby("shape", sort=False)["close"].rolling(14).mean().reset_index(drop=True)
            (100 * (shapes["close"] / mean - 1)).rename("disparity").to_csv(copy / "expected.csv", index=False)
        extra = " -p no:cacheprovider -p no:cov" if "pytest" in command else ""
        done = subprocess.run(
            ["bash", "-c", command + extra],
            cwd=copy,
            env=shell,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
        said.append((command, done.stdout))
        if command.startswith("cp "):
            (copy / "tradepulse/core/indicators/disparity.py").write_text(MODULE)
            (copy / "tests/core/indicators/test_disparity.py").write_text(TEST)
            (copy / "changelog.d/+disparity.added.md").write_text("Added the disparity index.\n")
    for name in ("shapes.csv", "expected.csv"):
        (copy / name).unlink()
    after = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()}
    changed = {path for path in before if (copy / path).read_bytes() != contents[path]}
    return said, {
        str(path)
        for path in (after - before) | changed
        if not {"reports", ".hypothesis", "__pycache__"} & {*path.parts}
    }


def test_nothing_else_is_touched(followed):
    assert followed[1] == {
        "tradepulse/core/indicators/disparity.py",
        "tests/core/indicators/test_disparity.py",
        "changelog.d/+disparity.added.md",
        "data/golden/disparity/v1/input.csv",
        "data/golden/disparity/v1/expected.csv",
        "data/golden/disparity/v1/metadata.json",
    }


def test_it_is_proven_and_compared_like_all_others(followed):
    said = dict(followed[0])

    (tests,) = (text for command, text in said.items() if "pytest" in command)
    assert int(re.search(r"(\d+) passed", tests).group(1)) > 15
    (compared,) = (text for command, text in said.items() if "golden compare" in command)
    assert re.search(r"disparity +v1 +disparity +1,?020 +0 ", compared)
