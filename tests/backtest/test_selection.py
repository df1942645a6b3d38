"""Choice among trials: published values, brute force, and what must hold of any split."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradepulse.backtest.promotion import HOLDOUT_CHANCE, LEAST_DEFLATED_SHARPE
from tradepulse.backtest.selection import (
    effective_trials,
    number_of_paths,
    probability_of_overfitting,
    purged_splits,
    sharpe_interval,
    walk_forward_splits,
)
from tradepulse.backtest.statistics import deflated_sharpe, moments, probabilistic_sharpe
from tradepulse.errors import ConfigError, DataError


def pbo_by_brute_force(returns, blocks):
    """The definition, one split after another, ranks by sorting."""
    parts = np.array_split(returns, blocks)
    below = []
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[i] for i in chosen])
        outside = np.concatenate([parts[i] for i in range(blocks) if i not in chosen])
        best = int(np.argmax(inside.mean(axis=0) / inside.std(axis=0)))
        scores = outside.mean(axis=0) / outside.std(axis=0)
        rank = sorted(scores).index(scores[best]) + 1
        below.append(rank / (returns.shape[1] + 1) <= 0.5)
    return np.mean(below)


@pytest.mark.parametrize("seed", range(5))
def test_overfitting_is_what_brute_force_counts(seed):
    returns = np.random.default_rng(seed).normal(0, 0.01, (120, 7))

    assert probability_of_overfitting(returns, blocks=6) == pbo_by_brute_force(returns, 6)


def test_a_choice_among_noise_is_overfitting_half_of_the_time_and_a_true_one_is_not():
    rng = np.random.default_rng(1)
    noise = [probability_of_overfitting(rng.normal(0, 0.01, (640, 20)), blocks=8) for _ in range(60)]
    skill = rng.normal(0, 0.01, (640, 20))
    skill[:, 3] += 0.004

    assert np.mean(noise) == pytest.approx(0.5, abs=0.08)
    assert probability_of_overfitting(skill) == 0.0


def test_trials_that_never_trade_do_not_break_it():
    returns = np.zeros((64, 3))
    returns[:, 1] = np.random.default_rng(2).normal(0.01, 0.01, 64)

    assert 0 <= probability_of_overfitting(returns, blocks=4) <= 1


@pytest.mark.parametrize(
    ("returns", "blocks", "error", "words"),
    [
        (np.ones((64, 1)), 4, DataError, "one trial leaves nothing to choose"),
        (np.ones((6, 2)), 4, DataError, "6 bars are too few for 4 blocks"),
        (np.full((64, 2), np.nan), 4, DataError, "a return is missing"),
        (np.ones((64, 2)), 5, ConfigError, "an even number of at least 2, not 5"),
    ],
)
def test_what_says_nothing_about_a_choice_is_refused(returns, blocks, error, words):
    with pytest.raises(error, match=words):
        probability_of_overfitting(returns, blocks=blocks)


def test_effective_trials():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(20_000, 10))
    one = np.repeat(rng.normal(size=(500, 1)), 10, axis=1)
    # Two factors of equal weight: a correlation of one half between any two, 1/2 + 1/2 * 10.
    mixed = rng.normal(size=(40_000, 1)) + rng.normal(size=(40_000, 10))

    assert effective_trials(noise) == pytest.approx(10, rel=0.01)
    assert effective_trials(one) == pytest.approx(1)
    assert effective_trials(mixed) == pytest.approx(5.5, rel=0.02)
    assert effective_trials(noise[:, :1]) == 1
    expected = np.corrcoef(mixed[:100].T)
    mean = (expected.sum() - 10) / 90
    assert effective_trials(mixed[:100]) == pytest.approx(mean + (1 - mean) * 10)


def test_the_interval_of_a_sharpe_ratio_holds_the_truth():
    rng = np.random.default_rng(4)
    true = 0.05 * np.sqrt(252)
    inside = 0
    for seed in range(60):
        low, high = sharpe_interval(rng.normal(0.0005, 0.01, 1_000), 252, draws=300, seed=seed)
        inside += low <= true <= high
    # Of sixty intervals of 95 % fewer than fifty would be chance of one in a thousand.
    assert inside >= 50
    assert np.isnan(sharpe_interval(np.zeros(100), 252)).all()
    assert np.isnan(sharpe_interval(np.ones(5), 252)).all()


def test_the_interval_is_as_wide_as_lo_says():
    # Of independent returns the standard error of the ratio per bar is sqrt((1 + SR**2 / 2) / n) (Lo, 2002).
    returns = np.random.default_rng(5).normal(0.0005, 0.01, 2_000)
    low, high = sharpe_interval(returns, 1.0, draws=2_000)
    ratio = returns.mean() / returns.std(ddof=1)

    assert (high - low) / (2 * 1.96) == pytest.approx(np.sqrt((1 + ratio**2 / 2) / 2_000), rel=0.15)


def test_the_paths_of_the_published_example():
    # Lopez de Prado (2018), 12.4: six groups, two tested: fifteen splits and five paths.
    splits = list(purged_splits(60, 6, 2, horizon=0, embargo=0))

    assert len(splits) == comb(6, 2) == 15
    assert number_of_paths(6, 2) == 5
    tested = np.concatenate([test for _, test in splits])
    assert set(np.bincount(tested)) == {5}


@settings(max_examples=60)
@given(st.integers(10, 80), st.integers(2, 6), st.integers(1, 3), st.integers(0, 5), st.integers(0, 5))
def test_no_row_to_fit_on_touches_a_row_to_test_on(bars, groups, tested, horizon, embargo):
    if tested >= groups:
        with pytest.raises(ConfigError):
            next(purged_splits(bars, groups, tested, horizon=horizon, embargo=embargo))
        return
    for train, test in purged_splits(bars, groups, tested, horizon=horizon, embargo=embargo):
        inside = set(test.tolist())
        assert len(inside) == len(test)
        for row in train.tolist():
            # Its outcome ends before the test, and it stands clear of what the test may have left behind.
            assert not inside & set(range(row, row + horizon + 1))
            assert not inside & set(range(row - embargo, row + 1))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 20), st.integers(0, 5))
def test_what_is_traded_comes_after_what_was_fitted_and_never_twice(bars, train, test, gap):
    if train + gap + test > bars:
        with pytest.raises(ConfigError, match="too few"):
            list(walk_forward_splits(bars, train, test, gap=gap))
        return
    splits = list(walk_forward_splits(bars, train, test, gap=gap))
    traded = np.concatenate([rows for _, rows in splits])
    assert len(set(traded.tolist())) == len(traded)
    assert np.array_equal(traded, np.arange(traded[0], traded[-1] + 1))
    for fitted, after in splits:
        assert after[0] - fitted[-1] == gap + 1
        assert (len(fitted), len(after)) == (train, test)


def test_the_best_of_five_hundred_noise_strategies_does_not_pass():
    """Luck passes 0.95 of the deflated ratio about once in twenty times at most, and with unseen bars never here."""
    rng = np.random.default_rng(6)
    passed = champions = 0
    for _ in range(100):
        returns = rng.normal(0, 0.01, (500, 500))
        ratios = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
        best = int(ratios.argmax())
        skew, kurtosis = moments(returns[:, best])
        confidence = deflated_sharpe(ratios[best], float(ratios.var(ddof=1)), 500, 500, skew, kurtosis)
        after = rng.normal(0, 0.01, 250)
        sure = probabilistic_sharpe(after.mean() / after.std(ddof=1), 0.0, len(after), *moments(after))
        passed += confidence >= LEAST_DEFLATED_SHARPE["champion"]
        champions += confidence >= LEAST_DEFLATED_SHARPE["champion"] and sure >= 1 - HOLDOUT_CHANCE
    assert passed <= 5
    assert champions == 0
