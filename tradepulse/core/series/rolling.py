"""Windows over whole arrays, each computed by itself.

A window is built by doubling: from runs of one value come those of two, of four, of eight, and from these the wanted
length. That takes about ``log2(window)`` passes over the array, and the order in which the values of a window are
joined depends on their places in it alone. So nothing drifts from window to window, a NaN spoils only the windows that
hold it, equal windows give equal results wherever they stand, and a constant one has exactly no deviation.

Variances and slopes are joined from those of the parts.

References
----------
Chan, T. F., Golub, G. H. and LeVeque, R. J. (1979). Updating formulae and a pairwise algorithm for computing sample
variances. Stanford University, STAN-CS-79-773.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tradepulse.core.series import kernels
from tradepulse.core.series.kernels import Values

#: Joins two neighbouring runs, the older first, given how many values each holds.
Join = Callable[[tuple[Values, ...], tuple[Values, ...], int, int], tuple[Values, ...]]


def warmed(values: Values, length: int) -> Values:
    """Return ``values`` at the end of an array of ``length``, NaN before."""
    out = np.empty(length)
    head = length - len(values)
    out[:head] = np.nan
    out[head:] = values
    return out


def shifted(values: Values, bars: int) -> Values:
    """Return each value as it was ``bars`` bars ago, shape (n,); NaN where there was none."""
    return warmed(values[: max(len(values) - bars, 0)], len(values))


def _joined(values: tuple[Values, ...], window: int, join: Join) -> tuple[Values, ...]:
    """Return the join of every run of ``window`` values, each array at full length with NaN before the first run."""
    length = len(values[0])
    if length < window:
        return tuple(np.full(length, np.nan) for _ in values)
    runs, size = values, 1
    built: tuple[Values, ...] | None = None
    done = 0
    with np.errstate(all="ignore"):
        while True:
            if window & size:
                if built is None:
                    built = runs
                else:
                    count = length - done - size + 1
                    built = join(tuple(part[:count] for part in built), tuple(part[done:] for part in runs), done, size)
                done += size
                if done == window:
                    return tuple(warmed(part, length) for part in built)
            runs = join(tuple(part[:-size] for part in runs), tuple(part[size:] for part in runs), size, size)
            size *= 2


@cache
def _fast(loop: Callable[..., Any]) -> Callable[..., Any]:
    return kernels.compiled(loop)


def _filled(loop: Callable[..., Any], outputs: int, values: Values, *scalars: float) -> tuple[Values, ...]:
    """Run one of the compiled folds, which join as the functions here do, bit for bit."""
    out = tuple(np.empty(len(values)) for _ in range(outputs))
    _fast(loop)(np.ascontiguousarray(values, dtype=np.float64), *out, *scalars)
    return out


def _added(old: tuple[Values, ...], new: tuple[Values, ...], n_old: int, n_new: int) -> tuple[Values, ...]:
    return (old[0] + new[0],)


def rolling_sum(values: Values, window: int) -> Values:
    """Return the sum of the last ``window`` values, shape (n,); NaN for ``window - 1``, and where one of them is."""
    if len(values) >= kernels.LONG:
        return _filled(kernels.fold_sum, 1, values, window, 1)[0]
    return _joined((values,), window, _added)[0]


def rolling_mean(values: Values, window: int) -> Values:
    """Return the mean of the last ``window`` values, shape (n,); NaN for ``window - 1``, and where one of them is."""
    if len(values) >= kernels.LONG:
        return _filled(kernels.fold_sum, 1, values, window, window)[0]
    return rolling_sum(values, window) / window


def _squared(old: tuple[Values, ...], new: tuple[Values, ...], n_old: int, n_new: int) -> tuple[Values, ...]:
    gap = new[0] - old[0]
    squares = (old[1] + new[1]) + gap * gap * (n_old * n_new / (n_old + n_new))
    return gap * (n_new / (n_old + n_new)) + old[0], squares


def rolling_variance(values: Values, window: int, *, ddof: int = 0) -> tuple[Values, Values]:
    """Return mean and variance of the last ``window`` values.

    Parameters
    ----------
    values : shape (n,)
    window : values looked at, more than ``ddof``
    ddof : 0 for the population's variance, 1 for an estimate from a sample

    Returns
    -------
    two float64 arrays of shape (n,); NaN for ``window - 1`` values, and where one of the window is
    """
    if len(values) >= kernels.LONG:
        mean, variance = _filled(kernels.fold_pair, 2, values, window, float(window - ddof), True)
    else:
        mean, variance = _joined((values, 0.0 * values), window, _squared)
        variance /= window - ddof
    return mean, variance


def _tilted(old: tuple[Values, ...], new: tuple[Values, ...], n_old: int, n_new: int) -> tuple[Values, ...]:
    gap = new[0] - old[0]
    tilt = (old[1] + new[1]) + gap * (n_old * n_new / 2)
    return gap * (n_new / (n_old + n_new)) + old[0], tilt


def rolling_tilt(values: Values, window: int, divisor: float = 1.0) -> tuple[Values, Values]:
    """Return the mean of the last ``window`` values and the sum of their places times them, over ``divisor``.

    Parameters
    ----------
    values : shape (n,)
    window : values looked at
    divisor : ``window * (window**2 - 1) / 12`` makes the tilt the slope of the least-squares line

    Returns
    -------
    mean, tilt : float64 arrays of shape (n,); places count from ``-(window - 1) / 2`` (oldest) to ``(window - 1) / 2``.
        NaN for ``window - 1`` values, and where one of the window is.
    """
    if len(values) >= kernels.LONG:
        mean, tilt = _filled(kernels.fold_pair, 2, values, window, float(divisor), False)
    else:
        mean, tilt = _joined((values, 0.0 * values), window, _tilted)
        tilt /= divisor
    return mean, tilt


def _overlapped(values: Values, window: int, wider: Callable[..., Values]) -> Values:
    """Extremes may be joined from runs that overlap, which saves the odd lengths."""
    if len(values) < window:
        return np.full(len(values), np.nan)
    runs, size = values, 1
    while size < window:
        step = min(size, window - size)
        runs = wider(runs[:-step], runs[step:])
        size += step
    return warmed(runs, len(values))


def rolling_max(values: Values, window: int) -> Values:
    """Return the largest of the last ``window`` values, shape (n,); NaN for ``window - 1``, and where one is."""
    if len(values) >= kernels.LONG:
        return _filled(kernels.fold_extreme, 1, values, window, True)[0]
    return _overlapped(values, window, np.maximum)


def rolling_min(values: Values, window: int) -> Values:
    """Return the smallest of the last ``window`` values, shape (n,); NaN as in :func:`rolling_max`."""
    if len(values) >= kernels.LONG:
        return _filled(kernels.fold_extreme, 1, values, window, False)[0]
    return _overlapped(values, window, np.minimum)


def ratio(part: Values, whole: Values) -> Values:
    """Return ``part / whole``, shape (n,); NaN where ``whole`` is not above zero."""
    out: Values = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return out


def annualised(variances: Values, window: int, bars_per_year: float) -> Values:
    """Return the root of the mean of the last ``window`` variances per bar, as a fraction per year; NaN in warm-up."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(rolling_mean(variances, window) * bars_per_year)


def mean_deviation(values: Values, mean: Values, window: int) -> Values:
    """Return the mean distance of the last ``window`` values from ``mean``, shape (n,); NaN in warm-up.

    Parameters
    ----------
    values, mean : shape (n,) each; the mean is that of the window that ends at its place
    window : values looked at
    """
    if len(values) >= kernels.LONG:
        out = np.empty(len(values))
        _fast(kernels.fold_distance)(values, mean, out, window)
        return out
    if len(values) < window:
        return np.full(len(values), np.nan)
    total = np.zeros(len(values))
    for back in range(window - 1, -1, -1):
        total[window - 1 :] += np.abs(values[window - 1 - back : len(values) - back] - mean[window - 1 :])
    total[: window - 1] = np.nan
    return total / window
