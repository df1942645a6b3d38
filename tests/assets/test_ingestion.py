from pathlib import Path

import pandas as pd
import pytest

from tests.assets.conftest import checks, made
from tradepulse.core.tables.base import content_hash
from tradepulse.warehouse.bars import read_bars


def version(instance, name, partition=None):
    import dagster as dg

    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=partition), limit=1
    )
    return records.records[0].asset_materialization.tags["dagster/data_version"]


def test_a_nightly_run_adds_one_session_and_catches_up_what_was_missed(make, home, instance):
    result = make("bars_history", "bars", partition="2018-01-08")

    assert result.success
    assert home.lake.partitions("bars") == ["2018-01-02", "2018-01-03", "2018-01-04", "2018-01-05", "2018-01-08"]
    assert len([name for name, partition in made(result) if name == "bars"]) == 5

    again = make("bars", partition="2018-01-09")

    assert [partition for name, partition in made(again) if name == "bars"] == ["2018-01-09"]
    assert len(read_bars(home.lake)["session"].unique()) == 5031 - 251 + 6


def test_the_data_version_is_the_hash_of_the_content(make, home, instance):
    make("bars_history", "bars", partition="2018-01-03")

    for session in ("2018-01-02", "2018-01-03"):  # the one caught up and the one asked for
        assert version(instance, "bars", [session]) == content_hash(home.lake.read("bars", [session]))
    assert version(instance, "bars_history") == content_hash(home.lake.read("bars_history", model="bars"))


def test_making_a_session_again_changes_nothing(make, home, instance):
    make("bars_history", "bars", partition="2018-01-03")
    before = version(instance, "bars", ["2018-01-03"]), Path(home.lake.path("bars", "2018-01-03")).read_bytes()

    make("bars", partition="2018-01-03")

    assert (
        version(instance, "bars", ["2018-01-03"]),
        Path(home.lake.path("bars", "2018-01-03")).read_bytes(),
    ) == before


def test_a_restated_session_has_another_data_version(make, vendor, instance):
    make("bars_history", "bars", partition="2018-01-03")
    before = version(instance, "bars", ["2018-01-03"])
    vendor("nasdaq", "1/3/2018", lambda row: {**row, "Volume": 1})

    make("bars", partition="2018-01-03")

    assert version(instance, "bars", ["2018-01-03"]) != before


def test_a_backfill_fills_a_range_in_one_run(make, home):
    make("bars_history")
    result = make(
        "bars",
        tags={"dagster/asset_partition_range_start": "2018-01-02", "dagster/asset_partition_range_end": "2018-02-02"},
    )

    assert result.success
    assert len(home.lake.partitions("bars")) == 23
    assert all(checks(result).values())


def test_closes_are_close_only_and_what_is_missing_is_quarantined(make, home):
    result = make("closes")

    assert checks(result) == {"closes_are_accounted_for": True}
    assert len(home.lake.read("closes")) == 9580
    assert len(home.lake.read("quarantine", ["closes"])) == 336


def test_the_stale_opens_of_the_sp500_are_flagged_in_the_lake(make, home):
    make("bars_history")
    bars = home.lake.read("bars_history", model="bars")

    assert bars.groupby("symbol")["open_is_stale"].mean().round(2).to_dict() == {"NASDAQ": 0.0, "SP500": 0.41}


@pytest.mark.parametrize(
    ("edit", "failing"),
    [
        (lambda row: None, ["bars_are_complete"]),  # the vendor leaves a session out
        (lambda row: {**row, "Close": 0}, ["bars_are_complete"]),  # the row is quarantined, and its session missing
        (lambda row: {**row, "High": 90_000, "Close": 80_000}, ["bars_are_one_series", "bars_meet_expectations"]),
    ],
)
def test_bad_vendor_data_stop_everything_downstream(make, vendor, home, edit, failing):
    vendor("nasdaq", "1/4/2018", edit)

    result = make("bars_history", "bars", "golden_values", "indicators", partition="2018-01-05")

    assert not result.success
    assert [name for name, passed in checks(result).items() if not passed] == failing
    assert "indicators" not in dict(made(result))
    assert home.lake.partitions("indicators") == []


def test_a_quarantined_row_is_kept_with_its_reason(make, vendor, home):
    vendor("nasdaq", "1/4/2018", lambda row: {**row, "Close": 0})

    make("bars_history", "bars", partition="2018-01-05")

    row = home.lake.read("quarantine", ["bars_2018-01-05"]).iloc[0]
    assert row["rule"] == "close is a finite number above zero"
    assert '"session": "2018-01-04' in row["payload"]


def test_a_session_that_the_source_does_not_have_fails_with_a_word(make, vendor):
    for name in ("nasdaq", "sp500"):
        vendor(name, "1/5/2018", lambda row: None)
    result = make("bars_history", "bars", partition="2018-01-05")

    (failure,) = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    assert "source arch has no bars for 2018-01-05" in failure.user_failure_data.description


def test_the_table_as_of_a_session_knows_no_later_one(make, home):
    make("bars_history", "bars", partition="2018-01-05")

    assert read_bars(home.lake, until=pd.Timestamp("2018-01-03").date())["session"].max() == pd.Timestamp("2018-01-03")


def test_a_restated_session_is_told_and_its_old_values_are_kept(make, home, vendor):
    assert make("bars_history", "bars", "restatements", partition="2018-12-31").success
    assert home.lake.read("restatements").empty
    before = home.lake.read("bars", ["2018-12-28"])

    vendor("nasdaq", "12/28/2018", lambda row: {**row, "Volume": "1000"})
    result = make("bars", partition="2018-12-28")
    assert result.success
    [made] = list(result.filter_events(lambda e: e.is_step_materialization))
    assert made.materialization.metadata["sessions restated"].value == "2018-12-28"
    assert make("restatements").success

    rows = home.lake.read("restatements")
    assert rows[["partition", "symbol", "column", "new"]].to_numpy().tolist() == [
        ["2018-12-28", "NASDAQ", "volume", "1000.0"]
    ]
    kept = home.lake.read("superseded_bars", model="bars")
    assert kept.equals(before)


def test_rows_of_another_source_survive_the_night(make, home):
    assert make("bars_history", "bars", partition="2018-12-31").success
    mine = home.lake.read("bars", ["2018-12-28"]).head(1)
    for column, value in (("symbol", "MINE"), ("source", "mine.csv")):
        mine[column] = value
    both = [home.lake.read("bars", ["2018-12-28"]), mine]
    home.lake.write("bars", pd.concat(both, ignore_index=True), "2018-12-28")

    assert make("bars", partition="2018-12-28").success
    assert "MINE" in set(home.lake.read("bars", ["2018-12-28"])["symbol"])
