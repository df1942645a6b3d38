"""The walk from a fill to the vendor's file finds every link that does not hold."""

import shutil

import pandas as pd
import pytest

from tradepulse.errors import MissingData
from tradepulse.warehouse.lake import Lake
from tradepulse.warehouse.trace import trace, vendor_file_matches


@pytest.fixture
def lake(whole_run, tmp_path):
    """A copy of the run's lake that a test may tamper with."""
    return Lake(shutil.copytree(whole_run.home / "lake", tmp_path / "lake"))


@pytest.fixture
def fill_id(lake):
    return str(lake.read("fills")["fill_id"].iloc[0])


def tamper(lake, name, partition, **changes):
    path = lake.path(name, partition)
    frame = pd.read_parquet(path)
    for column, change in changes.items():
        frame[column] = change(frame[column])
    frame.to_parquet(path, index=False)


def broken(lake, fill_id):
    return [link.table for link in trace(lake, fill_id) if not link.holds]


def test_an_honest_chain_holds(lake, fill_id):
    links = trace(lake, fill_id)

    assert [link.table for link in links if not link.holds] == []
    assert vendor_file_matches(links[-1].id).name == "nasdaq.csv.gz"


@pytest.mark.parametrize(
    ("name", "column", "change", "found"),
    [
        ("bars_history", "close", lambda c: c + 0.01, {"released_signals", "trials"}),
        ("bars_history", "source_hash", lambda c: "f" * 16, {"released_signals", "trials", "bars"}),
        ("promotions", "promoted", lambda c: False, {"promotions"}),
        ("orders", "strategy", lambda c: "other@1", {"orders"}),
    ],
)
def test_a_changed_row_breaks_its_links(lake, fill_id, name, column, change, found):
    partition = "2008" if name == "bars_history" else lake.partitions(name)[0]
    if name == "orders":
        partition = next(p for p in lake.partitions(name) if len(lake.read(name, [p])))
    tamper(lake, name, partition, **{column: change})

    assert set(broken(lake, fill_id)) == found


def test_a_missing_link_is_named(lake, fill_id):
    for path in (lake.root / "promotions").glob("*.parquet"):
        path.unlink()

    with pytest.raises(MissingData, match="no row of promotions has the promotion_id"):
        trace(lake, fill_id)


def test_an_unknown_hash_matches_no_file():
    assert vendor_file_matches("0" * 16) is None
