import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.execution.orders import book_of, decided, fill, filled, order
from tradepulse.core.orders import Approved, Refused, Side
from tradepulse.errors import ConfigError
from tradepulse.execution.risk import Limits, review

LIMITS = Limits(max_order_quantity=100, max_order_notional_micros=1_000_000_000, max_position=150)


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
        (order(quantity=True), held(0), "bad_quantity"),
        (order(reference=0), held(0), "bad_price"),
        (order(reference=float("nan")), held(0), "bad_price"),
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


@pytest.mark.parametrize("bad", [-1, 1.5, True, None, float("nan")])
def test_limits_are_whole_numbers(bad):
    with pytest.raises(ConfigError, match="limit max_position must be a whole number not below zero"):
        Limits(100, 100, bad)
