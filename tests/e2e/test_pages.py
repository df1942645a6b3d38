"""Pages as a browser shows them: all of their charts, nothing asked of the network, nothing blank."""

import shutil
import subprocess

import numpy as np
import pytest

from tests.backtest.test_engine import run
from tests.property.generators import random_walk
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]


def browsed(page, folder, *more):
    """Run the browser without a network and without a profile of anybody; return what it says."""
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
         "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr",
         "--window-size=1100,2400", *more, page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


def test_the_report_of_a_backtest_is_drawn_whole(tmp_path):
    from matplotlib.image import imread

    bars = random_walk(3, 300)
    result = run(bars, *([20, None, None, 0, None] * 50), costs=Costs(5, 5), cash=10_000.0)
    page = write_report(
        result, bars, tmp_path / "report.html", title="A & B", identity={"trial": "t<1>"}, evidence=[("a rule", 9, 0)]
    )

    dom = browsed(page, tmp_path, "--dump-dom")
    browsed(page, tmp_path, f"--screenshot={tmp_path / 'page.png'}")

    assert dom.count("<svg") == 3
    for heading in (
        "Equity",
        "Fills",
        "Returns by month, %",
        "What it cost",
        "Could these fills have happened?",
        "Where it comes from",
    ):
        assert f"<h2>{heading}</h2>" in dom
    picture = imread(tmp_path / "page.png")[..., :3]
    assert picture.shape[:2] == (2400, 1100)
    # Ink in every tenth of the page but the last ones, and more than one colour of it.
    inked = (picture < 0.9).any(axis=2)
    tenths = [float(part.mean()) for part in np.array_split(inked, 10)]
    assert all(share > 0.001 for share in tenths[:7]), tenths
    assert len(np.unique((picture[inked] * 8).astype(int), axis=0)) > 10
