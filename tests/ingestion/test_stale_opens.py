from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.generators import price_bars
from tradepulse.ingestion.stale_opens import SURPLUS, WINDOW, stale_opens


def days(n, first="2015-01-02"):
    """Return n weekdays."""
    return np.busday_offset(first, np.arange(n), roll="forward")


def test_opens_that_repeat_more_often_than_chance_are_flagged_from_the_seventh_on():
    closes = np.arange(100.0, 110.0)
    opens = np.concatenate([[99.0], closes[:-1]])  # every open repeats the close before it

    flagged = stale_opens(opens, closes, days(10))

    assert flagged.tolist() == [False] * (SURPLUS + 1) + [True] * 3


def test_repeats_a_year_apart_are_coincidence():
    closes = np.arange(100.0, 2100.0)
    opens = closes + 0.5
    opens[1::400] = closes[:-1:400]

    assert not stale_opens(opens, closes, days(2000)).any()


@pytest.mark.parametrize("tick", [0.01, 1 / 16, 1 / 8])
def test_coarse_prices_repeat_by_chance(tick):
    rng = np.random.default_rng(5)
    closes = 20 + tick * np.cumsum(rng.integers(-3, 4, 2000))
    opens = np.concatenate([[20.0], closes[:-1] + tick * rng.integers(-2, 3, 1999)])
    assert (opens[1:] == closes[:-1]).mean() > 0.15

    assert not stale_opens(opens, closes, days(2000)).any()


def test_within_a_session_an_open_at_the_close_before_it_is_no_repeat():
    closes = np.arange(100.0, 140.0)
    opens = np.concatenate([[99.0], closes[:-1]])

    assert not stale_opens(opens, closes, np.repeat(days(4), 10)).any()


def test_a_market_that_never_closes_has_no_stale_opens():
    closes = np.arange(100.0, 140.0)
    opens = np.concatenate([[99.0], closes[:-1]])

    assert not stale_opens(opens, closes, np.datetime64("2015-01-01") + np.arange(40)).any()


def test_the_first_open_has_no_close_before_it():
    assert stale_opens(np.array([1.0]), np.array([1.0]), days(1)).tolist() == [False]
    assert stale_opens(np.array([]), np.array([]), days(0)).tolist() == []


@given(price_bars(min_size=2))
def test_a_flag_depends_on_the_past_alone(bars):
    columns = [bars[name].to_numpy() for name in ("open", "close", "session")]
    whole = stale_opens(*columns)

    for known in range(1, len(bars)):
        assert stale_opens(*(column[:known] for column in columns)).tolist() == whole[:known].tolist()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=700), st.integers(0, 2**32 - 1))
def test_it_is_its_definition(moves, seed):
    """Written out a second time: count the year anew for every session."""
    rng = np.random.default_rng(seed)
    closes = rng.integers(50, 60, len(moves) + 1).astype(float)
    opens = np.concatenate([[50.0], closes[:-1] + np.array(moves)])
    expected = [False]
    for t in range(len(moves)):
        year = Counter(moves[max(0, t + 1 - WINDOW) : t + 1])
        repeats = year.pop(0, 0)
        expected.append(moves[t] == 0 and repeats > 2 * max(year.values(), default=0) + SURPLUS)

    assert stale_opens(opens, closes, days(len(closes))).tolist() == expected


def test_real_equities_are_not_accused(shared_data):
    import pandas as pd

    bars = pd.read_parquet(shared_data / "daily" / "us_equity_daily.parquet")
    bars = bars[~((bars["symbol"] == "EEM") & (bars["session"].astype(str) < "2003-04-11"))]
    for _, rows in bars.groupby("symbol"):
        sessions = pd.to_datetime(rows["session"]).to_numpy()
        assert not stale_opens(rows["open"].to_numpy(), rows["close"].to_numpy(), sessions).any()
