"""Who traded: buyers or sellers, told from how prices moved."""

import numpy as np

from tradepulse.core.series.kernels import Values
from tradepulse.core.series.rolling import ratio, rolling_variance, shifted


def bought_share(close: Values, window: int) -> Values:
    """Return the share of each bar's volume that buyers began, by bulk classification.

    Parameters
    ----------
    close : shape (n,), in time order
    window : price changes whose deviation the present one is measured by

    Returns
    -------
    float64 array of shape (n,), 0 to 1: the normal distribution at the change over its sample deviation; a half where
        prices have not moved. The first ``window`` values are NaN, and so is each window with a NaN in it.

    References
    ----------
    Easley, D., Lopez de Prado, M. and O'Hara, M. (2016). Discerning information from trade data. Journal of Financial
    Economics 120(2), 269-285.
    """
    from scipy.special import ndtr

    change = close - shifted(close, 1)
    deviation = np.sqrt(rolling_variance(change, window, ddof=1)[1])
    share: Values = ndtr(ratio(change, deviation))
    return np.where(deviation == 0, 0.5, share)
