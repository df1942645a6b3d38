"""Benchmark of the cost roll-up, 50 M lines beside the bare query and a day that is corrected; and of the meter.

``make bench-finops`` writes ``reports/performance/finops.md``; LINES for another number of them. The ledger is a
year of one file a day, made anew in a temporary folder (a gigabyte).
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from tradepulse.finops.usage import Tags, UsageLog
from tradepulse.warehouse.ledger_rollup import MEMORY, roll_up

ROOT = Path(__file__).parents[1]
DAYS = 365


def write_day(ledger: Path, day: pd.Timestamp, lines: int, seed: int) -> None:
    """Write a day of the ledger."""
    draw = np.random.default_rng(seed)

    def one_of(name: str, count: int) -> pd.Categorical:
        return pd.Categorical.from_codes(draw.integers(0, count, lines), [f"{name}{n}" for n in range(count)])

    strategy = one_of("strategy", 20)
    teams = [f"team{n}" for n in range(8)]
    frame = pd.DataFrame(
        {
            "date": day, "run_id": one_of("run", 500), "step": one_of("step", 40), "strategy": strategy,
            # A strategy is a team's.
            "team": pd.Categorical.from_codes(strategy.codes % 8, teams), "environment": one_of("environment", 3),
            "meter": one_of("meter", 3), "cost_nano_usd": draw.integers(0, 10**9, lines),
        }
    )  # fmt: skip
    frame.to_parquet(ledger / f"{day:%Y-%m-%d}.parquet", index=False, compression="zstd")


def peak(code: str, *arguments: str) -> tuple[float, float]:
    """Return the seconds that code in a process of its own took, and its peak memory in MB."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    seconds, kilobytes = done.stdout.split()
    return float(seconds), float(kilobytes) / 1024


OURS = """
import sys, time, resource, pathlib
from tradepulse.warehouse.ledger_rollup import roll_up
import duckdb
begin = time.perf_counter()
roll_up(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
print(time.perf_counter() - begin, [l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')][0])
"""
BARE = f"""
import sys, time, resource, duckdb
db = duckdb.connect()
db.execute("SET memory_limit = '{MEMORY}'")
begin = time.perf_counter()
db.execute("SELECT date::DATE, team, strategy, environment, meter, count(*), sum(cost_nano_usd) "
           "FROM read_parquet(?) GROUP BY ALL", [sys.argv[1] + "/*.parquet"]).fetchall()
print(time.perf_counter() - begin, [l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')][0])
"""


def metering(folder: Path, steps: int = 100) -> tuple[float, float]:
    """Return the seconds of a step and of the same step metered: a tenth of a second of pandas, the median of many."""
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=400_000)})
    log, tags = UsageLog(folder), Tags("run", "step", "", "finops", "shared", "bench")

    def work() -> None:
        frame["x"].rolling(50).mean().rank()

    def timed(inside: AbstractContextManager[object]) -> float:
        begin = time.perf_counter()
        with inside:
            work()
        return time.perf_counter() - begin

    plain, metered = [], []
    for turn in range(steps):  # in turns, each as often before the other as after it
        if turn % 2:
            metered.append(timed(log.metered(tags)))
        plain.append(timed(nullcontext()))
        if not turn % 2:
            metered.append(timed(log.metered(tags)))
    return float(np.median(plain)), float(np.median(metered))


def alone(folder: Path, steps: int = 500) -> float:
    """Return the seconds that metering takes of itself: a step that does nothing, the median of many."""
    log, tags, took = UsageLog(folder), Tags("run", "step", "", "finops", "shared", "bench"), []
    for _ in range(steps):
        begin = time.perf_counter()
        with log.metered(tags):
            pass
        took.append(time.perf_counter() - begin)
    return float(np.median(took))


def main() -> None:
    """Measure and write the report."""
    lines = int(os.environ.get("LINES", "50000000"))
    days = pd.date_range("2025-01-01", periods=DAYS)
    with tempfile.TemporaryDirectory() as folder:
        ledger, out = Path(folder) / "ledger", Path(folder) / "out"
        ledger.mkdir()
        for n, day in enumerate(days):
            write_day(ledger, day, lines // DAYS, n)
        # Warm: the files are in the page cache for both. In turns, the best of five.
        ours, bare = [], []
        for turn in range(5):
            bare.append(peak(BARE, str(ledger)))
            ours.append(peak(OURS, str(ledger), str(out / str(turn))))
        made = out / "0"
        corrections = []
        for n in range(5):
            write_day(ledger, days[200], lines // DAYS, 1_000 + n)
            begin = time.perf_counter()
            rolled = roll_up(ledger, made)
            corrections.append(time.perf_counter() - begin)
            if rolled.changed != (f"{days[200]:%Y-%m-%d}",):
                raise RuntimeError(f"{rolled.changed} was rolled up")
        bare_step, metered_step = metering(Path(folder) / "usage")
        meter = alone(Path(folder) / "nothing")
        whole = duckdb.sql(f"SELECT sum(cost_nano_usd) FROM read_parquet('{ledger}/*.parquet')").fetchall()[0][0]
        if int(whole) != rolled.total_nano_usd:
            raise RuntimeError("the roll-up is not the ledger")
    us, memory = min(seconds for seconds, _ in ours), max(megabytes for _, megabytes in ours)
    query, day = min(seconds for seconds, _ in bare), min(corrections)
    text = "\n".join(
        [
            "# The cost roll-up", "", "Written by `make bench-finops`.", "",
            f"| {lines:,} lines, {DAYS} days | seconds | |", "|---|---:|---|",
            f"| the bare DuckDB query | {query:.2f} | |",
            f"| rolled up, written, with its index | {us:.2f} | {us / query:.2f} times the query, {memory:.0f} MB |",
            f"| a corrected day of {lines // DAYS:,} lines | {day:.3f} | {us / day:.0f} times cheaper than all of it |",
            "", "The roll-up is the ledger to the nano-dollar.", "",
            "| metering | ms | |", "|---|---:|---|",
            f"| a step | {1000 * bare_step:.1f} | |",
            f"| the same, metered | {1000 * metered_step:.1f} | {metered_step / bare_step - 1:+.1%} |",
            f"| the meter alone | {1000 * meter:.2f} | {meter / bare_step:.1%} of that step |", "",
        ]
    )  # fmt: skip
    report = ROOT / "reports" / "performance" / "finops.md"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
