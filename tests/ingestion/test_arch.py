"""The embedded source: real files, their real holes and their real defect."""

import gzip
import shutil
import subprocess
import sys
from datetime import date
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tradepulse.core.sessions import calendar
from tradepulse.core.tables.base import content_hash
from tradepulse.errors import ChecksumMismatch, MissingData
from tradepulse.ingestion.arch import ArchSource
from tradepulse.ingestion.coverage import COVERAGE

FIRST, LAST = COVERAGE["arch"]


@pytest.fixture(scope="module")
def delivery():
    return ArchSource().bars(FIRST, LAST)


@pytest.fixture
def files(tmp_path):
    """A copy of the vendor's files that a test may damage."""
    return Path(shutil.copytree(str(distribution("arch").locate_file("arch/data")), tmp_path / "data"))


def test_every_session_of_twenty_years_is_there(delivery):
    sessions = [*calendar().sessions(FIRST, LAST)]

    assert delivery.received == 2 * 5031  # 5,031 sessions a file, none missing and none extra
    for symbol in ("NASDAQ", "SP500"):
        rows = delivery.accepted[delivery.accepted["symbol"] == symbol]
        assert rows["session"].dt.date.tolist() == sessions


def test_values_are_the_file_s(delivery):
    # 1999-01-04 in nasdaq.csv: open 2207.540039, high 2233.570068, low 2192.679932, close 2208.050049.
    row = delivery.accepted[delivery.accepted["symbol"] == "NASDAQ"].iloc[0]

    assert (row["open"], row["high"], row["low"], row["close"]) == (2207.540039, 2233.570068, 2192.679932, 2208.050049)
    assert f"{row['ts']:%Y-%m-%dT%H:%M:%S%z}" == "1999-01-04T14:30:00+0000"


def test_the_opens_of_the_sp500_file_that_repeat_the_close_before_are_flagged(delivery):
    flagged = delivery.accepted.groupby("symbol")["open_is_stale"].mean()
    sp500 = delivery.accepted[delivery.accepted["symbol"] == "SP500"]
    repeats = sp500["open"].eq(sp500["close"].shift())

    # 2,004 of 5,031 opens repeat, 39.8 %; those before the pattern shows, and a few of quiet years, may be chance.
    assert repeats.sum() == 2004
    assert 0.97 * 2004 < flagged["SP500"] * 5031 <= 2004
    assert flagged["NASDAQ"] == 0.0  # repeats in 0.16 % of sessions, by chance
    assert not (sp500["open_is_stale"] & ~repeats).any()


def test_a_session_taken_by_itself_is_the_same_rows(delivery):
    one = ArchSource().bars(date(2003, 5, 5), date(2003, 5, 5)).accepted
    whole = delivery.accepted[delivery.accepted["session"] == "2003-05-05"].reset_index(drop=True)

    assert content_hash(one) == content_hash(whole)
    assert one["open_is_stale"].tolist() == [False, True]


def test_closes_are_close_only_and_nothing_is_made_up():
    closes = ArchSource().closes()

    # VIX 1,305 and WTI 8,611 rows received; WTI lacks 290 values, VIX 46.
    assert closes.received == 1305 + 8611
    assert closes.quarantined["payload"].str.contains('"WTI"').sum() == 290
    assert len(closes.quarantined) == 290 + 46
    assert set(closes.accepted.columns) == {"session", "symbol", "close", "source", "source_hash"}
    assert closes.quarantined["rule"].unique().tolist() == ["close is a finite number"]


def test_a_range_without_sessions_says_what_is_covered():
    with pytest.raises(MissingData, match="no bars from 2019-01-02 to 2019-01-31: it covers 1999-01-04 to 2018-12-31"):
        ArchSource().bars(date(2019, 1, 2), date(2019, 1, 31))


def test_a_changed_file_is_refused(files):
    path = files / "nasdaq" / "nasdaq.csv.gz"
    text = gzip.decompress(path.read_bytes()).replace(b"2207.540039", b"2207.540038", 1)
    path.write_bytes(gzip.compress(text))

    with pytest.raises(ChecksumMismatch, match=r"nasdaq.csv.gz: SHA-256 is .*, expected b2009535343ebb14"):
        ArchSource(files).bars(FIRST, LAST)


def test_an_absent_file_is_named(files):
    (files / "sp500" / "sp500.csv.gz").unlink()

    with pytest.raises(MissingData, match=r"sp500.csv.gz: cannot be read \(No such file"):
        ArchSource(files).bars(FIRST, LAST)


def test_bad_rows_of_a_newer_file_are_quarantined_with_their_reason(files):
    path = files / "nasdaq" / "nasdaq.csv.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    bad = lines[1].split(",")
    high = lines[0].split(",").index("High")
    bad[high] = "1.0"
    path.write_bytes(gzip.compress("\n".join([lines[0], ",".join(bad), lines[2], lines[2], *lines[3:]]).encode()))

    delivery = ArchSource(files, checksums=None).bars(FIRST, LAST)

    assert delivery.received == 2 * 5031 + 1
    assert delivery.quarantined["rule"].tolist() == [
        "high is not below open, close or low",
        "symbol and time are unique",
    ]
    assert len(delivery.accepted) == 2 * 5031 - 1


def test_arch_is_read_without_being_imported():
    code = (
        "import sys; from datetime import date; from tradepulse.ingestion.arch import ArchSource;"
        "ArchSource().bars(date(2018, 12, 3), date(2018, 12, 31)); sys.exit('arch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
