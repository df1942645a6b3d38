import json
import multiprocessing
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepulse.core.tables import table
from tradepulse.errors import DataError
from tradepulse.finops.usage import Tags, UsageLog
from tradepulse.warehouse.store import sizes


def tags(step="bars", run="run-1"):
    return Tags(run, step, "2018-10-01", "data", "shared", "test")


@pytest.fixture
def log(tmp_path):
    return UsageLog(tmp_path / "usage")


def busy(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_processor_time_is_measured(log):
    before = time.process_time()
    with log.metered(tags()):
        busy(0.2)
    most = 1000 * (time.process_time() - before)  # with the threads that other tests have left

    row = log.frame().iloc[0]
    assert 190 <= row["cpu_ms"] <= most + 20
    assert row["wall_ms"] >= 190
    assert row["outcome"] == "done"
    assert table("usage").accept(log.frame(), "test") is not None


def test_time_that_another_machine_used_is_added(log):
    log.elsewhere(5_000)  # for a step before
    with log.metered(tags()):
        log.elsewhere(700)
        log.elsewhere(800)

    assert 1_500 <= log.frame().iloc[0]["cpu_ms"] <= 1_700


def test_child_processes_are_measured_too(log):
    with log.metered(tags()):
        code = "import time\nwhile time.process_time() < 0.3: pass"
        subprocess.run([sys.executable, "-c", code], check=True)

    assert log.frame()["cpu_ms"].iloc[0] >= 300


def test_peak_memory_is_that_of_the_process(log):
    with log.metered(tags()):
        held = bytearray(300 * 1024 * 1024)
        held[::4096] = b"x" * len(held[::4096])

    assert log.frame()["peak_memory_bytes"].iloc[0] >= 300 * 1024 * 1024


def test_written_bytes_are_those_written_inside(log):
    class Writer:
        written_bytes = 100
        written = [("bars/2018", "a" * 16)]

    writer = Writer()
    with log.metered(tags(), writer):
        writer.written_bytes += 42
        writer.written.append(("closes/2018", "b" * 16))

    assert log.frame()["written_bytes"].iloc[0] == 42
    assert [line["outputs"] for line in log.outputs()] == [{"closes/2018": "b" * 16}]


def test_a_step_that_fails_is_measured_too(log):
    with pytest.raises(ZeroDivisionError), log.metered(tags()):
        raise ZeroDivisionError

    assert log.frame()["outcome"].tolist() == ["failed"]


def test_nothing_measured_is_an_empty_table(log):
    assert len(table("usage").accept(log.frame(), "test")) == 0


def test_a_line_that_the_machine_died_in_is_left_out_and_no_other(log):
    for step in ("a", "b"):
        with log.metered(tags(step)):
            pass
    path = log.folder / "run-1.jsonl"
    whole = path.read_text()
    path.write_text(whole[:-10])
    assert log.frame()["step"].tolist() == ["a"]

    path.write_text(whole[10:])
    with pytest.raises(DataError, match=r"run-1.jsonl: line 1 is not a usage record"):
        log.frame()


def _log_many(folder, worker):
    log = UsageLog(folder)
    for n in range(100):
        with log.metered(tags(f"{worker}-{n}")):
            pass


def test_lines_of_concurrent_processes_do_not_mix(log):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_log_many, args=(log.folder, n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    lines = (log.folder / "run-1.jsonl").read_text().splitlines()
    assert len({json.loads(line)["step"] for line in lines}) == 400


def test_gpu_time_is_what_the_step_reports_and_bytes_read_what_storage_was_asked_for(log, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"x" * (8 << 20))
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # out of the page cache
    with log.metered(Tags("r", "s", "", "t", "shared", "test", "nightly", "ann", "trial-1")) as meter:
        path.read_bytes()
        meter.gpu_ms += 1_500

    row = log.frame().iloc[0]
    assert (row["gpu_ms"], row["job"], row["user"], row["trial_id"]) == (1_500, "nightly", "ann", "trial-1")
    # A file system in memory asks no storage.
    assert row["read_bytes"] == 0 or row["read_bytes"] >= 8 << 20


def test_a_log_of_the_first_version_is_read(log):
    log.folder.mkdir()
    line = {
        "run_id": "r", "step": "s", "partition": "", "team": "t", "strategy": "shared", "environment": "test",
        "started_at": "2026-01-01T00:00:00+00:00", "outcome": "done", "cpu_ms": 1, "wall_ms": 1,
        "peak_memory_bytes": 1, "written_bytes": 1,
    }  # fmt: skip
    (log.folder / "r.jsonl").write_text(json.dumps(line) + "\n")

    frame = table("usage").accept(log.frame(), "test")
    assert frame[["read_bytes", "gpu_ms", "job"]].iloc[0].tolist() == [0, 0, ""]


KILLED = """
import os, sys, time
from pathlib import Path
from tradepulse.finops import usage
usage.SAMPLE = 0.05
log = usage.UsageLog(Path(sys.argv[1]))
tags = usage.Tags("run-1", sys.argv[2], "", "data", "shared", "test")
with log.metered(tags):
    while time.process_time() < 0.6:
        pass
    if sys.argv[2] == "killed":
        print(time.process_time(), flush=True)
        os.kill(os.getpid(), 9)
"""


def test_a_step_that_is_killed_is_measured_up_to_its_last_sample(log):
    for step in ("killed", "ended"):
        subprocess.run([sys.executable, "-c", KILLED, log.folder, step], check=False, capture_output=True)

    frame = table("usage").accept(log.frame(), "test").set_index("step")
    assert frame["outcome"].to_dict() == {"killed": "died", "ended": "done"}
    assert frame.loc["killed", "cpu_ms"] >= 200  # of 600, the start of Python aside
    assert log.outputs() == []
    # Of one that is killed as it writes, a file under a hidden name is left too, which nobody reads.
    assert len(list((log.folder / "alive").glob("*.json"))) == 1


def test_a_step_that_is_running_has_no_row_yet_and_its_sample_goes_when_it_ends(log):
    with log.metered(tags()):
        assert len(log.frame()) == 0
    assert list((log.folder / "alive").iterdir()) == []


def test_a_step_whose_end_was_logged_before_its_death_counts_once(log):
    with log.metered(tags()):
        [sample] = (log.folder / "alive").iterdir()
        kept = json.loads(sample.read_text())
    sample.write_text(json.dumps({**kept, "pid": 2**22 + 1}))

    assert log.frame()["outcome"].tolist() == ["done"]


NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def held(name="bars"):
    return Tags("storage", name, "", "data", "shared", "test")


def put(path, size, made):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (made.timestamp(), made.timestamp()))


def test_storage_is_bytes_times_the_hours_that_they_are_there(tmp_path, log):
    put(tmp_path / "bars" / "2018.parquet", 1_000, NOON - timedelta(days=40))
    put(tmp_path / "bars" / "2019.parquet", 300, NOON - timedelta(hours=2))
    log.hold([(held(), sizes(tmp_path / "bars")), (held("closes"), sizes(tmp_path / "closes"))], NOON)
    put(tmp_path / "bars" / "2019.parquet", 500, NOON + timedelta(hours=30))
    log.hold([(held(), sizes(tmp_path / "bars"))], NOON + timedelta(hours=40))

    frame = table("usage").accept(log.frame(), "test")
    # From midnight 12 hours of 1,000 and 2 of 300; then 12 hours to midnight, a day, and 4 hours, of which the file
    # that was replaced is there from the sixth hour of the second day on.
    rows = frame[frame["step"] == "bars"][["started_at", "held_byte_hours"]].to_numpy().tolist()
    assert [(at.strftime("%d %H"), amount) for at, amount in rows] == [
        ("01 00", 12_600), ("01 12", 12_000), ("02 00", 24_000 + 6 * 500), ("03 00", 4_000 + 4 * 500)
    ]  # fmt: skip
    assert frame.loc[frame["step"] == "closes", "held_byte_hours"].tolist() == [0]
    assert set(frame["outcome"]) == {"held"}


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=6))
def test_it_does_not_matter_how_often_storage_is_looked_at(tmp_path_factory, minutes):
    folder = tmp_path_factory.mktemp("held")
    put(folder / "bars" / "all.parquet", 6_000_000, NOON - timedelta(days=3))
    often, once = UsageLog(folder / "often"), UsageLog(folder / "once")
    for log in (often, once):
        log.hold([(held(), sizes(folder / "bars"))], NOON)
    at = NOON
    for step in minutes:
        at += timedelta(minutes=step)
        often.hold([(held(), sizes(folder / "bars"))], at)
    once.hold([(held(), sizes(folder / "bars"))], at)

    # Six megabytes a minute are 100,000 byte hours, exactly.
    total = 100_000 * (720 + sum(minutes))
    assert once.frame()["held_byte_hours"].sum() == often.frame()["held_byte_hours"].sum() == total


def test_a_clock_that_was_set_back_holds_nothing_twice(tmp_path, log):
    put(tmp_path / "bars" / "all.parquet", 100, NOON - timedelta(days=1))
    log.hold([(held(), sizes(tmp_path / "bars"))], NOON)
    log.hold([(held(), sizes(tmp_path / "bars"))], NOON - timedelta(hours=5))
    log.hold([(held(), sizes(tmp_path / "bars"))], NOON + timedelta(hours=1))

    assert log.frame()["held_byte_hours"].tolist() == [1_200, 100]


def test_a_table_is_the_team_s_whose_step_wrote_it_last(log):
    class Writer:
        written_bytes = 0
        written = []

    for team in ("research", "trading"):
        writer = Writer()
        writer.written = []
        with log.metered(Tags("r", "step", "", team, "shared", "test"), writer):
            writer.written.append(("bars/2018", "a" * 16))

    assert log.makers() == {"bars": ("trading", "shared")}
