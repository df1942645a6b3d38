"""The router by hand, and against trying every way."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepulse.core.orders import UNIT, Side
from tradepulse.errors import ConfigError
from tradepulse.execution.router import Offered, route
from tradepulse.execution.terms import FEE, MONEY


def offer(venue, levels, fee_bp=0, **more):
    return Offered(venue, {p * UNIT: q * UNIT for p, q in levels.items()}, round(fee_bp * FEE), lot=UNIT, **more)


def test_the_fee_decides_between_equal_prices_and_the_display_how_much():
    # 5 at 100 with 10 bp is 100.1 a unit, 3 at 100 with 2 bp is 100.02, 9 at 100.05 without a fee in between.
    found = route(
        Side.BUY, 10 * UNIT, [offer("dear", {100: 5}, 10), offer("cheap", {100: 3}, 2), offer("free", {101: 9})]
    )

    assert [(leg.venue, leg.quantity // UNIT, leg.price // UNIT) for leg in found.legs] == [
        ("cheap", 3, 100), ("dear", 5, 100), ("free", 2, 101),
    ]  # fmt: skip
    assert [leg.cost / MONEY for leg in found.legs] == pytest.approx([300.06, 500.5, 202.0])
    assert found.left == 0
    assert found.legs[0].reason == "100.02 a unit with 2 bp of fee; 3 displayed"


def test_a_sale_takes_the_best_bid_after_the_fee():
    found = route(Side.SELL, 4 * UNIT, [offer("a", {100: 9}, 20), offer("b", {99: 1, 98: 9}, -150)])

    # 100 less 20 bp is 99.8; 99 with a rebate of 150 bp is 100.485, 98 is 99.47.
    assert [(leg.venue, leg.quantity // UNIT) for leg in found.legs] == [("b", 1), ("a", 3)]


def test_what_fades_on_the_way_is_not_counted_on_and_the_faster_is_first():
    slow = offer("slow", {100: 8}, latency_us=200, half_life_us=200)
    found = route(Side.BUY, 6 * UNIT, [slow, offer("near", {100: 1}, latency_us=5)])

    assert [(leg.venue, leg.quantity // UNIT) for leg in found.legs] == [("near", 1), ("slow", 4)]
    assert found.left == UNIT
    assert "half of it gone after 200 us, and it is 200 us away" in found.legs[1].reason


def test_the_limit_is_a_limit_and_nonsense_is_refused():
    assert route(Side.BUY, UNIT, [offer("a", {101: 5})], limit=100 * UNIT).legs == ()
    with pytest.raises(ConfigError, match="quantity is 0; it is above zero"):
        route(Side.BUY, 0, [])
    with pytest.raises(ConfigError, match="a venue comes twice"):
        route(Side.BUY, 1, [offer("a", {1: 1}), offer("a", {2: 1})])
    with pytest.raises(ConfigError, match="a: lot is above zero"):
        route(Side.BUY, 1, [Offered("a", {1: 1}, latency_us=float("nan"))])


books = st.dictionaries(st.integers(98, 102), st.integers(1, 3), min_size=1, max_size=2)


@given(
    st.sampled_from(Side), st.integers(1, 6), st.lists(st.tuples(books, st.integers(-30, 30)), min_size=1, max_size=3)
)
def test_no_other_way_is_cheaper(side, quantity, venues):
    offers = [offer(f"v{n}", levels, fee) for n, (levels, fee) in enumerate(venues)]
    found = route(side, quantity * UNIT, offers)

    # Every way to take units from levels, in whole units, by trying all of them.
    levels = [(price, size, fee) for levels, fee in venues for price, size in levels.items()]
    most = min(quantity, sum(size for _, size, _ in levels))
    costs = [
        sum(n * price * (10_000 + side.sign * fee) for n, (price, _, fee) in zip(way, levels, strict=True))
        for way in product(*(range(size + 1) for _, size, _ in levels))
        if sum(way) == most
    ]
    best = min(costs) if side is Side.BUY else max(costs)
    assert sum(leg.quantity for leg in found.legs) == most * UNIT
    assert found.left == (quantity - most) * UNIT
    assert sum(leg.cost for leg in found.legs) / MONEY == pytest.approx(best / 10_000)
