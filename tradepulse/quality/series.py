"""What should be true of one symbol's bars as a series: no foreign rows, no jumps, no spikes, no repeats.

Each function looks at symbols one by one and gives one check over all of them. Thresholds come from twenty years of
real US equities, funds and indices, flash crashes included; docs/data_quality.md says what they let through.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradepulse.core.sessions import Calendar
from tradepulse.quality.check import Check

#: Symbol and session of each corporate action that explains a jump.
Actions = Collection[tuple[str, str]]

#: A ticker that was silent for so many sessions may have changed hands.
_SILENCE = 20
#: Ratios of new to old price that splits and reverse splits leave, and how near one counts as one.
_SPLITS = np.array([n / d for n, d in ((2, 1), (3, 1), (3, 2), *((n, 1) for n in range(4, 51)), (100, 1))])
_NEAR = 0.02
#: Beyond this factor overnight, split ratio or not, no index and no liquid equity has moved.
_JUMP = 2.5
#: An excursion beyond both closes that is so many times the usual one, and so large, with no more volume than usual.
_SPIKE_TIMES, _SPIKE_LEAST, _SPIKE_VOLUME = 10.0, 0.1, 1.5
#: Share of the usual volume from which two equal bars are no coincidence.
_BUSY = 0.2
#: Factor by which the usual volume may change from one month to the next.
_VOLUME_SHIFT = 30.0


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of one symbol that break a promise, and the words for them."""

    rows: int
    words: str


def _check(name: str, bars: pd.DataFrame, find: Callable[[str, pd.DataFrame], Iterator[Found]], most: int = 5) -> Check:
    found = [hit for symbol, rows in bars.groupby("symbol", sort=True) for hit in find(str(symbol), rows)]
    words = "; ".join(hit.words for hit in found[:most]) + (
        f"; and {len(found) - most} more" if len(found) > most else ""
    )
    return Check(name, len(bars), sum(hit.rows for hit in found), words)


def _days(rows: pd.DataFrame) -> NDArray[np.datetime64]:
    return rows["session"].to_numpy().astype("datetime64[D]")


def _values(rows: pd.DataFrame, *names: str) -> list[NDArray[np.float64]]:
    return [rows[name].to_numpy(dtype=float) for name in names]


def in_time_order(bars: pd.DataFrame) -> Check:
    """Say whether each symbol's rows come one after another in time, as they stand in the file."""

    def find(symbol: str, rows: pd.DataFrame) -> Iterator[Found]:
        late = np.flatnonzero(np.diff(rows["ts"].astype("int64")) < 0)
        if len(late):
            yield Found(len(late), f"{symbol}: row {rows.index[late[0] + 1]} is earlier than the one before it")

    return _check("rows_are_in_time_order", bars, find)


def one_spelling(bars: pd.DataFrame) -> Check:
    """Say whether no two symbols differ in case or in blanks only."""
    symbols = bars["symbol"].unique()
    seen: dict[str, str] = {}
    odd = []
    for symbol in symbols:
        plain = " ".join(str(symbol).split()).upper()
        if seen.setdefault(plain, symbol) != symbol:
            odd.append(f"{seen[plain]!r} and {symbol!r}")
        elif str(symbol) != str(symbol).strip():
            odd.append(f"{symbol!r} has blanks around it")
    return Check("symbols_have_one_spelling", len(symbols), len(odd), "; ".join(odd[:5]))


def owner_since(rows: pd.DataFrame, exchange: Calendar) -> int:
    """Return the position from which on one symbol's rows belong to the security that has the ticker now.

    A ticker that is silent for at least 20 sessions and comes back at a third or three times its price, or trading
    every session where it hardly traded before, or with a hundred times its volume, has another owner.

    Parameters
    ----------
    rows : rows of ``bars`` of one symbol, in time order, shape (n,)
    exchange : whose sessions count
    """
    days = pd.DatetimeIndex(rows["session"]).date
    closes, opens, volume = _values(rows, "close", "open", "volume")
    at = np.flatnonzero(_days(rows)[1:] - _days(rows)[:-1] > np.timedelta64(_SILENCE, "D")) + 1
    since = 0
    for row in at.tolist():
        silent = len(exchange.sessions(days[row - 1], days[row])) - 2
        if silent < _SILENCE:
            continue
        ratio = opens[row] / closes[row - 1]
        later = min(len(rows) - 1, row + 250)
        before, after = (_density(rows, span, exchange) for span in ((since, row - 1), (row, later)))
        volumes = np.median(volume[row : later + 1]) / max(1.0, float(np.median(volume[since:row])))
        if not 1 / 3 < ratio < 3 or (before < 0.9 and after > 0.98) or volumes > 100:
            since = row
    return since


def _density(rows: pd.DataFrame, span: tuple[int, int], exchange: Calendar) -> float:
    """Return the share of sessions with a bar between two rows, both included."""
    days = pd.DatetimeIndex(rows["session"].iloc[span[0] : span[1] + 1])
    expected = exchange.sessions(days[0].date(), days[-1].date())
    return len(days.unique()) / max(1, len(expected))


def rows_of_one_security(bars: pd.DataFrame, exchange: Calendar) -> Check:
    """Say whether no symbol has rows of an earlier owner of its ticker."""

    def find(symbol: str, rows: pd.DataFrame) -> Iterator[Found]:
        since = owner_since(rows, exchange)
        if since:
            day, gone = rows["session"].iloc[since], rows["session"].iloc[since - 1]
            yield Found(
                since,
                f"{symbol}: {since:,} rows before {day:%Y-%m-%d} look like another security's (last close "
                f"{rows['close'].iloc[since - 1]:g} on {gone:%Y-%m-%d}, then {rows['open'].iloc[since]:g})",
            )

    return _check("rows_are_of_one_security", bars, find)


def no_unexplained_jumps(bars: pd.DataFrame, actions: Actions = ()) -> Check:
    """Say whether no price changes its level from one session to the next as by a split, without a corporate action.

    Parameters
    ----------
    bars : rows of ``bars``, one symbol after another or mixed
    actions : symbol and session (ISO) of the corporate actions that there are
    """

    def find(symbol: str, rows: pd.DataFrame) -> Iterator[Found]:
        opens, closes = _values(rows, "open", "close")
        days = _days(rows)
        first = np.flatnonzero(days[1:] != days[:-1]) + 1
        if not len(first):
            return
        ratio = opens[first] / closes[first - 1]
        # A level, not a spike: the session also closes nearer to the new level than to the old one.
        last = np.append(first[1:], len(rows)) - 1
        stays = np.abs(np.log(closes[last] / opens[first])) < np.abs(np.log(ratio)) / 2
        size = np.maximum(ratio, 1 / ratio)
        nearest = _SPLITS[np.abs(np.log(size[:, None] / _SPLITS)).argmin(axis=1)]
        near = np.abs(size / nearest - 1) < np.where(nearest == 1.5, _NEAR / 2, _NEAR)
        for k in np.flatnonzero(stays & (near | (size > _JUMP))).tolist():
            session = str(days[first[k]])
            if (symbol, session) in actions:
                continue
            kind = (
                f"as by a {nearest[k]:g}-for-1 {'split' if ratio[k] < 1 else 'reverse split'}"
                if near[k]
                else "by itself"
            )
            yield Found(1, f"{symbol} {session}: price times {ratio[k]:.4g} {kind}, and no corporate action")

    return _check("no_unexplained_jumps", bars, find)


def no_spikes(bars: pd.DataFrame) -> Check:
    """Say whether no open, high or low lies far beyond the closes around it while trading was as usual.

    A flash crash trades more than usual and is let through. A bad tick does not and is named; that it was one cannot be
    proven from bars, so the finding is advisory.
    """

    def find(symbol: str, rows: pd.DataFrame) -> Iterator[Found]:
        opens, highs, lows, closes, volume = _values(rows, "open", "high", "low", "close", "volume")
        before = np.concatenate([opens[:1], closes[:-1]])
        top, bottom = np.maximum(before, closes), np.minimum(before, closes)
        reach = np.maximum(np.log(highs / top), np.log(bottom / lows)).clip(min=0.0)
        usual = pd.Series(reach).rolling(60, min_periods=10).median().shift(1).bfill().to_numpy()
        typical = pd.Series(volume).rolling(60, min_periods=10).median().shift(1).bfill().to_numpy()
        quiet = volume < _SPIKE_VOLUME * typical
        for row in np.flatnonzero((reach > _SPIKE_LEAST) & (reach > _SPIKE_TIMES * usual) & quiet).tolist():
            yield Found(
                1,
                f"{symbol} {rows['ts'].iloc[row]:%Y-%m-%d %H:%M}: open {opens[row]:g}, high {highs[row]:g}, "
                f"low {lows[row]:g} between closes {before[row]:g} and {closes[row]:g}",
            )

    return replace(_check("no_spikes", bars, find), advisory=True)


def no_stale_repeats(bars: pd.DataFrame) -> Check:
    """Say whether no bar is a copy of the one before it: same prices, with a range, and same volume."""

    def find(symbol: str, rows: pd.DataFrame) -> Iterator[Found]:
        values = np.column_stack(_values(rows, "open", "high", "low", "close", "volume"))
        same = (values[1:] == values[:-1]).all(axis=1) & (values[1:, 1] > values[1:, 2])
        # Two quiet bars of a hundred shares may well look alike.
        same &= values[1:, 4] >= _BUSY * np.median(values[:, 4])
        at = np.flatnonzero(same) + 1
        if len(at):
            yield Found(
                len(at),
                f"{symbol}: {len(at)} bars repeat the one before, first {rows['ts'].iloc[at[0]]:%Y-%m-%d %H:%M}",
            )

    return _check("no_stale_repeats", bars, find)


def volume_keeps_its_unit(bars: pd.DataFrame) -> Check:
    """Say whether the usual volume never changes by a factor of thirty from one month of bars to the next."""

    def find(symbol: str, rows: pd.DataFrame) -> Iterator[Found]:
        daily = rows.groupby("session", sort=False)["volume"].sum()
        if len(daily) < 40:
            return
        month = daily.rolling(20).median().to_numpy()
        before, after = month[19:-20], month[39:]
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = np.abs(np.log(after / before))
        worst = int(np.nanargmax(np.where(np.isfinite(shift), shift, -1.0)))
        if np.isfinite(shift[worst]) and shift[worst] > np.log(_VOLUME_SHIFT):
            day = daily.index[worst + 20]
            yield Found(
                1, f"{symbol}: from {before[worst]:,.0f} to {after[worst]:,.0f} a session around {day:%Y-%m-%d}"
            )

    return _check("volume_keeps_its_unit", bars, find)


def columns_are_what_they_say(bars: pd.DataFrame) -> Check:
    """Say whether opens lie nearer to the close before them than closes do, and prices are not rounded away.

    An open follows the close before it; where the columns have been exchanged it lies two sessions from it.
    """

    def find(symbol: str, rows: pd.DataFrame) -> Iterator[Found]:
        opens, closes = _values(rows, "open", "close")
        if len(rows) < 30:
            return
        gap, move = np.median(np.abs(opens[1:] - closes[:-1])), np.median(np.abs(closes[1:] - closes[:-1]))
        if gap > 1.15 * move > 0:
            yield Found(
                len(rows), f"{symbol}: opens lie {gap:g} from the close before, closes {move:g}: exchanged columns?"
            )
        moved = np.abs(np.diff(closes))
        moved = moved[moved > 0]
        if not len(moved):
            return
        step = moved.min()
        if step > 0.5 * np.median(moved) and step > 0.01 * np.median(closes):
            yield Found(
                len(rows), f"{symbol}: closes move in steps of {step:g}, {step / np.median(closes):.1%} of the price"
            )

    return _check("columns_are_what_they_say", bars, find)


def prices_are_on_tick(rows: pd.DataFrame, tick: float) -> Check:
    """Say whether every price is a whole number of ticks; a series adjusted for dividends is not, a raw one is.

    Parameters
    ----------
    rows : of ``bars``, ``trades`` or ``quotes``
    tick : smallest step of the price
    """
    columns = [name for name in ("open", "high", "low", "close", "price", "bid", "ask") if name in rows.columns]
    steps = rows[columns].to_numpy(dtype=float) / tick
    # A price is a float64: a step of it is off by less than a millionth of a tick, or by the price's own last digits.
    off = (np.abs(steps - np.round(steps)) > np.maximum(1e-6, np.abs(steps) * 1e-15)).any(axis=1)
    detail = ""
    if off.any():
        row = rows[off].iloc[0]
        detail = f"{row['symbol']} {row['ts']:%Y-%m-%d %H:%M:%S}: {', '.join(f'{row[c]:.10g}' for c in columns)}"
    return Check("prices_are_on_tick", len(rows), int(off.sum()), detail)
