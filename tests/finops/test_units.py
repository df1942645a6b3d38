"""What one of each thing costs, by hand."""

import pandas as pd
import pytest

from tradepulse.finops.units import units


def test_each_thing_costs_its_share_of_the_steps_that_made_it():
    costs = pd.DataFrame(
        [("r1", "trials", 600), ("r1", "trials:every_question_was_answered", 30), ("r1", "stress", 70),
         ("r2", "signals", 8), ("r2", "orders", 4), ("r3", "orders", 6), ("r3", "usage", 1_000)],
        columns=["run_id", "step", "cost_nano_usd"],
    )  # fmt: skip
    trials = pd.DataFrame({"status": ["done", "done", "failed"], "sharpe": [0.5, 0.7, None]})
    promotions = pd.DataFrame(
        {"promoted": [True, True, False], "stage": ["candidate", "shadow", "champion"], "trial_id": ["a", "a", "a"]}
    )
    found = {one.name: one for one in units(costs, trials, promotions, pd.DataFrame({"id": range(3)}))}

    # 630 for two backtests; 700 of research for 0.7 and for one promoted trial; 18 for three orders.
    assert found["backtest"].each_nano_usd == 315
    assert found["point of the best Sharpe ratio"].each_nano_usd == pytest.approx(1000)
    assert found["promoted strategy"].each_nano_usd == 700
    assert found["order"].each_nano_usd == 6
    assert found["run of orders"].each_nano_usd == 5
    assert found["run of trials"].total_nano_usd == 630


def test_of_nothing_nothing_has_a_price():
    costs = pd.DataFrame({"run_id": ["r"], "step": ["usage"], "cost_nano_usd": [5]})
    none = pd.DataFrame({"status": [], "sharpe": []})
    nobody = pd.DataFrame({"promoted": pd.Series([], dtype=bool), "stage": [], "trial_id": []})

    found = units(costs, none, nobody, pd.DataFrame())

    assert [one.each_nano_usd for one in found] == [None, None, None, None, 5]
