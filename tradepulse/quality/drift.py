"""Whether the newest bars are still like those that were accepted before them, and whether they are there at all."""

from datetime import date

import numpy as np
import pandas as pd

from tradepulse.core.sessions import Calendar

#: Sessions that are new, and sessions that they are compared with.
NEW, BEFORE = 20, 250


def drift(bars: pd.DataFrame, exchange: Calendar, until: date) -> pd.DataFrame:
    """Return what the suite ``expectations/drift.json`` speaks of: a row per symbol.

    Parameters
    ----------
    bars : daily rows of ``bars``, sorted by session
    exchange : whose sessions are expected
    until : session up to which bars are expected

    Returns
    -------
    DataFrame: ``symbol``; ``sessions_behind`` (sessions from its last bar to ``until``); ``new`` and ``before``
        (bars compared); ``volume_ratio`` and ``volatility_ratio`` (medians of volume, and of the absolute log return,
        of the new bars over those before; NaN where nothing can be compared); ``levels`` (different closes among the
        new)
    """
    rows = []
    for symbol, mine in bars.groupby("symbol", sort=True):
        new, before = mine.tail(NEW), mine.iloc[:-NEW].tail(BEFORE)
        last = mine["session"].iloc[-1].date()
        moves = np.log(mine["close"]).diff().abs()
        rows.append(
            {
                "symbol": symbol,
                "sessions_behind": max(0, len(exchange.sessions(last, until)) - 1) if last <= until else 0,
                "new": len(new),
                "before": len(before),
                "volume_ratio": _ratio(new["volume"], before["volume"]),
                "volatility_ratio": _ratio(moves[new.index], moves[before.index]),
                "levels": new["close"].nunique(),
            }
        )
    columns = ["symbol", "sessions_behind", "new", "before", "volume_ratio", "volatility_ratio", "levels"]
    return pd.DataFrame(rows, columns=columns)


def _ratio(new: "pd.Series[float]", before: "pd.Series[float]") -> float:
    usual, now = before.median(), new.median()
    return float(now / usual) if usual > 0 else float("nan")
