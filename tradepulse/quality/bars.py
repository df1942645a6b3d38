"""What should be true of bars beyond each row by itself, and the verdict on all of it."""

from datetime import date, datetime

import numpy as np
import pandas as pd

from tradepulse.core.sessions import Calendar
from tradepulse.ingestion.source import Delivery
from tradepulse.ingestion.stale_opens import stale_opens
from tradepulse.quality.check import Check
from tradepulse.quality.expectations import validate
from tradepulse.quality.gaps import DAY, coverage, coverage_checks, interval_of
from tradepulse.quality.series import (
    Actions,
    columns_are_what_they_say,
    in_time_order,
    no_spikes,
    no_stale_repeats,
    no_unexplained_jumps,
    one_spelling,
    owner_since,
    rows_of_one_security,
    volume_keeps_its_unit,
)


def examine(delivery: Delivery, *, exchange: Calendar | None, actions: Actions, now: datetime) -> list[Check]:
    """Return the whole verdict on a delivery of bars: every check there is, in the order in which a person asks.

    Parameters
    ----------
    delivery : bars of any interval, one or more symbols
    exchange : calendar against which gaps and trading hours are judged; neither is judged without one
    actions : symbol and session (ISO) of the corporate actions that explain jumps
    now : nothing can have traded later; timezone-aware
    """
    bars = delivery.accepted
    checks = [rows_are_valid(delivery)]
    if bars.empty:
        return checks
    checks += [in_time_order(bars), one_spelling(bars), nothing_from_the_future(bars, now)]
    bars = bars.sort_values(["symbol", "ts"], kind="stable", ignore_index=True)
    if exchange:
        known = bars[bars["session"].between(str(exchange.first), str(exchange.last))]
        checks.append(rows_of_one_security(known, exchange))
        # What an earlier owner of the ticker did is no fact about the present one.
        present = [rows.iloc[owner_since(rows, exchange) :] for _, rows in bars.groupby("symbol", sort=True)]
        bars = pd.concat(present, ignore_index=True)
        checks += coverage_checks([coverage(rows, exchange) for rows in present])
    checks += [*_series(bars, actions), opens_are_trades(bars)]
    for suite, rows in bars.groupby(bars["symbol"].map(_suites(bars)), sort=True):
        checks += validate(str(suite), with_plausibility(rows)).checks
    return checks


def series_checks(bars: pd.DataFrame, exchange: Calendar, *, actions: Actions) -> list[Check]:
    """Say whether each symbol's bars are the series of one security, jumps, spikes and repeats included.

    Parameters
    ----------
    bars : rows of ``bars``, sorted by time
    exchange : whose sessions count
    actions : symbol and session (ISO) of the corporate actions that explain jumps
    """
    return [in_time_order(bars), one_spelling(bars), rows_of_one_security(bars, exchange), *_series(bars, actions)]


def _series(bars: pd.DataFrame, actions: Actions) -> list[Check]:
    return [
        no_unexplained_jumps(bars, actions),
        no_spikes(bars),
        no_stale_repeats(bars),
        volume_keeps_its_unit(bars),
        columns_are_what_they_say(bars),
    ]


def _suites(bars: pd.DataFrame) -> dict[str, str]:
    """Return the suite of expectations that each symbol's bars are to meet, by the length of its bars."""
    return {
        str(symbol): "bars" if interval_of(rows) >= DAY else "bars_intraday"
        for symbol, rows in bars.groupby("symbol", sort=True)
    }


def nothing_from_the_future(bars: pd.DataFrame, now: datetime) -> Check:
    """Say whether no bar begins after now."""
    late = bars["ts"] > pd.Timestamp(now)
    detail = f"{int(late.sum()):,} bars begin after {now:%Y-%m-%d %H:%M}, the last on {bars['ts'].max():%Y-%m-%d}"
    return Check("nothing_from_the_future", len(bars), int(late.sum()), detail if late.any() else "")


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
    DataFrame with ``close_move`` (absolute change of the close from bar to bar, fraction; NaN on a symbol's first),
        ``range`` (high less low over the close, fraction) and ``close_of_symbol`` (text that differs where symbol or
        close do) added
    """
    move = bars.groupby("symbol", sort=False)["close"].pct_change().abs()
    named = bars["symbol"].astype("str") + " " + bars["close"].astype("str")
    return bars.assign(
        close_move=move, range=(bars["high"] - bars["low"]) / bars["close"], close_of_symbol=named.to_numpy()
    )
