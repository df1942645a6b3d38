"""Bars as of a session: the bulk history with the sessions ingested since laid over it; and what went ex."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from tradepulse.core.tables import table
from tradepulse.errors import MissingData
from tradepulse.warehouse.lake import Lake

#: Table of the bulk history, one partition per year.
HISTORY = "bars_history"
#: Table of splits and dividends.
ACTIONS = "corporate_actions"
#: Table of the sessions ingested one by one, one partition per session.
SESSIONS = "bars"


def read_bars(
    lake: Lake, *, since: date | None = None, until: date | None = None, symbols: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return every bar of some sessions; where both hold a session, the one ingested by itself counts.

    Parameters
    ----------
    lake : lake that holds ``bars_history``, ``bars`` or both
    since, until : first and last session returned; all of them by default. Files of others are not read
    symbols : tickers returned; all of them by default

    Returns
    -------
    DataFrame of ``bars``, sorted by session and symbol

    Raises
    ------
    MissingData
        If there is no such bar.
    """
    first, limit = since.isoformat() if since else "", until.isoformat() if until else "9999"
    history = [year for year in lake.partitions(HISTORY) if first[:4] <= year <= limit[:4]]
    recent = [session for session in lake.partitions(SESSIONS) if first <= session <= limit]
    parts = []
    if history:
        base = lake.read(HISTORY, history, model="bars")
        parts.append(base[~base["session"].isin(pd.to_datetime(recent))])
    if recent:
        parts.append(lake.read(SESSIONS, recent))
    frame = pd.concat(parts, ignore_index=True) if parts else table("bars").no_rows()
    if since:
        frame = frame[frame["session"] >= pd.Timestamp(since)]
    if until:
        frame = frame[frame["session"] <= pd.Timestamp(until)]
    if symbols is not None:
        frame = frame[frame["symbol"].isin(list(symbols))]
    if frame.empty:
        span = f"{f' from {since}' if since else ''}{f' up to {until}' if until else ''}"
        raise MissingData(f"the lake {lake.root} has no bars{span}; run the ingest job")
    return frame.sort_values(["session", "symbol"], kind="stable").reset_index(drop=True)


def read_actions(lake: Lake, symbols: Sequence[str], *, after: date = date.min, until: date = date.max) -> pd.DataFrame:
    """Return the splits and dividends of some symbols with ex-dates later than one date and not later than another.

    Parameters
    ----------
    lake : lake; without the table nothing has gone ex
    symbols : tickers
    after, until : ex-dates

    Returns
    -------
    DataFrame of ``corporate_actions``, sorted by ex-date
    """
    frame: pd.DataFrame = lake.read(ACTIONS) if lake.partitions(ACTIONS) else table(ACTIONS).no_rows()
    days = frame["ex_date"].dt.date
    chosen = frame[frame["symbol"].isin(list(symbols)) & (days > after) & (days <= until)]
    ordered: pd.DataFrame = chosen.sort_values(["ex_date", "symbol"], kind="stable").reset_index(drop=True)
    return ordered
