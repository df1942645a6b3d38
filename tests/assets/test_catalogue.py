import pandas as pd

from tests.assets.conftest import checks, made
from tradepulse.core.indicators import names
from tradepulse.core.strategies.loader import strategy_paths
from tradepulse_assets import catalogue
from tradepulse_jobs.definitions import defs


def test_there_is_an_asset_for_each_indicator_and_strategy():
    known = {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()}

    assert {f"indicator_{name}" for name in names()} <= known
    assert {f"strategy_{name}" for name in strategy_paths()} <= known


def test_an_indicator_and_a_strategy_are_made_with_their_checks(make, home):
    make("bars_history")
    result = make("indicator_rsi", "indicator_kuramoto", "strategy_donchian")

    assert result.success
    assert {name for name, _ in made(result)} == {"indicator_rsi", "indicator_kuramoto", "strategy_donchian"}
    assert checks(result) == {
        "strategy_donchian_looks_at_no_later_bar": True,
        "indicator_rsi_is_in_range": True,
        "indicator_kuramoto_is_in_range": True,
    }
    assert set(home.lake.read("indicator_rsi", model="indicators")["indicator"]) == {"rsi"}
    assert set(home.lake.read("indicator_kuramoto", model="indicators")["symbol"]) == {"NASDAQ+SP500"}
    (trial,) = home.lake.read("strategy_donchian", model="trials").to_dict("records")
    assert (trial["strategy"], trial["status"]) == ("donchian@1", "done")


def test_a_look_at_a_strategy_is_a_trial_and_counts_once(make, home):
    make("bars_history")
    make("strategy_donchian")
    make("strategy_donchian")

    assert len(home.lake.read("trials")) == 1


def test_an_indicator_of_quotes_says_what_it_lacks(make):
    make("bars_history")
    result = make("indicator_queue_imbalance")

    assert not result.success
    (failure,) = result.filter_events(lambda event: event.is_step_failure)
    assert "quotes" in str(failure.event_specific_data.error)


def test_the_last_quote_of_each_day_counts():
    from tradepulse.core.indicators.table import last_of_session

    quotes = pd.DataFrame(
        {
            "ts": pd.to_datetime(["2024-01-02T15:00Z", "2024-01-02T16:00Z", "2024-01-03T15:00Z"], format="ISO8601"),
            "symbol": "AAA", "bid_size": [1.0, 3.0, 5.0], "ask_size": [1.0, 1.0, 5.0],
        }
    )  # fmt: skip

    rows = last_of_session(quotes, "queue_imbalance")

    assert rows["value"].tolist() == [0.5, 0.0]
    assert rows["session"].dt.strftime("%Y-%m-%d").tolist() == ["2024-01-02", "2024-01-03"]


def test_checks_are_there_for_each_of_them():
    assert len(catalogue.CHECKS) == len(strategy_paths()) + len(names())
