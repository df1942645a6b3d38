import pytest

from tests.assets.conftest import checks, made
from tradepulse.core.indicators import names_over
from tradepulse.core.indicators.base import BAR_COLUMNS
from tradepulse.quality.check import Check


def test_indicators_of_every_bar_behind_the_golden_regression(make, home):
    make("bars_history")
    result = make("golden_values", "indicators")

    assert [name for name, _ in made(result)] == ["golden_values", "indicators"]
    assert all(checks(result).values())
    table = home.lake.read("indicators")
    assert set(table["symbol"]) == {"NASDAQ", "SP500"}
    assert sorted(set(table["indicator"])) == names_over(BAR_COLUMNS)


@pytest.mark.slow
def test_an_indicator_out_of_its_range_stops_research_and_signals_though_they_do_not_read_it(used, monkeypatch):
    home, _, make = used
    monkeypatch.setattr("tradepulse.quality.indicators.ranges_hold", lambda table: [Check("rsi", len(table), 1)])

    result = make(
        "indicators", "trials", "stress", "promotions", "signals", "released_signals", partition="2018-12-28"
    )  # fmt: skip

    assert not result.success
    assert {name for name, _ in made(result)} == {"indicators", "trials"}
    assert [check.check_name for check in result.get_asset_check_evaluations() if not check.passed] == [
        "indicators_are_in_range"
    ]
    assert "2018-12-28" not in home.lake.partitions("released_signals")
