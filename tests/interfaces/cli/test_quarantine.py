import pandas as pd
import pytest

from tradepulse.warehouse.bars import read_bars
from tradepulse.warehouse.lake import Lake

CSV = "session,open,high,low,close,volume\n2018-10-01,10,12,9,11,100\n2018-10-02,11,10,9,10.5,7\n2018-10-03,1,1,1,0,1\n"


@pytest.fixture
def lake(cli, tmp_path):
    (tmp_path / "spy.csv").write_text(CSV)
    assert cli("data", "ingest", "--source", "file", "--path", tmp_path / "spy.csv").code == 0
    return Lake(tmp_path / "var" / "lake")


def counts(lake):
    return len(read_bars(lake)), len(lake.read("quarantine"))


def test_mended_rows_are_taken_in_and_the_others_stay(cli, lake, tmp_path):
    file = tmp_path / "mend.csv"
    assert "2 rows" in cli("data", "quarantine", "--out", file).out
    rows = pd.read_csv(file)
    assert rows["rule"].tolist() == ["high is not below open, close or low", "close is a finite number above zero"]
    rows.loc[0, "high"] = 11.5
    rows.to_csv(file, index=False)

    done = cli("data", "replay", file, "--json")

    assert done.code == 1
    assert (done.json["replayed"], done.json["accepted"], done.json["left"]) == (2, 1, 1)
    assert counts(lake) == (2, 1)
    bars = read_bars(lake)
    assert bars["high"].tolist() == [12.0, 11.5]
    assert bars["source_hash"].nunique() == 1


def test_all_mended_is_a_positive_verdict_and_cannot_be_done_twice(cli, refused, lake, tmp_path):
    file = tmp_path / "mend.parquet"
    cli("data", "quarantine", "--table", "bars", "--out", file)
    rows = pd.read_parquet(file)
    rows["high"], rows["close"] = [11.5, 1.0], [10.5, 1.0]
    rows.to_parquet(file)

    assert cli("data", "replay", file).code == 0
    assert counts(lake) == (3, 0)
    assert "no row of bars is in quarantine" in refused("data", "replay", file)
    assert "no row is in quarantine" in refused("data", "quarantine", "--out", tmp_path / "x.csv")


def test_a_row_whose_place_is_taken_stays(cli, lake, tmp_path):
    file = tmp_path / "mend.csv"
    cli("data", "quarantine", "--out", file)
    rows = pd.read_csv(file)
    rows["high"], rows["close"], rows["session"] = [11.5, 1.0], [10.5, 1.0], ["2018-10-01", "2018-10-03"]
    rows["ts"] = [read_bars(lake)["ts"].iloc[0].isoformat(), rows["ts"].iloc[1]]
    rows.to_csv(file, index=False)

    done = cli("data", "replay", file, "--json")

    assert (done.code, done.json["why"]) == (1, [{"rule": "the place is not taken", "rows": 1}])
    assert counts(lake) == (2, 1)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda rows: rows.drop(columns="row"), "lacks the column 'row'"),
        (lambda rows: rows.head(0), "has no rows"),
        (lambda rows: rows.assign(row=[1, 77]), "row 77 of spy.csv is not in quarantine"),
        (lambda rows: rows.assign(row=[1, 1]), "row 1 of spy.csv is there twice"),
        (lambda rows: rows.assign(table="orders"), "holds rows of orders"),
        (lambda rows: rows.assign(ts="yesterday"), "ts does not read as"),
        (lambda rows: rows.drop(columns="open"), "lacks the column 'open'"),
    ],
)
def test_a_file_that_is_no_quarantine_is_refused_and_nothing_moves(cli, refused, lake, tmp_path, spoil, words):
    file = tmp_path / "mend.csv"
    cli("data", "quarantine", "--out", file)
    spoil(pd.read_csv(file)).to_csv(file, index=False)

    assert words in refused("data", "replay", file)
    assert counts(lake) == (1, 2)
