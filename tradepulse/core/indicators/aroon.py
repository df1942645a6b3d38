"""Aroon."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, warmed, windows


def aroon(high: Values, low: Values, *, window: int = 14) -> tuple[Values, Values, Values]:
    """Return how recent the highest high and the lowest low of the last bars are, and their difference.

    Parameters
    ----------
    high, low : shape (n,) each, in time order
    window : bars looked back; with the present one ``window + 1`` are compared

    Returns
    -------
    three float64 arrays of shape (n,): up and down (0 to 100; 100 on the bar of the extreme) and oscillator (up less
        down). The first ``window`` values are NaN. Of equal extremes the newest counts.

    References
    ----------
    Chande, T. S. (1995). A time price oscillator. Technical Analysis of Stocks and Commodities 13(9), 369-374.
    """
    up = _recency(windows(high, window + 1), window, len(high))
    down = _recency(-windows(low, window + 1), window, len(low))
    return up, down, up - down


def _recency(runs: Values, window: int, length: int) -> Values:
    since = np.argmax(runs[:, ::-1], axis=1) if len(runs) else np.empty(0)
    holes = np.isnan(runs).any(axis=1)
    return warmed(np.where(holes, np.nan, 100.0 * (window - since) / window), length)


INDICATOR = Indicator(
    "aroon", aroon, inputs=("high", "low"), outputs=("up", "down", "oscillator"), params={"window": 14}
)
