"""Rate of change."""

from tradepulse.core.indicators.base import Indicator, Values, shifted


def roc(close: Values, *, window: int = 10) -> Values:
    """Return the change of the close over ``window`` bars in percent.

    Parameters
    ----------
    close : shape (n,), in time order
    window : bars looked back

    Returns
    -------
    float64 array of shape (n,), percent; the first ``window`` values are NaN.
    """
    return 100 * (close / shifted(close, window) - 1)


INDICATOR = Indicator("roc", roc, inputs=("close",), outputs=("roc",), params={"window": 10})
