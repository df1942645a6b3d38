from tests.assets.conftest import checks, made
from tradepulse.core.indicators import names_over
from tradepulse.core.indicators.base import BAR_COLUMNS


def test_indicators_of_every_bar_behind_the_golden_regression(make, home):
    make("bars_history")
    result = make("golden_values", "indicators")

    assert [name for name, _ in made(result)] == ["golden_values", "indicators"]
    assert all(checks(result).values())
    table = home.lake.read("indicators")
    assert set(table["symbol"]) == {"NASDAQ", "SP500"}
    assert sorted(set(table["indicator"])) == names_over(BAR_COLUMNS)
