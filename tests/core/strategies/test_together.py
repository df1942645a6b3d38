"""Several strategies on one account."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.generators import bars_of, price_bars, random_walk
from tradepulse.backtest import compiled
from tradepulse.backtest.engine import backtest
from tradepulse.backtest.frictions import Costs
from tradepulse.core.strategies.donchian import Donchian
from tradepulse.core.strategies.momentum_rank import MomentumRank
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.core.strategies.together import Together
from tradepulse.errors import ConfigError

CROSS, CHANNEL = (lambda: SmaCross(quantity=30, fast=2, slow=5)), (lambda: Donchian(quantity=20, entry=4, exit=3))
FREE = Costs(0, 0)


@given(price_bars(min_size=10, max_size=60))
def test_without_costs_the_sum_earns_what_its_members_earn(bars):
    both = backtest(bars, lambda: Together([CROSS, CHANNEL]), cash=1e5, costs=FREE).summary["final_equity"]
    alone = [backtest(bars, make, cash=1e5, costs=FREE).summary["final_equity"] for make in (CROSS, CHANNEL)]

    assert both - 1e5 == pytest.approx(sum(alone) - 2e5, abs=1e-6)


def test_what_one_buys_and_another_sells_is_not_traded():
    class Fixed(SmaCross):
        def __init__(self, *targets):
            super().__init__(quantity=1, fast=1, slow=2)
            self.targets = list(targets)

        warmup = 0

        def initialize(self):
            self.left = list(self.targets)

        def handle_tick(self, bar, desk):
            if self.left and (target := self.left.pop(0)) is not None:
                desk.target(bar.symbol, target)

    bars = bars_of([10.0] * 6)
    result = backtest(
        bars, lambda: Together([lambda: Fixed(5, None, 0), lambda: Fixed(None, None, 5)]), cash=1e3, costs=FREE
    )

    assert result.fills["quantity"].tolist() == [5]
    assert result.summary["open_position"] == {"AAA": 5}


def test_members_of_one_symbol_and_of_many_stand_side_by_side():
    bars = pd.concat([random_walk(1, 80), random_walk(2, 80).assign(symbol="BBB")]).sort_values("ts", kind="stable")
    rank = lambda: MomentumRank(quantity=7, lookback=10, skip=1, every=5)  # noqa: E731
    make = lambda: Together([CROSS, rank])  # noqa: E731

    slow, fast = (run(bars, make, cash=1e5) for run in (backtest, compiled.replay))

    pd.testing.assert_frame_equal(slow.fills, fast.fills, check_exact=True)
    assert set(slow.fills["symbol"]) == {"AAA", "BBB"}
    assert make().id == "sma_cross@1+momentum_rank@1"
    assert (make().warmup, make().run_in) == (6, 11)


@given(st.integers(1, 4))
def test_one_strategy_alone_is_itself(copies):
    bars = random_walk(9, 120)
    one = backtest(bars, CROSS, cash=1e6, costs=Costs(1, 1)).fills
    many = backtest(bars, lambda: Together([CROSS] * copies), cash=1e6, costs=Costs(1, 1)).fills

    assert many["quantity"].tolist() == (one["quantity"] * copies).tolist()
    assert many["price"].tolist() == one["price"].tolist()


def test_nobody_together_is_refused():
    with pytest.raises(ConfigError, match="together: name at least one strategy"):
        Together([])
