"""Ways in which real files of bars go wrong. Each takes a good frame, as a file holds it, and returns a bad one."""

from collections.abc import Callable

import numpy as np
import pandas as pd

PRICES = ["open", "high", "low", "close"]
Corruption = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def _row(bars, rng):
    return int(rng.integers(len(bars) // 3, 2 * len(bars) // 3))


def _cell(value, column):
    def corrupt(bars, rng):
        bars[column] = bars[column].astype(float)
        bars.loc[_row(bars, rng), column] = value
        return bars

    return corrupt


def _from(row_factor, columns=PRICES):
    def corrupt(bars, rng):
        at = _row(bars, rng)
        bars.loc[at:, columns] = bars.loc[at:, columns] * row_factor
        return bars

    return corrupt


def _for(sessions, factor):
    def corrupt(bars, rng):
        at = _row(bars, rng)
        bars.loc[at : at + sessions - 1, PRICES] *= factor
        return bars

    return corrupt


def _drop(count, *, together):
    def corrupt(bars, rng):
        at = _row(bars, rng)
        rows = range(at, at + count) if together else rng.choice(len(bars) - 2, count, replace=False) + 1
        return bars.drop(index=rows)

    return corrupt


def _shift_days(days):
    def corrupt(bars, rng):
        return bars.assign(session=bars["session"] + pd.Timedelta(days=days))

    return corrupt


def _shift_part(bars, rng):
    at = _row(bars, rng)
    return bars.assign(session=bars["session"].where(bars.index < at, bars["session"] + pd.Timedelta(days=1)))


def _swap(left, right, share=1.0):
    def corrupt(bars, rng):
        rows = rng.random(len(bars)) < share
        # A copy: with every row chosen pandas hands out a view of what it then writes to.
        bars.loc[rows, [left, right]] = bars.loc[rows, [right, left]].to_numpy(copy=True)
        return bars

    return corrupt


def _duplicate(bars, rng):
    at = _row(bars, rng)
    return pd.concat([bars.iloc[: at + 1], bars.iloc[at:]], ignore_index=True)


def _duplicate_changed(bars, rng):
    twice = _duplicate(bars, rng)
    at = int(np.flatnonzero(twice["session"].duplicated())[0])
    twice.loc[at, "close"] = twice.loc[at, ["high", "low"]].mean()
    return twice


def _repeat(count):
    def corrupt(bars, rng):
        at = _row(bars, rng)
        for row in range(at + 1, at + 1 + count):
            bars.loc[row, [*PRICES, "volume"]] = bars.loc[at, [*PRICES, "volume"]]
        return bars

    return corrupt


def _stale_opens(bars, rng):
    bars.loc[1:, "open"] = bars["close"].shift().iloc[1:]
    bars["high"], bars["low"] = bars[PRICES].max(axis=1), bars[PRICES].min(axis=1)
    return bars


def _ghosts(bars, rng):
    """Put rows of an earlier owner of the ticker before the first one, after half a year of silence."""
    past = bars.iloc[:80].copy()
    past["session"] = bars["session"].iloc[0] - pd.Timedelta(days=400) + (past["session"] - past["session"].iloc[0])
    past = past[past["session"].dt.dayofweek < 5].iloc[::2]
    past[PRICES] = past[PRICES] / 12
    return pd.concat([past, bars], ignore_index=True)


def _weekend(bars, rng):
    at = _row(bars, rng)
    friday = int(np.flatnonzero(bars["session"].dt.dayofweek.to_numpy()[at:] == 4)[0]) + at
    extra = bars.iloc[[friday]].assign(session=bars["session"].iloc[friday] + pd.Timedelta(days=1))
    return pd.concat([bars.iloc[: friday + 1], extra, bars.iloc[friday + 1 :]], ignore_index=True)


def _christmas(bars, rng):
    year = int(bars["session"].iloc[len(bars) // 2].year)
    holiday = pd.Timestamp(f"{year}-12-25")
    return pd.concat([bars, bars.iloc[[-1]].assign(session=holiday)]).sort_values("session", ignore_index=True)


def _bare(column):
    return lambda bars, rng: bars.drop(columns=column)


#: Name and corruption. Those that leave a file which is no file of bars at all are refused, which counts as caught.
DAILY: dict[str, Corruption] = {
    "a close is missing": _cell(np.nan, "close"),
    "an open is infinite": _cell(np.inf, "open"),
    "a low is zero": _cell(0.0, "low"),
    "a close is negative": _cell(-5.0, "close"),
    "a volume is negative": _cell(-1.0, "volume"),
    "a volume is missing": _cell(np.nan, "volume"),
    "a high is below the close": _cell(0.01, "high"),
    "a low is above the close": _cell(1e9, "low"),
    "high and low are exchanged": _swap("high", "low"),
    "high and low are exchanged in a tenth of the rows": _swap("high", "low", 0.1),
    "open and close are exchanged": _swap("open", "close"),
    "close and volume are exchanged": _swap("close", "volume"),
    "a row stands twice": _duplicate,
    "a session has two different rows": _duplicate_changed,
    "one session is missing": _drop(1, together=True),
    "ten sessions are missing together": _drop(10, together=True),
    "ten sessions are missing here and there": _drop(10, together=False),
    "half the sessions are missing": lambda bars, rng: bars.iloc[::2],
    "all dates are a day late": _shift_days(1),
    "all dates are a day early": _shift_days(-1),
    "dates are a day late from some day on": _shift_part,
    "a bar stands on a Saturday": _weekend,
    "a bar stands on Christmas Day": _christmas,
    "dates are ten years in the future": _shift_days(3652 * 3),
    "rows run backwards": lambda bars, rng: bars.iloc[::-1],
    "rows are shuffled": lambda bars, rng: bars.sample(frac=1, random_state=1),
    "a split is not adjusted": _from(0.5),
    "a 7-for-1 split is not adjusted": _from(1 / 7),
    "a 3-for-2 split is not adjusted": _from(2 / 3),
    "a reverse split is not adjusted": _from(10.0),
    "prices are in cents from some day on": _from(100.0),
    "prices are in thousands from some day on": _from(0.001),
    "a week is in cents": _for(5, 100.0),
    "volume is in lots from some day on": _from(0.01, ["volume"]),
    "volume is in thousands from some day on": _from(0.001, ["volume"]),
    "a bar repeats the one before": _repeat(1),
    "a week repeats its first bar": _repeat(4),
    "opens repeat the close before": _stale_opens,
    "all prices are the same": lambda bars, rng: bars.assign(**dict.fromkeys(PRICES, 100.0)),
    "opens, highs and lows are the close": lambda bars, rng: bars.assign(
        open=bars.close, high=bars.close, low=bars.close
    ),
    "closes are all missing": lambda bars, rng: bars.assign(close=np.nan),
    "there is no volume": lambda bars, rng: bars.assign(volume=0.0),
    "prices are rounded to hundreds": lambda bars, rng: bars.assign(**{c: bars[c].round(-2) for c in PRICES}),
    "an earlier owner of the ticker": _ghosts,
    "there are ten rows": lambda bars, rng: bars.iloc[:10],
    "there are no rows": lambda bars, rng: bars.iloc[:0],
    "the volume column is missing": _bare("volume"),
    "the dates are missing": _bare("session"),
    "a date is missing": lambda bars, rng: bars.assign(session=bars["session"].where(bars.index != 5)),
    "times have no zone": lambda bars, rng: bars.rename(columns={"session": "ts"}),
    "numbers are words": lambda bars, rng: bars.assign(close="n/a"),
    "the symbol has two spellings": lambda bars, rng: bars.assign(
        symbol=np.where(bars.index < len(bars) // 2, "IXIC", "ixic")
    ),
}


def _hour(bars, hours):
    return bars.assign(ts=bars["ts"] + pd.Timedelta(hours=hours))


def _hour_from(bars, rng):
    at = bars["ts"].iloc[_row(bars, rng)].normalize()
    return bars.assign(ts=bars["ts"].where(bars["ts"] < at, bars["ts"] + pd.Timedelta(hours=1)))


INTRADAY: dict[str, Corruption] = {
    "times are an hour late": lambda bars, rng: _hour(bars, 1),
    "times are an hour early": lambda bars, rng: _hour(bars, -1),
    "times are New York's called UTC": lambda bars, rng: _hour(bars, -4),
    "daylight saving is missed from some day on": _hour_from,
    "times have no zone": lambda bars, rng: bars.assign(ts=bars["ts"].dt.tz_localize(None)),
    "half an hour is missing": lambda bars, rng: bars.drop(index=range(60, 90)),
    "a twentieth of the minutes is missing": lambda bars, rng: bars[rng.random(len(bars)) > 0.05],
    "a row stands twice": _duplicate,
    "high and low are exchanged": _swap("high", "low"),
    "a close is missing": _cell(np.nan, "close"),
    "rows run backwards": lambda bars, rng: bars.iloc[::-1],
    "a day is in cents": lambda bars, rng: _for(200, 100.0)(bars, rng),
}
