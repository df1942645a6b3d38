"""The order path as the process that it is: its words, its exit codes, its speed, and its death at any moment."""

import json
import os
import subprocess
import sys

import pytest

from tests.execution.orders import request_text
from tradepulse.execution.book import Book, fill_rows, order_rows
from tradepulse.execution.journal import read_journal


def run(folder, text, code=None, timeout=60):
    command = [sys.executable, *(["-c", code] if code else ["-m", "tradepulse.execution"])]
    command += ["--folder", str(folder), "--request", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=timeout, check=False)


def test_it_says_what_it_did(tmp_path):
    done = run(tmp_path, request_text())

    assert done.returncode == 0
    assert json.loads(done.stdout)["decided"] == 1
    assert "sent buy 100 AAA for the next open" in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "-: request is not valid"),
        (request_text(target=None), "-: request is not valid: None is not a whole number"),
    ],
)
def test_a_bad_request_is_one_line_and_leaves_nothing(tmp_path, text, words):
    folder = tmp_path / "book"
    done = run(folder, text)

    assert done.returncode == 2
    assert done.stderr.startswith(words)
    assert len(done.stderr.splitlines()) == 1
    assert not folder.exists()


def test_an_absent_request_file_is_named(tmp_path):
    command = [sys.executable, "-m", "tradepulse.execution", "--folder", str(tmp_path), "--request", "nowhere.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "nowhere.json: cannot be read" in done.stderr


def test_a_damaged_journal_stops_it(tmp_path):
    run(tmp_path, request_text())
    path = tmp_path / "orders.journal"
    path.write_bytes(path.read_bytes().replace(b'"cash_micros":1000000000000', b'"cash_micros":9000000000000', 1))

    done = run(tmp_path, request_text("2018-10-02"))

    assert done.returncode == 2
    assert "orders.journal: record 0 is damaged" in done.stderr


# Runs the order path and kills it with SIGKILL at one of the moments at which its state is about to reach the disk, or
# has just reached it: that is every moment that a later run could tell apart.
DEADLY = """
import mmap, os, signal, sys
left = [int(os.environ["DIE_AT"])]
def moment():
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
def write(file, content, real=os.write):
    moment()
    return real(file, content)
class Map(mmap.mmap):
    def __setitem__(self, where, content):
        left[0] -= 1
        if left[0] < 0:
            half = len(content) // 2 if os.environ["HALF"] else 0
            super().__setitem__(slice(where.start, where.start + half), content[:half])
            os.kill(os.getpid(), signal.SIGKILL)
        super().__setitem__(where, content)
def sync(file, real=os.fdatasync):
    real(file)
    moment()
os.write, os.fdatasync, mmap.mmap = write, sync, Map
from tradepulse.execution.__main__ main
sys.exit(main())
""".replace("__main__ main", "__main__ import main")


def state(folder):
    book = Book.of(read_journal(folder / "orders.journal")[0])
    orders = [{k: v for k, v in row.items() if k != "journal_record"} for row in order_rows(book)]
    fills = [{k: v for k, v in row.items() if k != "journal_record"} for row in fill_rows(book)]
    return orders, fills, book.positions, book.cash_micros, sorted(book.closed)


REQUESTS = [
    request_text("2018-10-01"),
    request_text("2018-10-02", target=0, opens={"2018-10-02": "100"}),
    request_text("2018-10-03", target=50, opens={"2018-10-03": "99"}),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    for text in REQUESTS:
        assert run(folder, text).returncode == 0
    return state(folder)


@pytest.mark.parametrize("half", ["", "half"])
def test_orders_survive_a_kill_at_every_moment(tmp_path, undisturbed, half):
    deaths = 0
    for number in range(200):
        folder = tmp_path / str(number)
        for text in REQUESTS[:1]:
            run(folder, text)
        os.environ.update(DIE_AT=str(number), HALF=half)
        try:
            died = run(folder, REQUESTS[1], DEADLY)
        finally:
            del os.environ["DIE_AT"], os.environ["HALF"]
        for text in REQUESTS[1:]:
            assert run(folder, text).returncode == 0
        assert state(folder) == undisturbed, f"killed at moment {number}"
        if died.returncode == 0:
            break
        assert died.returncode == -9
        deaths += 1
    assert deaths > 10


def test_the_undisturbed_run_is_the_right_one(undisturbed):
    orders, fills, positions, _, closed = undisturbed

    assert [(o["side"], o["quantity"], o["status"]) for o in orders] == [
        ("buy", 100, "filled"),
        ("sell", 100, "filled"),
        ("buy", 50, "working"),
    ]
    assert [f["session"] for f in fills] == ["2018-10-02", "2018-10-03"]
    assert positions == {"AAA": 0}
    assert closed == ["2018-10-01", "2018-10-02", "2018-10-03"]
