"""What an account may borrow: nothing, or so many times what it has."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.execution.desks import TERMS, EveryWay, Scripted, levels, market
from tests.execution.test_kinds_of_orders import assert_as_tested, on_paper
from tests.execution.test_several_instruments import BOTH, START, Account
from tradepulse.backtest import compiled_book
from tradepulse.backtest.book import replay
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.touch_maker import TouchMaker
from tradepulse.execution.terms import LEVERAGE, MONEY, Instrument, Limits, Terms

#: A thousand, and nothing borrowed; the mid is 100.
CASH = Terms(UNIT, UNIT, cash=1_000 * MONEY, limits=Limits(max_short=0, max_leverage=LEVERAGE))
BOOK = levels(0, ("buy", 99, 50), ("sell", 101, 50))
LATER = [levels(ms, ("buy", 90, ms)) for ms in range(1, 6)]


def sent(terms, *orders):
    """What becomes of orders, one at each move."""

    def act(self, count, seen, desk):
        if count < len(orders):
            side, quantity, *price = orders[count]
            self.ids.append(desk.submit(side, quantity * UNIT, price[0] * UNIT if price else None))

    result = replay([BOOK, *LATER], Scripted(act), terms)
    return [f"{row.status} {row.reason}".strip() for row in result.orders.itertuples()]


def test_what_is_there_pays_for_what_is_bought_and_no_more():
    # Ten at the mid are a thousand; open orders count; after ten at 101 there are 990 of equity for a thousand.
    assert sent(CASH, (Side.BUY, 11, 95)) == ["refused max_leverage"]
    assert sent(CASH, (Side.BUY, 6, 95), (Side.BUY, 5, 95), (Side.BUY, 4, 95)) == [
        "working", "refused max_leverage", "working",
    ]  # fmt: skip
    assert sent(CASH, (Side.BUY, 10), (Side.BUY, 1, 95), (Side.SELL, 10)) == [
        "filled", "refused max_leverage", "filled",
    ]  # fmt: skip


def test_what_is_not_there_is_not_sold():
    assert sent(CASH, (Side.SELL, 1)) == ["refused max_short"]
    assert sent(CASH, (Side.BUY, 5), (Side.SELL, 5, 105), (Side.SELL, 1, 106)) == [
        "filled", "working", "refused max_short",
    ]  # fmt: skip
    short = replace(CASH, limits=replace(CASH.limits, max_short=3 * UNIT))
    assert sent(short, (Side.SELL, 3), (Side.SELL, 1)) == ["filled", "refused max_short"]


def test_a_margin_account_has_so_many_times_its_equity_either_way():
    twice = replace(CASH, limits=Limits(max_leverage=2 * LEVERAGE))
    assert sent(twice, (Side.BUY, 21, 95)) == ["refused max_leverage"]
    assert sent(twice, (Side.SELL, 20, 105), (Side.BUY, 20, 95), (Side.BUY, 1, 94)) == [
        "working", "working", "refused max_leverage",
    ]  # fmt: skip


def test_a_change_counts_by_what_it_adds():
    def act(self, count, seen, desk):
        if count == 0:
            self.ids.append(desk.submit(Side.BUY, 9 * UNIT, 95 * UNIT))
        if count in {1, 2, 3}:
            desk.replace(self.ids[0], quantity=(11, 10, 4)[count - 1] * UNIT)

    result = replay([BOOK, *LATER], Scripted(act), CASH)

    assert result.orders["quantity"].tolist() == [4.0]

    def turn(self, count, seen, desk):
        if count == 0:
            desk.submit(Side.BUY, 5 * UNIT)
        if count == 1:
            self.ids.append(desk.submit(Side.SELL, 5 * UNIT, 105 * UNIT))
        if count == 2:
            desk.replace(self.ids[0], quantity=6 * UNIT)

    assert replay([BOOK, *LATER], Scripted(turn), CASH).orders["quantity"].tolist() == [5.0, 5.0]


def test_several_instruments_share_what_there_is(tmp_path):
    limits = Limits(max_leverage=LEVERAGE)
    terms = replace(BOTH, cash=1_000 * MONEY, limits=limits, instruments=(
        Instrument(BOTH.instruments[0].symbol, limits), Instrument(BOTH.instruments[1].symbol, Limits(max_short=0)),
    ))  # fmt: skip
    account = Account(tmp_path, terms, START)
    # The mids are 100 and 110: 500, and of the other 660 are too much and 440 are not.
    assert account.send("a", Side.BUY, 5, 95) == ""
    assert account.send("b", Side.BUY, 6, 105, venue=1) == "max_leverage"
    assert account.send("c", Side.BUY, 4, 105, venue=1) == ""
    assert account.send("d", Side.SELL, 2, 115, venue=1) == "max_short"


@given(seed=st.integers(0, 10**6))
def test_a_cash_account_never_owes_what_half_a_spread_and_a_fee_do_not_explain(seed):
    terms = replace(TERMS, cash=8_000 * MONEY, limits=CASH.limits)

    # Without changes: what one that is under way adds counts once it is heard.
    result = replay(market(seed, 200), EveryWay(seed=seed, changes=0), terms)

    assert (result.equity["position"] >= 0).all()
    held = result.equity["position"] * result.equity["mid"]
    assert (held <= result.equity["equity"] * 1.05).all()


@pytest.mark.parametrize("seed", range(3))
def test_on_paper_it_is_what_it_was_in_the_backtest(tmp_path, seed):
    terms = replace(TERMS, cash=8_000 * MONEY, limits=CASH.limits)
    moves = market(seed)

    tested = replay(moves, EveryWay(seed=seed), terms)
    state = on_paper(tmp_path, moves, EveryWay(seed=seed), terms=terms)

    assert {"max_leverage", "max_short"} <= set(tested.orders["reason"])
    assert_as_tested(state, tested)


def test_the_compiled_engine_leaves_it_to_the_other():
    assert compiled_book.replay([BOOK], TouchMaker(size=1, most=1), CASH) is None
