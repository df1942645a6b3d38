"""Prices in the account's currency."""

import numpy as np
import pandas as pd
import pytest

from tests.property.generators import bars_of, random_walk
from tradepulse.backtest.engine import backtest
from tradepulse.backtest.frictions import Costs
from tradepulse.core.currency import converted
from tradepulse.core.strategies.donchian import Donchian
from tradepulse.errors import DataError, InvalidTable

FOREIGN = bars_of([10.0, 12.0], opens=[10.0, 11.0], highs=[10.5, 12.5], lows=[9.5, 10.5])
RATES = bars_of([1.1, 1.3], opens=[1.0, 1.2], symbol="EURUSD")


def test_each_price_is_changed_at_the_rate_of_its_instant():
    made = converted(FOREIGN, RATES)

    assert made["open"].tolist() == pytest.approx([10.0, 13.2])
    assert made["close"].tolist() == pytest.approx([11.0, 15.6])
    assert made["high"].tolist() == pytest.approx([11.55, 16.25])
    assert made["low"].tolist() == pytest.approx([9.5, 12.6])
    assert made["volume"].equals(FOREIGN["volume"])


def test_an_account_makes_what_it_would_make_by_changing_at_each_trade():
    bars, rates = random_walk(3, 200), random_walk(4, 200).assign(symbol="EURUSD")
    result = backtest(
        converted(bars, rates), lambda: Donchian(quantity=10, entry=5, exit=3), cash=1e5, costs=Costs(5, 0)
    )
    at = bars.set_index("ts")
    rate = rates.set_index("ts")

    cash, held = 1e5, 0
    for fill in result.fills.to_dict("records"):
        sign = 1 if fill["side"] == "buy" else -1
        paid = fill["quantity"] * at.loc[fill["ts"], "open"]  # in the other currency
        cash -= (sign * paid + paid * 5e-4) * rate.loc[fill["ts"], "open"]
        held += sign * fill["quantity"]
    worth = held * bars["close"].iloc[-1] * rates["close"].iloc[-1]
    assert len(result.fills) > 10
    assert result.summary["final_equity"] == pytest.approx(cash + worth, rel=1e-12)


def test_a_rate_that_is_not_there_is_not_made_up():
    with pytest.raises(DataError, match="1 of 2 bars have no rate of EURUSD; leave these bars out"):
        converted(FOREIGN, RATES.iloc[:1])
    with pytest.raises(InvalidTable, match="bars of one rate, each instant once"):
        converted(FOREIGN, pd.concat([RATES, RATES]))
    with pytest.raises(InvalidTable, match="not above zero"):
        converted(FOREIGN, RATES.assign(close=[1.0, np.nan]))
