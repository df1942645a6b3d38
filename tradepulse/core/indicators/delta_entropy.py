"""Change of the Shannon entropy of returns."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.indicators.shannon_entropy import shannon_entropy
from tradepulse.core.series.rolling import shifted


def delta_entropy(close: Values, *, window: int = 100, bins: int = 8, lag: int = 20) -> Values:
    """Return how much the entropy of the returns has risen since some bars ago.

    Parameters
    ----------
    close : shape (n,), in time order, above zero
    window, bins : as of the Shannon entropy
    lag : bars between the two

    Returns
    -------
    float64 array of shape (n,), bits; below zero where returns have become more orderly. The first ``window + lag``
        values are NaN, and so is one with a NaN in either window.

    References
    ----------
    Shannon, C. E. (1948), as for shannon_entropy.
    """
    entropy = shannon_entropy(close, window=window, bins=bins)
    return entropy - shifted(entropy, lag)


INDICATOR = Indicator(
    "delta_entropy",
    delta_entropy,
    inputs=("close",),
    outputs=("delta_entropy",),
    params={"window": 100, "bins": 8, "lag": 20},
    minimum={"window": 2, "bins": 2},
    warmup=lambda window, bins, lag: window + lag,
)
