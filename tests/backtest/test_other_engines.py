"""Three engines that share no code with ours, on a strategy that each understands: the same fills, the same equity."""

import pandas as pd
import pytest

from scripts.peers import ENGINES, Work
from tests.property.generators import random_walk
from tradepulse.backtest.engine import backtest
from tradepulse.backtest.frictions import Costs
from tradepulse.core.strategies.sma_cross import SmaCross

pytestmark = pytest.mark.filterwarnings("ignore")


def ours(bars, work):
    costs = Costs(work.commission * 1e4, work.slippage * 1e4)
    result = backtest(
        bars, lambda: SmaCross(quantity=work.units, fast=work.fast, slow=work.slow), cash=work.cash, costs=costs
    )
    at = pd.Series(range(len(bars)), index=bars["ts"])
    signs = result.fills["side"].map({"buy": 1, "sell": -1})
    units = (signs * result.fills["quantity"]).tolist()
    fills = list(zip(at[result.fills["ts"]].tolist(), units, result.fills["price"].tolist(), strict=True))
    return fills, result.summary["final_equity"]


def theirs(engine, bars, work):
    frame = bars.set_index(pd.DatetimeIndex(bars["session"]))[["open", "high", "low", "close", "volume"]]
    return ENGINES[engine](frame, work)()


#: backtesting.py takes its spread from entries alone, and is asked without.
ASKED = [
    ("vectorbt_signals", 0.0),
    ("vectorbt_signals", 2e-4),
    ("backtrader", 0.0),
    ("backtrader", 2e-4),
    ("backtesting", 0.0),
]


@pytest.mark.parametrize(("fast", "slow"), [(5, 20), (20, 50), (50, 200)])
@pytest.mark.parametrize(("engine", "slippage"), ASKED)
def test_twenty_years_of_nasdaq_come_out_the_same(nasdaq, engine, fast, slow, slippage):
    work = Work(fast=fast, slow=slow, slippage=slippage)

    found, (fills, equity) = theirs(engine, nasdaq, work), ours(nasdaq, work)

    if engine == "backtesting":  # it reports what was closed
        fills = fills[: len(fills) // 2 * 2]
    assert found.orders == len(fills) > 20
    assert [(at, units) for at, units, _ in found.fills()] == [(at, units) for at, units, _ in fills]
    assert [price for *_, price in found.fills()] == pytest.approx([price for *_, price in fills], rel=1e-12)
    assert found.equity == pytest.approx(equity, rel=1e-12)


@pytest.mark.parametrize("engine", ["vectorbt_signals", "backtrader", "backtesting"])
def test_an_engine_that_disagrees_is_noticed(engine):
    bars = random_walk(3, 400)
    work = Work(fast=5, slow=20, slippage=0.0)
    _, equity = ours(bars, work)

    assert theirs(engine, bars, work._replace(commission=work.commission * 1.01)).equity != pytest.approx(
        equity, rel=1e-9
    )
