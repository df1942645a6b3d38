import json
import re
from dataclasses import replace

import dagster as dg

from tests.assets.conftest import checks, made
from tradepulse.core.indicators import atr
from tradepulse.quality.golden import load_golden


def test_right_indicators_pass(make, home):
    result = make("golden_values")

    assert checks(result) == {"golden_values_match": True}
    assert json.loads((home.reports / "data_quality" / "regressions" / "verdict.json").read_text())["passed"]


def test_an_indicator_off_by_one_part_in_a_thousand_stops_everything_downstream(make, home, monkeypatch):
    right = atr.atr
    monkeypatch.setattr(atr, "INDICATOR", replace(atr.INDICATOR, compute=lambda *a, **k: right(*a, **k) * 1.001))
    make("bars_history")

    result = make("golden_values", "indicators", "trials")

    assert not result.success
    assert checks(result) == {"golden_values_match": False}
    assert [name for name, _ in made(result)] == ["golden_values"]
    (found,) = result.get_asset_check_evaluations()
    assert found.severity == dg.AssetCheckSeverity.ERROR
    assert found.description == "atr.atr: largest relative difference 1.0e-03"
    report = (home.reports / "data_quality" / "regressions" / "index.html").read_text()
    expected = load_golden("atr").expected["atr"]
    assert re.search(rf"{int((expected.abs() > 0).sum())} of [0-9,]+ values differ", report)
