import json

import numpy as np
import pandas as pd
import pytest

from tests.property.generators import bars_of
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.promotion import decide
from tradepulse.backtest.research import questions, rerun, sweep, trial_rows, winner
from tradepulse.backtest.scenario import Scenario, load_scenario
from tradepulse.backtest.stress import stress_scenarios, stressed
from tradepulse.core.tables import table
from tradepulse.errors import ConfigError, MissingData


@pytest.fixture(scope="module")
def researched(request):
    """A small sweep on the years that research sees, its ledger and its winner."""
    bars = request.getfixturevalue("nasdaq")
    bars = bars[bars["session"] < "2018"].reset_index(drop=True)
    grid = {"donchian": {"entry": (60, 100), "exit": (20, 40)}}
    asked = questions(bars, grid, quantity=100, cash=1e6, costs=Costs())
    ledger = trial_rows(asked, sweep(bars, asked), bars, "run-1", {q.trial_id: "m" for q in asked})
    return bars, asked, ledger, winner(asked, ledger)


def gates(decision, step=0):
    return {gate["name"]: gate["passed"] for gate in json.loads(decision["reasons"].iloc[step])}


def split(bars, first="2017"):
    return bars[bars["session"] < first].reset_index(drop=True), bars[bars["session"] >= first].reset_index(drop=True)


def stress_of(best, bars):
    return pd.DataFrame([stressed(best, bars, load_scenario(name)) for name in stress_scenarios()])


def test_a_good_trial_is_promoted_with_every_gate_s_figures(researched):
    bars, _, ledger, best = researched

    decision, result = decide(best, bars, ledger, stress_of(best, bars), run_id="run-1")

    assert table("promotions").accept(decision, "test") is decision
    assert decision["stage"].tolist() == ["candidate", "shadow", "champion"]
    assert decision["promoted"].tolist() == [True, True, False]  # paper, not money: nothing was held out
    assert all(gates(decision).values())
    assert all(gates(decision, 1).values())
    assert gates(decision, 2)["holds on unseen bars"] is False
    assert decision["n_trials"].tolist() == [4, 4, 4]
    assert result.summary == rerun(best, bars).summary


def test_the_same_evidence_makes_the_same_decision(researched):
    bars, _, ledger, best = researched
    stress = stress_of(best, bars)

    first, second = (decide(best, bars, ledger, stress, run_id=run)[0]["promotion_id"].iloc[0] for run in ("a", "b"))

    assert first == second


@pytest.mark.parametrize("gate", ["three engines agree", "stress: dotcom_crash", "more than luck"])
def test_any_gate_alone_withholds_promotion(researched, gate):
    bars, _, ledger, best = researched
    stress = stress_of(best, bars)
    if gate == "three engines agree":
        ledger = ledger.assign(n_orders=ledger["n_orders"] + 1)
    elif gate == "more than luck":
        # A thousand more trials, wildly different: the best of them would be as good by luck.
        wild = pd.concat([ledger.iloc[[0]].assign(trial_id=f"{i:016}", sharpe=(-1.0) ** i * 2) for i in range(1000)])
        ledger = pd.concat([ledger, wild], ignore_index=True)
    else:
        stress = stress.assign(passed=stress["scenario"] != "dotcom_crash")

    decision, _ = decide(best, bars, ledger, stress, run_id="run-1")

    assert not decision["promoted"].iloc[0]
    assert [name for name, passed in gates(decision).items() if not passed] == [gate]


def test_a_scenario_that_did_not_run_has_not_passed(researched):
    bars, _, ledger, best = researched
    stress = stress_of(best, bars)
    stress = stress[stress["scenario"] != "financial_crisis"]

    decision, _ = decide(best, bars, ledger, stress, run_id="run-1")

    assert [name for name, passed in gates(decision).items() if not passed] == ["stress: financial_crisis"]


def test_stress_measures_the_slice_alone_and_holding_beside_it(researched):
    bars, _, _, best = researched

    row = stressed(best, bars, load_scenario("dotcom_crash"))

    # From the close before the slice (2000-03-09, 5046.86) to the low close of 2002-10-09 (1114.11), peak 5048.62.
    assert row["holding_drawdown"] == pytest.approx(1 - 1114.11 / 5048.62, abs=1e-4)
    assert row["limit"] == pytest.approx(0.75 * row["holding_drawdown"])
    assert 0 < row["max_drawdown"] < row["holding_drawdown"]
    assert row["passed"]


def test_a_slice_without_enough_bars_before_it_is_refused(researched):
    bars, _, _, best = researched
    late = bars[bars["session"] >= "2000-03-01"].reset_index(drop=True)

    with pytest.raises(MissingData, match="scenario dotcom_crash needs bars from 101 sessions before 2000-03-10"):
        stressed(best, late, load_scenario("dotcom_crash"))


def test_a_scenario_of_costs_alone_is_no_stress_slice(researched):
    bars, _, _, best = researched

    with pytest.raises(ConfigError, match="scenario dear is no stress slice"):
        stressed(best, bars, Scenario("dear", "", commission_bp=5.0))


def test_a_trial_that_never_traded_is_not_promoted():
    bars = bars_of(np.full(30, 5.0))
    asked = questions(bars, {"donchian": {"entry": (5,), "exit": (5,)}}, quantity=1, cash=1e3, costs=Costs())
    ledger = trial_rows(asked, sweep(bars, asked), bars, "run-1", {q.trial_id: "m" for q in asked})

    decision, _ = decide(asked[0], bars, ledger, pd.DataFrame({"scenario": []}), run_id="run-1", required=())

    assert gates(decision) == {"three engines agree": True, "pays twice its costs": False, "more than luck": False}
    assert decision["deflated_sharpe"].iloc[0] == 0.0


def test_a_champion_holds_on_bars_that_nobody_was_asked_on_and_each_look_makes_it_harder(nasdaq):
    bars, after = split(nasdaq, "2012")
    grid = {"donchian": {"entry": (60, 100), "exit": (20, 40)}}
    asked = questions(bars, grid, quantity=100, cash=1e6, costs=Costs())
    ledger = trial_rows(asked, sweep(bars, asked), bars, "run-1", {q.trial_id: "m" for q in asked})
    best = winner(asked, ledger)
    good = [{"trial_id": best.trial_id, "scenario": name, "passed": True, "detail": ""} for name in stress_scenarios()]

    def decided(holdout, made=None):
        rows, _ = decide(best, bars, ledger, pd.DataFrame(good), run_id="r", holdout=holdout, made=made)
        [gate] = [g for g in json.loads(rows["reasons"].iloc[-1]) if g["name"] == "holds on unseen bars"]
        return rows, gate

    # Two years of a rising market with little noise; then the same moves turned round, in which it earns nothing.
    moves = 0.001 + 0.003 * np.random.default_rng(5).standard_normal(500)

    def market(moves):
        closes = float(bars["close"].iloc[-1]) * np.exp(np.cumsum(moves))
        opens = np.concatenate([[bars["close"].iloc[-1]], closes[:-1]])
        return after.iloc[:500].assign(
            open=opens, close=closes, high=np.maximum(opens, closes), low=np.minimum(opens, closes)
        )

    rows, gate = decided(market(moves))
    assert gate["passed"], gate
    assert "0.95 asked at look 1" in gate["detail"]
    assert not decided(market(-moves))[1]["passed"]

    others = pd.concat([rows.assign(trial_id=f"other-{n}") for n in range(9)])
    again, gate = decided(after, others)
    assert again["holdout_looks"].tolist() == [0, 0, 10]
    assert "at look 10" in gate["detail"]
    # To look again at the same trial is no new look.
    assert decided(after, rows)[0]["holdout_looks"].tolist() == [0, 0, 1]
