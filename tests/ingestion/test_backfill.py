"""A backfill that is killed at any point and run again leaves what one that was not killed leaves."""

import json
import subprocess
import sys
from datetime import date, timedelta
from time import monotonic, sleep

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.generators import bars_of
from tradepulse.core.tables import table
from tradepulse.core.tables.base import content_hash
from tradepulse.errors import ConfigError, UnreadableFile
from tradepulse.ingestion.backfill import Manifest, backfill
from tradepulse.ingestion.source import Delivery, Part, Wanted, sift, uncovered
from tradepulse.warehouse.intake import take
from tradepulse.warehouse.lake import Lake

BARS = bars_of([10.0 + n for n in range(60)])
FIRST, LAST = BARS["session"].iloc[0].date(), BARS["session"].iloc[-1].date()


class Vendor:
    """Sends its bars, and one bad row in each piece."""

    name, tables, options, identity = "vendor", ("bars",), {}, "vendor of the test"

    def parts(self, wanted, covered):
        return [
            Part("bars AAA", Wanted("bars", ("AAA",), first, last))
            for first, last in uncovered(wanted.first, wanted.last, covered("bars AAA")[0], 14)
        ]

    def fetch(self, part):
        days = BARS["session"].dt.date
        rows = BARS[(days >= part.wanted.first) & (days <= part.wanted.last)].reset_index(drop=True)
        bad = rows.head(1).assign(close=-1.0)
        received = pd.concat([rows, bad], ignore_index=True)
        digest = content_hash(received)
        positive = ("close is above zero", lambda rows: rows["close"] > 0)
        kept, refused = sift(received, [positive], table_name="bars", source="vendor", source_hash=digest)
        return Delivery("bars", len(received), received[kept].reset_index(drop=True), refused, digest)


class Killed(BaseException):
    """What SIGKILL does between two steps."""


def run(folder, die_at=None):
    lake, steps = Lake(folder / "lake"), 0

    def alive():
        nonlocal steps
        steps += 1
        if steps == die_at:
            raise Killed

    def store(delivery, rows, wanted):
        alive()
        take(lake, "bars", rows, first=wanted.first, last=wanted.last, symbols=wanted.symbols)
        alive()
        lake.write("quarantine", delivery.quarantined, f"ingest_{delivery.source_hash}")
        alive()
        return []

    backfill(Vendor(), Wanted("bars", ("AAA",), FIRST, LAST), Manifest(folder / "manifests", Vendor.identity), store)
    return steps


def state(folder):
    lake = Lake(folder / "lake")
    manifest = Manifest(folder / "manifests", Vendor.identity)
    tables = {name: content_hash(lake.read(name)) for name in ("bars", "quarantine")}
    return tables, manifest.parts, sorted(path.name for path in lake.root.iterdir())


def test_killed_at_any_point_and_run_again_it_leaves_the_same(tmp_path):
    steps = run(tmp_path / "whole")
    assert steps > 12

    for die_at in range(1, steps + 1):
        folder = tmp_path / str(die_at)
        with pytest.raises(Killed):
            run(folder, die_at)
        run(folder)
        assert state(folder) == state(tmp_path / "whole"), die_at


def test_what_is_covered_is_not_fetched_again_and_accounts_for_every_row(tmp_path):
    run(tmp_path)

    assert run(tmp_path) == 0
    parts = Manifest(tmp_path / "manifests", Vendor.identity).parts
    assert sum(part["accepted"] for part in parts) == len(BARS)
    assert all(part["received"] == part["accepted"] + part["quarantined"] for part in parts)
    assert parts[0]["why"] == {"close is above zero": 1}


def test_a_damaged_manifest_is_refused_in_one_line(tmp_path):
    run(tmp_path)
    Manifest(tmp_path / "manifests", Vendor.identity).path.write_text("{")

    with pytest.raises(UnreadableFile, match="not a manifest; remove it"):
        run(tmp_path)


def test_a_table_that_the_source_has_not_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="source vendor has no trades; it has bars"):
        backfill(Vendor(), Wanted("trades"), Manifest(tmp_path, "x"), lambda d, r, w: [])


DAYS = st.integers(0, 60).map(lambda n: date(2020, 1, 1) + timedelta(days=n))


@given(
    DAYS, DAYS, st.lists(st.tuples(DAYS, DAYS).map(lambda pair: tuple(sorted(pair))), max_size=5), st.integers(1, 20)
)
def test_what_is_left_and_what_is_covered_are_what_was_wanted_and_do_not_overlap(first, last, covered, days):
    left = list(uncovered(first, last, covered, days))

    def each(ranges):
        return [begin + timedelta(days=n) for begin, end in ranges for n in range((end - begin).days + 1)]

    had, got = set(each(covered)), each(left)
    wanted = set(each([(first, last)])) if first <= last else set()
    assert len(got) == len(set(got))
    assert set(got) == wanted - had
    assert all((end - begin).days < days for begin, end in left)


def test_a_table_without_rows_is_not_written(tmp_path):
    assert take(Lake(tmp_path), "bars", table("bars").no_rows()) == []
    assert not Lake(tmp_path).partitions("bars")


@pytest.mark.slow
def test_the_command_killed_by_the_system_and_run_again_leaves_the_same(tmp_path):
    place = tmp_path / "drop"
    place.mkdir()
    (place / "tradepulse.yaml").write_text("table: bars\nfiles: '*.csv'\nsymbol: AAA\n")
    rows = BARS[["session", "open", "high", "low", "close", "volume"]]
    for at in range(0, 60, 3):
        rows.iloc[at : at + 3].to_csv(place / f"{at:02d}.csv", index=False)

    def start(home):
        command = [sys.executable, "-m", "tradepulse.interfaces.cli.main", "--home", str(home), "data", "ingest"]
        return subprocess.Popen([*command, "--source", "folder", "--path", str(place)], stdout=subprocess.DEVNULL)

    def left(home):
        lake = Lake(home / "lake")
        [manifest] = (home / "ingestion").glob("*.json")
        return content_hash(lake.read("bars")), lake.partitions("bars"), json.loads(manifest.read_text())["parts"]

    assert start(tmp_path / "whole").wait() == 0
    kills = 0
    for wanted in (1, 5, 9, 14, 19):
        home = tmp_path / str(wanted)
        child = start(home)
        deadline = monotonic() + 60
        # Killed while some pieces are stored and others are not, at whatever the process is doing then.
        while len(list((home / "lake" / "bars").glob("[!.]*.parquet"))) < 3 * wanted and monotonic() < deadline:
            sleep(0.001)
        kills += child.poll() is None
        child.kill()
        child.wait()
        assert start(home).wait() == 0
        assert left(home) == left(tmp_path / "whole"), wanted
    assert kills >= 3
