from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.property.generators import bars_of
from tradepulse.core.tables.base import content_hash
from tradepulse.warehouse.bars import read_bars
from tradepulse.warehouse.intake import restatements, take, versions
from tradepulse.warehouse.lake import Lake
from tradepulse.warehouse.stale import stale

BARS = bars_of([10.0, 11.0, 12.0, 13.0])
DAYS = BARS["session"].dt.strftime("%Y-%m-%d").tolist()


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    assert take(lake, "bars", BARS) == []
    return lake


def changed(at, **values):
    frame = BARS.copy()
    for name, value in values.items():
        frame.loc[at, name] = value
    return frame


def test_the_same_again_changes_nothing(lake):
    stamps = [Path(lake.path("bars", day)).stat().st_mtime_ns for day in DAYS]

    assert take(lake, "bars", BARS) == []
    assert [Path(lake.path("bars", day)).stat().st_mtime_ns for day in DAYS] == stamps
    assert restatements(lake).empty


def test_a_changed_past_is_told_cell_by_cell_and_what_was_said_before_is_kept(lake):
    before = content_hash(lake.read("bars", [DAYS[1]]))

    assert take(lake, "bars", changed(1, close=11.5, high=11.5)) == [DAYS[1]]

    rows = restatements(lake)
    assert rows[["partition", "change", "column", "old", "new"]].to_numpy().tolist() == [
        [DAYS[1], "changed", "high", "11.0", "11.5"],
        [DAYS[1], "changed", "close", "11.0", "11.5"],
    ]
    assert set(rows["old_version"]) == {before}
    assert lake.read("superseded_bars", model="bars")["close"].tolist() == [11.0]
    assert read_bars(lake)["close"].tolist() == [10.0, 11.5, 12.0, 13.0]


def test_a_row_that_the_vendor_takes_back_and_one_that_it_adds_are_restatements(lake):
    assert take(lake, "bars", BARS.drop(index=2)) == [DAYS[2]]
    assert restatements(lake)[["change", "old"]].to_numpy().tolist() == [["removed", ""]]

    take(lake, "bars", BARS)
    assert restatements(lake)["change"].tolist() == ["removed", "added"]


def test_each_restatement_of_a_day_is_kept(lake):
    for close in (11.5, 11.6, 11.0):
        take(lake, "bars", changed(1, close=close, high=11.6))

    rows = restatements(lake)
    closes = rows[rows["column"] == "close"]
    assert closes[["restatement", "old", "new"]].to_numpy().tolist() == [
        [1, "11.0", "11.5"], [2, "11.5", "11.6"], [3, "11.6", "11.0"],
    ]  # fmt: skip
    assert len(versions(lake, "bars")[DAYS[1]]) == 3


def test_the_same_values_from_a_new_file_change_nothing(lake):
    again = BARS.assign(source_hash=pd.Series(["1" * 16] * 4, dtype="str"))

    assert take(lake, "bars", again) == []
    assert set(read_bars(lake)["source_hash"]) == {"0" * 16}
    again.loc[3, ["close", "high"]] = 13.5
    assert take(lake, "bars", again) == [DAYS[3]]
    assert read_bars(lake)["source_hash"].tolist() == ["0" * 16] * 3 + ["1" * 16]


def test_other_symbols_and_sources_stay(lake):
    other = BARS.assign(symbol=pd.Series(["BBB"] * 4, dtype="str"), source=pd.Series(["b"] * 4, dtype="str"))

    assert take(lake, "bars", other) == []
    assert take(lake, "bars", BARS.drop(index=2)) == [DAYS[2]]
    assert lake.read("bars", [DAYS[2]])["symbol"].tolist() == ["BBB"]


def test_a_source_takes_nothing_back_that_another_one_said(lake):
    fewer = BARS.drop(index=2).assign(source=pd.Series(["other"] * 4, dtype="str"), close=9.5, low=9.5)

    take(lake, "bars", fewer)

    assert read_bars(lake)["source"].tolist() == ["other", "other", "test", "other"]
    assert read_bars(lake)["close"].iloc[2] == 12.0


def test_a_day_that_lies_outside_what_is_delivered_stays(lake):
    take(lake, "bars", BARS.head(2))

    assert len(read_bars(lake)) == 4


def test_rows_without_a_key_are_replaced_as_a_whole(tmp_path):
    lake = Lake(tmp_path)
    trades = pd.DataFrame(
        {
            "ts": pd.DatetimeIndex(["2024-08-08 00:00:01"] * 2, tz="UTC").as_unit("ns"),
            "received": pd.Series([pd.NaT] * 2, dtype="datetime64[ns, UTC]"),
            **{name: pd.Series([value] * 2, dtype="str") for name, value in (("symbol", "A"), ("venue", ""))},
            "price": [1.0, 1.0],
            "size": [2.0, 2.0],
            "condition": pd.Series([""] * 2, dtype="str"),
            "suspicious": [False, False],
            "source": pd.Series(["t"] * 2, dtype="str"),
            "source_hash": pd.Series(["0" * 16] * 2, dtype="str"),
        }
    )[["ts", "received", "symbol", "price", "size", "venue", "condition", "suspicious", "source", "source_hash"]]

    take(lake, "trades", trades)
    take(lake, "trades", trades)
    assert len(lake.read("trades")) == 2

    take(lake, "trades", trades.head(1))
    assert restatements(lake)["change"].tolist() == ["removed"]


def test_exactly_what_was_made_from_changed_bars_is_stale(lake):
    for at, day in enumerate(DAYS):
        seen = BARS.iloc[: at + 1].reset_index(drop=True)
        row = pd.DataFrame(
            {
                "session": pd.DatetimeIndex([day]).as_unit("ns"),
                **{name: pd.Series([name], dtype="str") for name in ("strategy", "trial_id", "promotion_id")},
                "symbol": pd.Series(["AAA"], dtype="str"),
                "data_version": pd.Series([content_hash(seen)], dtype="str"),
                "target_quantity": np.array([1]),
                "reference_close": [float(seen["close"].iloc[-1])],
            }
        )
        order = ["session", "symbol", "strategy", "trial_id", "promotion_id", "data_version"]
        row = row[[*order, "target_quantity", "reference_close"]]
        lake.write("signals", row, day)
        if at < 3:
            lake.write("released_signals", row, day, model="signals")
    assert stale(lake).empty

    take(lake, "bars", changed(2, close=12.5, high=12.5))

    assert stale(lake)[["table", "partition"]].to_numpy().tolist() == [
        ["signals", DAYS[2]], ["released_signals", DAYS[2]], ["signals", DAYS[3]],
    ]  # fmt: skip
