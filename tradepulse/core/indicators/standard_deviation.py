"""Rolling standard deviation."""

from tradepulse.core.indicators.base import Indicator, Values, warmed, windows


def standard_deviation(close: Values, *, window: int = 20) -> Values:
    """Return the population standard deviation (ddof 0) of the last ``window`` closes.

    Parameters
    ----------
    close : shape (n,), in time order
    window : closes looked at

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``; the first ``window - 1`` values are NaN. Each window is
        computed by itself, so a constant one has exactly 0.
    """
    return warmed(windows(close, window).std(axis=1), len(close))


INDICATOR = Indicator(
    "standard_deviation", standard_deviation, inputs=("close",), outputs=("standard_deviation",), params={"window": 20}
)
