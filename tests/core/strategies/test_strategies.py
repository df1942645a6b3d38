"""The shipped strategies against their definitions, written out a second time without any cleverness."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.generators import bars_of, price_bars
from tradepulse.backtest.engine import target_path
from tradepulse.core.strategies.donchian import Donchian
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.errors import ConfigError


def targets(strategy, bars):
    return target_path(bars, strategy).astype(int).tolist()


def test_sma_cross_by_hand():
    # Means of 1 and 2 closes: 3|-, 2|2.5, 2|2, 4|3, 4|4, 1|2.5. Above first on bar 3, below first on bar 5.
    strategy = SmaCross(quantity=10, fast=1, slow=2)

    assert targets(strategy, bars_of([3.0, 2.0, 2.0, 4.0, 4.0, 1.0])) == [0, 0, 0, 10, 10, 0]


def test_means_that_are_above_from_the_start_have_not_crossed():
    assert targets(SmaCross(quantity=10, fast=1, slow=2), bars_of([1.0, 2.0, 3.0, 4.0])) == [0, 0, 0, 0]


def test_donchian_by_hand():
    # Enters when the close exceeds the highest high of the 2 bars before; leaves below the lowest low of 1 bar before.
    highs, lows = [5.0, 6.0, 6.0, 7.0, 8.0, 7.5], [4.0, 5.0, 5.0, 6.0, 7.0, 6.0]
    closes = [4.5, 5.5, 6.0, 6.5, 7.0, 6.5]

    assert targets(Donchian(quantity=3, entry=2, exit=1), bars_of(closes, closes, highs, lows)) == [0, 0, 0, 3, 3, 0]


def sma_cross_written_out(closes, fast, slow, quantity):
    exact = [Fraction(str(c)) for c in closes]
    held, out = 0, []
    for t in range(len(exact)):
        if t >= slow:
            mean = lambda n, end: sum(exact[end - n + 1 : end + 1]) / n  # noqa: E731
            now, before = mean(fast, t) - mean(slow, t), mean(fast, t - 1) - mean(slow, t - 1)
            if now > 0 and not before > 0:
                held = quantity
            elif now < 0 and not before < 0:
                held = 0
        out.append(held)
    return out


def donchian_written_out(bars, entry, exit_, quantity):
    held, out = 0, []
    high, low, close = (bars[name].tolist() for name in ("high", "low", "close"))
    for t in range(len(close)):
        if t >= entry and close[t] > max(high[t - entry : t]):
            held = quantity
        elif t >= exit_ and close[t] < min(low[t - exit_ : t]):
            held = 0
        out.append(held)
    return out


@given(price_bars(max_size=40), st.integers(1, 6), st.integers(1, 6))
def test_sma_cross_is_its_definition(bars, fast, more):
    strategy = SmaCross(quantity=7, fast=fast, slow=fast + more)

    assert targets(strategy, bars) == sma_cross_written_out(bars["close"].tolist(), fast, fast + more, 7)


@given(price_bars(max_size=40), st.integers(1, 6), st.integers(1, 6))
def test_donchian_is_its_definition(bars, entry, exit_):
    assert targets(Donchian(quantity=7, entry=entry, exit=exit_), bars) == donchian_written_out(bars, entry, exit_, 7)


@pytest.mark.parametrize("strategy", [SmaCross, Donchian])
def test_bad_parameters_are_refused(strategy):
    for bad, words in (
        ({"quantity": 0}, "quantity must be a whole number of at least 1, not 0"),
        ({"quantity": 1.5}, "quantity must be"),
        ({"quantity": 1, "windw": 3}, "unknown parameter 'windw'; it takes"),
        ({"quantity": 1, next(iter(strategy.params)): 0}, "must be a whole number of at least 1, not 0"),
    ):
        with pytest.raises(ConfigError, match=f"{strategy.name}: .*{words}"):
            strategy(**bad)


def test_windows_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match="fast must be shorter than slow"):
        SmaCross(quantity=1, fast=50, slow=50)


@given(price_bars(min_size=8, max_size=8))
def test_nothing_is_decided_within_the_warm_up(bars):
    for strategy in (SmaCross(quantity=1, fast=2, slow=8), Donchian(quantity=1, entry=8, exit=8)):
        assert strategy.warmup == 9
        assert np.all(np.array(targets(strategy, bars)) == 0)
