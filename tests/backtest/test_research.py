import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.generators import bars_of, price_bars, random_walk
from tradepulse.backtest import research
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.research import (
    GRIDS,
    Question,
    asked_again,
    curves,
    equities,
    questions,
    refuse_lookers,
    rerun,
    sweep,
    trial_rows,
    walk_forward,
    winner,
)
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.core.tables import table
from tradepulse.errors import ConfigError, DataError, MissingData, UnusableOpens


class OwnCosts(Costs):
    """The rule of a plug-in."""

    @property
    def id(self):
        return "own"


def ask(bars, grids=None, costs=None):
    grids = grids or {"sma_cross": {"fast": (2, 3), "slow": (3, 5)}, "donchian": {"entry": (3, 5), "exit": (2, 4)}}
    return questions(bars, grids, quantity=10, cash=1e6, costs=costs or Costs(1, 2))


def test_parameter_sets_that_make_no_sense_are_not_asked():
    asked = ask(random_walk(1, 20))

    params = [dict(q.params) for q in asked if q.strategy == "sma_cross"]
    assert params == [{"fast": 2, "slow": 3}, {"fast": 2, "slow": 5}, {"fast": 3, "slow": 5}]
    assert len(asked) == 3 + 4


def test_grids_without_a_valid_set_are_refused():
    with pytest.raises(ConfigError, match="no combination of the grids makes a valid strategy"):
        ask(random_walk(1, 20), {"sma_cross": {"fast": (5,), "slow": (5,)}})


def test_a_sweep_is_about_one_symbol():
    with pytest.raises(ConfigError, match="bars of one symbol, not of 2"):
        ask(pd.concat([bars_of([1.0]), bars_of([1.0], symbol="BBB")]))


def test_the_same_question_has_the_same_id_and_another_has_another():
    def question(**changes):
        base = {"strategy": "sma_cross", "params": {"fast": 2, "slow": 5}, "symbol": "AAA", "data_version": "d" * 16,
                "quantity": 10, "cash": 1e6, "costs": Costs()}  # fmt: skip
        return Question(**{**base, **changes}).trial_id

    others = [
        question(**change)
        for change in (
            {"strategy": "donchian", "params": {"entry": 2, "exit": 5}}, {"params": {"fast": 3, "slow": 5}},
            {"symbol": "BBB"}, {"data_version": "e" * 16}, {"quantity": 11}, {"cash": 2e6}, {"costs": Costs(2, 1)},
            {"costs": Costs(1, 2)}, {"fill": "same_close"},
        )
    ]  # fmt: skip

    assert question() == question(params={"slow": 5, "fast": 2})
    assert len({question(), *others}) == len(others) + 1


@settings(max_examples=20)
@given(price_bars(min_size=8, max_size=60), st.floats(0, 30), st.floats(0, 30))
def test_vectorbt_and_the_event_engine_agree(bars, commission_bp, slippage_bp):
    asked = ask(bars, costs=Costs(commission_bp, slippage_bp))

    outcome, (equity, orders) = sweep(bars, asked), curves(bars, asked)

    for place, (question, row) in enumerate(zip(asked, outcome.to_dict("records"), strict=True)):
        summary = rerun(question, bars).summary
        assert row["n_orders"] == summary["n_fills"] == orders[place]
        assert equity[-1, place] == pytest.approx(summary["final_equity"], rel=1e-12)
        assert row["final_equity"] == pytest.approx(summary["final_equity"], rel=1e-12)
        assert row["max_drawdown"] == pytest.approx(summary["max_drawdown"], abs=1e-12)
        if summary["sharpe"] is None:
            assert np.isnan(row["sharpe"])
        else:
            assert row["sharpe"] == pytest.approx(summary["sharpe"], rel=1e-6, abs=1e-9)


def test_the_compiled_curves_are_those_of_vectorbt_and_of_the_event_engine():
    bars = random_walk(71, 200)
    asked = ask(bars, costs=Costs(3, 2))

    found = equities(bars, asked)

    assert found.shape == (200, len(asked))
    np.testing.assert_allclose(found, curves(bars, asked)[0], rtol=1e-12)
    for place, question in enumerate(asked):
        assert found[:, place].tolist() == rerun(question, bars).equity["equity"].tolist()
    # A cost that only the event engine knows.
    own = ask(bars, {"sma_cross": {"fast": (2,), "slow": (5,)}}, costs=OwnCosts(3, 2))
    assert equities(bars, own)[:, 0].tolist() == rerun(own[0], bars).equity["equity"].tolist()


def test_what_a_ledger_answered_is_asked_again_at_the_same_terms_alone():
    bars, asked = random_walk(72, 60), ask(random_walk(72, 60))
    rows = trial_rows(asked, sweep(bars, asked), bars, "run-1", {q.trial_id: "m" for q in asked})
    others = ask(bars, {"sma_cross": {"fast": (2,), "slow": (5,)}}, costs=Costs(9, 9))
    ledger = pd.concat(
        [
            rows,
            trial_rows(others, sweep(bars, others), bars, "run-2", {q.trial_id: "m" for q in others}),
            rows.head(1).assign(strategy="no_such@1", trial_id="gone"),
            rows.head(1).assign(strategy="sma_cross@0", trial_id="older"),
        ]
    )

    assert asked_again(ledger, asked[0]) == asked
    assert asked_again(ledger, others[0]) == others
    assert asked_again(ledger.assign(status="failed"), asked[0]) == []


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"fsat": (3,)}, "sma_cross: unknown parameter 'fsat'; it takes fast, slow"),
        ({"fast": ()}, "sma_cross: no value of 'fast' to ask"),
        ({"fast": range(1, 1_000), "slow": range(1_000, 1_200)}, "the sweep asks 199,800 parameter sets, at most"),
    ],
)
def test_a_grid_that_cannot_be_asked_is_refused(grid, said):
    with pytest.raises(ConfigError, match=said):
        ask(random_walk(1, 20), {"sma_cross": grid})


def test_twenty_years_of_nasdaq_agree_too(nasdaq):
    asked = questions(
        nasdaq, {"sma_cross": {"fast": (5, 20), "slow": (50, 200)}}, quantity=100, cash=1e6, costs=Costs()
    )

    for question, row in zip(asked, sweep(nasdaq, asked).to_dict("records"), strict=True):
        summary = rerun(question, nasdaq).summary
        assert row["n_orders"] == summary["n_fills"] > 20
        assert row["final_equity"] == pytest.approx(summary["final_equity"], rel=1e-12)


def test_stale_opens_are_refused_by_the_sweep_too():
    bars = random_walk(1, 20).assign(open_is_stale=True)

    with pytest.raises(UnusableOpens, match="20 of 20 opens"):
        sweep(bars, ask(bars))


def test_the_ledger_has_a_row_per_question():
    bars = random_walk(5, 60)
    asked = ask(bars)

    rows = trial_rows(asked, sweep(bars, asked), bars, "run-1", {q.trial_id: f"m-{q.trial_id}" for q in asked})

    assert table("trials").accept(rows, "test") is rows
    assert rows["trial_id"].tolist() == [q.trial_id for q in asked]
    assert json.loads(rows["params"].iloc[0]) == dict(asked[0].params)
    assert winner(asked, rows).trial_id == rows.loc[rows["sharpe"].idxmax(), "trial_id"]


def test_without_a_sharpe_ratio_there_is_no_winner():
    bars = bars_of(np.full(20, 5.0))
    asked = ask(bars)
    rows = trial_rows(asked, sweep(bars, asked), bars, "run-1", {q.trial_id: "m" for q in asked})

    with pytest.raises(MissingData, match="none of the parameter sets ever traded"):
        winner(asked, rows)


def test_the_grids_name_every_parameter_of_shipped_strategies():
    from tradepulse.core.strategies.loader import strategy_class

    for name, grid in GRIDS.items():
        assert set(grid) == set(strategy_class(name).params)


def test_walking_forward_trades_only_what_was_not_fitted():
    bars = random_walk(31, 400)
    asked = questions(
        bars, {"sma_cross": {"fast": (2, 4), "slow": (8, 12)}}, quantity=10, cash=1e5, costs=Costs(1.0, 1.0)
    )
    fitted = []

    def fit(inside):
        fitted.append((inside["session"].iloc[0], inside["session"].iloc[-1]))
        return sweep(inside, asked)

    folds, equity = walk_forward(bars, asked, train=150, test=50, fit=fit)

    assert len(folds) == len(fitted) == 5
    for (_, last), first in zip(fitted, folds["first_session"], strict=True):
        assert last < first
    assert equity["session"].tolist() == bars["session"].iloc[150:400].tolist()
    assert equity["equity"].iloc[-1] == pytest.approx(1e5 + folds["profit"].sum())
    # The future does not change what was chosen and made before it.
    spoiled = bars.copy()
    spoiled.loc[300:, ["open", "high", "low", "close"]] *= 3
    again, path = walk_forward(spoiled, asked, train=150, test=50)
    assert again["trial_id"].iloc[:3].tolist() == folds["trial_id"].iloc[:3].tolist()
    assert path["equity"].iloc[:150].tolist() == equity["equity"].iloc[:150].tolist()


def test_a_fold_pays_for_the_position_that_it_takes_over():
    """One question, long since a cross that came before: the fold earns what holding does, less its entry."""
    closes = np.concatenate([np.linspace(100, 99, 20), np.linspace(99, 150, 180)])
    bars = bars_of(closes)
    asked = questions(bars, {"sma_cross": {"fast": (2,), "slow": (5,)}}, quantity=10, cash=1e5, costs=Costs(10.0, 10.0))

    folds, equity = walk_forward(bars, asked, train=100, test=25)

    # Crossed in the bars that were fitted on, so held from the close of bar 99: 10 units, 20 bp of their price to take
    # them over.
    paid = 10 * closes[99] * 20 / 10_000
    assert folds["profit"].iloc[0] == pytest.approx(10 * (closes[124] - closes[99]) - paid)
    assert len(equity) == 100


class Peeker(SmaCross):
    """Has been handed the closes that are to come, as a cached file would hand them."""

    ahead: list = []

    def initialize(self):
        super().initialize()
        self.seen = 0

    def handle_tick(self, bar, desk):
        self.seen += 1
        later = self.ahead[self.seen] if self.seen < len(self.ahead) else bar.close
        if self.seen >= self.warmup:
            desk.target(bar.symbol, self.quantity if later > bar.close else 0)


def test_a_strategy_that_looks_ahead_gets_no_result(monkeypatch):
    bars = random_walk(61, 120)
    asked = questions(bars, {"sma_cross": {"fast": (2,), "slow": (5,)}}, quantity=10, cash=1e5, costs=Costs())

    refuse_lookers(bars, asked)

    class Cached(Peeker):
        def __init__(self, **params):
            super().__init__(**params)
            Peeker.ahead = current["close"]

    current = {"close": []}
    plain = research.as_compute

    def handed(make):
        compute = plain(make)

        def with_future(columns):
            current["close"] = columns["close"].tolist()
            return compute(columns)

        return with_future

    monkeypatch.setattr(research, "as_compute", handed)
    monkeypatch.setattr(Question, "make", property(lambda _: lambda: Cached(quantity=10, fast=2, slow=5)))
    with pytest.raises(DataError, match="strategy sma_cross looks ahead, no result of it is kept: S0 of bar"):
        refuse_lookers(bars, asked)
