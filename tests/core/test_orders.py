from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepulse.core.orders import Fill, OrderStatus, Side, client_order_id, from_micros, share_of, to_micros


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        ("1", 1_000_000),
        (0.1, 100_000),
        ("0.0000005", 0),  # half goes to the even neighbour
        ("0.0000015", 2),
        ("-2.5", -2_500_000),
        (Decimal("7387.331017"), 7_387_331_017),
    ],
)
def test_amounts_become_micros_rounded_half_to_even(value, micros):
    assert to_micros(value) == micros


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "-Infinity", "NaN"])
def test_what_is_no_amount_is_refused(value):
    with pytest.raises(ValueError, match="no amount of money"):
        to_micros(value)


@given(st.integers(-(10**15), 10**15))
def test_micros_survive_the_way_through_decimal(micros):
    assert to_micros(from_micros(micros)) == micros


@given(st.integers(-(10**18), 10**18), st.integers(0, 10**8), st.integers(-(10**8), 10**8).filter(bool))
def test_a_share_is_the_exact_fraction_rounded_half_to_even(amount, numerator, denominator):
    assert share_of(amount, numerator, denominator) == round(Fraction(amount * numerator, denominator))


def test_an_order_id_is_the_sha256_of_book_strategy_and_decision():
    # printf 'paper|sma_cross@1|NASDAQ|2018-10-01' | sha256sum
    assert client_order_id("paper", "sma_cross@1", "NASDAQ|2018-10-01") == "22064656d6040d5d1ca8"


@pytest.mark.parametrize(("side", "cash"), [(Side.BUY, -1_000_300), (Side.SELL, 999_700)])
def test_commission_is_paid_on_both_sides(side, cash):
    fill = Fill("f", "o", "AAA", side, 10, 100_000, 0, 300, "2018-10-01", "")

    assert fill.cash_micros == cash


def test_only_orders_that_can_still_fill_are_open():
    assert [status for status in OrderStatus if status.is_open] == ["unknown", "working", "partially_filled"]
