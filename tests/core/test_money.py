from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tradepulse.core.money import apportioned

amounts_of_either_sign = st.lists(st.decimals(-1_000, 1_000, places=9), max_size=20)


def test_the_missing_cent_goes_to_who_lost_most():
    thirds = [Decimal(1) / 3] * 3

    assert apportioned(thirds) == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]
    assert apportioned([Decimal("1.001"), Decimal("1.009"), Decimal("-0.002")]) == [
        Decimal("1.00"), Decimal("1.01"), Decimal("0.00"),
    ]  # fmt: skip
    assert apportioned([]) == []


@given(amounts_of_either_sign)
def test_cents_add_up_to_the_rounded_sum(amounts):
    cents = apportioned(amounts)

    assert sum(cents, Decimal(0)) == sum(amounts, Decimal(0)).quantize(Decimal("0.01"))
    assert all(abs(cent - amount) < Decimal("0.01") for cent, amount in zip(cents, amounts, strict=True))


@given(amounts_of_either_sign.filter(bool), st.integers(-3, 3))
def test_a_total_that_was_rounded_elsewhere_is_met(amounts, more):
    total = sum(amounts, Decimal(0)).quantize(Decimal("0.01")) + more * Decimal("0.01")

    assert sum(apportioned(amounts, total), Decimal(0)) == total
