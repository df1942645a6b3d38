"""Longer bars from shorter ones, and bars from trades, right about sessions, half days and daylight saving."""

from collections.abc import Collection
from typing import Literal

import numpy as np
import pandas as pd

from tradepulse.core.sessions import Calendar
from tradepulse.errors import ConfigError, InvalidTable

#: What is taken into a bar: the trading hours of its session, the closing auction included, or everything there is.
Hours = Literal["regular", "all"]
HOURS: tuple[Hours, ...] = ("regular", "all")
_DAY = pd.Timedelta(days=1)
_KEYS = ["symbol", "session", "ts"]


def interval_named(text: str) -> pd.Timedelta:
    """Return the length that a person writes as 5min, 1h or 1D.

    Raises
    ------
    ConfigError
        If it is no length above zero.
    """
    try:
        interval = pd.Timedelta(text)
    except ValueError as exc:
        raise ConfigError(f"{text!r} is no interval; write it as 5min, 1h or 1D") from exc
    if not interval > pd.Timedelta(0):
        raise ConfigError(f"{text!r} is no interval; write it as 5min, 1h or 1D")
    return interval


def interval_name(interval: pd.Timedelta) -> str:
    """Return how a length is written in the name of a table: 30s, 5min, 1h, 1D."""
    seconds = int(interval.total_seconds())
    for unit, size in (("D", 86_400), ("h", 3_600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def resampled(
    bars: pd.DataFrame, interval: pd.Timedelta, exchange: Calendar, *, hours: Hours = "regular"
) -> pd.DataFrame:
    """Return bars of a longer interval.

    Intervals begin with the session and not with the clock: an hour of XNYS is 09:30 to 10:30, the last one is as long
    as the session has left, and none reaches from one session into the next. A day is a session.

    Parameters
    ----------
    bars : rows of ``bars``, sorted by symbol and time or by time
    interval : length of the new bars; a day or more gives one bar per session
    exchange : whose sessions
    hours : ``regular`` leaves out what lies before the open or after the close

    Returns
    -------
    DataFrame with symbol, session, ts (open of the interval), open, high, low, close and volume, sorted by time and
        symbol; an interval without a bar has none

    Raises
    ------
    ConfigError
        If the interval is not above zero or ``hours`` is unknown.
    InvalidTable
        If there are no bars.
    """
    return _grouped(
        _placed(bars, interval, exchange, hours, bars_run_on=True),
        {"open": ("open", "first"), "high": ("high", "max"), "low": ("low", "min"), "close": ("close", "last"),
         "volume": ("volume", "sum")},
    )  # fmt: skip


def bars_of_trades(
    trades: pd.DataFrame,
    interval: pd.Timedelta,
    exchange: Calendar,
    *,
    hours: Hours = "regular",
    without_price: Collection[str] = (),
) -> pd.DataFrame:
    """Return bars of the trades in each interval.

    Parameters
    ----------
    trades : rows of ``trades``, in the order of the tape
    interval, exchange, hours : as in :func:`resampled`
    without_price : sale conditions of trades that count for the volume and do not set a price (odd lots, average
        prices, late reports)

    Returns
    -------
    DataFrame as of :func:`resampled`; an interval in which no trade sets a price has no bar
    """
    dated = trades.assign(session=_dates(trades["ts"], exchange))
    placed = _placed(dated, interval, exchange, hours, bars_run_on=False)
    priced = placed[~placed["condition"].isin(list(without_price))]
    prices = _grouped(
        priced,
        {"open": ("price", "first"), "high": ("price", "max"), "low": ("price", "min"), "close": ("price", "last")},
    )
    volume = placed.groupby(_KEYS, sort=True)["size"].sum().rename("volume").reset_index()
    return prices.merge(volume, on=_KEYS, how="left", validate="one_to_one")


def _placed(
    rows: pd.DataFrame, interval: pd.Timedelta, exchange: Calendar, hours: Hours, *, bars_run_on: bool
) -> pd.DataFrame:
    if interval <= pd.Timedelta(0):
        raise ConfigError(f"an interval must be above zero, not {interval}")
    if hours not in HOURS:
        raise ConfigError(f"hours must be one of {', '.join(HOURS)}, not {hours!r}")
    if rows.empty:
        raise InvalidTable("there is nothing to resample")
    days = rows["session"].to_numpy().astype("datetime64[D]")
    unique = np.unique(days)
    known = [day for day in unique.tolist() if exchange.is_session(day)]
    edges = pd.DataFrame(
        {
            "session": pd.DatetimeIndex(known).as_unit("ns"),
            "opens": pd.DatetimeIndex([exchange.open_at(day) for day in known], tz="UTC").as_unit("ns"),
            "closes": pd.DatetimeIndex([exchange.close_at(day) for day in known], tz="UTC").as_unit("ns"),
        }
    )
    placed = rows.merge(edges, on="session", how="inner", validate="many_to_one")
    if hours == "regular":
        # What is printed at the close is the closing auction, and belongs to the session.
        inside = placed["ts"] >= placed["opens"]
        if bars_run_on:
            inside |= _reaches_in(placed)
        placed = placed[inside & (placed["ts"] <= placed["closes"])]
    if interval >= _DAY:
        return placed.assign(ts=placed["opens"])
    since = (placed["ts"] - placed["opens"]).astype("int64")
    if hours == "regular":
        # The auction is part of the last interval, and a bar that runs at the open part of the first.
        since = since.clip(lower=0, upper=(placed["closes"] - placed["opens"]).astype("int64") - 1)
    return placed.assign(ts=placed["opens"] + pd.to_timedelta(since // interval.value * interval.value, unit="ns"))


def _reaches_in(placed: pd.DataFrame) -> "pd.Series[bool]":
    """Whether a bar that begins before the open is still running then: the next one of its symbol begins after it."""
    following = placed.groupby(["symbol", "session"], sort=False)["ts"].shift(-1)
    return following > placed["opens"]


def _dates(ts: "pd.Series[pd.Timestamp]", exchange: Calendar) -> "pd.Series[pd.Timestamp]":
    return ts.dt.tz_convert(str(exchange.zone)).dt.normalize().dt.tz_localize(None).dt.as_unit("ns")


def _grouped(placed: pd.DataFrame, columns: dict[str, tuple[str, str]]) -> pd.DataFrame:
    made = placed.groupby(_KEYS, sort=True).agg(**columns).reset_index()
    result: pd.DataFrame = made.sort_values(["ts", "symbol"], kind="stable", ignore_index=True)
    return result
