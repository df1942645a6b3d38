import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.property.generators import bars_of
from tradepulse.core.tables.base import content_hash
from tradepulse.errors import ConfigError, InvalidTable, MissingData
from tradepulse.warehouse.lake import Lake


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def test_what_is_written_is_read_back(lake):
    bars = bars_of([1.0, 2.0])

    written = lake.write("bars", bars, "2018")

    pd.testing.assert_frame_equal(lake.read("bars"), bars)
    assert written.rows == 2
    assert written.data_version == content_hash(bars) == content_hash(lake.read("bars"))
    assert lake.written_bytes == written.size_bytes == Path(written.path).stat().st_size


def test_a_partition_is_replaced_whole(lake):
    lake.write("bars", bars_of([1.0, 2.0, 3.0]), "2018")
    lake.write("bars", bars_of([5.0]), "2018")

    assert lake.read("bars")["close"].tolist() == [5.0]


def test_partitions_are_read_in_the_order_named_or_of_their_names(lake):
    for name, price in (("b", 2.0), ("a", 1.0), ("c", 3.0)):
        lake.write("bars", bars_of([price]), name)

    assert lake.partitions("bars") == ["a", "b", "c"]
    assert lake.read("bars")["close"].tolist() == [1.0, 2.0, 3.0]
    assert lake.read("bars", ["c", "a"])["close"].tolist() == [3.0, 1.0]


def test_rows_that_break_a_rule_leave_what_was_there(lake):
    lake.write("bars", bars_of([1.0]), "2018")
    with pytest.raises(InvalidTable, match="bars 2018: not a valid bars table: low"):
        lake.write("bars", bars_of([1.0]).assign(high=-1.0), "2018")

    assert lake.read("bars")["close"].tolist() == [1.0]
    assert [path.name for path in (lake.root / "bars").iterdir()] == ["2018.parquet"]


def test_a_write_that_fails_leaves_nothing(lake, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        lake.write("bars", bars_of([1.0]), "2018")

    assert list((lake.root / "bars").iterdir()) == []


def test_what_is_not_there_is_named(lake):
    with pytest.raises(MissingData, match="has no bars yet; run the job that makes it"):
        lake.read("bars")
    lake.write("bars", bars_of([1.0]), "2018")
    with pytest.raises(MissingData, match="has no bars for 2019"):
        lake.read("bars", ["2018", "2019"])


@pytest.mark.parametrize("partition", ["../outside", "a/b", "", ".hidden", "a.b", "a\\b"])
def test_a_partition_cannot_leave_its_folder(lake, partition):
    with pytest.raises(ConfigError, match="not the name of a table and a partition"):
        lake.path("bars", partition)


def test_sql_sees_each_table_by_its_name(lake):
    lake.write("bars", bars_of([1.0, 2.0]), "2018")
    lake.write("bars", bars_of([7.0], symbol="BBB"), "2019")

    found = lake.query("SELECT symbol, sum(close) AS total FROM bars WHERE close > $low GROUP BY 1 ORDER BY 1", low=1.5)

    assert found.to_dict("list") == {"symbol": ["AAA", "BBB"], "total": [2.0, 7.0]}


def _write_for_ever(root):
    lake, price = Lake(root), 1.0
    while True:
        lake.write("bars", bars_of([price] * 500), "2018")
        price += 1.0


def test_a_reader_beside_a_writer_sees_whole_partitions(lake):
    lake.write("bars", bars_of([0.5] * 500), "2018")
    writer = multiprocessing.get_context("spawn").Process(target=_write_for_ever, args=(lake.root,))
    writer.start()
    try:
        seen = set()
        until = time.monotonic() + 60
        while len(seen) < 6 and time.monotonic() < until:
            closes = lake.read("bars")["close"]
            assert len(closes) == 500
            assert closes.nunique() == 1
            seen.add(closes.iloc[0])
        assert len(seen) == 6
    finally:
        writer.kill()
        writer.join()


def test_a_writer_killed_at_any_moment_leaves_a_whole_partition(lake):
    lake.write("bars", bars_of([0.5] * 500), "2018")
    code = "import sys, pathlib, tests.warehouse.test_lake as here; here._write_for_ever(pathlib.Path(sys.argv[1]))"
    for moment in (0.0, 0.007, 0.013, 0.029):
        before = Path(lake.path("bars", "2018")).stat().st_mtime_ns
        writer = subprocess.Popen([sys.executable, "-c", code, str(lake.root)])
        until = time.monotonic() + 60
        while Path(lake.path("bars", "2018")).stat().st_mtime_ns == before and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(moment)
        writer.send_signal(signal.SIGKILL)
        writer.wait()

        closes = lake.read("bars")["close"]
        assert (len(closes), closes.nunique()) == (500, 1)
        assert lake.partitions("bars") == ["2018"]
