import gzip
import json

import pandas as pd
import pytest

from tests.ingestion import recordings
from tests.property.generators import bars_of
from tradepulse.core.sessions import calendar
from tradepulse.errors import ConfigError, MissingData, TradePulseError
from tradepulse.ingestion.backfill import Manifest, backfill
from tradepulse.ingestion.folder import FolderSource
from tradepulse.ingestion.source import Wanted, open_source

MAPPING = """\
table: bars
files: "*.csv"
zone: America/New_York
columns: {When: ts, O: open, H: high, L: low, C: close, Vol: volume}
symbol: ABC
"""
ROWS = "When,O,H,L,C,Vol\n2018-10-01 09:30,10,12,9,11,100\n2018-10-01 10:30,11,12,10,11.5,0\n"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "drop"
    place.mkdir()
    (place / "tradepulse.yaml").write_text(MAPPING)
    (place / "day1.csv").write_text(ROWS)
    return place


def take(folder, tmp_path, table="bars"):
    source = open_source("folder", {"path": str(folder)})
    rows = []
    made = backfill(
        source, Wanted(table), Manifest(tmp_path / "m", source.identity), lambda d, r, w: rows.append(d) or []
    )
    return made, rows


def test_files_are_read_as_the_folder_says(folder, tmp_path):
    made, [delivery] = take(folder, tmp_path)

    assert made.received == 2
    assert delivery.place == "bars_1h"
    bars = delivery.accepted
    assert bars["symbol"].unique().tolist() == ["ABC"]
    assert bars["ts"].iloc[0] == pd.Timestamp("2018-10-01 13:30", tz="UTC")


def test_a_file_is_taken_once_whatever_it_is_called_and_a_new_one_is_taken(folder, tmp_path):
    take(folder, tmp_path)
    (folder / "day1.csv").rename(folder / "renamed.csv")
    assert take(folder, tmp_path)[0].parts == 0

    (folder / "day2.csv").write_text(ROWS.replace("10-01", "10-02"))
    assert take(folder, tmp_path)[0].parts == 1


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ("table: [", "not YAML"),
        ("just text", "write table, files, zone and columns"),
        ("table: bars\ncolumn: {}\n", "unknown key 'column'"),
        ("table: candles\n", "table is 'candles'"),
        ("table: bars\nfiles: /etc/*\n", "a pattern within the folder"),
        ("table: bars\nfiles: '*.csv'\ncolumns: {1: ts}\n", "columns is a mapping"),
        ("table: trades\nsymbol: A\n", "symbol is for bars"),
        ("table: bars\nfiles: '*.parquet'\n", "no file is named like"),
        ("table: bars\nfiles: '*.csv'\ncolumns: {Date: ts}\n", "lacks the column 'Date'"),
        ("table: trades\nfiles: '*.csv'\n", "source folder has no bars; it has trades"),
    ],
)
def test_a_folder_that_says_something_else_is_refused_in_one_line(folder, tmp_path, mapping, words):
    (folder / "tradepulse.yaml").write_text(mapping)

    with pytest.raises(TradePulseError, match=words) as caught:
        take(folder, tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_without_a_word_about_its_files_is_refused(tmp_path):
    with pytest.raises(MissingData.__mro__[1], match="a drop folder says in it what its files hold"):
        FolderSource(str(tmp_path))
    with pytest.raises(ConfigError, match="needs --path FOLDER"):
        FolderSource()


def test_a_recording_becomes_a_row_per_level(tmp_path):
    path = recordings.write(tmp_path / "btc.gz", [*recordings.WHOLE, "no message"])
    source = open_source("file", {"path": str(path)})
    [part] = source.parts(Wanted("book_events"), lambda stream: ([], set()))

    delivery = source.fetch(part)

    rows = delivery.accepted
    # Four differences with no, one, one and one level, and a snapshot of three; the ticker and the trade are others.
    assert rows["kind"].tolist() == ["difference"] * 2 + ["snapshot"] * 3 + ["difference"] * 2
    assert rows[rows["kind"] == "snapshot"][["side", "price", "size"]].to_numpy().tolist() == [
        ["bid", 10.0, 1.0], ["bid", 9.0, 1.0], ["ask", 11.0, 1.0],
    ]  # fmt: skip
    assert rows["side"].iloc[0] == ""
    assert (rows["received"] > rows["ts"]).sum() == 4
    assert delivery.quarantined["rule"].tolist() == ["the line is a message"]
    assert delivery.received == 8


def test_a_recording_keeps_every_level_of_every_difference(shared_data):
    path = shared_data / "l2" / "binance_spot_btcusdt_20240808.gz"
    source = open_source("file", {"path": str(path)})

    rows = source.fetch(source.parts(Wanted("book_events"), lambda stream: ([], set()))[0]).accepted

    levels = 0
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        message = json.loads(line.partition(" ")[2])
        data = message.get("data", message)
        sides = ("bids", "asks") if "lastUpdateId" in data else ("b", "a")
        levels += sum(len(data[side]) for side in sides) if data.get("e") in (None, "depthUpdate") and isinstance(
            data.get(sides[0]), list
        ) else 0  # fmt: skip
    assert (rows["side"] != "").sum() == levels
    assert ((rows["ts"] - rows["received"]).dt.total_seconds()[rows["kind"] == "difference"].median()) == pytest.approx(
        1.27, abs=0.05
    )


def test_sessions_of_an_exchange_are_a_table(tmp_path):
    source = open_source("calendar", {})
    wanted = Wanted("sessions", first=pd.Timestamp("2020-03-09").date(), last=pd.Timestamp("2020-03-13").date())

    rows = source.fetch(source.parts(wanted, lambda stream: ([], set()))[0]).accepted

    assert len(rows) == 5
    # The first day after the clocks went forward opens at 13:30 UTC; the halts of 9 and 12 March took 15 minutes each.
    assert rows["ts"].iloc[0] == pd.Timestamp("2020-03-09 13:30", tz="UTC")
    assert rows["halted_seconds"].tolist() == [900, 0, 0, 900, 0]
    assert (rows["closes"] - rows["ts"] == pd.Timedelta(hours=6.5)).all()


FOCUS = (
    "BillingAccountId,ChargePeriodStart,ChargePeriodEnd,ProviderName,ServiceName,ChargeCategory,ResourceId,"
    "BillingCurrency,BilledCost,EffectiveCost,Tags,Id\n"
    "1,2024-09-01T00:00:00Z,2024-09-01T01:00:00Z,AWS,EC2,Usage,NULL,USD,1.5E-7,0.10,NULL,9\n"
    "1,2024-09-01T00:00:00Z,2024-09-01T01:00:00Z,AWS,EC2,Credit,i-1,USD,-3.00,-3.00,{},9\n"
    "1,2024-09-01T00:00:00Z,2024-09-01T01:00:00Z,AWS,EC2,Gift,i-1,USD,1,1,{},9\n"
    "1,2024-09-01T00:00:00Z,2024-09-01T01:00:00Z,AWS,EC2,Usage,i-1,USD,NULL,1,{},9\n"
    "1,2024-09-01T02:00:00Z,2024-09-01T01:00:00Z,AWS,EC2,Usage,i-1,USD,1,1,{},9\n"
)


def bill(tmp_path, text, **options):
    (tmp_path / "bill.csv").write_text(text)
    source = open_source("file", {"path": str(tmp_path / "bill.csv"), **options})
    return source.fetch(source.parts(Wanted("bills"), lambda stream: ([], set()))[0])


def test_a_bill_keeps_each_digit_and_its_refused_rows(tmp_path):
    delivery = bill(tmp_path, FOCUS)

    assert delivery.accepted["billed"].tolist() == ["0.00000015", "-3.00"]
    assert delivery.accepted["resource"].tolist() == ["", "i-1"]
    assert delivery.quarantined["rule"].tolist() == [
        "the category is one of FOCUS",
        "billed is a finite number",
        "the charge period begins before it ends",
    ]


def test_a_bill_with_naive_times_wants_a_zone(tmp_path):
    naive = FOCUS.replace("Z,", ",")

    with pytest.raises(TradePulseError, match="has no time zone"):
        bill(tmp_path, naive)
    assert len(bill(tmp_path, naive, zone="UTC").accepted) == 2


def test_the_real_bill_adds_up_to_what_its_rows_say(shared_data):
    from decimal import Decimal

    path = shared_data / "finops" / "focus_1_0_sample.csv"
    source = open_source("file", {"path": str(path), "zone": "UTC"})

    delivery = source.fetch(source.parts(Wanted("bills"), lambda stream: ([], set()))[0])

    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert delivery.received == len(raw) == 501
    assert sum(map(Decimal, delivery.accepted["billed"])) == sum(map(Decimal, raw["BilledCost"]))


def test_bars_of_a_parquet_folder_without_a_zone_are_sessions(tmp_path):
    place = tmp_path / "drop"
    place.mkdir()
    bars = bars_of([1.0, 2.0, 3.0])[["session", "symbol", "open", "high", "low", "close", "volume"]]
    bars.to_parquet(place / "a.parquet")
    (place / "tradepulse.yaml").write_text("table: bars\nfiles: '*.parquet'\n")

    _, [delivery] = take(place, tmp_path)

    assert delivery.place == "bars"
    assert delivery.accepted["ts"].iloc[0] == calendar().open_at(bars["session"].iloc[0].date())


def instruments(path, columns=None):
    from tradepulse.ingestion.folder import load_instruments

    return load_instruments(path, columns=columns)


def test_instruments_of_a_file_are_taken_and_odd_ones_are_not(tmp_path):
    (tmp_path / "list.csv").write_text(
        "symbol,kind,tick,last_session\nSPY,ETF,0.01,\nOLD,stock,,2010-01-04\n,fund,,\nX,potato,,\nY,fx,-1,\n"
        "Z,index,,soon\nSPY,fund,,\n"
    )

    delivery = instruments(tmp_path / "list.csv")

    assert delivery.accepted[["symbol", "kind"]].to_numpy().tolist() == [["SPY", "fund"], ["OLD", "equity"]]
    assert delivery.accepted["tick"].iloc[0] == 0.01
    assert delivery.accepted["last_session"].iloc[1] == pd.Timestamp("2010-01-04")
    assert [rule.split()[0] for rule in delivery.quarantined["rule"]] == [
        "the", "kind", "tick", "last_session", "symbols",
    ]  # fmt: skip


def test_a_real_security_master_is_taken_with_a_mapping(shared_data):
    names = {"first_valid_session": "first_session", "last_valid_session": "last_session", "primary_mic": "venue"}

    delivery = instruments(shared_data / "reference" / "security_master.csv", names)

    assert (delivery.received, len(delivery.quarantined)) == (6, 0)
    assert set(delivery.accepted["kind"]) == {"fund", "equity"}
