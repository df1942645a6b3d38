"""Percentage price oscillator."""

from tradepulse.core.indicators.base import Indicator, Values, smoothed
from tradepulse.core.indicators.ema import ema
from tradepulse.errors import ConfigError


def ppo(close: Values, *, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Values, Values, Values]:
    """Return the difference of two exponential means in percent of the slow one, its exponential mean, and the rest.

    Parameters
    ----------
    close : shape (n,), in time order
    fast, slow : windows of the two means; fast is the shorter
    signal : window of the signal line

    Returns
    -------
    three float64 arrays of shape (n,), percent: ppo (NaN for ``slow - 1`` values), signal and histogram (NaN for
        ``slow + signal - 2`` values). Each mean is seeded with the SMA of its own first window.
    """
    if fast >= slow:
        raise ConfigError(f"ppo: fast must be shorter than slow, not {fast} and {slow}")
    mean = ema(close, window=slow)
    line = 100 * (ema(close, window=fast) - mean) / mean
    trigger = smoothed(line, signal, 2 / (signal + 1))
    return line, trigger, line - trigger


INDICATOR = Indicator(
    "ppo",
    ppo,
    inputs=("close",),
    outputs=("ppo", "signal", "histogram"),
    params={"fast": 12, "slow": 26, "signal": 9},
)
