"""The summary and the page of a whole run."""

import re

import pytest

from tradepulse.backtest.stress import stress_scenarios
from tradepulse.finops.usage import UsageLog
from tradepulse.interfaces.evidence import summary, write_page
from tradepulse.warehouse.lake import Lake


@pytest.fixture
def lake(whole_run):
    return Lake(whole_run.home / "lake")


def test_the_summary_has_a_line_per_part(lake):
    lines = summary(lake)

    # 2 x 5,031 sessions; WTI lacks 290 values and VIX 46; 35 + 30 parameter sets.
    assert re.match(r"10,062 accepted, 0 quarantined, 1,9\d\d opens flagged as stale$", lines["bars"])
    assert lines["closes"] == "9,580 accepted, 336 quarantined"
    assert lines["trials"] == "65 in the ledger"
    assert lines["stress"] == f"{len(stress_scenarios())} of {len(stress_scenarios())} scenarios passed"
    assert lines["step"] == "shadow: trades on paper"
    assert re.match(
        r"(donchian|sma_cross)@1 \w+=\d+ \w+=\d+, Sharpe ratio \d\.\d\d, trial [0-9a-f]{16}$", lines["best strategy"]
    )
    assert re.match(r"[1-9]\d* decided, 0 refused$", lines["orders"])


def test_each_figure_of_the_summary_can_be_found_in_its_table(lake):
    lines = summary(lake)
    trial = lines["best strategy"].split()[-1]

    assert trial in set(lake.read("trials")["trial_id"])
    assert trial in set(lake.read("promotions")["trial_id"])
    assert trial in set(lake.read("released_signals", model="signals")["trial_id"])
    assert lines["orders"].startswith(f"{len(lake.read('orders'))} decided")
    assert lines["fills"].startswith(f"{len(lake.read('fills'))}, ")


def test_the_page_is_one_file_that_asks_nothing_of_the_network(lake, tmp_path):
    path = write_page(lake, tmp_path / "a" / "index.html", [{"asset": "x", "check": "<y>", "passed": False}])

    text = path.read_text()
    assert "1 of 1 checks failed." in text
    assert "&lt;y&gt;" in text
    assert text.count("<svg") == 5
    assert "BROKEN" not in text
    assert "<script" not in text
    assert not re.search(r"(?:src|href)=.?https?:", text)


def test_the_run_s_own_page_says_that_all_is_well(whole_run):
    text = (whole_run.reports / "run" / "index.html").read_text()

    assert re.search(r"All (\d\d) checks passed", text)
    assert "the parts add up to it" in text


def test_every_step_of_the_run_was_measured_and_nobody_s_cost_is_lost(whole_run):
    usage = UsageLog(whole_run.home / "usage").frame()

    assert set(usage["outcome"]) == {"done", "held"}
    assert "untagged" not in set(usage["team"])
    assert {"bars", "trials", "order_journal", "signals:signals_are_causal"} <= set(usage["step"])
