import numpy as np
import pandas as pd
import pytest

from tests.property.generators import bars_of
from tradepulse.errors import DataError, UnreadableFile
from tradepulse.ingestion.files import load_bars, load_file, load_whole_bars

CSV = "session,open,high,low,close,volume\n2018-10-01,10,12,9,11,100\n2018-10-02,11,12,10,11.5,0\n"


def write(tmp_path, text, name="spy.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_sessions_become_the_instants_of_their_opens(tmp_path):
    bars = load_bars(write(tmp_path, CSV)).accepted

    assert bars["ts"].astype(str).tolist() == ["2018-10-01 13:30:00+00:00", "2018-10-02 13:30:00+00:00"]
    assert bars["symbol"].tolist() == ["spy", "spy"]
    assert bars["close"].tolist() == [11.0, 11.5]


def test_instants_become_the_sessions_of_new_york(tmp_path):
    text = "ts,open,high,low,close,volume\n2018-10-02T01:00:00+02:00,1,1,1,1,1\n2018-10-02T14:00:00Z,1,1,1,1,1\n"

    bars = load_bars(write(tmp_path, text)).accepted

    assert bars["session"].astype(str).tolist() == ["2018-10-01", "2018-10-02"]
    assert str(bars["ts"].dtype) == "datetime64[ns, UTC]"


def test_a_parquet_file_and_a_csv_file_of_the_same_bars_are_the_same_bars(tmp_path):
    bars = bars_of([1.0, 2.5, 3.25])[["session", "symbol", "open", "high", "low", "close", "volume"]]
    bars.to_parquet(tmp_path / "bars.parquet")
    bars.to_csv(tmp_path / "bars.csv", index=False)
    drop = ["source", "source_hash"]

    left, right = (load_bars(tmp_path / name).accepted.drop(columns=drop) for name in ("bars.parquet", "bars.csv"))

    pd.testing.assert_frame_equal(left, right)


def test_times_that_were_saved_as_the_index_are_a_column(tmp_path):
    bars = bars_of([1.0, 2.5])[["ts", "open", "high", "low", "close", "volume"]]
    bars.set_index("ts").to_parquet(tmp_path / "a.parquet")
    bars.iloc[::-1].sort_values("ts").to_parquet(tmp_path / "b.parquet")

    assert load_bars(tmp_path / "a.parquet").accepted["ts"].tolist() == bars["ts"].tolist()
    assert load_file(tmp_path / "b.parquet")[0].index.tolist() == [0, 1]


def test_intraday_bars_share_a_session_and_are_no_duplicates(tmp_path):
    text = "ts,open,high,low,close,volume\n2018-10-01T14:00:00Z,1,1,1,1,1\n2018-10-01T15:00:00Z,1,1,1,1,1\n"

    assert len(load_bars(write(tmp_path, text)).accepted) == 2


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "", "the file is empty"),
        ("a.csv", "session,open,high,low,close,volume\n", "has columns but no rows"),
        ("a.txt", CSV, "neither .csv, .csv.gz nor .parquet"),
        ("a.parquet", CSV, "not a readable .parquet file"),
        ("a.csv.gz", CSV, "not a readable .gz file"),
        ("a.csv", CSV.replace("volume", "vol"), "lacks the column 'volume'"),
        ("a.csv", CSV.replace("session", "day"), "lacks both 'ts' and 'session'"),
        (
            "a.csv",
            CSV.replace("2018-10-01", "2018-10-01T14:00:00"),
            "a session is a date and has neither time nor zone",
        ),
        (
            "a.csv",
            CSV.replace("2018-10-01", "2018-10-01T00:00:00Z").replace("2018-10-02", "2018-10-02T00:00:00Z"),
            "a session is a date and has neither time nor zone",
        ),
        ("a.csv", CSV.replace("open", "Open"), "lacks the column 'open'; .*; rename 'Open'"),
        ("a.csv", CSV.replace("2018-10-01", "October"), "a session is not a date like 2018-12-31"),
        ("a.csv", CSV.replace("2018-10-01", ""), "a session is not a date|has no session"),
        ("a.csv", CSV.replace("session", "ts"), "ts '2018-10-01' has no time zone; write it as"),
        ("a.csv", CSV.replace("session", "ts").replace("2018-10-01", "noon"), "a ts is not a time like"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path, name, text, words):
    with pytest.raises(DataError, match=words) as refused:
        load_bars(write(tmp_path, text, name))

    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_and_an_absent_file_are_refused(tmp_path):
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "none.csv", "No such file")):
        with pytest.raises(UnreadableFile, match=rf"cannot be read \({why}"):
            load_file(path)


def test_rows_that_break_a_rule_are_quarantined_not_dropped(tmp_path):
    text = CSV + "2018-10-03,11,10,9,11,1\n2018-10-04,x,12,9,11,1\n2018-10-02,11,12,10,11.5,0\n"

    delivery = load_bars(write(tmp_path, text))

    assert (delivery.received, len(delivery.accepted)) == (5, 2)
    assert delivery.quarantined["rule"].tolist() == [
        "high is not below open, close or low",
        "open is a finite number above zero",
        "symbol and time are unique",
    ]


def test_a_row_without_a_symbol_is_quarantined(tmp_path):
    text = "symbol," + CSV.replace("2018-10-01", ",2018-10-01").replace("2018-10-02", "AAA,2018-10-02")

    delivery = load_bars(write(tmp_path, text))

    assert delivery.quarantined["rule"].tolist() == ["the row names its symbol"]
    assert delivery.accepted["symbol"].tolist() == ["AAA"]


def test_what_is_computed_from_a_file_needs_all_of_it(tmp_path):
    path = write(tmp_path, CSV + "2018-10-03,11,10,9,11,1\n")

    with pytest.raises(DataError, match=r"row 2 breaks the rule 'high is not below.*', 1 rows in all"):
        load_whole_bars(path)


def test_stale_opens_of_a_file_are_flagged(tmp_path):
    closes = np.arange(10.0, 30.0)
    bars_of(closes, np.concatenate([[9.5], closes[:-1]])).drop(columns="open_is_stale").to_parquet(
        tmp_path / "a.parquet"
    )

    assert load_bars(tmp_path / "a.parquet").accepted["open_is_stale"].sum() == 13
