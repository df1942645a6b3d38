"""The order path compiled: built from the same source, used while that is what stands there, and right by the cards."""

import os
import shutil
import subprocess
import sys
import sysconfig

import pytest

from scripts.build_native import build
from tests.conftest import ROOT
from tradepulse.execution import NATIVE, SOURCES, sources_hash

# One worker compiles, for all of them.
pytestmark = pytest.mark.xdist_group("native")
COMPILER = (sysconfig.get_config_var("CC") or "cc").split()[0]
WHICH = "import tradepulse.execution.orderpath as path; print(path.__file__)"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    if shutil.which(COMPILER) is None:
        pytest.skip(f"no C compiler: {COMPILER}")
    folder = tmp_path_factory.mktemp("native") / "tradepulse"
    shutil.copytree(ROOT / "tradepulse", folder, ignore=shutil.ignore_patterns("__pycache__", NATIVE))
    assert build(folder) == 0
    return folder


def python(package, *command, **environment):
    # The copy is found before the installed package, because it is where we start.
    environment = {**os.environ, "TRADEPULSE_NATIVE": "on", "PYTHONPATH": str(package.parent), **environment}
    command = [sys.executable, *command]
    return subprocess.run(command, env=environment, cwd=package.parent, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_compiled_order_path_keeps_the_contract_of_the_cards(package):
    done = python(
        package, "-m", "tradepulse.interfaces.cli.main", "execution", "cards", str(ROOT / "tests/execution/cards")
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert NATIVE in python(package, "-c", WHICH).stdout


@pytest.mark.slow
def test_compiled_and_not_it_writes_the_same_journal(package):
    code = """
import sys
from pathlib import Path
from tradepulse.core.orders import UNIT, Side
from tradepulse.execution.journal import Journal
from tradepulse.execution.matching import Venue
from tradepulse.execution.terms import FEE, MONEY, Limits, Terms
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.ticket import OrderType, Ticket, TimeInForce
limits = Limits(5 * UNIT, 10**5 * MONEY, 40 * UNIT, 500 * FEE, 30, 10**6, 10**6 * MONEY)
with Journal(Path(sys.argv[1]), "os") as journal:
    path, venue, draw = OrderPath(journal, Terms(UNIT // 100, UNIT, FEE, 4 * FEE, limits, 10**6 * MONEY)), Venue(), 7
    for n in range(3_000):
        draw = (draw * 1_103_515_245 + 12_345) % 2**31
        some = draw >> 16
        venue.advance(n)
        path.mark(venue)
        price = (97 + some % 7) * UNIT
        if some // 8 % 3 == 0:
            venue.display([(Side.BUY, 99 * UNIT, some // 3 % 9 * UNIT), (Side.SELL, 101 * UNIT, some // 5 % 9 * UNIT)])
        elif some // 8 % 3 == 1:
            kind = list(OrderType)[some // 16 % 7]
            trail = UNIT if kind is OrderType.TRAILING_STOP else None
            ticket = Ticket(f"o{n}", Side.BUY if some & 64 else Side.SELL, kind, (1 + some // 128 % 6) * UNIT, price,
                            price if kind.waits and not trail else None, list(TimeInForce)[some // 7 % 4],
                            trail_offset=trail)
            if path.submit(ticket, venue, n):
                venue.submit(ticket)
        elif path.state.open and path.cancel(next(iter(path.state.open))):
            venue.cancel(next(iter(path.state.open)))
        for event in venue.events[path.state.heard :]:
            path.hear(event)
    print(journal.head, len(path.state.fills), path.state.cash, path.state.position)
"""
    said = [
        python(package, "-c", code, str(package.parent / native), TRADEPULSE_NATIVE=native, PYTHONHASHSEED=seed)
        for native, seed in (("on", "1"), ("off", "2"))
    ]

    assert [one.returncode for one in said] == [0, 0], said[0].stderr + said[1].stderr
    assert said[0].stdout == said[1].stdout
    assert int(said[0].stdout.split()[1]) > 100
    files = [(package.parent / native).read_bytes() for native in ("on", "off")]
    assert files[0] == files[1]


@pytest.mark.slow
def test_what_was_made_from_other_sources_is_not_used(package):
    source = package / "execution" / f"{SOURCES[0]}.py"
    before = source.read_text()
    source.write_text(before + "# changed\n")
    try:
        done = python(package, "-c", WHICH)
    finally:
        source.write_text(before)

    assert NATIVE not in done.stdout
    assert "was made from other sources and is not used; run make build-native" in done.stderr
    assert NATIVE not in python(package, "-c", WHICH, TRADEPULSE_NATIVE="off").stdout


def test_without_a_compiler_all_stays_as_it_is(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)

    assert build(tmp_path) == 0
    assert "no C compiler" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_hash_of_the_sources_is_that_of_each(tmp_path):
    for name in SOURCES:
        (tmp_path / f"{name}.py").write_text(name)
    before = sources_hash(tmp_path)
    (tmp_path / "desk.py").write_text("other")

    assert sources_hash(tmp_path) != before
