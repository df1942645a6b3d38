"""Shocks by hand arithmetic; scenarios that fail what must fail."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.property.generators import bars_of, random_walk
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.research import questions
from tradepulse.backtest.scenario import CARDS, load_scenario
from tradepulse.backtest.shocks import SHOCKS, Shock
from tradepulse.backtest.stress import stress_scenarios, stressed

BARS = bars_of([100.0, 102.0, 104.0, 103.0, 105.0, 106.0], opens=[100.0, 101.0, 103.0, 104.0, 104.0, 105.0])


def struck(kind, **how):
    return Shock(kind, **{"at": 0.5, **how}).strike(BARS, np.random.default_rng(1)).reset_index(drop=True)


def test_a_flash_crash_is_in_the_low_of_one_bar():
    made = struck("flash_crash", size=0.25)

    assert made["low"].tolist() == [100.0, 101.0, 103.0, 78.0, 104.0, 105.0]
    assert made["close"].equals(BARS["close"])


def test_after_a_gap_all_prices_are_lower():
    assert struck("gap_open", size=0.1)["close"].tolist() == pytest.approx([100, 102, 104, 92.7, 94.5, 95.4])
    assert struck("gap_open", size=0.1)["open"].tolist() == pytest.approx([100, 101, 103, 93.6, 93.6, 94.5])


def test_a_halt_has_no_bars_and_opens_lower():
    made = struck("halt", size=0.1, bars=2)

    assert made["close"].tolist() == pytest.approx([100, 102, 104, 95.4])


def test_a_market_at_its_limit_is_locked_without_volume():
    made = struck("limit_bands", size=0.05, bars=2)

    # 104, then 5 % and 5 % lower; what follows keeps its own return of 106 / 105.
    assert made["close"].tolist() == pytest.approx([100, 102, 104, 98.8, 93.86, 93.86 * 106 / 105])
    assert made["high"].tolist()[3:5] == made["low"].tolist()[3:5] == pytest.approx([98.8, 93.86])
    assert made["volume"].tolist() == [1000, 1000, 1000, 0, 0, 1000]


def test_moves_are_multiplied_and_turned_round_in_logarithms():
    twice, turned = struck("volatility_shift", size=2.0), struck("mirrored")

    assert twice["close"].tolist()[3:] == pytest.approx([104 * (c / 104) ** 2 for c in (103, 105, 106)])
    assert turned["close"].tolist()[3:] == pytest.approx([104 * 104 / c for c in (103, 105, 106)])
    assert (turned["high"] >= turned[["open", "close"]].max(axis=1)).all()


def test_volume_goes_and_a_silent_feed_repeats_itself():
    assert struck("drought", size=0.9, bars=2)["volume"].tolist() == pytest.approx([1000, 1000, 1000, 100, 100, 1000])
    silent = struck("silence", bars=2)
    assert silent["close"].tolist() == [100, 102, 104, 104, 104, 106]
    assert silent["volume"].tolist() == [1000, 1000, 1000, 0, 0, 1000]


def test_a_fork_draws_which_bars_come_from_the_other_feed():
    made = struck("forked", size=0.1, bars=3)
    ratio = (made["close"] / BARS["close"]).tolist()

    assert ratio[:3] == [1, 1, 1]
    assert set(np.round(ratio[3:], 9)) <= {1.0, 0.9}
    assert not made.equals(struck("forked", size=0.1, bars=3, at=0.34))


@pytest.mark.parametrize("kind", SHOCKS)
def test_the_same_seed_gives_the_same_bars_and_only_what_should_is_absurd(kind):
    bars = random_walk(7, 200)
    shock = Shock(kind, size=0.3, bars=5)
    one, two = (shock.strike(bars, np.random.default_rng(4)) for _ in range(2))

    pd.testing.assert_frame_equal(one, two)
    prices = one[["open", "high", "low", "close"]].to_numpy()
    assert (prices > 0).all() == (kind != "negative_price")
    assert one["ts"].is_unique == (kind != "duplicated")
    if kind != "negative_price":
        assert (one["high"] >= one["low"]).all()
        assert (one["low"] <= one[["open", "close"]].min(axis=1)).all()
    assert bars.equals(random_walk(7, 200)), "the bars given were changed"


@pytest.fixture(scope="module")
def trial(nasdaq):
    grid = {"sma_cross": {"fast": (5,), "slow": (75,)}}
    [question] = questions(nasdaq, grid, quantity=100, cash=1e6, costs=Costs())
    return question


@pytest.mark.parametrize("name", stress_scenarios())
def test_each_scenario_has_a_verdict_on_a_real_trial(nasdaq, trial, name):
    row = stressed(trial, nasdaq, load_scenario(name))

    assert row["passed"], row["detail"]
    pd.testing.assert_frame_equal(pd.DataFrame([row]), pd.DataFrame([stressed(trial, nasdaq, load_scenario(name))]))


@pytest.mark.parametrize("name", [name for name in stress_scenarios() if load_scenario(name).drawdown_of_holding])
def test_a_trial_that_may_not_lose_anything_fails(nasdaq, trial, name):
    row = stressed(trial, nasdaq, replace(load_scenario(name), drawdown_of_holding=1e-6))

    assert not row["passed"]
    assert row["max_drawdown"] > row["limit"]


@pytest.mark.parametrize("name", ["duplicated_feed", "negative_price"])
def test_bars_that_should_be_refused_and_are_not_fail(nasdaq, trial, name):
    harmless = replace(load_scenario(name), shocks=())

    row = stressed(trial, nasdaq, harmless)

    assert (row["passed"], row["detail"]) == (False, "refused: the bars were taken")


def test_cards_that_the_order_path_does_not_pass_fail(nasdaq, trial, tmp_path, monkeypatch):
    card = load_scenario("crossed_book")
    text = (CARDS / "crossed_book.yaml").read_text()
    (tmp_path / "crossed_book.yaml").write_text(text.replace('cash: "1300"', 'cash: "1301"'))
    monkeypatch.setattr("tradepulse.backtest.stress.CARDS", tmp_path)

    row = stressed(trial, nasdaq, card)

    assert not row["passed"]
    assert "cash" in row["detail"]
