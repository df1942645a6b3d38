"""Hurst exponent."""

from functools import cache
from math import gamma, log, pi, sqrt

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.kernels import kernel
from tradepulse.core.series.rolling import shifted

_SHORTEST = 8


def hurst(close: Values, *, window: int = 128) -> tuple[Values, Values, Values]:
    """Return how persistent log returns are, by the rescaled range and by detrended fluctuation.

    Parameters
    ----------
    close : shape (n,), in time order, above zero
    window : returns looked at, at least 32. They are cut, from the newest back, into runs of 8, 16, 32 ... returns, of
        which there are at least two

    Returns
    -------
    three float64 arrays of shape (n,): rs, rs_corrected and dfa. 0.5 for returns that know nothing of each other,
        above for those that go on, below for those that turn back. The first ``window`` values are NaN; so is each
        window that holds a NaN, or a run without any move in it.

        rs is the slope of log(R/S) over log(run). Short runs bias it towards 0.58: of independent returns that is its
        mean over 128, and 0.55 over 4,096. rs_corrected takes the slope of log(R/S) over its expectation for
        independent normal returns (Anis and Lloyd), and adds 0.5; it is right there, and too near 0.5 elsewhere. dfa is
        the slope of the root mean square around the straight line through each run of the summed returns; it is nearly
        without bias, from 0 to above 1 where the returns themselves wander.

        Over 128 independent returns the standard deviation is 0.08 of the first two and 0.10 of dfa: read the level of
        one value with that in mind.

    References
    ----------
    Hurst, H. E. (1951). Long-term storage capacity of reservoirs. Transactions of the ASCE 116, 770-799.
    Anis, A. A. and Lloyd, E. H. (1976). The expected value of the adjusted rescaled Hurst range of independent normal
    summands. Biometrika 63(1), 111-116.
    Peng, C.-K. et al. (1994). Mosaic organization of DNA nucleotides. Physical Review E 49(2), 1685-1689.
    """
    with np.errstate(all="ignore"):
        returns = np.log(close / shifted(close, 1))
    runs: list[int] = []
    while _SHORTEST << len(runs) <= window // 2:
        runs.append(_SHORTEST << len(runs))
    logs = np.log(runs)
    away = logs - logs.mean()
    expected = [log(expected_range(run)) for run in runs]
    padded = np.zeros(len(close))
    padded[: len(expected)] = expected[: len(close)]
    slopes = np.zeros(len(close))
    slopes[: len(away)] = (away / (away**2).sum())[: len(close)]
    rs, corrected, dfa = _slopes((returns, padded, slopes), window, len(runs))
    return rs, corrected, dfa


@cache
def expected_range(run: int) -> float:
    """Return the expected rescaled range of ``run`` independent normal values (Anis and Lloyd, 1976)."""
    total = sum(sqrt((run - i) / i) for i in range(1, run))
    if run > 340:  # gamma(171.6) is beyond float64; Stirling's ratio is within 1e-6 there
        return total / sqrt(run * pi / 2)
    return gamma((run - 1) / 2) / (sqrt(pi) * gamma(run / 2)) * total


@kernel(outputs=3, long=300)
def _slopes(
    returns: Values, expected: Values, slopes: Values, rs: Values, corrected: Values, dfa: Values, window: int,
    scales: int,
) -> None:  # fmt: skip
    known = 0
    for t in range(len(returns)):
        rs[t] = corrected[t] = dfa[t] = np.nan
        known = known + 1 if returns[t] - returns[t] == 0 else 0
        if known < window:
            continue
        by_range, by_line, against = 0.0, 0.0, 0.0
        run = 8
        for scale in range(scales):
            ratios, squares = 0.0, 0.0
            pieces = window // run
            for piece in range(pieces):
                end = t + 1 - piece * run
                mean = 0.0
                for i in range(end - run, end):
                    mean += returns[i]
                mean /= run
                # Sums of the returns less their mean: they begin and end at 0.
                level, top, bottom, spread = 0.0, 0.0, 0.0, 0.0
                levels, tilt, power = 0.0, 0.0, 0.0
                for i in range(end - run, end):
                    gap = returns[i] - mean
                    spread += gap * gap
                    level += gap
                    top = max(top, level)
                    bottom = min(bottom, level)
                    levels += level
                    tilt += (i - end + (run + 1) / 2) * level
                    power += level * level
                if spread > 0:
                    ratios += (top - bottom) / (spread / run) ** 0.5
                else:
                    ratios = np.nan
                # What the least-squares line through the levels leaves of them. Taking off the mean return before has
                # only tilted that line.
                squares += power - levels * levels / run - tilt * tilt * 12 / (run * (run * run - 1.0))
            if not ratios > 0 or not squares > 0:
                by_range = by_line = np.nan
                break
            height = log(ratios / pieces)
            by_range += slopes[scale] * height
            against += slopes[scale] * (height - expected[scale])
            by_line += slopes[scale] * 0.5 * log(squares / (pieces * run))
            run *= 2
        if by_range == by_range:
            rs[t], corrected[t], dfa[t] = by_range, 0.5 + against, by_line


INDICATOR = Indicator(
    "hurst",
    hurst,
    inputs=("close",),
    outputs=("rs", "rs_corrected", "dfa"),
    params={"window": 128},
    minimum={"window": 32},
    warmup=lambda window: window,
)
