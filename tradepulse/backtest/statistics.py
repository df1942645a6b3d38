"""What a series of returns says, and how much of it may be luck."""

from math import e, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_NORMAL = NormalDist()
_EULER_GAMMA = 0.5772156649015329


def sharpe(returns: NDArray[np.float64], bars_per_year: float) -> float:
    """Return the annualised Sharpe ratio against cash that earns nothing.

    Parameters
    ----------
    returns : one per bar, shape (n,), fractions
    bars_per_year : 252 for daily bars of an exchange

    Returns
    -------
    float : mean over standard deviation (ddof 1) times the root of ``bars_per_year``; NaN for fewer than two returns
        or returns that never vary
    """
    if len(returns) < 2:
        return float("nan")
    deviation = float(np.std(returns, ddof=1))
    return float(np.mean(returns)) / deviation * sqrt(bars_per_year) if deviation > 0 else float("nan")


def drawdown(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each value lies below the highest one so far, as a positive fraction of it; shape (n,)."""
    peak = np.maximum.accumulate(equity)
    fallen: NDArray[np.float64] = (peak - equity) / peak
    return fallen


def max_drawdown(equity: NDArray[np.float64]) -> float:
    """Return the largest :func:`drawdown`; 0 for an empty series."""
    return float(drawdown(equity).max()) if len(equity) else 0.0


def probabilistic_sharpe(observed: float, benchmark: float, n: int, skew: float, kurtosis: float) -> float:
    """Return the probability that the true Sharpe ratio exceeds a benchmark.

    Parameters
    ----------
    observed, benchmark : Sharpe ratios per bar, not annualised
    n : returns observed
    skew, kurtosis : of the returns; kurtosis is Pearson's, 3 for a normal distribution

    References
    ----------
    Bailey, D. H. and Lopez de Prado, M. (2012). The Sharpe ratio efficient frontier. Journal of Risk 15(2), 3-44.
    """
    spread = sqrt(1 - skew * observed + (kurtosis - 1) / 4 * observed**2)
    return _NORMAL.cdf((observed - benchmark) * sqrt(n - 1) / spread)


def lucky_sharpe(variance: float, trials: int) -> float:
    """Return the Sharpe ratio to expect from the best of that many trials without any skill.

    Parameters
    ----------
    variance : of the trials' Sharpe ratios, in the unit wanted back (squared)
    trials : independent trials, at least 1; a single one has no luck to draw from

    References
    ----------
    Bailey, D. H. and Lopez de Prado, M. (2014). The deflated Sharpe ratio. Journal of Portfolio Management 40(5),
    94-107.
    """
    if trials < 2:
        return 0.0
    first, second = _NORMAL.inv_cdf(1 - 1 / trials), _NORMAL.inv_cdf(1 - 1 / (trials * e))
    return sqrt(variance) * ((1 - _EULER_GAMMA) * first + _EULER_GAMMA * second)


def deflated_sharpe(observed: float, variance: float, trials: int, n: int, skew: float, kurtosis: float) -> float:
    """Return the probability that a Sharpe ratio is better than the best of so many lucky trials.

    Parameters
    ----------
    observed : Sharpe ratio of the best trial, per bar
    variance : of all trials' Sharpe ratios, per bar
    trials : trials that were run, the bad ones too
    n, skew, kurtosis : of the best trial's returns
    """
    return probabilistic_sharpe(observed, lucky_sharpe(variance, trials), n, skew, kurtosis)


def moments(returns: NDArray[np.float64]) -> tuple[float, float]:
    """Return skewness and Pearson kurtosis (3 for a normal distribution) of returns that vary."""
    centred = returns - returns.mean()
    variance = float((centred**2).mean())
    return float((centred**3).mean()) / variance**1.5, float((centred**4).mean()) / variance**2
