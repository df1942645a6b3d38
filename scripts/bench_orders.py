"""Benchmark of the order path: an order at any length, durable or not, over a socket, beside nautilus_trader.

``make bench-orders PEERS=/path/to/python`` writes ``reports/performance/orders.md``. PEERS is the interpreter of an
environment with ``pip install nautilus_trader==1.221.0``. One order is a submit through every risk rule and the
journal, an acknowledgement, a fill, position and cash. CPU seconds of one process; percentiles by the wall clock.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Desk, Market, QuotingStrategy
from tradepulse.execution.desk import Move
from tradepulse.execution.engine import Spec, trade
from tradepulse.execution.exchange import Exchange
from tradepulse.execution.journal import Durability, Journal
from tradepulse.execution.matching import Venue
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.terms import FEE, MONEY, Limits, Terms
from tradepulse.execution.ticket import Event, OrderType, Ticket

ROOT = Path(__file__).parents[1]
LIMITS = Limits(10 * UNIT, 10**9 * MONEY, 10**6 * UNIT, 500 * FEE, 1_000, 10**6, 10**9 * MONEY, 10**9, 10**9)
TERMS = Terms(UNIT // 100, UNIT // 100, FEE, 4 * FEE, LIMITS, 10**6 * MONEY)


class Silent(Journal):
    """A journal that writes nothing: what an order costs without one."""

    def put(self, record: bytes) -> None:
        """Forget it."""
        self.count += 1


def orders(
    n: int, durability: Durability = "os", *, journal: type[Journal] = Journal, venue: bool = True, flat: bool = True
) -> dict[str, Any]:
    """Run ``n`` orders; return CPU microseconds of one, of the first and last tenth, and the submits' percentiles."""
    with tempfile.TemporaryDirectory() as folder:
        written = journal(Path(folder) / "orders.journal", durability)
        path, market = OrderPath(written, TERMS), Venue()
        market.advance(1)
        market.display([(Side.BUY, 99 * UNIT, 10**9 * UNIT), (Side.SELL, 101 * UNIT, 10**9 * UNIT)])
        path.mark(market)
        sides = [Side.BUY, Side.SELL] if flat else [Side.BUY, Side.BUY, Side.SELL]
        ids = [f"{i:020x}" for i in range(n)]
        took, marks = [0] * n, [0.0] * 11
        gc.collect()
        gc.freeze()
        gc.disable()
        clock, state = time.perf_counter_ns, path.state
        marks[0] = time.process_time()
        for i, id in enumerate(ids):
            side = sides[i % len(sides)]
            price = 101 * UNIT if side is Side.BUY else 99 * UNIT
            ticket = Ticket(id, side, OrderType.LIMIT, UNIT, price)
            begin = clock()
            path.submit(ticket, market, i // 10)
            took[i] = clock() - begin
            if venue:
                market.submit(ticket)
                for event in market.events[state.heard :]:
                    path.hear(event)
            else:
                path.hear(Event("working", id, ticket=ticket))
                path.hear(Event("filled", id, "", "", side, price, UNIT, "taker", f"V{i}", None, i))
            if (i + 1) % (n // 10) == 0:
                marks[(i + 1) // (n // 10)] = time.process_time()
        written.commit()
        gc.enable()
        took.sort()
        tenths = [(b - a) / (n // 10) * 1e6 for a, b in pairwise(marks)]
        result = {
            "us": sum(tenths) / 10, "first": tenths[0], "last": tenths[-1], "records": written.count,
            "p50": took[n // 2] / 1e3, "p99": took[n * 99 // 100] / 1e3, "p999": took[n * 999 // 1000] / 1e3,
        }  # fmt: skip
        written.close()
        if journal is Journal:
            begin = time.process_time()
            again = OrderPath(Journal(Path(folder) / "orders.journal", "os"), TERMS)
            result["replayed"] = written.count / (time.process_time() - begin)
            if again.state != state:
                raise RuntimeError("the replayed state is another")
        return result


def group_commits(seconds: float = 2.0) -> float:
    """Return how many records of a hundred bytes a second the group commit makes durable."""
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "j", "group") as journal:
        payload, begin, n = b"x" * 100, time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            for _ in range(1_000):
                journal.pack(16, payload)
            n += 1_000
        journal.commit()
        return n / (time.perf_counter() - begin)


class OneAfterAnother(QuotingStrategy):
    """An order at every move."""

    name, version, params, ranges = "one_after_another", "1", {}, {}

    def on_market(self, market: Market, desk: Desk) -> None:
        """Take one unit."""
        desk.submit(Side.BUY if market.ns // 1_000_000 % 2 else Side.SELL, UNIT, None)


def over_a_socket(durability: Durability, seconds: int = 10) -> dict[str, float]:
    """Return what an answer takes, from decision to acknowledgement, when engine and exchange are two processes."""
    book = ((Side.BUY, 99 * UNIT, 10**9 * UNIT), (Side.SELL, 101 * UNIT, 10**9 * UNIT))
    moves = [Move(n * 5_000_000 + 1, book, what=str(n)) for n in range(200 * seconds)]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "venue"
        pid = os.fork()
        if not pid:
            exchange = Exchange(moves, place)
            exchange.serve()
            for _ in range(50):
                exchange.step(0.02)
            os._exit(0)
        terms = Terms(UNIT, UNIT, limits=Limits(max_position=10**6 * UNIT), cash=10**6 * MONEY)
        spec = Spec("b", place, [], terms, durability)
        outcome = trade(Path(folder) / "b", spec, strategies=[OneAfterAnother()])
        os.waitpid(pid, 0)
        return {**outcome.acknowledged_us, "within": outcome.within_200_ms, "orders": outcome.orders}


def disturbed() -> dict[str, float]:
    """Return the same while the disk is kept busy and another process allocates."""
    code = "import os,sys\nwhile 1:\n f=open(sys.argv[1],'wb'); f.write(os.urandom(1<<24)); os.fsync(f.fileno())"
    with tempfile.TemporaryDirectory() as folder:
        busy = subprocess.Popen([sys.executable, "-c", code, str(Path(folder) / "busy")])
        try:
            return over_a_socket("group")
        finally:
            busy.kill()
            busy.wait()


def compiled(n: int) -> dict[str, dict[str, Any]]:
    """Return the same of the compiled order path, in a process of its own; nothing where it is not built."""
    code = (
        "import json, tradepulse.execution.orderpath as path; from scripts.bench_orders import orders; "
        f"print(json.dumps([path.__file__, orders({n}), orders({n}, venue=False)]))"
    )
    environment = {**os.environ, "TRADEPULSE_NATIVE": "on"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    file, with_venue, alone = json.loads(done.stdout)
    if file.endswith(".py"):
        return {}
    return {
        "compiled, exchange simulated, journal `os`": with_venue,
        "compiled, order path alone, journal `os`": alone,
    }


def cold_start() -> tuple[float, float]:
    """Return seconds and megabytes of the engine's process until it could begin."""
    code = "import tradepulse.execution.engine; print(open('/proc/self/status').read().split('VmRSS:')[1].split()[0])"
    best, kilobytes = float("inf"), "0"
    for _ in range(5):
        begin = time.perf_counter()
        kilobytes = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        best = min(best, time.perf_counter() - begin)
    return best, int(kilobytes) / 1024


def nautilus(n: int, how: str) -> dict[str, Any] | None:
    """Return what nautilus_trader says of as many orders."""
    python = os.environ.get("PEERS", "")
    if not python:
        return None
    command = [python, str(ROOT / "scripts" / "nautilus_orders.py"), str(n), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found if found["fills"] == n else None


def main() -> None:
    """Measure everything and write the report."""
    short, long = 20_000, int(os.environ.get("ORDERS", "1000000"))
    rows = {
        "exchange simulated, journal `os`": orders(short),
        "exchange simulated, no journal": orders(short, journal=Silent),
        "exchange simulated, position never flat": orders(short, flat=False),
        "order path alone, journal `os`": orders(short, venue=False),
        "order path alone, journal `group`": orders(short, "group", venue=False),
        "order path alone, journal `each`": orders(2_000, "each", venue=False),
    }
    rows |= compiled(short)
    peers = [(how, nautilus(10_000, how)) for how in ("flat", "never_flat")]
    whole = orders(long)
    start, megabytes = cold_start()
    answers = {"`os`": over_a_socket("os"), "`group`": over_a_socket("group"), "`each`": over_a_socket("each")}
    answers["`group`, another process keeps the disk busy"] = disturbed()
    lines = [
        "# The order path", "",
        "Written by `make bench-orders`. One order: submit through every risk rule and the journal,",
        "acknowledgement, fill, position and cash. CPU of one process, Python unless it says compiled (`make",
        "build-native`); percentiles of the submit by the wall clock, us.", "",
        "| | CPU us per order | submit p50 | p99 | p99.9 |", "|---|---:|---:|---:|---:|",
        *(f"| {k} | {r['us']:.1f} | {r['p50']:.1f} | {r['p99']:.1f} | {r['p999']:.1f} |" for k, r in rows.items()),
    ]  # fmt: skip
    ours = rows["exchange simulated, journal `os`"]["us"]
    for how, found in peers:
        theirs = found["cpu_s"] / found["orders"] * 1e6 if found else 0.0
        cost = f"{theirs:.0f} ({theirs / ours:.0f}x)" if found else "not there"
        lines.append(f"| nautilus_trader 1.221 with its exchange, {how.replace('_', ' ')} | {cost} | | | |")
    with_journal, without = (rows[f"exchange simulated, {k}"]["us"] for k in ("journal `os`", "no journal"))
    if native := rows.get("compiled, exchange simulated, journal `os`"):
        lines += ["", f"- Compiled, {native['replayed']:,.0f} records a second are replayed."]
    lines += [
        "", f"- The journal adds {(with_journal / without - 1) * 100:.0f} % to an order with its exchange.",
        f"- {long:,} orders: {whole['first']:.1f} us in the first tenth, {whole['last']:.1f} in the last "
        f"({whole['last'] / whole['first']:.2f}x).",
        f"- Replayed: {whole['replayed']:,.0f} records a second.",
        f"- Made durable by group commit: {group_commits():,.0f} records a second.",
        f"- The engine's process has begun in {start:.2f} s with {megabytes:.0f} MB.",
        "", "From decision to acknowledgement, engine and exchange two processes on a socket, microseconds:", "",
        "| journal | p50 | p99 | max | within 200 ms |", "|---|---:|---:|---:|---:|",
        *(
            f"| {k} | {r['p50']:.0f} | {r['p99']:.0f} | {r['max']:.0f} | {r['within']:.1%} |"
            for k, r in answers.items()
        ),
        "", "One fdatasync an order costs what the disk costs. Scheduler pauses of milliseconds remain: this is",
        "not exchange-grade latency.", "",
    ]  # fmt: skip
    report = ROOT / "reports" / "performance" / "orders.md"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
