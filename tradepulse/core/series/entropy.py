"""How much is unknown of a value when only its neighbours are known."""

from math import log

import numpy as np

from tradepulse.core.series.kernels import Values, kernel


@kernel(outputs=1, long=2_000)
def histogram_entropy(values: Values, out: Values, window: int, bins: int) -> None:
    """Fill the entropy in bits of the last ``window`` values, sorted into bins of equal width from least to largest.

    ``histogram_entropy((values,), window, bins)``: 0 where all are equal, ``log2(bins)`` where they are spread evenly;
    NaN in the first ``window - 1`` values and where one of the window is NaN or infinite. The largest value is in the
    last bin, as in numpy's histogram.
    """
    counts = np.zeros(bins, dtype=np.int64)
    known = 0
    # k log2 k of each count, so that the loop takes no logarithm.
    table = [0.0] * (window + 1)
    for k in range(1, window + 1):
        table[k] = k * (log(k) / log(2.0))
    for t in range(len(values)):
        out[t] = np.nan
        # x - x is 0 for every finite x
        known = known + 1 if values[t] - values[t] == 0 else 0
        if known < window:
            continue
        least = most = values[t]
        for i in range(t - window + 1, t):
            least = min(least, values[i])
            most = max(most, values[i])
        reach = most - least
        if not reach > 0:
            out[t] = 0.0
            continue
        for b in range(bins):
            counts[b] = 0
        for i in range(t - window + 1, t + 1):
            counts[min(int((values[i] - least) / reach * bins), bins - 1)] += 1
        total = 0.0
        for b in range(bins):
            total += table[counts[b]]
        out[t] = max(table[window] - total, 0.0) / window
