"""Budgets by hand, and the one that is spent while it runs."""

from datetime import date
from time import process_time

import pandas as pd
import pytest

from tradepulse.errors import ConfigError, MissingData
from tradepulse.finops.budgets import Spending, affordable, price_of_a_trial
from tradepulse.finops.prices import load_prices


def costs(*lines):
    return pd.DataFrame(lines, columns=["run_id", "step", "cost_nano_usd"])


def test_a_trial_costs_what_the_metered_sweeps_cost_over_what_they_answered():
    paid = costs(("r1", "trials", 300), ("r2", "trials", 90), ("r2", "stress", 5_000))
    trials = pd.DataFrame(
        {"run_id": ["r1", "r1", "r1", "r2#0", "r2#50", "r9"], "status": ["done"] * 4 + ["failed", "done"]}
    )

    # 390 over the four that were answered in them: they pay for the failed one; what was not metered does not count.
    assert price_of_a_trial(paid, trials) == 97.5
    for nothing in (costs(("r1", "stress", 5)), costs()):
        for asked in (trials, trials.head(0)):
            with pytest.raises(MissingData, match="no sweep has been metered yet"):
                price_of_a_trial(nothing, asked)


def test_what_is_affordable():
    assert affordable(1_000, 10.0, 100, trim=False) == 100
    assert affordable(999, 10.0, 100, trim=True) == 99
    with pytest.raises(
        ConfigError, match=r"asks 100 trials, about USD 0.000001 .* is enough for 99: --trim asks only those"
    ):
        affordable(999, 10.0, 100, trim=False)
    with pytest.raises(ConfigError, match="is enough for 0; widen the steps, or the budget"):
        affordable(9, 10.0, 100, trim=True)


def test_a_budget_is_over_when_the_processor_has_used_it():
    # A CPU hour is 0.04048 dollars, so 0.1 s are 1,124 nano-dollars.
    spending = Spending(1_124, load_prices(), date(2026, 1, 1))
    assert not spending.over
    until = process_time() + 0.15
    while process_time() < until:
        pass
    assert spending.over
