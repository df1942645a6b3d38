"""Death at every journal write, fsync and message of a session: the ledger is the venue's afterwards.

The engine, the journal and the exchange are the real ones, in one thread, joined by a line that is a queue. A crash is
an exception at the n-th moment at which state leaves the process; what was on the disk then is what the next process
finds: everything written so far, torn within a record (the process died), or what was synced and any sectors of the
rest in any order (the machine died). The next process may die as well. ``CRASH_POINTS`` says how many points are tried.
"""

import contextlib
import mmap
import os
import random
import shutil
from dataclasses import replace
from itertools import count, product
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.execution.desks import TERMS, market, spec
from tests.execution.test_engine import assert_the_ledgers_agree, state_of
from tests.execution.test_several_instruments import FLAT, two_markets
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import QuotingStrategy
from tradepulse.execution import engine as engine_module
from tradepulse.execution import journal as journal_module
from tradepulse.execution.exchange import Exchange
from tradepulse.execution.journal import Journal, verify_journal
from tradepulse.execution.line import Line
from tradepulse.execution.orderpath import OrderPath

POINTS = int(os.environ.get("CRASH_POINTS", "600"))
SECTOR = 64  # smaller than a disk's, so that a record of ours lies over several


class Crash(BaseException):
    """The process has died here; nothing may catch it."""


class Busy(QuotingStrategy):
    """Submits, cancels and replaces as a seed says, the same at the same moment of the market."""

    name, version, params, ranges = "busy", "1", {}, {}

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def on_market(self, market, desk):
        draw = random.Random(f"{self.seed}|{market.ns}|{market.bid}|{market.last}")
        open_orders = list(desk.open_orders())
        what = draw.random()
        if what < 0.5 and market.bid and market.ask:
            side = Side.BUY if draw.random() < 0.5 else Side.SELL
            price = (market.bid if side is Side.BUY else market.ask) + draw.choice([-1, 0, 0, 1, 2]) * UNIT
            desk.submit(side, draw.randint(1, 9) * UNIT, price, tif=draw.choice(["gtc", "gtc", "ioc", "fok"]))
        elif what < 0.7 and open_orders:
            desk.cancel(draw.choice(open_orders))
        elif what < 0.85 and open_orders:
            desk.replace(draw.choice(open_orders), quantity=draw.randint(1, 12) * UNIT)


class Disk:
    """What of the journal is on the disk, and the moments at which the process can die."""

    def __init__(self, die_at, *, power, draw):
        self.moments, self.die_at, self.power, self.draw = 0, die_at, power, draw
        self.path, self.found = None, None
        self.synced, self.content = b"", bytearray()
        self.pending = []

    def moment(self, torn=None):
        """Die here, if it is the time; ``torn`` is a write that has only begun."""
        self.moments += 1
        if self.moments == self.die_at:
            self.found = self.after_power_cut(torn) if self.power else self.after_death(torn)
            raise Crash

    def after_death(self, torn):
        content = bytearray(self.content)
        if torn:
            at, record = torn
            part = record[: self.draw.randrange(len(record) + 1)]
            content[at : at + len(part)] = part
        return bytes(content)

    def after_power_cut(self, torn):
        content = bytearray(self.synced)
        whole = bytearray(self.content)
        for at, record in [*self.pending, *([torn] if torn else [])]:
            whole[at : at + len(record)] = record
            for sector in range(at // SECTOR, (at + len(record) - 1) // SECTOR + 1):
                if self.draw.random() < 0.5:
                    begin, end = max(sector * SECTOR, at), min((sector + 1) * SECTOR, at + len(record))
                    content.extend(bytes(max(0, end - len(content))))
                    content[begin:end] = whole[begin:end]
        return bytes(content)

    def write(self, at, record):
        self.moment((at, record))
        self.content.extend(bytes(max(0, at + len(record) - len(self.content))))
        self.content[at : at + len(record)] = record
        self.pending.append((at, record))
        self.moment()

    def sync(self):
        self.moment()
        self.synced, self.pending = bytes(self.content), []
        self.moment()


@contextlib.contextmanager
def rigged(disk, folder, monkeypatch):
    """Let the journal write to ``disk`` too, and the engine's line be a queue."""

    class Map(mmap.mmap):
        def __setitem__(self, where, record):
            disk.write(where.start, bytes(record))
            super().__setitem__(where, record)

    class Mark:
        """The flusher, which comes along when it likes."""

        def __init__(self, file, path, at):
            self.durable = self.end = at

        def written(self, end):
            self.end = end
            if disk.draw.random() < 0.2:
                self.wait(end)

        def wait(self, end):
            disk.sync()
            self.durable = self.end

        def close(self):
            pass

    real_open, real_sync = os.open, os.fdatasync

    def opened(path, flags, *mode):
        file = real_open(path, flags, *mode)
        if str(path).endswith("orders.journal") and disk.path is None:
            disk.path = file
            disk.content = bytearray(open(path, "rb").read())  # noqa: PTH123, SIM115
            disk.synced = bytes(disk.content)
        return file

    def synced(file):
        real_sync(file)
        if disk.content:
            disk.sync()

    def written(file, record, real=os.write):
        if file == disk.path:
            disk.write(0, bytes(record))  # the head of a new file; everything else goes through the map
        return real(file, record)

    def truncated(file, size, real=os.ftruncate):
        real(file, size)
        del disk.content[size:]

    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "mmap", SimpleNamespace(mmap=Map, PAGESIZE=mmap.PAGESIZE))
        patch.setattr(journal_module, "Flusher", Mark)
        patch.setattr(
            journal_module,
            "os",
            SimpleNamespace(
                **{**vars(os), "open": opened, "write": written, "fdatasync": synced, "ftruncate": truncated}
            ),
        )
        yield


class Queue(Line):
    """A line in one thread: what is sent is answered at once, what is not sent yet is lost at death."""

    def __init__(self, disk, exchange):
        self.disk, self.exchange, self.inbox = disk, exchange, []
        self.far = _Far(self)

    def fileno(self):
        return -1

    def send(self, *messages):
        for message in messages:
            self.disk.moment()
            self.exchange._answer(self.far, message[0], message[1:])
            self.disk.moment()

    def receive(self, timeout):
        if not self.inbox:
            self.exchange.happen()
            if self.exchange.over:
                self.exchange.say_over()
        messages, self.inbox = self.inbox, []
        if messages:
            self.disk.moment()
        return messages

    def close(self):
        pass


class _Far:
    """The exchange's end of the queue."""

    def __init__(self, line):
        self.line = line

    def send(self, *messages):
        self.line.inbox += messages

    def close(self):
        pass


class BusyEverywhere(Busy):
    """The same in each instrument of the account, by what it sees there."""

    name, several = "busy_everywhere", True


def run(folder, wanted, exchange, disk, monkeypatch, seed, busy=Busy):
    """Run an engine until it ends or dies; return whether it died, with what it leaves on the disk."""
    with rigged(disk, folder, monkeypatch):
        monkeypatch.setattr(engine_module, "connect", lambda place, wait: Queue(disk, exchange))
        try:
            engine_module.trade(folder, wanted, strategies=[busy(seed)])
        except Crash:
            (folder / "orders.journal").write_bytes(disk.found)
            (folder / "orders.journal.mark").unlink(missing_ok=True)
            return True
    return False


def sent_is_written(folder, venue, terms):
    """Whatever the venue has seen is in the journal: it was there before it left."""
    known = state_of_copy(folder, terms).orders
    return set(venue._seen) <= set(known)


def state_of_copy(folder, terms):
    copy = folder.with_name("copy")
    copy.mkdir(exist_ok=True)
    (copy / "orders.journal").write_bytes((folder / "orders.journal").read_bytes())
    return state_of(copy, terms)


MODES = [("os", False), ("each", False), ("each", True), ("group", False), ("group", True)]


@pytest.mark.slow
def test_what_a_death_left_unanswered_of_changes_does_not_count_for_ever(tmp_path, monkeypatch):
    wanted, left = replace(spec(tmp_path, durability="os"), terms=TERMS), 0
    for seed, die_at in product(range(6), range(1, 160)):
        folder = tmp_path / f"{seed}-{die_at}"
        exchange = Exchange(market(seed, 30), tmp_path / "venue", speed=0.0)
        disk = Disk(die_at, power=False, draw=random.Random(seed))
        try:
            if not run(folder, wanted, exchange, disk, monkeypatch, seed):
                continue
            if not state_of_copy(folder, TERMS).changing:
                continue
            left += 1
            again = Disk(0, power=False, draw=random.Random(seed))
            assert not run(folder, wanted, exchange, again, monkeypatch, seed)
            assert state_of(folder).changing == {}, f"seed {seed}, moment {die_at}"
        finally:
            exchange.close()
    assert left > 3


@pytest.mark.slow
@pytest.mark.parametrize(("durability", "power"), MODES, ids=lambda value: str(value))
def test_the_ledger_is_the_venues_after_a_death_at_any_moment(tmp_path, monkeypatch, durability, power):
    tried, seeds = 0, count()
    draw = random.Random(f"{durability}|{power}")
    deaths = seconds = fills = 0
    while tried < POINTS // len(MODES):
        seed = next(seeds)
        wanted = replace(spec(tmp_path, durability=durability), terms=TERMS)
        # How many moments the session has, undisturbed.
        folder = tmp_path / f"whole-{seed}"
        exchange = Exchange(market(seed, 30), tmp_path / "venue", speed=0.0)
        disk = Disk(0, power=power, draw=random.Random(seed))
        assert not run(folder, wanted, exchange, disk, monkeypatch, seed)
        exchange.close()
        moments = disk.moments
        step = max(1, moments // 40) if POINTS < 5_000 else 1
        for die_at in range(1 + seed % step, moments, step):
            tried += 1
            folder = tmp_path / f"{seed}-{die_at}"
            exchange = Exchange(market(seed, 30), tmp_path / "venue", speed=0.0)
            try:
                at, again = die_at, 0
                while run(folder, wanted, exchange, Disk(at, power=power, draw=draw), monkeypatch, seed):
                    deaths, again = deaths + 1, again + 1
                    seconds += again > 1
                    assert sent_is_written(folder, exchange.venue, TERMS), f"seed {seed}, moment {die_at}"
                    # The next process dies soon, too, now and then.
                    at = draw.randrange(1, 60) if draw.random() < 0.3 and again < 4 else 0
                state = state_of(folder)
                assert_the_ledgers_agree(state, exchange.venue)
                # What a death has left unanswered of changes does not count for ever.
                assert state.changing == {}
                for side in Side:
                    left = sum(order.left for order in state.open.values() if order.ticket.side is side)
                    assert state.held[0].left[side] == left
                assert verify_journal(folder / "orders.journal").torn_bytes == 0
                fills += len(state.fills)
            finally:
                exchange.close()
    assert deaths >= tried
    assert seconds > tried / 20
    assert fills > tried


@pytest.mark.slow
def test_in_several_instruments_each_ledger_is_its_venues_after_a_death_at_any_moment(tmp_path, monkeypatch):
    draw, tried, deaths, fills = random.Random("several"), 0, 0, 0
    wanted = replace(spec(tmp_path, durability="group"), terms=FLAT)

    def opened(seed):
        return Exchange(
            two_markets(seed)[:40], tmp_path / "venue", speed=0.0, positions=(0, 0), lots=(UNIT, UNIT)
        )  # fmt: skip

    for seed in count():
        if tried >= POINTS // 6:
            break
        exchange, disk = opened(seed), Disk(0, power=False, draw=random.Random(seed))
        assert not run(tmp_path / f"whole-{seed}", wanted, exchange, disk, monkeypatch, seed, BusyEverywhere)
        exchange.close()
        step = max(1, disk.moments // 25) if POINTS < 5_000 else 1
        for die_at in range(1 + seed % step, disk.moments, step):
            tried += 1
            folder, exchange, at = tmp_path / f"{seed}-{die_at}", opened(seed), die_at
            try:
                while run(
                    folder, wanted, exchange, Disk(at, power=False, draw=draw), monkeypatch, seed, BusyEverywhere
                ):
                    deaths += 1
                    for venue in exchange.venues:
                        assert sent_is_written(folder, venue, FLAT), f"seed {seed}, moment {die_at}"
                    at = draw.randrange(1, 60) if draw.random() < 0.3 else 0
                state = state_of(folder, FLAT)
                told = [event for event in exchange.events if event.kind == "filled"]
                assert [fill.fill_id for fill in state.fills] == [event.fill_id for event in told]
                assert [held.position for held in state.held] == [venue.position for venue in exchange.venues]
                assert [fill.venue for fill in state.fills] == [event.venue for event in told]
                assert set(state.open) == {id for venue in exchange.venues for id in venue.open_ids()}
                fills += len(told)
            finally:
                exchange.close()
    assert deaths >= tried
    assert fills > tried


@pytest.mark.parametrize("keep", [None, 0])
def test_a_rotation_may_die_at_any_moment(tmp_path, monkeypatch, keep):
    exchange = Exchange(market(1, 200), tmp_path / "venue", speed=0.0)
    wanted = replace(spec(tmp_path), durability="each")
    assert not run(tmp_path / "book", wanted, exchange, Disk(0, power=False, draw=random.Random(1)), monkeypatch, 1)
    exchange.close()
    before = state_of(tmp_path / "book")
    assert len(before.fills) > 10
    changing = ("open", "write", "fdatasync", "fsync", "ftruncate", "truncate", "close")

    for die_at in count(1):
        folder = tmp_path / f"died-{die_at}"
        shutil.copytree(tmp_path / "book", folder)
        left = die_at

        def counted(real):
            def call(*given, **named):
                nonlocal left
                left -= 1
                if not left:
                    raise Crash
                return real(*given, **named)

            return call

        journal = Journal(folder / "orders.journal", "each")
        path, died = OrderPath(journal, TERMS), False
        with monkeypatch.context() as patch:
            rig = SimpleNamespace(**{**vars(os), **{name: counted(getattr(os, name)) for name in changing}})
            patch.setattr(journal_module, "os", rig)
            patch.setattr(Path, "rename", counted(Path.rename))
            try:
                journal.rotate(path.snapshot(), keep=keep)
            except Crash:
                died = True

        assert state_of(folder) == before, f"died at {die_at}"
        with Journal(folder / "orders.journal", "each") as again:
            path = OrderPath(again, TERMS)
            path.kill("goes on")
        assert state_of(folder).killed
        verify_journal(folder / "orders.journal")
        if not died:
            break
    assert die_at >= 12
