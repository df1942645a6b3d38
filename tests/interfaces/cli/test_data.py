import pytest

from tests.property.generators import bars_of
from tradepulse.ingestion.files import load_whole_bars
from tradepulse.warehouse.bars import read_bars
from tradepulse.warehouse.lake import Lake

CSV = "session,open,high,low,close,volume\n2018-10-01,10,12,9,11,100\n2018-10-02,11,12,10,11.5,0\n"


def test_the_embedded_source_is_ingested_by_range_and_symbol(cli, tmp_path):
    span = ("--start", "2018-12-24", "--end", "2018-12-31")
    done = cli("data", "ingest", "--source", "arch", "--symbol", "NASDAQ", *span, "--json")

    assert done.code == 0
    assert (done.json["written"], done.json["quarantined"]) == (5, 0)
    bars = read_bars(Lake(tmp_path / "var" / "lake"))
    assert bars["symbol"].unique().tolist() == ["NASDAQ"]
    assert len(bars) == 5


def test_a_second_delivery_leaves_other_symbols_as_they_are(cli, tmp_path):
    (tmp_path / "spy.csv").write_text(CSV)
    (tmp_path / "qqq.csv").write_text(CSV)
    for name in ("spy", "qqq", "spy"):
        assert cli("data", "ingest", "--source", "file", "--path", tmp_path / f"{name}.csv").code == 0

    bars = read_bars(Lake(tmp_path / "var" / "lake"))
    assert bars["symbol"].tolist() == ["qqq", "spy", "qqq", "spy"]


def test_quarantined_rows_are_counted_with_the_reason(cli, tmp_path):
    (tmp_path / "spy.csv").write_text(CSV + "2018-10-03,11,10,9,11,1\n")

    done = cli("data", "ingest", "--source", "file", "--path", tmp_path / "spy.csv")

    assert "2 bars written of 3 received, 1 quarantined" in done.out
    assert "high is not below open, close or low" in done.out
    assert len(Lake(tmp_path / "var" / "lake").read("quarantine")) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--source", "bloomberg"), "No source named 'bloomberg'; known: arch, calendar, ccxt, file, folder, yahoo"),
        (("--source", "file"), "--source file needs --path FILE"),
        (("--source", "arch", "--zone", "UTC"), "source arch has no option 'zone'"),
        (("--source", "arch", "--table", "trades"), "source arch has no trades; it has bars, closes"),
        (("--source", "ccxt", "--option", "exchange"), "--option 'exchange': write it as name=value"),
        (("--source", "calendar", "--start", "2050-01-01"), "outside the XNYS calendar"),
        (("--source", "folder", "--path", "nowhere"), "nowhere/tradepulse.yaml: cannot be read"),
        (("--source", "file", "--path", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (
            ("--source", "arch", "--start", "2018-02-01", "--end", "2018-01-01"),
            "--start 2018-02-01 is after --end 2018-01-01",
        ),
        (("--source", "arch", "--start", "2019-01-02"), "no bars"),
        (
            ("--source", "arch", "--symbol", "NASDQ", "--start", "2018-12-31"),
            "no bars of NASDQ in the range; there are NASDAQ",
        ),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(refused, tmp_path, arguments, words):
    assert words in refused("data", "ingest", *arguments)
    assert not (tmp_path / "var").exists()


def test_what_the_lake_holds_is_exported_as_a_file_of_bars(cli, refused, tmp_path):
    cli("data", "ingest", "--source", "arch", "--start", "2018-12-24", "--end", "2018-12-31")
    for name in ("bars.parquet", "bars.csv"):
        done = cli("data", "export", "--symbol", "NASDAQ", "--end", "2018-12-28", "--out", tmp_path / name)
        assert done.out == f"{tmp_path / name}: 4 bars of NASDAQ\n"

    csv, parquet = (load_whole_bars(tmp_path / name)["close"].tolist() for name in ("bars.csv", "bars.parquet"))
    assert csv == parquet
    assert len(csv) == 4
    assert "has no bars" in refused("data", "export", "--symbol", "QQQ", "--out", tmp_path / "x.csv")
    assert "end it in .csv or .parquet" in refused("data", "export", "--out", tmp_path / "x.txt")


def test_a_good_file_passes(cli, bars_file):
    done = cli("data", "quality", bars_file, "--table", "bars", "--calendar", "XNYS", "--json")

    assert (done.code, done.json["passed"]) == (0, True)
    assert all(check["seen"] > 0 for check in done.json["checks"])


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lambda bars: bars.drop(index=50), "sessions_are_complete"),
        (lambda bars: bars.assign(high=bars["high"].where(bars.index != 50, 0.0)), "rows_are_valid"),
        (lambda bars: bars.assign(open=bars["close"].shift(fill_value=bars["open"].iloc[0])), "opens_are_trades"),
        (
            lambda bars: bars.assign(session=bars["session"].where(bars.index != 50, "2015-12-25")),
            "no_bars_outside_sessions",
        ),
    ],
)
def test_a_bad_file_is_a_negative_verdict(cli, tmp_path, bars_file, spoil, check):
    import pandas as pd

    bars = spoil(pd.read_parquet(bars_file))
    for column in ("high", "low"):
        reach = bars[["open", "close"]].max(axis=1) if column == "high" else bars[["open", "close"]].min(axis=1)
        fixed = bars[column].where(bars[column] == 0.0, bars[column].combine(reach, max if column == "high" else min))
        bars[column] = fixed
    bars.to_parquet(tmp_path / "bad.parquet")

    done = cli("data", "quality", tmp_path / "bad.parquet", "--calendar", "XNYS", "--json")

    assert done.code == 1
    assert check in [found["check"] for found in done.json["checks"] if not found["passed"]]


def test_a_verdict_for_a_person_says_what_was_seen(cli, bars_file):
    done = cli("data", "quality", bars_file)

    assert done.code == 0
    assert "rows_are_valid" in done.out
    assert done.out.endswith(f"{bars_file}: passed\n")


def test_a_file_of_bad_rows_only_has_not_passed(cli, tmp_path):
    bars_of([1.0]).assign(high=-1.0).drop(columns=["open_is_stale", "source", "source_hash"]).to_parquet(
        tmp_path / "a.parquet"
    )

    assert cli("data", "quality", tmp_path / "a.parquet").code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.parquet",), "nowhere.parquet: cannot be read"),
        (
            ("walk.parquet", "--table", "candles"),
            "no checks for files of 'candles'; there are bars, trades, quotes, book_events",
        ),
        (("walk.parquet", "--calendar", "XLON"), "No calendar named 'XLON'; known: XNYS"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(refused, bars_file, arguments, words):
    arguments = [str(bars_file) if a == "walk.parquet" else a for a in arguments]
    assert words in refused("data", "quality", *arguments)


def test_trades_quotes_and_recordings_are_judged_too(cli, refused, tmp_path):
    from tests.ingestion.recordings import WHOLE, write
    from tests.ingestion.test_ticks import QUOTES, TRADES

    (tmp_path / "trades.csv").write_text(TRADES)
    (tmp_path / "quotes.csv").write_text(QUOTES)
    write(tmp_path / "book.gz", WHOLE)
    for table, name in (("trades", "trades.csv"), ("quotes", "quotes.csv"), ("book_events", "book.gz")):
        done = cli("data", "quality", tmp_path / name, "--table", table, "--json")
        assert (done.code, done.json["passed"]) == (0, True), done.out

    assert "it looks like trades: --table trades" in refused("data", "quality", tmp_path / "trades.csv")
    assert "it looks like quotes: --table quotes" in refused("data", "quality", tmp_path / "quotes.csv")


def test_minutes_become_hours_and_a_session(cli, refused, tmp_path):
    from tests.core.test_resampling import minutes

    minutes("2018-10-01", "2018-11-23").drop(columns="session").to_parquet(tmp_path / "minutes.parquet")
    for interval, count in (("1h", 7 + 4), ("1D", 2)):
        out = tmp_path / f"{interval}.parquet"
        done = cli("data", "resample", tmp_path / "minutes.parquet", "--to", interval, "--out", out)
        assert done.out == f"{out}: {count} bars of {interval}\n"
        assert len(load_whole_bars(out)) == count

    for bad in ("soon", "-1h", "0min"):
        text = refused("data", "resample", tmp_path / "minutes.parquet", "--to", bad, "--out", tmp_path / "x.csv")
        assert "is no interval; write it as 5min, 1h or 1D" in text
    assert not (tmp_path / "x.csv").exists()


def test_trades_are_made_into_bars(cli, tmp_path):
    (tmp_path / "tape.csv").write_text(
        "ts,price,size,cond\n2018-11-23T14:30:00Z,10,1,\n2018-11-23T14:30:30Z,99,5,20\n2018-11-23T14:31:00Z,11,2,\n"
    )

    options = ("--table", "trades", "--without-price", "20", "--out", tmp_path / "bars.csv")
    assert cli("data", "resample", tmp_path / "tape.csv", "--to", "1min", *options).code == 0

    assert (tmp_path / "bars.csv").read_text().splitlines()[1].endswith("10.0,10.0,10.0,10.0,6.0")


def test_a_drop_folder_is_ingested_once_and_its_restatement_is_told(cli, tmp_path):
    place = tmp_path / "drop"
    place.mkdir()
    (place / "tradepulse.yaml").write_text("table: bars\nfiles: '*.csv'\nsymbol: SPY\n")
    (place / "a.csv").write_text(CSV)
    command = ("data", "ingest", "--source", "folder", "--path", place)
    assert "2 bars written of 2 received" in cli(*command).out
    assert "everything asked for is covered already" in cli(*command).out

    (place / "a.csv").write_text(CSV.replace("11,100", "11.5,100"))
    assert "1 partitions say something else than before, bars/2018-10-01 first" in cli(*command).out

    done = cli("data", "restatements", "--json")
    assert [(row["column"], row["old"], row["new"]) for row in done.json["restatements"]] == [("close", "11.0", "11.5")]
    assert done.json["stale"] == []
    assert "close changed" in cli("data", "restatements").out
    page = (tmp_path / "reports" / "data_quality" / "restatements" / "index.html").read_text()
    assert "1 values of 1 partitions say something else than before" in page


def test_sessions_are_ingested_as_a_table(cli, tmp_path):
    done = cli("data", "ingest", "--source", "calendar", "--start", "2018-11-22", "--end", "2018-11-26", "--json")

    assert (done.code, done.json["table"], done.json["written"]) == (0, "sessions", 2)
    rows = Lake(tmp_path / "var" / "lake").query("SELECT ts, closes FROM sessions ORDER BY session")
    assert (rows["closes"] - rows["ts"]).dt.total_seconds().tolist() == [3.5 * 3600, 6.5 * 3600]


def test_prices_off_the_tick_are_a_negative_verdict_and_a_tick_of_nothing_is_refused(cli, refused, tmp_path):
    (tmp_path / "spy.csv").write_text(CSV.replace("11.5", "11.505"))

    def tick(value):
        return cli("data", "quality", tmp_path / "spy.csv", "--tick", value, "--json").json["checks"][-1]

    assert (tick("0.01")["check"], tick("0.01")["failing"]) == ("prices_are_on_tick", 1)
    assert tick("0.005")["failing"] == 0
    assert "--tick 0.0: a price step above zero" in refused("data", "quality", tmp_path / "spy.csv", "--tick", "0")
