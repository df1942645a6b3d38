"""Ollivier-Ricci curvature of the graph that prices walk on."""

import numpy as np

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.curvature import curvatures
from tradepulse.core.series.rolling import rolling_mean, shifted


def ricci(close: Values, *, window: int = 50, grain: float = 2.0) -> tuple[Values, Values]:
    """Return mean and least curvature of the edges between the price levels of the last bars.

    Parameters
    ----------
    close : shape (n,), in time order, above zero
    window : closes that make the graph
    grain : height of a level in mean absolute log returns of those closes

    Returns
    -------
    two float64 arrays of shape (n,), at most 1 and above -2: mean and lowest. A level is the whole number of heights in
        the log price. 0 for a walk along a path or around a long cycle, as in a trend; positive where the walk has been
        from each level to each other, as in a range; negative where branches meet that nothing else joins, as with
        jumps. The first ``window - 1`` values are NaN, and so is each window that holds a NaN, has no move in it, or
        visits more than 62 levels.

    References
    ----------
    Ollivier, Y. (2009). Ricci curvature of Markov chains on metric spaces. Journal of Functional Analysis 256(3).
    Sandhu, R., Georgiou, T. and Tannenbaum, A. (2016). Ricci curvature: an economic indicator for market fragility and
    systemic risk. Science Advances 2(5) (of graphs whose nodes are companies).
    """
    mean, lowest = levels_in_windows(close, window, grain, 0)
    return mean, lowest


def levels_in_windows(close: Values, window: int, grain: float, lag: int) -> tuple[Values, Values]:
    """Return mean and least curvature of graphs whose levels are as high as the moves of their own stretch of prices.

    The height is that of the window's own moves, so the levels of one window are not those of the next: the logs and
    the heights go to :func:`tradepulse.core.series.curvature.curvatures` as they are.
    """
    with np.errstate(all="ignore"):
        logs = np.log(close)
    moves = rolling_mean(np.abs(logs - shifted(logs, 1)), window + lag - 1)
    mean, lowest = curvatures((logs, grain * moves), window, lag)
    return mean, lowest


INDICATOR = Indicator(
    "ricci",
    ricci,
    inputs=("close",),
    outputs=("mean", "lowest"),
    params={"window": 50, "grain": 2.0},
    minimum={"window": 3, "grain": 0.1},
    warmup=lambda window, grain: window - 1,
    ranges={"mean": (-2.0, 1.0), "lowest": (-2.0, 1.0)},
)
