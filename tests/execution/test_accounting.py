"""The books against arithmetic by hand, and what must hold whatever happens."""

import tempfile
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.execution.orders import book_of, fill, filled, order, record, request_text
from tradepulse.core.orders import MICROS, UNIT, Side
from tradepulse.core.sessions import calendar
from tradepulse.errors import ConfigError, DataError, MissingData
from tradepulse.execution.account import Account
from tradepulse.execution.accounting import (
    CAPITAL,
    CASH,
    COMMISSION,
    DIVIDENDS,
    PAYABLE,
    REALISED,
    RECEIVABLE,
    Ledger,
    ledger_of,
    ledger_of_desk,
)  # fmt: skip
from tradepulse.execution.book import Book
from tradepulse.execution.journal import read_journal
from tradepulse.execution.request import parse_request
from tradepulse.execution.session import run_session
from tradepulse.execution.terms import FEE, MONEY, WHOLE_BP, Instrument, Place, Terms
from tradepulse.execution.ticket import Event

DAY = "2024-05-20"


def books(method="fifo", cash=1_000, **options):
    made = Ledger(calendar(), method, **options)
    made.deposit(date.fromisoformat(DAY), cash * MICROS)
    return made


def trade(ledger, number, side, units, price, day=DAY, commission=0):
    return ledger.trade(date.fromisoformat(day), "AAA", side, units, price * MICROS, commission, f"f{number}")


@pytest.mark.parametrize(
    ("method", "realised", "left"),
    # Bought 10 at 20, 10 at 30, 10 at 25; 15 sold at 28.
    [
        ("fifo", 10 * 8 + 5 * -2, {30: 5, 25: 10}),
        ("lifo", 10 * 3 + 5 * -2, {20: 10, 30: 5}),
        ("hifo", 10 * -2 + 5 * 3, {20: 10, 25: 5}),
    ],
)
def test_a_sale_takes_the_oldest_the_newest_or_the_dearest_lots(method, realised, left):
    ledger = books(method)
    for number, price in enumerate((20, 30, 25)):
        trade(ledger, number, Side.BUY, 10, price)

    assert trade(ledger, 9, Side.SELL, 15, 28) == realised * MICROS
    assert {lot.cost // lot.units // MICROS: lot.units for lot in ledger.lots["AAA"]} == left
    assert ledger.balance(REALISED) == -realised * MICROS
    assert ledger.inventory("AAA") == sum(price * units for price, units in left.items()) * MICROS
    assert ledger.unrealised({"AAA": 28 * MICROS}) == sum((28 - p) * u for p, u in left.items()) * MICROS


def test_through_zero_a_trade_closes_and_opens():
    ledger = books()
    trade(ledger, 1, Side.BUY, 10, 20)
    assert trade(ledger, 2, Side.SELL, 25, 22) == 20 * MICROS
    assert ledger.units("AAA") == -15
    assert ledger.unrealised({"AAA": 21 * MICROS}) == 15 * MICROS
    assert trade(ledger, 3, Side.BUY, 15, 23) == -15 * MICROS
    assert ledger.units("AAA") == 0
    assert ledger.inventory("AAA") == 0


def test_a_fill_heard_twice_is_booked_once():
    ledger = books()
    trade(ledger, 1, Side.BUY, 10, 20)
    before = ledger.balances()
    trade(ledger, 1, Side.BUY, 10, 20)

    assert ledger.balances() == before


def test_unsettled_cash_is_blocked_in_a_cash_account_and_not_on_margin():
    for cash_account, while_unsettled in ((True, 1_000 - 200), (False, 1_000 - 200 + 220)):
        ledger = books(cash_account=cash_account)
        trade(ledger, 1, Side.BUY, 10, 20, "2018-10-04")
        assert ledger.available() == 800 * MICROS  # what is owed is not free, settled or not
        assert ledger.balance(CASH) == 1_000 * MICROS
        ledger.settle(date(2018, 10, 9))
        assert ledger.balance(CASH) == 800 * MICROS
        trade(ledger, 2, Side.SELL, 10, 22, "2018-10-10")
        assert ledger.available() == while_unsettled * MICROS
        assert ledger.balance(RECEIVABLE) == 220 * MICROS
        ledger.settle(date(2018, 10, 12))
        assert ledger.available() == 1_020 * MICROS
        assert ledger.balance(RECEIVABLE) == ledger.balance(PAYABLE) == 0


def test_the_switch_of_2024_settles_two_days_trades_on_one():
    """T+2 of 24 May, before Memorial Day, and T+1 of 28 May both settle on 29 May."""
    ledger = books()
    trade(ledger, 1, Side.BUY, 1, 20, "2024-05-24")
    trade(ledger, 2, Side.BUY, 1, 21, "2024-05-28")

    assert [str(due.day) for due in ledger.due] == ["2024-05-29", "2024-05-29"]
    assert ledger.settle(date(2024, 5, 28)) == []
    assert len(ledger.settle(date(2024, 5, 29))) == 2
    assert ledger.balance(CASH) == (1_000 - 41) * MICROS


def test_a_fail_is_due_again_and_a_part_is_delivered():
    """Failing on the Friday before Columbus Day is due again on the Tuesday: banks are closed on the Monday."""
    ledger = books()
    trade(ledger, 1, Side.BUY, 10, 20, "2018-10-03", commission=30)
    day = date(2018, 10, 5)

    assert ledger.settle(day, fails=["f1"]) == []
    assert [(str(due.day), due.units) for due in ledger.due] == [("2018-10-09", 10)]
    [part] = ledger.settle(date(2018, 10, 9), partly={"f1": 4})
    # 4 tenths of 200.000030
    assert (part.units, part.cash) == (4, -80_000_012)
    assert [(str(due.day), due.units, due.cash) for due in ledger.due] == [("2018-10-10", 6, -120_000_018)]
    ledger.settle(date(2018, 10, 10))
    assert ledger.balance(CASH) == 1_000 * MICROS - 200_000_030
    assert ledger.balance(PAYABLE) == 0
    trade(ledger, 2, Side.BUY, 5, 20, "2018-10-11")
    with pytest.raises(DataError, match="fill f2: 5 units are due, 9 are not a part of them"):
        ledger.settle(date(2018, 10, 20), partly={"f2": 9})


def test_dividends_funding_and_borrow_fees_go_where_they_belong():
    ledger = books()
    trade(ledger, 1, Side.BUY, 10, 20)
    assert ledger.dividend(date(2024, 5, 21), "AAA", 250_000) == 2_500_000
    trade(ledger, 2, Side.SELL, 30, 20)
    assert ledger.dividend(date(2024, 5, 22), "AAA", 250_000) == -5_000_000  # short: it is paid
    ledger.fund(date(2024, 5, 22), "AAA", 100)
    ledger.borrow(date(2024, 5, 22), "AAA", 7)

    assert ledger.balance(DIVIDENDS) == 2_500_000
    assert ledger.balance(CASH) == 1_000 * MICROS - 2_500_000 - 107
    assert sum(ledger.balances().values()) == 0


def test_a_split_keeps_the_cost_and_pays_the_fraction():
    ledger = books()
    trade(ledger, 1, Side.BUY, 7, 20)
    trade(ledger, 2, Side.BUY, 4, 30)  # 11 units that stand at 260
    # 3 for 2 makes 16.5: 16 units, and half a unit paid at 16: 8. Its cost is 260 / 33.
    paid = ledger.split(date(2024, 5, 21), "AAA", 3, 2, 16 * MICROS)

    assert paid == 8 * MICROS
    assert [lot.units for lot in ledger.lots["AAA"]] == [10, 6]
    assert ledger.units("AAA") == 16
    assert ledger.inventory("AAA") == 260 * MICROS - round(260 * MICROS / 33)
    assert ledger.balance(REALISED) == -(8 * MICROS - round(260 * MICROS / 33))
    with pytest.raises(ConfigError, match="a split of 0 for 1 is none"):
        ledger.split(date(2024, 5, 21), "AAA", 0, 1, MICROS)


def test_a_split_that_leaves_nothing_of_a_short_leaves_no_cost_either():
    ledger = books()
    trade(ledger, 1, Side.SELL, 1, 20)
    # 1 for 2: half a unit is bought back at 48, for 24, of what was sold for 20.
    paid = ledger.split(date(2024, 5, 21), "AAA", 1, 2, 48 * MICROS)

    assert paid == -24 * MICROS
    assert (ledger.units("AAA"), ledger.inventory("AAA"), ledger.lots["AAA"]) == (0, 0, [])
    assert ledger.balance(REALISED) == 4 * MICROS


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="fifo, lifo or hifo, not by 'average'"):
        Ledger(calendar(), "average")
    ledger = books()
    trade(ledger, 1, Side.BUY, 7, 20)
    with pytest.raises(DataError, match="AAA is held and has no close"):
        ledger.equity({})


happenings = st.lists(
    st.one_of(
        st.tuples(
            st.just("trade"), st.sampled_from(Side), st.integers(1, 40), st.integers(1, 60), st.integers(0, 99_999)
        ),
        st.tuples(st.just("settle"), st.integers(0, 5)),
        st.tuples(st.just("dividend"), st.integers(1, 999_999)),
        st.tuples(st.just("split"), st.integers(1, 7), st.integers(1, 7), st.integers(1, 10**8)),
    ),
    max_size=25,
)  # fmt: skip


def test_at_an_exchange_that_trades_on_every_day_a_trade_settles_with_it():
    # A Saturday and a Sunday: no sessions of the calendar, and no reason to forget what was traded on them.
    wish = order("o1", Side.BUY, 10)
    bought = fill(wish, "f1", 10, 50 * MICROS, "2024-05-25", 1_000)
    sold = fill(order("o2", Side.SELL, 4), "f2", 4, 60 * MICROS, "2024-05-26", 0)
    records = [record("session_started", session="2024-05-24", broker="ccxt")]
    for day, made in (("2024-05-24", None), ("2024-05-25", bought), ("2024-05-26", sold)):
        records += [filled(made)] if made else []
        records.append(record("session_closed", session=day, cash_micros=0, positions={}, closes={"AAA": 60 * MICROS}))
    book = book_of(*records, cash=1_000 * MICROS)

    ledger = ledger_of(book, calendar())

    # 1,000 less 500 and a fee of 0.001, and 240 for four of ten that cost 50 each.
    assert (ledger.balance(CASH), ledger.balance(REALISED)) == (739_999_000, -40 * MICROS)
    assert (ledger.available(), ledger.due) == (739_999_000, [])
    assert ledger_of(book, calendar(), until="2024-05-25").available() == 499_999_000


@given(happenings, st.sampled_from(["fifo", "lifo", "hifo"]))
def test_whatever_happens_the_books_balance_and_equity_is_what_was_earned(things, method):
    ledger, day = books(method), date(2024, 5, 20)
    cash, units, splits = Fraction(1_000), 0, 0
    for number, (what, *rest) in enumerate(things):
        if what == "trade":
            side, quantity, price, commission = rest
            trade(ledger, number, side, quantity, price, day.isoformat(), commission)
            cash -= side.sign * quantity * price + Fraction(commission, MICROS)
            units += side.sign * quantity
        elif what == "settle":
            for _ in range(rest[0]):
                day = calendar().next(day)
            ledger.settle(day)
        elif what == "dividend":
            cash += Fraction(units * rest[0], MICROS)
            ledger.dividend(day, "AAA", rest[0])
        else:
            numerator, denominator, price = rest
            paid = ledger.split(day, "AAA", numerator, denominator, price)
            new = abs(units) * numerator // denominator * (1 if units >= 0 else -1)
            exact = Fraction(units * numerator, denominator) - new
            assert abs(Fraction(paid) - exact * price) <= Fraction(1, 2)
            cash += Fraction(paid, MICROS)
            units, splits = new, splits + 1
        # Every entry balances, and so do the books.
        assert sum(posting.amount for posting in ledger.entries[-1].postings) == 0
        assert sum(ledger.balances().values()) == 0
        assert ledger.units("AAA") == units
        assert sum(lot.cost for lot in ledger.lots["AAA"]) == ledger.inventory("AAA")
        assert all(lot.units * units > 0 for lot in ledger.lots["AAA"])
        assert Fraction(ledger.equity({"AAA": 37 * MICROS}), MICROS) == cash + units * 37
        owed = sum(due.cash for due in ledger.due)
        assert ledger.balance(RECEIVABLE) + ledger.balance(PAYABLE) == owed
    # Flat, the method makes no difference: all profit is realised.
    if not splits and units:
        trade(ledger, 999, Side.SELL if units > 0 else Side.BUY, abs(units), 37, day.isoformat())
        cash += units * 37
        profit = -ledger.balance(REALISED) - ledger.balance(COMMISSION) - ledger.balance(DIVIDENDS)
        assert Fraction(profit, MICROS) == cash - 1_000
        assert ledger.balance(CAPITAL) == -1_000 * MICROS


@given(
    st.lists(
        st.tuples(
            st.integers(-200, 200), st.integers(1, 500),
            st.sampled_from([None, (2, 1), (3, 2), (1, 3), (1, 10)]), st.sampled_from([None, 10_000, 333_333]),
        ),
        min_size=2, max_size=6,
    )
)  # fmt: skip
def test_the_ledger_and_the_book_agree_whatever_goes_ex(days):
    with tempfile.TemporaryDirectory() as folder:
        sessions = calendar().sessions(date(2024, 5, 20), date(2024, 6, 20))[: len(days)]
        for session, (target, price, split, dividend) in zip(sessions, days, strict=True):
            known = {"symbol": "AAA", "ex_date": session.isoformat()}
            actions = [{**known, "split": split}] if split else []
            actions += [{**known, "dividend": str(dividend / 10**6)}] if dividend else []
            actions = actions if session != sessions[0] else []
            text = request_text(
                session.isoformat(), target=target, opens={session.isoformat(): str(price)},
                closes={session.isoformat(): {"AAA": str(price + 0.01)}}, actions=actions,
                limits={"max_order_quantity": 10**6, "max_order_notional": "1e12", "max_position": 10**6},
            )  # fmt: skip
            run_session(Path(folder), parse_request(text))
        book = Book.of(read_journal(Path(folder) / "orders.journal")[0])
    ledger, last = ledger_of(book, calendar()), book.closed[book.last_session]
    assert ledger.units("AAA") == book.positions.get("AAA", 0)
    worth = last["cash_micros"] + last["positions"].get("AAA", 0) * last["closes"]["AAA"]
    assert ledger.equity(last["closes"]) == worth
    assert sum(ledger.balances().values()) == 0


# -- desks -------------------------------------------------------------------------------------------------------------

COIN = Terms(UNIT // 100, UNIT // 1000, 1 * FEE, 4 * FEE, cash=1_000 * MONEY)
NOON = 1_716_984_000 * 10**9  # 29 May 2024, 12:00 UTC


def told(number, side, price, quantity, *, liquidity="taker", hours=0, fee=None, fee_units=0, venue=0):
    """What a venue tells of a fill; price and quantity in hundredths and thousandths."""
    return Event(
        "filled", f"o{number}", side=side, price=price * UNIT // 100, quantity=quantity * UNIT // 1000,
        liquidity=liquidity, fill_id=f"f{number}", moment=NOON + hours * 3_600 * 10**9, fee=fee, fee_units=fee_units,
        venue=venue,
    )  # fmt: skip


def account_of(*events, terms=COIN):
    account = Account(terms)
    for event in events:
        account.filled(event, None)
    return account


def test_the_books_of_a_desk_by_hand():
    account = account_of(
        told(1, Side.BUY, 10_000, 2_000),  # 2 at 100, 4 bp of 200: 0.08
        told(2, Side.BUY, 11_000, 1_000, fee_units=UNIT // 1000, hours=13),  # 1 at 110, 0.001 of it taken: 0.11
        told(3, Side.SELL, 12_000, 2_500, liquidity="maker", hours=14),  # 2.5 at 120, 1 bp of 300: 0.03
    )
    books = ledger_of_desk(account.state, COIN, ["BTC"], None)

    def of(name):
        return Fraction(books.balance(name), MONEY)

    # The oldest first: the fee comes out of the lot at 100, and so do 1.999 of the sale; 0.501 are of the one at 110.
    # 0.001 x 10 and 1.999 x 20 and 0.501 x 10 are 0.01 + 39.98 + 5.01.
    assert of(REALISED) == -Fraction("45")
    assert of(COMMISSION) == Fraction("0.22")
    assert of(CASH) == 1_000 - Fraction("200.08") - 110 + Fraction("299.97")
    assert [(lot.day.isoformat(), lot.units, Fraction(lot.cost, MONEY)) for lot in books.lots["BTC"]] == [
        ("2024-05-30", 499 * UNIT // 1000, Fraction("54.89"))
    ]
    # 0.499 at 120 instead of 110.
    assert Fraction(books.unrealised({"BTC": 120 * UNIT * WHOLE_BP}), MONEY) == Fraction("4.99")
    assert books.balance(CASH) == account.state.cash
    # The dearest first: it leaves what was bought at 100.
    dearest = ledger_of_desk(account.state, COIN, ["BTC"], None, "hifo")
    assert [Fraction(lot.cost, lot.units * UNIT * WHOLE_BP) for lot in dearest.lots["BTC"]] == [100]


def test_at_a_broker_of_shares_what_a_desk_sold_is_on_its_way():
    account = account_of(told(1, Side.BUY, 10_000, 2_000), told(2, Side.SELL, 11_000, 2_000, hours=1))
    books = ledger_of_desk(account.state, COIN, ["AAPL"], calendar())

    # Bought and sold on 29 May: T+1.
    assert {due.day.isoformat() for due in books.due} == {"2024-05-30"}
    assert books.balance(CASH) == COIN.cash
    assert books.equity({}) == account.state.cash


def test_a_desk_that_began_with_units_has_no_books():
    with pytest.raises(MissingData, match="began with units, and its journal does not say what they cost"):
        ledger_of_desk(account_of().state, replace(COIN, position=UNIT), ["BTC"], None)


TWO = replace(
    COIN, venues=(Place("a", COIN.tick, COIN.lot), Place("b", COIN.tick, COIN.lot, 2 * FEE, 3 * FEE, instrument=1)),
    instruments=(Instrument("AAA"), Instrument("BBB")),
)  # fmt: skip
fills = st.tuples(
    st.sampled_from(Side), st.integers(1, 20_000), st.integers(1, 5_000),
    st.sampled_from(["maker", "taker", "reported"]),
    st.one_of(st.none(), st.integers(-MONEY, MONEY)), st.integers(0, 10**6), st.integers(0, 1),
)  # fmt: skip


@given(st.lists(fills, max_size=30), st.sampled_from(["fifo", "lifo", "hifo"]))
def test_the_books_of_a_desk_are_its_account(drawn, method):
    account = account_of(
        *(
            told(n, side, price, quantity, liquidity=liquidity, hours=n, fee=fee, fee_units=units, venue=venue)
            for n, (side, price, quantity, liquidity, fee, units, venue) in enumerate(drawn)
        ),
        terms=TWO,
    )
    books = ledger_of_desk(account.state, TWO, ["AAA", "BBB"], None, method)

    assert sum(books.balances().values()) == 0
    assert books.balance(CASH) == (account.state.cash if drawn else 0)
    assert [books.units(symbol) for symbol in ("AAA", "BBB")] == [held.position for held in account.state.held]
    marks = {"AAA": 7 * UNIT * WHOLE_BP, "BBB": 11 * UNIT * WHOLE_BP}
    worth = sum(books.units(symbol) * mark for symbol, mark in marks.items())
    assert books.equity(marks) == books.balance(CASH) + worth
