"""Kuramoto order parameter of many assets."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import warmed


def kuramoto(close: Values, *, window: int = 16) -> tuple[Values, Values, Values]:
    """Return how much many prices swing together, at three scales.

    Parameters
    ----------
    close : one column per symbol, shape (n, k), in time order, above zero
    window : closes of the shortest scale, at least 8; the others take twice and four times as many

    Returns
    -------
    three float64 arrays of shape (n,), 0 to 1: short, medium and long. Each is ``|mean(exp(i phase))|`` over the
        symbols: 1 if all are at the same point of their swing, about ``1 / sqrt(k)`` if they know nothing of each other
        (0.886 of that on average). NaN for ``window - 1`` values of the scale, and where a window of any symbol holds a
        NaN or does not move, so that it has no phase.

        The phase of a symbol is that of the analytic signal of the last ``window`` log closes less their least-squares
        line, taken at the middle of the window, where it does not suffer from the ends. It is therefore known with a
        lag of ``(window - 1) // 2`` bars, and no later bar is used.

    References
    ----------
    Kuramoto, Y. (1984). Chemical Oscillations, Waves, and Turbulence. Springer.
    Gabor, D. (1946). Theory of communication. Journal of the IEE 93(26), 429-457 (the analytic signal).
    """
    with np.errstate(all="ignore"):
        logs = np.log(close if close.ndim == 2 else close[:, None])
    short, medium, long = (_order(logs, window * scale) for scale in (1, 2, 4))
    return short, medium, long


def _order(logs: Values, window: int) -> Values:
    length = len(logs)
    if length < window:
        return np.full(length, np.nan)
    weights = _weights(window)
    # Added up term by term: a matrix product would sum in an order that depends on how many rows there are.
    signal = np.zeros((length - window + 1, logs.shape[1]), dtype=np.complex128)
    # Taken from the present close, so that a constant has exactly no signal.
    last = logs[window - 1 :]
    moved = np.zeros(last.shape, dtype=bool)
    with np.errstate(all="ignore"):
        for place, weight in enumerate(weights):
            gap = logs[place : place + len(last)] - last
            moved |= gap != 0
            signal += weight * gap
        phases = signal / np.where(moved, np.abs(signal), np.nan)
        return warmed(np.abs(phases.mean(axis=1)), length)


@cache
def _weights(window: int) -> NDArray[np.complex128]:
    """Return what each value of a window adds to the analytic signal at its middle, the line taken off before."""
    place = np.arange(window) - (window - 1) / 2
    line = 1 / window + np.outer(place, place) / (place**2).sum()
    rest = np.eye(window) - line
    spectrum = np.fft.fft(rest, axis=0)
    # Negative frequencies off, positive ones twice; the constant and, of an even number, the last one once.
    keep = np.zeros(window)
    keep[0] = 1
    keep[1 : (window + 1) // 2] = 2
    if window % 2 == 0:
        keep[window // 2] = 1
    middle = window // 2
    weights: NDArray[np.complex128] = np.fft.ifft(spectrum * keep[:, None], axis=0)[middle]
    return weights


INDICATOR = Indicator(
    "kuramoto",
    kuramoto,
    inputs=("close",),
    outputs=("short", "medium", "long"),
    params={"window": 16},
    minimum={"window": 8},
    warmup=lambda window: 4 * window - 1,
    ranges={"short": (0.0, 1.0), "medium": (0.0, 1.0), "long": (0.0, 1.0)},
    panel=True,
)
