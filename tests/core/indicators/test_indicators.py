"""Hand arithmetic for each indicator, and TA-Lib on real and random bars."""

import numpy as np
import pytest
import talib
from hypothesis import given

from tests.property.generators import walks
from tradepulse.core.indicators.atr import atr
from tradepulse.core.indicators.bollinger import bollinger
from tradepulse.core.indicators.ema import ema
from tradepulse.core.indicators.macd import macd
from tradepulse.core.indicators.rsi import rsi
from tradepulse.core.indicators.sma import sma
from tradepulse.errors import ConfigError

NAN = float("nan")
close_enough = pytest.approx


def same(actual, expected, tolerance=1e-9):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


def test_sma_by_hand():
    same(sma(np.array([1.0, 2.0, 6.0, 3.0]), window=3), [NAN, NAN, 3.0, 11 / 3])


def test_equal_windows_have_equal_sma_wherever_they_stand():
    prices = np.array([0.1, 0.2, 0.3, 1e9, 0.1, 0.2, 0.3])

    assert sma(prices, window=3)[2] == sma(prices, window=3)[6]


def test_sma_of_a_window_with_a_hole_is_missing():
    same(sma(np.array([1.0, NAN, 3.0, 5.0, 7.0]), window=2), [NAN, NAN, NAN, 4.0, 6.0])


def test_ema_by_hand():
    # Seed (1 + 2 + 6) / 3 = 3; weight 2 / (3 + 1) = 1/2; 3 + (5 - 3) / 2 = 4; 4 + (0 - 4) / 2 = 2.
    same(ema(np.array([1.0, 2.0, 6.0, 5.0, 0.0]), window=3), [NAN, NAN, 3.0, 4.0, 2.0])


def test_ema_warms_up_anew_after_a_hole():
    same(ema(np.array([1.0, 3.0, NAN, 4.0, 6.0]), window=2), [NAN, 2.0, NAN, NAN, 5.0])


def test_rsi_by_hand():
    # Changes +1, -1, +2: first means U = (1 + 0) / 2, D = (0 + 1) / 2; then U = (0.5 + 2) / 2, D = 0.25.
    same(rsi(np.array([10.0, 11.0, 10.0, 12.0]), window=2), [NAN, NAN, 50.0, 100 * 1.25 / 1.5])


def test_rsi_is_100_without_a_fall_0_without_a_rise_and_undefined_without_either():
    up, down, flat = np.arange(1.0, 6.0), np.arange(6.0, 1.0, -1.0), np.full(5, 3.0)

    same(rsi(up, window=2)[2:], [100.0] * 3)
    same(rsi(down, window=2)[2:], [0.0] * 3)
    assert np.isnan(rsi(flat, window=2)).all()


def test_atr_by_hand():
    # True ranges from the second bar on: max(5, 4) - min(3, 4) = 2; gap up max(9, 4.5) - min(8, 4.5) = 4.5; then 1.
    high, low, closes = np.array([4.0, 5.0, 9.0, 9.0]), np.array([3.0, 3.0, 8.0, 8.0]), np.array([4.0, 4.5, 8.5, 8.5])

    same(atr(high, low, closes, window=2), [NAN, NAN, 3.25, (3.25 + 1.0) / 2])


def test_macd_by_hand():
    # EMA(1) is the close. EMA(2): seed 1.5, weight 2/3: 2.5, 3.5. The line is 0.5, 0.5, 0.5.
    line, signal, histogram = macd(np.array([1.0, 2.0, 3.0, 4.0]), fast=1, slow=2, signal=2)

    same(line, [NAN, 0.5, 0.5, 0.5])
    same(signal, [NAN, NAN, 0.5, 0.5])
    same(histogram, [NAN, NAN, 0.0, 0.0])


def test_macd_refuses_a_fast_mean_that_is_not_faster():
    with pytest.raises(ConfigError, match="fast must be shorter than slow, not 26 and 26"):
        macd(np.ones(50), fast=26, slow=26)


def test_bollinger_by_hand():
    # Mean 3, population deviation 1 (not 1.41): bands at 1 and 5; %b (4 - 1) / 4; bandwidth 4 / 3.
    upper, middle, lower, percent_b, bandwidth = bollinger(np.array([2.0, 4.0]), window=2, width=2.0)

    same([upper[1], middle[1], lower[1], percent_b[1], bandwidth[1]], [5.0, 3.0, 1.0, 0.75, 4 / 3])


def test_percent_b_is_undefined_where_the_bands_coincide():
    *_, percent_b, bandwidth = bollinger(np.full(4, 2.0), window=2)

    assert np.isnan(percent_b).all()
    same(bandwidth, [NAN, 0.0, 0.0, 0.0])


def _against_talib(bars):
    high, low, closes = (bars[name].to_numpy() for name in ("high", "low", "close"))
    same(sma(closes, window=20), talib.SMA(closes, 20))
    same(ema(closes, window=20), talib.EMA(closes, 20))
    same(rsi(closes, window=14), talib.RSI(closes, 14))
    same(atr(high, low, closes, window=14), talib.ATR(high, low, closes, 14))
    for ours, theirs in zip(bollinger(closes)[:3], talib.BBANDS(closes, 20, 2.0, 2.0), strict=True):
        same(ours, theirs, 1e-8)  # TA-Lib takes the variance as a difference of two large sums
    line, signal, histogram = macd(closes)
    same(line, talib.EMA(closes, 12) - talib.EMA(closes, 26))
    # TA-Lib's own MACD starts the fast mean late; the difference dies out as (11/13)**n.
    for ours, theirs in zip((line, signal, histogram), talib.MACD(closes, 12, 26, 9), strict=True):
        np.testing.assert_allclose(ours[300:], theirs[300:], rtol=0, atol=1e-9 * closes.max())


def test_twenty_years_of_nasdaq_agree_with_talib(nasdaq):
    _against_talib(nasdaq)


@given(walks(min_size=30, max_size=120))
def test_random_walks_agree_with_talib(bars):
    _against_talib(bars)
