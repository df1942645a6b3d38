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


def gates(decision):
    return {gate["name"]: gate["passed"] for gate in json.loads(decision["reasons"].iloc[0])}


def stress_of(best, bars):
    return pd.DataFrame([stressed(best, bars, load_scenario(name)) for name in stress_scenarios()])


def test_a_good_trial_is_promoted_with_every_gate_s_figures(researched):
    bars, _, ledger, best = researched

    decision, result = decide(best, bars, ledger, stress_of(best, bars), run_id="run-1")

    assert table("promotions").accept(decision, "test") is decision
    assert decision["promoted"].iloc[0]
    assert all(gates(decision).values())
    assert decision["n_trials"].iloc[0] == 4
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
