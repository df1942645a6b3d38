"""What one of each thing costs, by hand."""

import pandas as pd
import pytest

from tradepulse.finops.units import cost_of_a_fill, units


def metered(steps, *held):
    """Costs of steps; and of storage that tables held on days."""
    rows = [(run, step, "cpu", "2026-11-30", cost) for run, step, cost in steps]
    rows += [("storage", name, "held", day, cost) for day, name, cost in held]
    return pd.DataFrame(rows, columns=["run_id", "step", "meter", "date", "cost_nano_usd"])


def test_each_thing_costs_its_share_of_the_steps_that_made_it():
    costs = metered(
        [("r1", "trials", 600), ("r1", "trials:every_question_was_answered", 30), ("r1", "stress", 70),
         ("r2", "signals", 8), ("r2", "orders", 4), ("r3", "orders", 6), ("r3", "usage", 1_000)],
        ("2026-12-01", "orders", 40), ("2026-12-01", "trials", 2), ("2026-12-02", "orders", 8),
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
    # Two days of storage, 50 together, that are in no other figure.
    assert (found["day of storage"].count, found["day of storage"].each_nano_usd) == (2, 25)


def test_of_nothing_nothing_has_a_price():
    costs = metered([("r", "usage", 5)])
    none = pd.DataFrame({"status": [], "sharpe": []})
    nobody = pd.DataFrame({"promoted": pd.Series([], dtype=bool), "stage": [], "trial_id": []})

    found = units(costs, none, nobody, pd.DataFrame())

    assert [one.each_nano_usd for one in found] == [None, None, None, None, None, 5]


def test_a_fill_costs_the_signal_of_one_session_and_the_orders_of_the_next():
    rows = [
        ("r1", "signals", "2018-10-01", 5), ("r1", "signals:signals_are_causal", "2018-10-01", 2),
        ("r1", "released_signals", "2018-10-01", 1), ("r2", "signals", "2018-10-02", 50),
        ("r3", "order_journal", "2018-10-02", 20), ("r3", "fills", "2018-10-02", 3), ("r3", "usage", "2018-10-02", 70),
        ("r4", "order_journal", "2018-10-01", 90), ("r5", "trials", "", 1_000),
    ]  # fmt: skip
    usage = pd.DataFrame(rows, columns=["run_id", "step", "partition", "paid"]).assign(started_at=1)
    # Of each step two lines, one for each meter.
    lines = pd.concat([usage.assign(cost_nano_usd=usage["paid"] - 1), usage.assign(cost_nano_usd=1)])
    costs = lines[["run_id", "step", "started_at", "cost_nano_usd"]]

    total, steps = cost_of_a_fill(usage, costs, "2018-10-01", "2018-10-02")

    assert total == 5 + 2 + 1 + 20 + 3
    assert steps[0] == ("r1", "signals", "2018-10-01", 5)
    assert [run for run, *_ in steps] == ["r1", "r1", "r1", "r3", "r3"]
    assert cost_of_a_fill(usage, costs, "2019-01-02", "2019-01-03") == (0, [])
