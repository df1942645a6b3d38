"""Momentum."""

from tradepulse.core.indicators.base import Indicator, Values, shifted


def momentum(close: Values, *, window: int = 10) -> Values:
    """Return the change of the close over ``window`` bars.

    Parameters
    ----------
    close : shape (n,), in time order
    window : bars looked back

    Returns
    -------
    float64 array of shape (n,), in the unit of ``close``; the first ``window`` values are NaN.
    """
    return close - shifted(close, window)


INDICATOR = Indicator("momentum", momentum, inputs=("close",), outputs=("momentum",), params={"window": 10})
