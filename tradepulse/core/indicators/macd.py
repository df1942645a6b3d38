"""Moving average convergence divergence."""

from tradepulse.core.indicators.base import Indicator, Values, smoothed
from tradepulse.core.indicators.ema import ema
from tradepulse.errors import ConfigError


def macd(close: Values, *, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Values, Values, Values]:
    """Return the difference of two exponential means, its own exponential mean, and their difference.

    Parameters
    ----------
    close : shape (n,), in time order
    fast, slow : windows of the two means; fast is the shorter
    signal : window of the signal line

    Returns
    -------
    three float64 arrays of shape (n,), in the unit of ``close``: macd (NaN for ``slow - 1`` values), signal and
        histogram (NaN for ``slow + signal - 2`` values). Each mean is seeded with the SMA of its own first window.
        TA-Lib starts the fast mean late, so that both start together; after about 250 bars the two are equal.

    References
    ----------
    Appel, G. (2005). Technical Analysis: Power Tools for Active Investors. FT Press, 165-188.
    """
    if fast >= slow:
        raise ConfigError(f"macd: fast must be shorter than slow, not {fast} and {slow}")
    line = ema(close, window=fast) - ema(close, window=slow)
    trigger = smoothed(line, signal, 2 / (signal + 1))
    return line, trigger, line - trigger


INDICATOR = Indicator(
    "macd",
    macd,
    inputs=("close",),
    outputs=("macd", "signal", "histogram"),
    params={"fast": 12, "slow": 26, "signal": 9},
)
