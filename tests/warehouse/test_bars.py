from datetime import date

import pandas as pd
import pytest

from tests.property.generators import bars_of
from tradepulse.errors import MissingData
from tradepulse.warehouse.bars import read_bars
from tradepulse.warehouse.lake import Lake


@pytest.fixture
def lake(tmp_path):
    """Four sessions of history, of which the last has been ingested again by itself, and one session since."""
    lake = Lake(tmp_path)
    bars = bars_of([1.0, 2.0, 3.0, 4.0, 5.0])
    lake.write("bars_history", bars.iloc[:4], "2015", model="bars")
    for row, price in ((3, 4.5), (4, 5.0)):
        one = bars.iloc[[row]].assign(open=price, high=price, low=price, close=price)
        lake.write("bars", one, f"{one['session'].iloc[0]:%Y-%m-%d}")
    return lake


def test_a_session_ingested_by_itself_comes_before_the_history_s(lake):
    assert read_bars(lake)["close"].tolist() == [1.0, 2.0, 3.0, 4.5, 5.0]


def test_nothing_after_the_session_asked_for_is_read(lake):
    last = read_bars(lake)["session"].iloc[3].date()

    assert read_bars(lake, until=last)["close"].tolist() == [1.0, 2.0, 3.0, 4.5]


def test_what_is_asked_for_from_a_session_on_comes_from_no_other_file(lake):
    sessions = [session.date() for session in read_bars(lake)["session"]]

    assert read_bars(lake, since=sessions[1])["close"].tolist() == [2.0, 3.0, 4.5, 5.0]
    assert read_bars(lake, since=sessions[3], until=sessions[3])["close"].tolist() == [4.5]
    lake._store.path("bars", sessions[3].isoformat()).write_bytes(b"not a file of bars")
    assert read_bars(lake, since=sessions[4])["close"].tolist() == [5.0]


def test_symbols_are_chosen(lake):
    other = bars_of([9.0], symbol="BBB")
    lake.write("bars_history", pd.concat([other]), "2014", model="bars")

    assert read_bars(lake, symbols=["BBB"])["close"].tolist() == [9.0]


def test_no_bars_is_an_error(lake, tmp_path):
    for where, options in (
        (lake, {"symbols": ["ZZZ"]}),
        (lake, {"until": date(2001, 1, 1)}),
        (lake, {"since": date(2101, 1, 1)}),
        (Lake(tmp_path / "x"), {}),
    ):
        with pytest.raises(MissingData, match=r"has no bars.*run the ingest job"):
            read_bars(where, **options)
