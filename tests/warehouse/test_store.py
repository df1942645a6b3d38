"""The lake in a bucket: a real object store's protocol on loopback, and the same answers as from a folder."""

import multiprocessing
from pathlib import Path

import boto3
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from tests.property.generators import bars_of
from tradepulse.core.tables.base import content_hash
from tradepulse.errors import ConfigError, InvalidTable, MissingData
from tradepulse.warehouse.intake import take
from tradepulse.warehouse.lake import Lake


@pytest.fixture(scope="module")
def server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def uri(server, monkeypatch, request):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    bucket = f"b{abs(hash(request.node.name)) % 10**9}"
    boto3.client("s3", endpoint_url=f"http://{server}", region_name="us-east-1").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/lake?region=us-east-1&scheme=http&endpoint_override={server}"


@pytest.fixture(params=["folder", "bucket"])
def lake(request, tmp_path):
    return Lake(tmp_path / "lake" if request.param == "folder" else request.getfixturevalue("uri"))


def test_both_keep_the_same_promises(lake):
    assert lake.partitions("bars") == lake.tables() == []
    assert not lake.has("bars", "2018")
    with pytest.raises(MissingData, match="has no bars yet"):
        lake.read("bars")

    for name, price in (("2019", 2.0), ("2018", 1.0)):
        written = lake.write("bars", bars_of([price, price]), name)
    lake.write("bars", bars_of([3.0]), "2019")

    assert (lake.tables(), lake.partitions("bars")) == (["bars"], ["2018", "2019"])
    assert lake.has("bars", "2019")
    assert lake.read("bars")["close"].tolist() == [1.0, 1.0, 3.0]
    assert lake.read("bars", ["2019", "2018"])["close"].tolist() == [3.0, 1.0, 1.0]
    assert content_hash(lake.read("bars", ["2018"])) == written.data_version
    assert written.path.endswith("lake/bars/2018.parquet")
    assert lake.query("SELECT sum(close) AS total FROM bars WHERE close > $least", least=1.5)["total"].tolist() == [3.0]
    assert sorted(size for size, _ in lake.sizes("bars"))[0] > 1_000
    with pytest.raises(MissingData, match="has no bars for 2020"):
        lake.read("bars", ["2020"])
    with pytest.raises(ConfigError, match="not the name of a table and a partition"):
        lake.write("bars", bars_of([1.0]), "../x")


def test_rows_that_break_a_rule_leave_what_was_there(lake):
    lake.write("bars", bars_of([1.0]), "2018")
    with pytest.raises(InvalidTable):
        lake.write("bars", bars_of([1.0]).assign(high=-1.0), "2018")

    assert lake.read("bars")["close"].tolist() == [1.0]


def test_what_a_vendor_restates_is_kept_beside_it(lake):
    bars = bars_of([1.0, 2.0, 3.0])
    take(lake, "bars", bars)
    take(lake, "bars", bars.assign(close=bars["close"] + 0.25, high=bars["high"] + 1))

    kept = [name for name in lake.tables() if name.startswith("superseded_")]
    assert kept
    assert lake.read("bars")["close"].tolist() == [1.25, 2.25, 3.25]


def _overwrite(root, stop):
    lake, number = Lake(root), 0
    while not stop.is_set():
        number += 1
        lake.write("bars", bars_of([float(number)] * 50), "2018")


def test_a_reader_never_sees_half_of_an_object(uri):
    """As rows are equal within every version, they are in whatever is read while another process writes."""
    lake = Lake(uri)
    lake.write("bars", bars_of([0.5] * 50), "2018")
    stop = multiprocessing.get_context("spawn").Event()
    writer = multiprocessing.get_context("spawn").Process(target=_overwrite, args=(uri, stop))
    writer.start()
    seen = set()
    try:
        for _ in range(400):
            frame = lake.read("bars")
            assert (len(frame), frame["close"].nunique()) == (50, 1)
            seen.add(float(frame["close"].iloc[0]))
            if len(seen) > 5:
                break
    finally:
        stop.set()
        writer.join(30)
    assert len(seen) > 2


@pytest.mark.parametrize(
    ("root", "words"),
    [("ftp://host/lake", "no lake at ftp://host/lake"), ("s3://", "no lake at s3://"),
     ("s3://bucket/lake?nonsense=1", "no lake at s3://bucket/lake")],
)  # fmt: skip
def test_a_place_that_is_none_is_refused_in_a_line(root, words):
    with pytest.raises(ConfigError, match=words) as caught:
        Lake(root).tables()
    assert "\n" not in str(caught.value)


def test_a_path_is_a_folder_whatever_it_is_called(tmp_path):
    lake = Lake(str(tmp_path / "a b"))
    lake.write("bars", bars_of([1.0]), "2018")

    assert Path(lake.path("bars", "2018")).is_file()
    pd.testing.assert_frame_equal(lake.read("bars"), bars_of([1.0]))
