"""Golden tables of the chain: each is met, and each finds the change that it stands guard against."""

import pandas as pd
import pytest

from scripts.build_golden import CROSS, vectorbt_expected
from tradepulse.backtest.frictions import Costs
from tradepulse.core import sessions
from tradepulse.finops import attribution
from tradepulse.interfaces.golden import COMPUTERS
from tradepulse.quality.golden import compare, golden_names, load_golden

TABLES = sorted(set(golden_names()) - set(golden_names(kind="indicator")))


def test_there_are_sets_of_every_kind():
    assert {load_golden(name).kind for name in TABLES} == set(COMPUTERS)


@pytest.mark.parametrize("name", TABLES)
def test_each_table_is_met(name):
    values = compare([name], computers=COMPUTERS)

    assert len(values)
    assert values["matches"].all()


def test_the_stored_backtest_is_what_vectorbt_gives_today():
    for kind, expected in vectorbt_expected(load_golden("backtest_trades_sma_cross").inputs, CROSS).items():
        stored = load_golden(f"{kind}_sma_cross").expected
        assert len(stored) > 10
        pd.testing.assert_frame_equal(stored, expected.rows, check_dtype=False, rtol=1e-12)


def differing(name):
    values = compare([name], computers=COMPUTERS)
    return values[~values["matches"]]


def test_a_commission_per_unit_instead_of_notional_is_found(monkeypatch):
    monkeypatch.setattr(Costs, "commission", lambda self, notional: self.commission_bp / 10_000)

    assert set(differing("backtest_trades_sma_cross")["output"]) == {"commission", "profit"}


def test_a_settlement_cycle_of_the_wrong_day_is_found(monkeypatch):
    monkeypatch.setattr(sessions, "settles_on", lambda session: True)

    wrong = differing("settlement_cycles")
    assert set(wrong["output"]) == {"settle_date"}
    assert "columbus-3" in set(wrong["key"])


def test_a_step_priced_on_another_day_is_a_missing_row_and_one_too_many(monkeypatch):
    right = attribution.cost_lines
    monkeypatch.setattr(
        attribution,
        "cost_lines",
        lambda usage, prices: right(usage, prices).assign(date=lambda lines: lines["date"] + pd.Timedelta(days=1)),
    )

    wrong = differing("daily_costs")
    assert wrong["expected"].isna().any()
    assert wrong["actual"].isna().any()
