from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.execution.orders import book_of, decided, fill, filled, order, record, request_text
from tradepulse.core.orders import Approved, Refused, Side
from tradepulse.execution.book import review
from tradepulse.execution.request import parse_request
from tradepulse.execution.terms import LEVERAGE, WHOLE_BP, Limits

LIMITS = Limits(max_order_quantity=100, max_order_notional=1_000_000_000 * WHOLE_BP, max_position=150)


def held(quantity):
    """A book that holds 'quantity' of AAA."""
    side = Side.BUY if quantity > 0 else Side.SELL
    return book_of(filled(fill(order("held", side, abs(quantity))))) if quantity else book_of()


@pytest.mark.parametrize(
    ("wish", "book", "rule"),
    [
        (order(quantity=100), held(0), None),  # equal to a limit passes
        (order(quantity=101, reference=1), held(0), "max_order_quantity"),
        (order(quantity=100, reference=10_000_001), held(0), "max_order_notional"),
        (order(quantity=50), held(100), None),
        (order(quantity=51), held(100), "max_position"),
        (order(side=Side.SELL, quantity=51), held(-100), "max_position"),
        (order(side=Side.SELL, quantity=500), held(600), None),  # reduces risk: no limit keeps it on
        (order(side=Side.SELL, quantity=601), held(600), "max_order_quantity"),  # goes through zero: it does not
        (order(quantity=0), held(0), "bad_quantity"),
        (order(quantity=-5), held(0), "bad_quantity"),
        (order(quantity=2.5), held(0), "bad_quantity"),
        (order(quantity=float("nan")), held(0), "bad_quantity"),
        (order(reference=0), held(0), "no_price"),
        (order(reference=float("nan")), held(0), "no_price"),
        (order("held"), book_of(decided(order("held", quantity=1))), "duplicate_id"),
        (order(side=Side.SELL, quantity=0), held(600), "bad_quantity"),  # reducing by nothing makes no sense either
    ],
)
def test_rules(wish, book, rule):
    verdict = review(wish, book, LIMITS)

    assert (verdict.rule if isinstance(verdict, Refused) else None) == rule


def test_open_orders_count_as_if_they_had_filled():
    book = book_of(decided(order("o1", quantity=100)))

    assert review(order("o2", quantity=50), book, LIMITS) == Approved(order("o2", quantity=50))
    assert review(order("o2", quantity=51), book, LIMITS).rule == "max_position"


def test_other_symbols_do_not_count():
    book = book_of(decided(order("o1", quantity=100, symbol="BBB")))

    assert isinstance(review(order("o2"), book, LIMITS), Approved)


@given(st.integers(-300, 300), st.sampled_from(Side), st.integers(1, 700), st.integers(1, 50_000_000))
def test_nothing_approved_adds_risk_beyond_a_limit(position, side, quantity, reference):
    wish, book = order(side=side, quantity=quantity, reference=reference), held(position)
    after = position + side.sign * quantity

    if isinstance(review(wish, book, LIMITS), Approved):
        within = quantity <= 100 and quantity * reference <= 1_000_000_000 and abs(after) <= 150
        assert within or (abs(after) < abs(position) and after * position >= 0)


def test_what_is_open_on_the_other_side_may_not_fill_and_makes_no_room():
    # 100 are held, and 100 are being sold: a purchase of 60 has room for 50 only if the sale does not fill.
    book = book_of(filled(fill(order("held"))), decided(order("away", Side.SELL, quantity=100)))

    assert isinstance(review(order("o2", quantity=50), book, LIMITS), Approved)
    refused = review(order("o2", quantity=60), book, LIMITS)
    assert (refused.rule, refused.reason) == ("max_position", "position would be 160, at most 150")


def test_an_account_that_borrows_nothing_sells_what_it_has_and_buys_what_it_can_pay():
    # 100 at 10 of a thousand and fifty: 50 in cash, and 1,050 of equity.
    book = book_of(filled(fill(order("held"))), cash=1_050_000_000)
    cash_account = Limits(max_short=0, max_leverage=LEVERAGE)
    closes = {"AAA": 10_000_000, "BBB": 5_000_000}

    def verdict(wish):
        asked = review(wish, book, cash_account, closes=closes)
        return (asked.rule, asked.reason) if isinstance(asked, Refused) else None

    assert verdict(order("o1", Side.SELL, 100)) is None
    assert verdict(order("o1", Side.SELL, 101)) == ("max_short", "1 would be short, at most 0")
    assert verdict(order("o1", quantity=5)) is None
    too_much = ("max_leverage", "more than 1 would be held for one of equity, or something has no price")
    assert verdict(order("o1", quantity=6)) == too_much
    assert verdict(order("o1", quantity=10, symbol="BBB", reference=5_000_000)) is None
    assert verdict(order("o1", quantity=11, symbol="BBB", reference=5_000_000)) == too_much
    assert verdict(order("o1", quantity=1, symbol="CCC")) == too_much


def test_the_limits_of_a_request_are_in_units_and_in_money():
    limits = {
        "max_order_quantity": 7, "max_order_notional": "12.5", "max_position": 8, "max_open_orders": 3,
        "max_daily_loss": "0.000001", "max_short": 0, "max_leverage": "1.5",
    }  # fmt: skip
    request = parse_request(request_text(limits=limits, strategies={"s@1": {"max_order_notional": "2"}}))

    assert request.limits == Limits(
        7, 12_500_000 * WHOLE_BP, 8, max_open_orders=3, max_daily_loss=WHOLE_BP, max_short=0,
        max_leverage=3 * LEVERAGE // 2,
    )  # fmt: skip
    assert request.strategies == {"s@1": Limits(max_order_notional=2_000_000 * WHOLE_BP)}


def test_a_strategy_is_held_to_what_it_has_of_the_account_itself():
    # The account holds 120, of which 40 are sma_cross's and 80 another's.
    other = replace(order("theirs", quantity=80), strategy="donchian@1")
    mine = order("mine", quantity=40)
    book = book_of(
        *(record for one in (other, mine) for record in (decided(one), filled(fill(one, one.client_order_id))))
    )
    own = {"sma_cross@1": Limits(max_position=50)}

    assert isinstance(review(order("more", quantity=10), book, LIMITS, strategies=own), Approved)
    refused = review(order("more", quantity=11), book, LIMITS, strategies=own)
    assert (refused.rule, refused.reason) == (
        "strategy_max_position", "position would be 51, at most 50 for sma_cross@1"
    )  # fmt: skip
    assert isinstance(review(replace(order("more", quantity=11), strategy="donchian@1"), book, LIMITS, strategies=own),
                      Approved)  # fmt: skip
    assert review(replace(order("more", quantity=31), strategy="donchian@1"), book, LIMITS).reason.endswith("most 150")


def test_open_orders_are_counted_for_the_account_and_for_the_strategy():
    book = book_of(decided(order("o1", quantity=1)), decided(replace(order("o2", quantity=1), strategy="donchian@1")))
    wish = order("o3", quantity=1)

    assert isinstance(review(wish, book, replace(LIMITS, max_open_orders=3)), Approved)
    assert review(wish, book, replace(LIMITS, max_open_orders=2)).rule == "max_open_orders"
    own = {"sma_cross@1": Limits(max_open_orders=1)}
    assert review(wish, book, LIMITS, strategies=own).reason == "1 are open, at most 1 for sma_cross@1"
    assert isinstance(review(wish, book, LIMITS, strategies={"sma_cross@1": Limits(max_open_orders=2)}), Approved)


def test_a_loss_is_counted_from_the_last_close_and_not_from_the_begin():
    # 100 units at 10 closed at 5, which has lost 500; at 4 they have lost a hundred more, and at 1 four hundred.
    closing = record("session_closed", session="2018-10-01", cash_micros=999_000_000_000,
                     positions={"AAA": 100}, closes={"AAA": 5_000_000})  # fmt: skip
    book = book_of(filled(fill(order("held"))), closing)
    limits = replace(LIMITS, max_daily_loss=300_000_000 * WHOLE_BP)

    assert isinstance(review(order("o1", quantity=1), book, limits, closes={"AAA": 4_000_000}), Approved)
    assert review(order("o1", quantity=1), book, limits, closes={"AAA": 1_000_000}).rule == "max_daily_loss"


def test_what_a_strategy_has_is_split_with_the_account():
    # 40 of sma_cross's and 80 of another's are 80 and 160 in new units.
    other = replace(order("theirs", quantity=80), strategy="donchian@1")
    mine = order("mine", quantity=40)
    split = record("split", session="2018-10-03", symbol="AAA", ex_date="2018-10-03", numerator=2, denominator=1,
                   price_micros=0)  # fmt: skip
    book = book_of(*(one for of in (other, mine) for one in (decided(of), filled(fill(of, of.client_order_id)))), split)
    own = {"sma_cross@1": Limits(max_position=100)}
    wide = replace(LIMITS, max_position=1_000)

    assert isinstance(review(order("more", quantity=20), book, wide, strategies=own), Approved)
    refused = review(order("more", quantity=21), book, wide, strategies=own)
    assert refused.reason == "position would be 101, at most 100 for sma_cross@1"


def test_what_was_lost_since_the_last_close_stops_what_adds_risk():
    # 100 units at 10 closed at 10; at 7 they have lost 300.
    closing = record("session_closed", session="2018-10-01", cash_micros=999_000_000_000,
                     positions={"AAA": 100}, closes={"AAA": 10_000_000})  # fmt: skip
    book = book_of(filled(fill(order("held"))), closing)
    limits = replace(LIMITS, max_daily_loss=300_000_000 * WHOLE_BP)
    wish, less = order("o1", quantity=1), order("o2", Side.SELL, 1)

    assert isinstance(review(wish, book, limits, closes={"AAA": 7_000_000}), Approved)
    refused = review(wish, book, limits, closes={"AAA": 6_999_999})
    assert (refused.rule, refused.reason) == ("max_daily_loss", "lost 300.00 since the last close, at most 300.00")
    assert review(wish, book, limits, closes={}).reason == "something that is held has no price"
    assert isinstance(review(less, book, limits, closes={}), Approved)
