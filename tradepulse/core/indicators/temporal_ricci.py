"""Ollivier-Ricci curvature along time."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.indicators.ricci import levels_in_windows


def temporal_ricci(close: Values, *, window: int = 50, lag: int = 10, grain: float = 2.0) -> Values:
    """Return how little the ways between price levels have changed since some bars ago: 1 where not at all.

    Parameters
    ----------
    close : shape (n,), in time order, above zero
    window : closes that make each graph
    lag : bars between the two graphs
    grain : height of a level in mean absolute log returns of the ``window + lag`` closes of both graphs

    Returns
    -------
    float64 array of shape (n,), at least -1 and at most 1: the mean over the levels of both graphs of ``1 - W``, with W
        the distance between where a walker goes from there now and where it went then, in steps of both graphs
        together. The first ``window + lag - 1`` values are NaN; so is one whose closes hold a NaN, where no level is in
        both graphs, or where there are more than 62.

    References
    ----------
    Ollivier, Y. (2009), as for ricci; an instant and a later one take the places of the two ends of an edge.
    """
    return levels_in_windows(close, window, grain, lag)[0]


INDICATOR = Indicator(
    "temporal_ricci",
    temporal_ricci,
    inputs=("close",),
    outputs=("temporal_ricci",),
    params={"window": 50, "lag": 10, "grain": 2.0},
    minimum={"window": 3, "grain": 0.1},
    warmup=lambda window, lag, grain: window + lag - 1,
    ranges={"temporal_ricci": (-1.0, 1.0)},
    partial=True,
)
