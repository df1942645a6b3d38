"""How much of the best of many trials is choice: overfitting, effective trials, intervals, splits that do not leak."""

from collections.abc import Iterator
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from tradepulse.errors import ConfigError, DataError

Returns = NDArray[np.float64]
Rows = NDArray[np.int64]


def probability_of_overfitting(returns: Returns, *, blocks: int = 16) -> float:
    """Return how often the trial that is best on one half of the bars is below the middle on the other.

    Parameters
    ----------
    returns : one column per trial, one row per bar, shape (n, k), fractions
    blocks : stretches of equal length that are dealt into two halves in every way; even

    Returns
    -------
    float, 0 to 1: about a half if all trials are alike, near 0 if one is truly better. Trials are ranked by their
        Sharpe ratio; of equal ones the first is taken, and ranks are shared.

    Raises
    ------
    DataError
        If there are fewer than two trials, or fewer than two bars per block, or a return is missing.
    ConfigError
        If the number of blocks is odd or below 2.

    References
    ----------
    Bailey, D. H., Borwein, J. M., Lopez de Prado, M. and Zhu, Q. J. (2017). The probability of backtest overfitting.
    Journal of Computational Finance 20(4), 39-69 (combinatorially symmetric cross-validation).
    """
    if blocks < 2 or blocks % 2:
        raise ConfigError(f"blocks must be an even number of at least 2, not {blocks}")
    bars, trials = returns.shape
    if trials < 2:
        raise DataError("one trial leaves nothing to choose; overfitting is a property of a choice")
    length = bars // blocks
    if length < 2:
        raise DataError(f"{bars} bars are too few for {blocks} blocks of at least two")
    kept = returns[bars - length * blocks :]  # the oldest bars are left out, so that all blocks are of one length
    if not np.isfinite(kept).all():
        raise DataError("a return is missing; fill the bars in which a trial holds nothing with 0")
    parts = kept.reshape(blocks, length, trials)
    sums, squares = parts.sum(axis=1), (parts**2).sum(axis=1)
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    chosen = np.zeros((len(halves), blocks))
    np.put_along_axis(chosen, halves, 1.0, axis=1)
    inside = _ratios(chosen @ sums, chosen @ squares, length * blocks // 2)
    outside = _ratios((1 - chosen) @ sums, (1 - chosen) @ squares, length * blocks // 2)
    best = inside.argmax(axis=1)
    own = outside[np.arange(len(halves)), best][:, None]
    # Rank of the chosen one outside, 1 for the worst; equal ones share the middle of their ranks.
    rank = (outside < own).sum(axis=1) + ((outside == own).sum(axis=1) + 1) / 2
    below = rank / (trials + 1)
    return float((below <= 0.5).mean())


def _ratios(sums: Returns, squares: Returns, count: int) -> Returns:
    mean = sums / count
    variance = np.maximum(squares / count - mean**2, 0.0)
    return np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 0)


def effective_trials(returns: Returns) -> float:
    """Return how many independent trials so many correlated ones amount to.

    Parameters
    ----------
    returns : one column per trial, shape (n, k)

    Returns
    -------
    float, 1 to k: ``rho + (1 - rho) k`` with rho the mean correlation of two trials, at least 0. A trial whose returns
        do not vary is not correlated with anything.

    References
    ----------
    Bailey, D. H. and Lopez de Prado, M. (2014). The deflated Sharpe ratio. Journal of Portfolio Management 40(5),
    94-107, appendix.
    """
    trials = returns.shape[1]
    if trials < 2:
        return float(trials)
    centred = returns - returns.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(centred, scale, out=np.zeros_like(centred), where=scale > 0)
    # The sum of all correlations is the square of the sum of the unit columns.
    total = float((unit.sum(axis=1) ** 2).sum()) - float((scale > 0).sum())
    mean = min(max(total / (trials * (trials - 1)), 0.0), 1.0)
    return float(mean + (1 - mean) * trials)


def sharpe_interval(
    returns: Returns,
    bars_per_year: float,
    *,
    level: float = 0.95,
    draws: int = 1_000,
    block: float = 20.0,
    seed: int = 7,
) -> tuple[float, float]:
    """Return an interval for the annualised Sharpe ratio, by a bootstrap that keeps runs of bars together.

    Parameters
    ----------
    returns : one per bar, shape (n,), fractions
    bars_per_year : 252 for daily bars of an exchange
    level : share of draws inside
    draws : resamples
    block : mean length of the runs
    seed : of the draws

    Returns
    -------
    low, high : NaN for fewer than 20 returns or returns that never vary

    References
    ----------
    Politis, D. N. and Romano, J. P. (1994). The stationary bootstrap. Journal of the American Statistical Association
    89(428), 1303-1313.
    """
    count = len(returns)
    if count < 20 or not returns.std() > 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    found = np.empty(draws)
    for draw in range(draws):
        # A run ends with chance 1 / block; the series is taken as a circle.
        fresh = rng.random(count) < 1 / block
        fresh[0] = True
        starts = rng.integers(0, count, count)
        place = np.maximum.accumulate(np.where(fresh, np.arange(count), 0))
        rows = (starts[place] + np.arange(count) - place) % count
        sample = returns[rows]
        spread = sample.std(ddof=1)
        found[draw] = sample.mean() / spread * np.sqrt(bars_per_year) if spread > 0 else 0.0
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def walk_forward_splits(bars: int, train: int, test: int, *, gap: int = 0) -> Iterator[tuple[Rows, Rows]]:
    """Yield rows to fit on and the rows after them to trade on, moving on by ``test`` each time.

    Parameters
    ----------
    bars : rows there are
    train, test : rows of each
    gap : rows between the two that belong to neither: as many as an outcome reaches ahead

    Raises
    ------
    ConfigError
        If a length is below 1, or the bars are too few for one split.
    """
    if train < 1 or test < 1 or gap < 0:
        raise ConfigError(f"train and test must be at least 1 and gap at least 0, not {train}, {test} and {gap}")
    if train + gap + test > bars:
        raise ConfigError(
            f"{bars:,} bars are too few for {train:,} to fit on, {gap:,} between and {test:,} to trade on"
        )
    for start in range(0, bars - train - gap - test + 1, test):
        first = start + train + gap
        yield np.arange(start, start + train), np.arange(first, first + test)


def purged_splits(bars: int, groups: int, tested: int, *, horizon: int, embargo: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield every way to test on some of the groups of bars and fit on what is left and does not touch them.

    Parameters
    ----------
    bars : rows there are
    groups : stretches of about equal length
    tested : groups tested on at once; 1 is purged k-fold
    horizon : rows that the outcome of a row reaches ahead: rows whose outcome reaches into a tested stretch are purged
    embargo : rows after a tested stretch that are left out as well, because they still remember it

    Returns
    -------
    iterator of (train, test), ``comb(groups, tested)`` of them; their tested stretches make
        :func:`number_of_paths` whole paths

    References
    ----------
    Lopez de Prado, M. (2018). Advances in Financial Machine Learning. Wiley, chapters 7 and 12.
    """
    if not 0 < tested < groups <= bars or horizon < 0 or embargo < 0:
        raise ConfigError(f"{groups} groups of {bars} bars with {tested} tested, horizon {horizon}, embargo {embargo}")
    edges = np.linspace(0, bars, groups + 1).astype(int)
    for chosen in combinations(range(groups), tested):
        free = np.ones(bars, dtype=bool)
        for group in chosen:
            first, last = edges[group], edges[group + 1]
            # What is decided up to horizon rows before the stretch is settled inside it.
            free[max(first - horizon, 0) : min(last + embargo, bars)] = False
        test = np.concatenate([np.arange(edges[group], edges[group + 1]) for group in chosen])
        yield np.flatnonzero(free), test


def number_of_paths(groups: int, tested: int) -> int:
    """Return how many whole paths the tested stretches of :func:`purged_splits` make."""
    return comb(groups, tested) * tested // groups
