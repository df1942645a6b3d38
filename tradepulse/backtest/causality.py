"""Proof that a target knows nothing of the future: change the future and look again."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tradepulse.backtest.engine import target_path
from tradepulse.core.strategies.base import Strategy

_PRICES = ["open", "high", "low", "close"]


def futures(bars: pd.DataFrame, known: int) -> dict[str, pd.DataFrame]:
    """Return bars with the same first ``known`` rows and each a different future.

    Parameters
    ----------
    bars : rows of ``bars`` of one symbol, in time order
    known : rows that stay as they are

    Returns
    -------
    dict of frames: ``cut`` (no future), ``as it was``, ``crash`` (prices a hundredth), ``boom`` (prices a hundredfold)
        and ``reversed`` (the real future backwards)
    """
    past, future = bars.iloc[:known], bars.iloc[known:]
    made = {"cut": past, "as it was": bars}
    for name, factor in (("crash", 0.01), ("boom", 100.0)):
        changed = future.copy()
        changed[_PRICES] = future[_PRICES] * factor
        made[name] = pd.concat([past, changed])
    backwards = future.copy()
    backwards[[*_PRICES, "volume"]] = future[[*_PRICES, "volume"]].to_numpy()[::-1]
    made["reversed"] = pd.concat([past, backwards])
    return {name: frame.reset_index(drop=True) for name, frame in made.items()}


def targets_under(make: Callable[[], Strategy], bars: pd.DataFrame, known: int) -> dict[str, int]:
    """Return the target after row ``known - 1`` under each of the :func:`futures`; a causal strategy has one value.

    Parameters
    ----------
    make : makes a fresh strategy
    bars : rows of ``bars`` of one symbol, in time order
    known : rows that the target may depend on
    """
    return {
        name: int(np.asarray(target_path(frame, make()))[known - 1]) for name, frame in futures(bars, known).items()
    }
