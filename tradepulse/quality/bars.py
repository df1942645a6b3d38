"""What should be true of bars beyond each row by itself."""

from datetime import date

import numpy as np
import pandas as pd

from tradepulse.core.sessions import Calendar
from tradepulse.ingestion.source import Delivery
from tradepulse.ingestion.stale_opens import stale_opens
from tradepulse.quality.check import Check


def rows_are_valid(delivery: Delivery) -> Check:
    """Say whether every received row keeps the row rules."""
    refused = delivery.quarantined
    counts = refused["rule"].value_counts().head(3)
    detail = "; ".join(f"{rule}: {count}" for rule, count in counts.items())
    return Check("rows_are_valid", delivery.received, len(refused), detail)


def sessions_are_complete(bars: pd.DataFrame, exchange: Calendar, *, until: date | None = None) -> Check:
    """Say whether each symbol has every session between its first and its last.

    Parameters
    ----------
    bars : rows of ``bars``, one or more symbols
    exchange : whose sessions are expected
    until : session up to which they are expected; by default the last one of any symbol
    """
    seen, holes = 0, []
    last = until or bars["session"].max().date()
    for symbol, rows in bars.groupby("symbol", sort=True):
        present = {day.date() for day in rows["session"].unique()}
        expected = exchange.sessions(min(present), last)
        missing = [day for day in expected if day not in present]
        seen += len(expected)
        holes += [f"{symbol} {day}" for day in missing]
    detail = f"missing: {', '.join(holes[:5])}{' ...' if len(holes) > 5 else ''}" if holes else ""
    return Check("sessions_are_complete", seen, len(holes), detail)


def no_bars_outside_sessions(bars: pd.DataFrame, exchange: Calendar) -> Check:
    """Say whether every bar belongs to a day on which the exchange trades."""
    days = pd.Series(bars["session"].dt.date.unique())
    odd = [day for day in days if not (exchange.first <= day <= exchange.last and exchange.is_session(day))]
    outside = int(bars["session"].dt.date.isin(odd).sum())
    detail = f"{exchange.name} does not trade on {', '.join(map(str, sorted(odd)[:5]))}" if odd else ""
    return Check("no_bars_outside_sessions", len(bars), outside, detail)


def opens_are_trades(bars: pd.DataFrame) -> Check:
    """Say whether the opens are prices of their own rather than copies of the previous close."""
    flagged, detail = 0, []
    for symbol, rows in bars.groupby("symbol", sort=True):
        stale = _stale(rows)
        if stale.any():
            days = rows["session"].to_numpy()[stale]
            flagged += int(stale.sum())
            first, last = pd.Timestamp(days.min()), pd.Timestamp(days.max())
            detail.append(
                f"{symbol}: {stale.sum():,} of {len(rows):,} opens repeat the previous close, "
                f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
            )
    return Check("opens_are_trades", len(bars), flagged, "; ".join(detail))


def stale_opens_are_flagged(bars: pd.DataFrame) -> Check:
    """Say whether each open that only repeats the previous close is flagged, so that no fill can use it."""
    missed, flagged = 0, 0
    detail = []
    for symbol, rows in bars.groupby("symbol", sort=True):
        stale, marked = _stale(rows), rows["open_is_stale"].to_numpy(dtype=bool)
        missed += int((stale & ~marked).sum())
        flagged += int(marked.sum())
        if marked.any():
            detail.append(f"{symbol}: {marked.sum():,} of {len(rows):,} opens flagged ({marked.mean():.0%})")
    return Check("stale_opens_are_flagged", len(bars), missed, "; ".join(detail))


def _stale(rows: pd.DataFrame) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return stale_opens(*(rows[column].to_numpy() for column in ("open", "close", "session")))


def with_plausibility(bars: pd.DataFrame) -> pd.DataFrame:
    """Return bars with the columns that the expectations speak of beside the stored ones.

    Parameters
    ----------
    bars : rows of ``bars``, sorted by session

    Returns
    -------
    DataFrame with ``close_move`` (absolute change of the close from bar to bar, fraction; NaN on a symbol's first) and
        ``range`` (high less low over the close, fraction) added
    """
    move = bars.groupby("symbol", sort=False)["close"].pct_change().abs()
    return bars.assign(close_move=move, range=(bars["high"] - bars["low"]) / bars["close"])
