import pandas as pd
import pytest

from tradepulse.errors import DataError
from tradepulse.ingestion.ticks import load_quotes, load_trades

TRADES = (
    "ts,price,size,exchange,cond,suspicious\n2018-10-01T14:00:00Z,10.5,100,P,@,0\n2018-10-01T14:00:01Z,10.6,50,,,1\n"
)
QUOTES = (
    "ts,symbol,bid,bid_size,ask,ask_size\n"
    "2018-10-01T14:00:00Z,AAA,10,100,0,0\n2018-10-01T14:00:01Z,AAA,10,100,10.1,200\n"
)


def write(tmp_path, text, name="ibm.csv"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_trades_keep_what_the_vendor_says_of_them(tmp_path):
    trades = load_trades(write(tmp_path, TRADES)).accepted

    assert trades[["symbol", "price", "size", "venue", "condition", "suspicious"]].to_numpy().tolist() == [
        ["ibm", 10.5, 100.0, "P", "@", False],
        ["ibm", 10.6, 50.0, "", "", True],
    ]


def test_equal_trades_at_one_instant_are_two(tmp_path):
    line = "2018-10-01T14:00:00Z,10.5,100,P,@,0\n"

    assert len(load_trades(write(tmp_path, TRADES.splitlines()[0] + "\n" + line * 2)).accepted) == 2


def test_a_side_that_is_not_updated_is_missing_and_not_zero(tmp_path):
    quotes = load_quotes(write(tmp_path, QUOTES)).accepted

    assert quotes["ask"].isna().tolist() == [True, False]
    assert quotes["ask_size"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("load", "text", "rule"),
    [
        (load_trades, TRADES.replace("10.5", "0"), "price is a finite number above zero"),
        (load_trades, TRADES.replace("10.5", "x"), "price is a finite number above zero"),
        (load_trades, TRADES.replace(",50,", ",-50,"), "size is a finite number above zero"),
        (load_quotes, QUOTES.replace("AAA,10,100,0,0", "AAA,0,0,0,0"), "a side is quoted"),
        (load_quotes, QUOTES.replace("10.1", "9.9"), "bid is below ask"),
        (load_quotes, QUOTES.replace("10.1", "inf"), "ask is a finite number above zero, or not quoted"),
    ],
)
def test_bad_rows_are_quarantined(tmp_path, load, text, rule):
    delivery = load(write(tmp_path, text))

    assert delivery.quarantined["rule"].tolist() == [rule]
    assert len(delivery.accepted) == 1


@pytest.mark.parametrize(
    ("load", "text", "words"),
    [
        (load_trades, QUOTES, "lacks the column 'price'; trades have ts price size"),
        (load_quotes, TRADES, "lacks the column 'bid'; quotes have ts bid bid_size ask ask_size"),
        (load_trades, TRADES.splitlines()[0] + "\n", "has columns but no rows"),
        (load_trades, TRADES.replace("Z", ""), "has no time zone"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path, load, text, words):
    with pytest.raises(DataError, match=words):
        load(write(tmp_path, text))


def test_a_zone_may_be_declared(tmp_path):
    path = write(tmp_path, TRADES.replace("Z", ""))

    assert load_trades(path, zone="America/New_York").accepted["ts"].iloc[0] == pd.Timestamp("2018-10-01T18:00Z")
    with pytest.raises(DataError, match=r"no time of America/New_York, or two"):
        load_trades(
            write(tmp_path, TRADES.replace("2018-10-01T14", "2018-03-11T02").replace("Z", "")), zone="America/New_York"
        )
    with pytest.raises(ValueError, match="--zone Mars: no such zone"):
        load_trades(path, zone="Mars")
