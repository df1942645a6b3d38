"""What is missing from bars, and why: a hole, no trade, a halt, a closed market. Nothing is filled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradepulse.core.sessions import Calendar, halts
from tradepulse.quality.check import Check

DAY = pd.Timedelta(days=1)
_WEEK, _MONTH = pd.Timedelta(days=7), pd.Timedelta(days=30)
#: Expected number of random gaps so long, below which a gap is no accident of thin trading.
_RARE = 1e-3
#: A symbol may miss intervals for want of trades when its quiet ones have this share of the usual volume or less.
_THIN = 0.1


@dataclass(frozen=True, slots=True)
class Coverage:
    """Bars of one symbol against the sessions of an exchange.

    Parameters
    ----------
    symbol, interval : whose bars, and how long each is
    expected : intervals within the sessions from the first to the last bar
    present : of those, how many have a bar
    hole : missing although trading went on
    no_trade : missing as thinly traded symbols do
    halted : missing while the whole market was halted
    before_open, after_close : bars wholly outside the trading hours of their session
    closed : bars on days without a session
    holes : the holes as first interval, last interval (UTC) and length, longest first
    """

    symbol: str
    interval: pd.Timedelta
    expected: int = 0
    present: int = 0
    hole: int = 0
    no_trade: int = 0
    halted: int = 0
    before_open: int = 0
    after_close: int = 0
    closed: int = 0
    holes: tuple[tuple[pd.Timestamp, pd.Timestamp, int], ...] = ()

    @property
    def certificate(self) -> dict[str, object]:
        """What a result made from these bars says of them."""
        return {
            "symbol": self.symbol, "interval_s": int(self.interval.total_seconds()), "expected": self.expected,
            "present": self.present, "holes": self.hole, "no_trade": self.no_trade, "halted": self.halted,
        }  # fmt: skip


def interval_of(rows: pd.DataFrame) -> pd.Timedelta:
    """Return the length of one symbol's bars: the most frequent step within a session, or a day, a week or a month.

    Parameters
    ----------
    rows : rows of ``bars`` of one symbol, in time order
    """
    steps = rows["ts"].diff()[rows["session"].eq(rows["session"].shift())]
    steps = steps[steps > pd.Timedelta(0)]
    if len(steps) * 2 < rows["session"].nunique():
        days = pd.DatetimeIndex(rows["session"].unique())
        apart = float(np.median(np.diff(days.asi8))) / DAY.value if len(days) > 1 else 1.0
        return _MONTH if apart > 20 else _WEEK if apart > 4 else DAY
    return pd.Timedelta(steps.value_counts().index[0])


def coverage(rows: pd.DataFrame, exchange: Calendar) -> Coverage:
    """Return how one symbol's bars cover the sessions of an exchange, every missing one classified.

    Parameters
    ----------
    rows : rows of ``bars`` of one symbol, in time order, unique
    exchange : calendar
    """
    symbol, interval = str(rows["symbol"].iloc[0]), interval_of(rows)
    days = pd.DatetimeIndex(rows["session"].unique()).date
    known = [day for day in days if exchange.first <= day <= exchange.last and exchange.is_session(day)]
    inside = rows["session"].isin(pd.to_datetime(known))
    found = Coverage(symbol, interval, closed=int((~inside).sum()))
    if not known:
        return found
    sessions = exchange.sessions(known[0], known[-1])
    if interval >= DAY:
        return _daily(found, rows[inside], sessions)
    return _intraday(found, rows[inside], sessions, exchange)


def _daily(found: Coverage, rows: pd.DataFrame, sessions: Sequence[date]) -> Coverage:
    days = pd.DatetimeIndex(np.array(sessions, dtype="datetime64[ns]"))
    # A week or a month is there when one of its sessions has the bar: vendors date it by the first or by the last.
    period = {_WEEK: "W", _MONTH: "M"}.get(found.interval, "D")
    last = ~days.to_period(period).duplicated(keep="last")
    expected = days[last].asi8
    present = days[last].to_period(period).isin(pd.DatetimeIndex(rows["session"]).to_period(period))
    usual = rows["volume"].rolling(60, min_periods=1).median()
    thin = _is_thin((rows["volume"] / usual.where(usual > 0)).to_numpy(), 1 - present.mean())
    return _classified(found, expected, present, np.zeros(len(expected), dtype=bool), thin)


def _intraday(found: Coverage, rows: pd.DataFrame, sessions: Sequence[date], exchange: Calendar) -> Coverage:
    # Nanoseconds throughout: twenty years of hours are five thousand sessions, and pandas takes 5 ms for each.
    step = found.interval.value
    stamps, volumes = rows["ts"].astype("int64").to_numpy(), rows["volume"].to_numpy(dtype=float)
    days = rows["session"].astype("int64").to_numpy()
    stops = [(_nanoseconds(start), _nanoseconds(end)) for start, end in halts(exchange)]
    for day in sessions:
        opens, closes = _nanoseconds(exchange.open_at(day)), _nanoseconds(exchange.close_at(day))
        midnight = pd.Timestamp(day).value
        first, last = np.searchsorted(days, midnight), np.searchsorted(days, midnight, side="right")
        here, volume = stamps[first:last], volumes[first:last]
        # A bar counts where it begins: the first may begin before the open, on the grid of its own length.
        offset = (int(here[0]) - opens) % step if len(here) else 0
        grid = np.arange(opens + offset - (step if offset else 0), closes, step)
        present = np.isin(grid, here)
        halted = np.zeros(len(grid), dtype=bool)
        for start, end in stops:
            if start < closes and end > opens:
                # What of the interval lies within the session lies within the halt.
                halted |= (np.maximum(grid, opens) >= start) & (np.minimum(grid + step, closes) <= end)
        regular = volume[np.isin(here, grid)]
        usual = np.median(regular) if len(regular) else 0.0
        thin = _is_thin(regular / usual if usual > 0 else regular, 1 - present.mean())
        found = replace(
            found,
            before_open=found.before_open + int((here + step <= opens).sum()),
            # The closing auction is printed at the close, so a bar that begins there belongs to the session.
            after_close=found.after_close + int((here > closes).sum()),
        )
        found = _classified(found, grid, present, halted, thin)
    return found


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp()) * 1_000_000_000


def _is_thin(volume: NDArray[np.float64], missing: float) -> bool:
    """Whether volumes, as shares of the usual one, come near enough to none for some intervals to have had none."""
    volume = volume[np.isfinite(volume)]
    return bool(len(volume)) and bool(np.quantile(volume, min(0.05, missing)) <= _THIN)


def _classified(
    found: Coverage, grid: NDArray[np.int64], present: NDArray[np.bool_], halted: NDArray[np.bool_], thin: bool
) -> Coverage:
    if present.all():
        return replace(found, expected=found.expected + len(grid), present=found.present + len(grid))
    absent = ~present & ~halted
    edges = np.flatnonzero(np.diff(np.concatenate([[False], absent, [False]]).astype(np.int8)))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    # How often an interval has no trade, the longest gap left out: that one may be the hole.
    share = (lengths.sum() - lengths.max(initial=0)) / max(1, len(grid))
    random = len(grid) * share**lengths >= _RARE if share else lengths == 1
    no_trade = random & thin
    holes = [
        (pd.Timestamp(grid[start]), pd.Timestamp(grid[start + length - 1]), int(length))
        for start, length in zip(starts[~no_trade], lengths[~no_trade], strict=True)
    ]
    return replace(
        found,
        expected=found.expected + len(grid),
        present=found.present + int(present.sum()),
        halted=found.halted + int((halted & ~present).sum()),
        no_trade=found.no_trade + int(lengths[no_trade].sum()),
        hole=found.hole + sum(length for *_, length in holes),
        holes=tuple(sorted((*found.holes, *holes), key=lambda gap: (-gap[2], gap[0]))[:100]),
    )


def certificates(bars: pd.DataFrame, exchange: Calendar, refused: Mapping[str, int] | None = None) -> pd.DataFrame:
    """Return what there is and what is missing, a row per symbol: the coverage certificate of results made from bars.

    Parameters
    ----------
    bars : rows of ``bars``, sorted by time
    exchange : whose sessions are expected
    refused : rows in quarantine by symbol

    Returns
    -------
    DataFrame with symbol, interval_s, and bars expected, present, quarantined, holes, no_trade and halted; without rows
        where bars lie on days that are no sessions of the exchange: they are another market's then
    """
    days = pd.DatetimeIndex(bars["session"].unique())
    if not all(exchange.first <= day.date() <= exchange.last and exchange.is_session(day.date()) for day in days):
        return pd.DataFrame()
    rows = []
    for symbol, mine in bars.groupby("symbol", sort=True):
        found = coverage(mine.reset_index(drop=True), exchange).certificate
        rows.append({**found, "quarantined": (refused or {}).get(str(symbol), 0)})
    order = ["symbol", "interval_s", "expected", "present", "quarantined", "holes", "no_trade", "halted"]
    return pd.DataFrame(rows, columns=order)


def coverage_checks(covered: list[Coverage]) -> list[Check]:
    """Say whether nothing is missing that traded, and nothing is there that could not.

    Parameters
    ----------
    covered : coverage of each symbol
    """
    expected = sum(c.expected for c in covered)
    intraday = any(c.interval < DAY for c in covered)
    checks = [
        Check(
            "sessions_are_complete" if not intraday else "intervals_are_complete",
            expected,
            sum(c.hole for c in covered),
            "; ".join(filter(None, (_words(c) for c in covered))),
        ),
        Check(
            "no_bars_outside_sessions",
            sum(c.present + c.closed + c.before_open + c.after_close for c in covered),
            sum(c.closed for c in covered),
            "; ".join(f"{c.symbol}: {c.closed:,} bars on days without a session" for c in covered if c.closed),
        ),
    ]
    if intraday:
        outside = [c for c in covered if c.before_open + c.after_close]
        checks.append(
            Check(
                "no_bars_outside_trading_hours",
                sum(c.present + c.before_open + c.after_close for c in covered),
                sum(c.before_open + c.after_close for c in outside),
                "; ".join(
                    f"{c.symbol}: {c.before_open:,} before the open, {c.after_close:,} after the close" for c in outside
                ),
            )
        )
    return checks


def _words(c: Coverage) -> str:
    parts = []
    if c.hole:
        shown = ", ".join(_span(gap, c.interval) for gap in c.holes[:3])
        parts.append(f"{c.hole:,} missing: {shown}{' ...' if len(c.holes) > 3 else ''}")
    if c.no_trade:
        parts.append(f"{c.no_trade:,} without a trade")
    if c.halted:
        parts.append(f"{c.halted:,} while halted")
    return f"{c.symbol}: {'; '.join(parts)}" if parts else ""


def _span(gap: tuple[pd.Timestamp, pd.Timestamp, int], interval: pd.Timedelta) -> str:
    first, last, length = gap
    form = "%Y-%m-%d" if interval >= timedelta(days=1) else "%Y-%m-%d %H:%M"
    return f"{first:{form}}" if length == 1 else f"{first:{form}} to {last:{form}} ({length:,})"
