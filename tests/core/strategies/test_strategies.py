"""The shipped strategies against their definitions, written out a second time without any cleverness."""

from fractions import Fraction
from statistics import fmean, pstdev

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.property.generators import bars_of, price_bars
from tradepulse.backtest.engine import backtest
from tradepulse.core.indicators import indicator
from tradepulse.core.strategies.bollinger_reversion import BollingerReversion
from tradepulse.core.strategies.donchian import Donchian
from tradepulse.core.strategies.momentum_rank import MomentumRank
from tradepulse.core.strategies.paths import Seat, by_time, target_path
from tradepulse.core.strategies.regime_switch import RegimeSwitch
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.core.strategies.volatility_target import VolatilityTarget
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


def test_bollinger_reversion_by_hand():
    # Of closes 10, 10, 10, 4 the mean is 8.5 and the deviation 2.598: 4 stands 1.73 below. Then 10, 10, 4, 9: the mean
    # is 8.25, and 9 stands above it.
    strategy = BollingerReversion(quantity=5, window=4, entry=1.5)

    assert targets(strategy, bars_of([10.0, 10.0, 10.0, 4.0, 9.0])) == [0, 0, 0, 5, 0]


@given(price_bars(min_size=8), st.integers(2, 6), st.sampled_from([0.5, 1.0, 1.5]))
def test_bollinger_reversion_is_its_definition(bars, window, entry):
    closes, held, expected = bars["close"].tolist(), 0, []
    for t in range(len(closes)):
        part = closes[max(t - window + 1, 0) : t + 1]
        deviation = pstdev(part)
        if len(part) == window and deviation > 1e-9:
            below = (fmean(part) - part[-1]) / deviation
            assume(abs(below - entry) > 1e-9 and abs(below) > 1e-9)
            held = 7 if below > entry else 0 if below < 0 else held
        expected.append(held)

    assert targets(BollingerReversion(quantity=7, window=window, entry=entry), bars) == expected


def test_the_volatility_of_a_position_is_held_at_its_target():
    # Two returns of +-1 %: sample deviation 0.01 * sqrt(2), times sqrt(252): 0.22449944 a year.
    closes = 100 * np.exp([0.0, 0.01, 0.0, 0.01, 0.0])
    at_target = VolatilityTarget(quantity=100, window=2, target=0.2245)
    half = VolatilityTarget(quantity=100, window=2, target=0.1125)
    capped = VolatilityTarget(quantity=100, window=2, target=5.0)

    assert [targets(s, bars_of(closes))[-1] for s in (at_target, half, capped)] == [100, 50, 200]
    assert targets(at_target, bars_of(closes))[:2] == [0, 0]


def test_a_small_change_of_volatility_is_not_traded_on():
    rng = np.random.default_rng(4)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 300)))
    orders = {
        band: np.count_nonzero(np.diff(targets(VolatilityTarget(quantity=1_000, band=band), bars_of(closes))))
        for band in (0.0, 0.1, 0.5)
    }

    assert orders[0.0] > 3 * orders[0.1] > 3 * orders[0.5]


def ranked(closes_by_symbol, **params):
    """Targets of each symbol after each bar, through the engine's own seat."""
    bars = [bars_of(closes, symbol=symbol) for symbol, closes in closes_by_symbol.items()]
    seat = Seat(MomentumRank(quantity=3, **params), held := {})
    seat.strategy.initialize()
    path = []
    for group in by_time(pd.concat(bars)):
        held.update(seat.decide(group))
        path.append({symbol: held.get(symbol, 0) for symbol in closes_by_symbol})
    return path


def test_the_strongest_symbols_are_held():
    closes = {"AAA": [1, 2, 3, 3, 3], "BBB": [1, 1, 1.5, 6, 6], "CCC": [9, 8, 7, 6, 5]}

    path = ranked(closes, lookback=2, skip=0, top=1, every=1)

    # Over two bars: A +200 %, B +50 %; then A +50 %, B +500 %; then A 0, B +300 %. C never rises.
    assert [row["AAA"] for row in path] == [0, 0, 3, 0, 0]
    assert [row["BBB"] for row in path] == [0, 0, 0, 3, 3]
    assert [row["CCC"] for row in path] == [0] * 5


def test_the_last_bars_are_left_out_and_it_waits_between_choices():
    closes = {"AAA": [1, 2, 1, 1, 1, 1], "BBB": [1, 1, 9, 9, 9, 9]}

    path = ranked(closes, lookback=2, skip=1, top=1, every=2)

    # Bar 2 looks at bars 0 to 1: A doubled. Bar 3 is not its turn. Bar 4 looks at bars 2 to 3: neither rose.
    assert [row["AAA"] for row in path] == [0, 0, 3, 3, 0, 0]
    assert [row["BBB"] for row in path] == [0] * 6


def test_the_backtest_holds_one_of_many_symbols(nasdaq):
    part = nasdaq.tail(400).reset_index(drop=True)
    other = part.assign(
        symbol="OTHER", **{name: part[name][::-1].to_numpy() for name in ("open", "high", "low", "close")}
    )
    both = pd.concat([part, other]).sort_values(["ts", "symbol"], ignore_index=True)

    result = backtest(both, lambda: MomentumRank(quantity=2, lookback=60, skip=5, every=10), cash=1e6)

    assert set(result.fills["symbol"]) == {"NASDAQ", "OTHER"}
    held = result.fills.assign(signed=result.fills["quantity"] * np.where(result.fills["side"] == "buy", 1, -1))
    after = held.groupby("ts")["signed"].sum().cumsum()
    assert after.between(0, 2).all()


def test_the_regime_decides_how_to_trade():
    """Persistent returns are followed, reverting ones are bought when they fall, and noise is left alone."""
    t = np.arange(400)
    trend = 100 * np.exp(0.02 * np.sin(t / 25) + np.cumsum(0.001 * np.sin(t / 40)))
    jagged = 100 * np.exp(0.01 * np.where(t % 2, 1, -1) * (1 + 0.3 * np.sin(t)))
    params = {"window": 64, "trend": 20, "torn": 2.0}
    for closes in (trend, jagged):
        bars = bars_of(closes)
        regime = indicator("regime")({"close": closes}, window=64)["regime"]
        away = indicator("zscore")({"close": closes}, window=20)["zscore"]
        held, expected = False, []
        for row in range(len(t)):
            if row >= 64:
                if not regime[row]:
                    held = False
                elif regime[row] > 0:
                    held = away[row] > 0
                else:
                    held = away[row] < -1 or (held and away[row] < 0)
            expected.append(10 * held)
        assert targets(RegimeSwitch(quantity=10, **params), bars) == expected
        assert 0 < sum(expected) < 10 * len(t)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BollingerReversion(quantity=1, exit=3.0), "exit must be below entry"),
        (lambda: BollingerReversion(quantity=1, entry=99.0), "entry must be a number from 0.1 to 10.0, not 99.0"),
        (lambda: BollingerReversion(quantity=1, window=2.5), "window must be a whole number from 2 to 10000, not 2.5"),
        (
            lambda: VolatilityTarget(quantity=1, target=float("nan")),
            "target must be a number from 0.001 to 10.0, not nan",
        ),
        (lambda: MomentumRank(quantity=1, skip=252), "skip must be below lookback"),
    ],
)
def test_parameters_out_of_range_are_refused(make, words):
    with pytest.raises(ConfigError, match=words):
        make()
