"""Pictures draw what they are given, also when that is nothing."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from tests.property.generators import random_walk
from tradepulse.core.indicators.table import long_table
from tradepulse.reporting.charts import figure, png, svg
from tradepulse.reporting.costs import costs_picture
from tradepulse.reporting.market import equity_picture, indicators_picture, trades_picture, trials_picture
from tradepulse.reporting.page import document


def texts(drawn):
    return {
        t.get_text()
        for axes in drawn.axes
        for t in axes.findobj(match=lambda a: hasattr(a, "get_text"))
        if t.get_text()
    }


def test_svg_is_well_formed_and_the_same_bytes_each_time():
    pictures = []
    for _ in range(2):
        drawn = figure()
        drawn.subplots().plot([1, 2], [3, 4])
        pictures.append(svg(drawn))

    assert pictures[0] == pictures[1]
    body = pictures[0][pictures[0].index("<svg") :]
    assert ET.fromstring(body).tag.endswith("svg")


def test_png_is_a_png():
    assert png(figure()).startswith(b"\x89PNG")


def test_fills_are_marked_and_counted():
    bars = random_walk(1, 30)
    fills = pd.DataFrame({"session": bars["session"][:3], "side": ["buy", "sell", "buy"], "price": [1.0, 2.0, 3.0]})

    assert {"buy, 2", "sell, 1"} <= texts(trades_picture(bars, fills))
    assert {"buy, 0", "sell, 0"} <= texts(trades_picture(bars, fills.iloc[:0]))


def test_what_research_has_not_seen_is_another_colour():
    bars = random_walk(1, 30)
    equity = bars[["ts", "session"]].assign(equity=bars["close"], drawdown=0.0)

    split = equity_picture(equity, bars["session"].iloc[19])

    assert len(split.axes[0].lines[1].get_xdata()) == 10
    assert "not seen by research" in texts(split)
    assert len(equity_picture(equity).axes[0].lines) == 1


def test_indicators_are_drawn_for_the_last_year():
    bars = random_walk(1, 300)
    drawn = indicators_picture(bars, long_table(bars), "AAA", sessions=100)

    assert len(drawn.axes[0].lines[0].get_xdata()) == 100
    assert "AAA close" in texts(drawn)


@pytest.mark.parametrize("missing", [False, True])
def test_a_map_of_trials_has_a_cell_per_parameter_set(missing):
    rows = [
        {"strategy": "sma_cross@1", "params": json.dumps({"fast": f, "slow": s}), "sharpe": f / s}
        for f in (5, 10)
        for s in (20, 50)
    ]
    ledger = pd.DataFrame(rows)
    if missing:
        ledger.loc[0, "sharpe"] = np.nan

    shown = texts(trials_picture(ledger))

    assert {"0.10", "0.50", "0.20"} <= shown
    assert ("0.25" in shown) is not missing


def test_strategies_of_other_than_two_parameters_are_left_out():
    ledger = pd.DataFrame({"strategy": ["x@1"], "params": ['{"a": 1}'], "sharpe": [1.0]})

    assert trials_picture(ledger).axes


def test_the_dearest_team_is_on_top():
    rows = pd.DataFrame({"team": ["a", "b", "b"], "meter": ["cpu", "cpu", "memory"], "cost_nano_usd": [5, 7, 1]})

    assert [t.get_text() for t in costs_picture(rows).axes[0].get_yticklabels()] == ["a", "b"]


def test_a_page_escapes_its_title():
    assert "<title>a &lt; b</title>" in document("a < b", "<p>body</p>")
