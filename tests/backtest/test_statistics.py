import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tradepulse.backtest.statistics import (
    deflated_sharpe,
    drawdown,
    lucky_sharpe,
    max_drawdown,
    moments,
    probabilistic_sharpe,
    sharpe,
)


def test_sharpe_by_hand():
    # Mean 0.01, deviation 0.01: 1 per bar, times the root of 4 bars a year.
    assert sharpe(np.array([0.0, 0.01, 0.02]), 4) == pytest.approx(2.0)


@pytest.mark.parametrize("returns", [[], [0.1], [0.0, 0.0, 0.0]])
def test_without_variation_there_is_no_sharpe_ratio(returns):
    assert np.isnan(sharpe(np.array(returns), 252))


def test_drawdown_by_hand():
    assert drawdown(np.array([10.0, 8.0, 12.0, 9.0])).tolist() == [0.0, 0.2, 0.0, 0.25]
    assert max_drawdown(np.array([])) == 0.0


def test_the_deflated_sharpe_ratio_is_that_of_the_paper():
    """Bailey and Lopez de Prado (2014), numerical example: 0.9004 after 100 trials, 0.9505 after 46.

    Annualised Sharpe ratio 2.5 of 1,250 daily returns (250 a year), variance of the trials' annualised ratios 1/2,
    skewness -3, kurtosis 10; the benchmark that luck reaches is 0.1132 per day.
    """
    observed, variance = 2.5 / np.sqrt(250), 0.5 / 250

    assert lucky_sharpe(variance, 100) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(observed, variance, 100, 1250, -3, 10) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(observed, variance, 46, 1250, -3, 10) == pytest.approx(0.9505, abs=1e-4)


def test_for_normal_returns_and_no_benchmark_it_is_the_t_test():
    # Per-bar ratio 0.1 of 401 returns: z = 0.1 * sqrt(400) / sqrt(1 + 0.005).
    assert probabilistic_sharpe(0.1, 0.0, 401, 0.0, 3.0) == pytest.approx(stats.norm.cdf(2 / np.sqrt(1.005)))


def test_a_single_trial_has_no_luck_to_draw_from():
    assert lucky_sharpe(1.0, 1) == 0.0


@pytest.mark.slow
def test_the_luck_of_the_best_is_what_chance_gives():
    rng = np.random.default_rng(11)
    best = rng.standard_normal((20_000, 50)).max(axis=1).mean()

    assert lucky_sharpe(1.0, 50) == pytest.approx(best, rel=0.02)


@given(st.integers(0, 2**32 - 1), st.integers(20, 400))
def test_moments_are_those_of_scipy(seed, n):
    returns = np.random.default_rng(seed).standard_t(5, n)
    skew, kurtosis = moments(returns)

    assert skew == pytest.approx(stats.skew(returns), abs=1e-9)
    assert kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-9)


@given(st.floats(-0.2, 0.2), st.integers(2, 500), st.integers(30, 2000))
def test_more_trials_never_make_a_result_more_believable(observed, trials, n):
    fewer, more = (deflated_sharpe(observed, 0.001, k, n, 0.0, 3.0) for k in (trials, trials + 1))

    assert 0 <= more <= fewer <= 1
