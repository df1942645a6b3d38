"""Regime of a market, from persistence, order and curvature."""

from math import log, nan

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.indicators.hurst import hurst
from tradepulse.core.indicators.ricci import ricci
from tradepulse.core.indicators.shannon_entropy import shannon_entropy
from tradepulse.core.series.kernels import kernel

_BINS = 8


def regime(close: Values, *, window: int = 128, band: float = 0.1) -> tuple[Values, Values, Values]:
    """Return whether returns go on, turn back or neither, how orderly they are, and how entangled the levels.

    Parameters
    ----------
    close : shape (n,), in time order, above zero
    window : returns looked at, at least 32
    band : how far the Hurst exponent must be from 0.5 for a regime to begin; it ends at 0.5

    Returns
    -------
    three float64 arrays of shape (n,): regime (1 trending, -1 reverting, 0 neither), order (0 to 1: one less the
        Shannon entropy of the returns in 8 bins over its largest) and curvature (the mean Ollivier-Ricci curvature of
        the levels of the last ``window`` closes, each as high as ``window / 30`` mean moves, or 2). The first
        ``window`` values are NaN. Where the Hurst exponent (dfa) is not known regime is NaN and begins anew.

    Notes
    -----
    A regime is held from where the exponent leaves ``0.5 - band ... 0.5 + band`` to where it crosses 0.5, so that noise
    at an edge does not switch it on and off. Over 128 independent returns the exponent has a standard deviation of 0.1:
    with a band of 0.1 about a third of the bars of pure noise are in a regime. Judge a strategy on it by its trials.
    """
    persistence = hurst(close, window=window)[2]
    order = 1 - shannon_entropy(close, window=window, bins=_BINS) / (log(_BINS) / log(2))
    curvature = ricci(close, window=window, grain=_grain(window))[0]
    return _held((persistence,), band), order, np.where(np.isnan(order), np.nan, curvature)


def _grain(window: int) -> float:
    """Return a height of levels of which even a straight line through the window crosses no more than 62."""
    return max(2.0, window / 30)


@kernel(outputs=1)
def _held(persistence: Values, out: Values, band: float) -> None:
    state = 0.0
    for t in range(len(persistence)):
        away = persistence[t] - 0.5
        if away != away:
            state = 0.0
            out[t] = np.nan
            continue
        if state * away <= 0:
            state = 0.0
        if away >= band:
            state = 1.0
        elif away <= -band:
            state = -1.0
        out[t] = state


class Regime:
    """The same, bar by bar."""

    __slots__ = ("band", "curvature", "order", "persistence", "state")

    def __init__(self, window: int, band: float) -> None:
        from tradepulse.core.indicators import indicator

        self.band, self.state = band, 0.0
        self.persistence = indicator("hurst").stream(window=window)
        self.order = indicator("shannon_entropy").stream(window=window, bins=_BINS)
        self.curvature = indicator("ricci").stream(window=window, grain=_grain(window))

    def update(self, close: float) -> tuple[float, float, float]:
        """Take a close, return regime, order and curvature."""
        away = self.persistence.take(close)[2] - 0.5
        order = 1 - self.order.take(close) / (log(_BINS) / log(2))
        curvature = self.curvature.take(close)[0]
        if away != away:
            self.state = 0.0
            return nan, order, curvature if order == order else nan
        if self.state * away <= 0:
            self.state = 0.0
        if away >= self.band:
            self.state = 1.0
        elif away <= -self.band:
            self.state = -1.0
        return self.state, order, curvature if order == order else nan


INDICATOR = Indicator(
    "regime",
    regime,
    inputs=("close",),
    outputs=("regime", "order", "curvature"),
    params={"window": 128, "band": 0.1},
    minimum={"window": 32, "band": 0.0},
    warmup=lambda window, band: window,
    ranges={"regime": (-1.0, 1.0), "order": (0.0, 1.0), "curvature": (-2.0, 1.0)},
    online=Regime,
)
