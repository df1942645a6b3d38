"""What the plug-in is true to: the conformance kit, and numbers by hand."""

import numpy as np
import pytest
from tradepulse_example.early_month import EarlyMonth
from tradepulse_example.efficiency_ratio import INDICATOR
from tradepulse_example.large_orders import LargeOrders
from tradepulse_example.step_inside import StepInside

from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Market
from tradepulse.quality.conformance import examine


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        ("strategy", "early_month", EarlyMonth),
        ("quoting", "step_inside", StepInside),
        ("indicator", "efficiency_ratio", INDICATOR),
        ("friction", "large_orders", LargeOrders),
    ],
)
def test_it_conforms(kind, name, found):
    assert [finding for finding in examine(kind, name, found) if not finding.passed] == []


def test_a_straight_way_is_efficient_and_there_and_back_is_not():
    values = INDICATOR({"close": np.array([1.0, 2.0, 3.0, 2.0, 1.0])}, window=2)["efficiency_ratio"]

    np.testing.assert_allclose(values, [np.nan, np.nan, 1.0, 0.0, 1.0])


def test_large_orders_pay_less():
    # 10 bp of 100,000, and 5 bp of the rest.
    assert LargeOrders(commission_bp=10.0).commission(300_000.0) == pytest.approx(100.0 + 100.0)


class Paper:
    """A desk that writes down what it is asked for."""

    position = 0

    def __init__(self):
        self.asked = []

    def open_orders(self):
        return {}

    def submit(self, side, quantity, price, **how):
        self.asked.append((side, quantity, price))


@pytest.mark.parametrize(("ask", "quotes"), [(10_005, (10_001, 10_004)), (10_002, (10_000, 10_002))])
def test_it_quotes_inside_a_wide_market_and_with_the_others_in_a_narrow_one(ask, quotes):
    desk, cent = Paper(), UNIT // 100

    StepInside(size=1).on_market(Market(0, 10_000 * cent, UNIT, ask * cent, UNIT, None), desk)

    assert desk.asked == []  # nothing is held, and five hundredths is the most
    StepInside(size=1, most=1).on_market(Market(0, 10_000 * cent, UNIT, ask * cent, UNIT, None), desk)
    bid, offer = quotes
    assert desk.asked == [(Side.BUY, UNIT, bid * cent), (Side.SELL, UNIT, offer * cent)]
