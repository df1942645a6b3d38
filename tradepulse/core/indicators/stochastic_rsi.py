"""Stochastic RSI."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values, warmed, windows
from tradepulse.core.indicators.rsi import rsi
from tradepulse.core.indicators.sma import sma


def stochastic_rsi(
    close: Values, *, window: int = 14, range_window: int = 14, signal: int = 3
) -> tuple[Values, Values]:
    """Return where the RSI stands in its own range of the last bars, and the mean of that.

    Parameters
    ----------
    close : shape (n,), in time order
    window : changes averaged by the RSI
    range_window : values of the RSI that make the range
    signal : bars that d averages k over

    Returns
    -------
    two float64 arrays of shape (n,), 0 to 100: k (NaN for ``window + range_window - 1`` values) and d (NaN for
        ``signal - 1`` more); NaN where the RSI has not moved over the whole range.

    References
    ----------
    Chande, T. S. and Kroll, S. (1994). The New Technical Trader. Wiley, 124-131.
    """
    strength = rsi(close, window=window)
    runs = windows(strength, range_window)
    top = warmed(runs.max(axis=1, initial=-np.inf), len(close))
    bottom = warmed(runs.min(axis=1, initial=np.inf), len(close))
    reach = top - bottom
    # Divided first: a quotient of at most 1 stays at most 1.
    k = 100 * np.divide(strength - bottom, reach, out=np.full(len(close), np.nan), where=reach > 0)
    return k, sma(k, window=signal)


INDICATOR = Indicator(
    "stochastic_rsi",
    stochastic_rsi,
    inputs=("close",),
    outputs=("k", "d"),
    params={"window": 14, "range_window": 14, "signal": 3},
)
