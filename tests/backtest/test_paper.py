"""Bars on paper: session after session, the same strategy sends and fills what its backtest did."""

import json
from math import ceil

import pytest

from tests.property.generators import random_walk
from tradepulse.backtest.engine import backtest
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.signals import signal_rows
from tradepulse.core.orders import MICROS
from tradepulse.core.strategies.loader import shipped, strategy_class
from tradepulse.execution.book import Book
from tradepulse.execution.journal import read_journal
from tradepulse.execution.request import parse_request
from tradepulse.execution.session import run_session

CASH, COSTS, UNITS = 1_000_000, Costs(1.0, 2.0), 100
#: As short as they may be, so that they trade often.
PARAMS = {
    "sma_cross": {"fast": 2, "slow": 5}, "donchian": {"entry": 5, "exit": 3},
    "bollinger_reversion": {"window": 5, "entry": 0.8, "exit": 0.1}, "volatility_target": {"window": 5},
}  # fmt: skip
ALONE = [name for name in shipped() if not strategy_class(name).panel]


def on_paper(folder, bars, name, params):
    """Run a session a day: signal at the close, order in the next opening auction. Returns the book."""
    strategy = strategy_class(name)
    promotion = {
        "strategy": f"{name}@{strategy.version}", "params": json.dumps(params), "quantity": UNITS, "symbol": "AAA",
        "promotion_id": "p", "trial_id": "t",
    }  # fmt: skip
    for row in bars.itertuples():
        session = f"{row.session:%Y-%m-%d}"
        signal = signal_rows(bars, promotion, row.session.date()).iloc[0]
        request = {
            "book": "paper", "session": session, "cash": str(CASH), "opens": {session: {"AAA": repr(row.open)}},
            "closes": {session: {"AAA": repr(row.close)}},
            "targets": [
                {"symbol": "AAA", "target_quantity": int(signal["target_quantity"]), "reference_close": repr(row.close),
                 "strategy": signal["strategy"], "trial_id": "t"}
            ],
            "limits": {"max_order_quantity": 10 * UNITS, "max_order_notional": "1e9", "max_position": 10 * UNITS},
            "fees": {"commission_bp": COSTS.commission_bp, "slippage_bp": COSTS.slippage_bp},
        }  # fmt: skip
        run_session(folder, parse_request(json.dumps(request)))
    return Book.of(read_journal(folder / "orders.journal")[0])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ALONE)
def test_a_strategy_on_paper_sends_and_fills_what_its_backtest_did(tmp_path, name, seed):
    bars, params = random_walk(seed, 70, deviation=0.03), PARAMS.get(name, {})
    bars[["open", "high", "low", "close"]] = bars[["open", "high", "low", "close"]].round(4)

    tested = backtest(bars, lambda: strategy_class(name)(quantity=UNITS, **params), cash=CASH, costs=COSTS)
    book = on_paper(tmp_path, bars, name, params)

    paper = [fill for fill, _ in book.fills.values()]
    fills = tested.fills
    if name in PARAMS:
        assert len(fills) >= 3
    assert [(fill.session, fill.side.value, fill.quantity) for fill in paper] == [
        (f"{row.ts:%Y-%m-%d}", row.side, row.quantity) for row in fills.itertuples()
    ]
    # The book counts in whole micros: a price is off by half of one, a commission by that for each unit and its own.
    assert [fill.price_micros / MICROS for fill in paper] == pytest.approx(fills["price"].tolist(), abs=1e-6)
    for fill, commission in zip(paper, fills["commission"], strict=True):
        assert abs(fill.commission_micros - commission * MICROS) <= 1
    last = round(bars["close"].iloc[-1] * MICROS)
    equity = book.cash_micros + book.positions.get("AAA", 0) * last
    most = sum(ceil(fill.quantity / 2) + 1 for fill in paper)
    assert abs(equity - tested.summary["final_equity"] * MICROS) <= most + 1
    # What was decided on the last bar rests on paper, and the backtest does not fill it.
    resting = [state for state in book.orders.values() if state.status.is_open]
    assert len(resting) <= 1
    assert all(state.order.decided_session == f"{bars['session'].iloc[-1]:%Y-%m-%d}" for state in resting)
