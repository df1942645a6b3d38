"""A desk's execution log: what it traded, as a simulated run has it."""

import json

import pandas as pd
import pytest

from tests.execution.desks import market as market_of
from tradepulse.backtest.book import replay
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.loader import quoting_strategy
from tradepulse.errors import MissingData
from tradepulse.execution.engine import parse_desk
from tradepulse.execution.journal import Journal
from tradepulse.execution.log import execution_log
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.supervision import run_paper
from tradepulse.execution.terms import MONEY
from tradepulse.execution.ticket import Event

DESK = {
    "book": "b", "strategy": "touch_maker", "params": {"size": 3, "most": 12}, "tick": "1", "lot": "1", "cash": "9000",
    "maker_bp": "-1", "taker_bp": "4", "symbol": "XYZ",
    "strategies": [{"strategy": "imbalance_taker", "params": {"size": 2, "most": 10, "lean": 0.7}}],
}  # fmt: skip


def market(seed, count=400):
    """Return a random market of our days, not of 1970."""
    return [move._replace(ns=move.ns + 1_723_161_600 * 10**9) for move in market_of(seed, count)]


def simulated(moves):
    terms = parse_desk(json.dumps({**DESK, "place": "x"})).terms
    pair = [
        quoting_strategy("touch_maker")(size=3, most=12),
        quoting_strategy("imbalance_taker")(size=2, most=10, lean=0.7),
    ]
    return replay(moves, pair, terms, book="b")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_desks_log_is_what_its_backtest_filled(tmp_path, seed):
    moves = market(seed)
    run_paper(tmp_path / "b", json.loads(json.dumps(DESK)), moves, speed=0)
    rows, tested = execution_log(tmp_path / "b"), simulated(moves)

    fills = tested.fills.merge(tested.orders[["order_id", "strategy"]], on="order_id")
    assert len(rows) > 30
    assert {row["liquidity"] for row in rows} == {"maker", "taker"}
    assert [
        (row["order_id"], row["side"], row["quantity"], row["price"], row["liquidity"], row["strategy"], row["symbol"])
        for row in rows
    ] == [
        (row.order_id, row.side, row.quantity, row.price, row.liquidity, row.strategy, "XYZ")
        for row in fills.itertuples()
    ]
    assert [row["commission"] for row in rows] == pytest.approx(fills["commission"].tolist())
    assert [pd.Timestamp(row["ts"], tz="UTC") for row in rows] == fills["ts"].tolist()
    # Decided when the journal says that it was sent, to the millisecond.
    assert [pd.Timestamp(row["decided_ts"], tz="UTC") for row in rows] == fills["decided_ts"].dt.floor("ms").tolist()


def test_what_was_taken_is_the_commission_also_in_units_and_after_a_snapshot(tmp_path):
    moves = market(1, 40)
    run_paper(tmp_path / "b", json.loads(json.dumps(DESK)), moves, speed=0)
    terms = parse_desk((tmp_path / "b" / "desk.json").read_text()).terms
    with Journal(tmp_path / "b" / "orders.journal", "os") as journal:
        path = OrderPath(journal, terms)
        id = next(iter(path.state.orders))
        for number, fees in enumerate(({"fee": 3 * MONEY}, {"fee": 0, "fee_units": UNIT // 100}, {"fee": -MONEY})):
            path.hear(
                Event("filled", id, side=Side.BUY, price=1_000 * UNIT, quantity=UNIT, liquidity="taker",
                      fill_id=f"x{number}", moment=10**18 + number, **fees)
            )  # fmt: skip
        before, position = path.state, path.state.position
        journal.rotate(path.snapshot())
    with Journal(tmp_path / "b" / "orders.journal", "os") as journal:
        assert OrderPath(journal, terms).state == before
    rows = execution_log(tmp_path / "b")

    # A hundredth of a unit at 1,000 is ten; below zero it is a rebate.
    assert [row["commission"] for row in rows[-3:]] == [3.0, 10.0, -1.0]
    assert sum(row["quantity"] * (1 if row["side"] == "buy" else -1) for row in rows) - 0.01 == pytest.approx(
        position / UNIT
    )
    assert all(row["decided_ts"] for row in rows)


def test_what_there_is_no_log_of_is_said(tmp_path):
    with pytest.raises(MissingData, match="there is no such desk"):
        execution_log(tmp_path / "none")
    run_paper(tmp_path / "b", {**json.loads(json.dumps(DESK)), "limits": {"max_position": "0"}}, market(1, 30), speed=0)
    with pytest.raises(MissingData, match="holds no fill; there is nothing to write"):
        execution_log(tmp_path / "b")
    terms = parse_desk((tmp_path / "b" / "desk.json").read_text()).terms
    with Journal(tmp_path / "b" / "orders.journal", "os") as journal:
        OrderPath(journal, terms).hear(
            Event(
                "filled", "theirs", side=Side.BUY, price=UNIT, quantity=UNIT, liquidity="taker", fill_id="V1", moment=7
            )
        )
    with pytest.raises(MissingData, match="says of some fills not when they happened"):
        execution_log(tmp_path / "b")
