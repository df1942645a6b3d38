"""Benchmark of the backtest engines beside others: the same bars, the same rule, the same orders and final equity.

``make bench-backtest PEERS=/path/to/python`` writes ``reports/performance/backtest.md``. PEERS is the interpreter of an
environment with ``pip install "vectorbt==1.0.0" "plotly<6" backtrader backtesting "nautilus_trader==1.221.0"`` and
``zipline-reloaded``; the newest vectorbt comes with ours. A cross of means of 20 and 50 closes, 100 units, 5 bp
commission and 1 bp slippage, traded at the next open. CPU seconds of one process each, data prepared before the clock
starts, the best of some rounds. Where a peer's orders or equity differ from ours its ratio is not given.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scripts.peers import Work
from scripts.walk import bars_of
from tradepulse.backtest import compiled
from tradepulse.backtest import engine as engine_of
from tradepulse.backtest.engine import backtest
from tradepulse.backtest.feed import Feed
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.result import FillRule, Result
from tradepulse.backtest.venue import Commission, Liquidity, Slippage, Venue
from tradepulse.core.strategies.sma_cross import SmaCross

WORK = Work()
CASH, COSTS = WORK.cash, Costs(commission_bp=WORK.commission * 1e4, slippage_bp=WORK.slippage * 1e4)
#: Everything a venue can do at once: tiers, a minimum, impact, and a share of the volume that makes fills partial.
RICH = Venue(
    0.0, 0.0, label="rich", fees=Commission(bp=5.0, minimum=0.01, tiers=((0.0, 5.0), (1e6, 4.0))),
    worse=Slippage(bp=1.0, impact_bp=10.0), depth=Liquidity(participation=0.005),
)  # fmt: skip
MAKE = partial(SmaCross, quantity=WORK.units, fast=WORK.fast, slow=WORK.slow)


def timed(run: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Return the fewest CPU seconds that a call took, and what it returned last."""
    best, result = float("inf"), None
    for _ in range(rounds):
        begin = time.process_time()
        result = run()
        best = min(best, time.process_time() - begin)
    return best, result


def _with_tables(result: Result) -> Result:
    for table in ("fills", "trades", "equity", "flows", "summary"):
        getattr(result, table)
    return result


def peer(python: str, engine: str, bars: pd.DataFrame, rounds: int) -> dict[str, Any] | None:
    """Return what an engine of others says of the same bars, or None if it is not there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.npz"
        names = ("open", "high", "low", "close", "volume")
        np.savez(
            path, ns=bars["ts"].to_numpy("datetime64[ns]").astype(np.int64), **{n: bars[n].to_numpy() for n in names}
        )
        command = [
            python,
            "-W",
            "ignore",
            str(Path(__file__).with_name("peers.py")),
            engine,
            str(path),
            str(rounds),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{engine}: left out ({(done.stderr.strip().splitlines() or ['no output'])[-1][:100]})", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _single(python: str, n: int) -> list[str]:
    bars = bars_of(n)
    feed = Feed(bars)
    feed.groups  # noqa: B018 - what a feed lays out when first asked is loading
    plan, rich = compiled._plan(feed, COSTS), compiled._plan(feed, RICH)
    terms = compiled.Terms()
    wanted = compiled.wanted_on(feed, MAKE)
    events, result = timed(lambda: _with_tables(backtest(feed, MAKE, cash=CASH, costs=COSTS)), 3)
    figures, _ = timed(lambda: backtest(feed, MAKE, cash=CASH, costs=COSTS).summary, 3)
    alone, _ = timed(lambda: engine_of._replay(feed, MAKE(), MAKE, CASH, COSTS, "next_open", terms, None), 3)
    fills, equity = len(result.fills), result.summary["final_equity"]
    tape = partial(compiled._tape, feed, cash=CASH, same_close=False, terms=terms, holding=None)
    targets, _ = timed(lambda: tape(wanted=wanted, plan=plan), 5)
    heavy, heaviest = timed(lambda: tape(wanted=wanted, plan=rich), 5)
    both, _ = timed(lambda: tape(wanted=compiled.wanted_on(feed, MAKE), plan=rich), 5)
    rows = [
        f"| ours: event engine, strategy in Python, all tables built | {events / n * 1e9:,.0f} | {fills:,} | |",
        f"| ours: event engine, its figures | {figures / n * 1e9:,.0f} | {fills:,} | |",
        f"| ours: event engine, its loop alone | {alone / n * 1e9:,.0f} | {fills:,} | |",
        f"| ours: compiled strategy, tiers, impact, partial fills | {both / n * 1e9:,.1f} | {len(heaviest.row):,} | |",
        f"| ours: targets given, tiers, impact, partial fills | {heavy / n * 1e9:,.1f} | {len(heaviest.row):,} | |",
        f"| ours: targets given, bp | {targets / n * 1e9:,.1f} | {fills:,} | |",
    ]
    # backtesting.py takes its spread from entries alone: it is held against a run without slippage.
    bare = backtest(feed, MAKE, cash=CASH, costs=Costs(COSTS.commission_bp, 0.0)).summary["final_equity"]
    others = (
        ("backtrader", "backtrader", python, events, 1),
        ("backtesting", "backtesting.py, event loop alone, no slippage", python, alone, 1),
        ("vectorbt_signals", "vectorbt 1.0, from_signals", python, targets, 3),
        ("vectorbt_signals", "vectorbt of our lock, from_signals", sys.executable, targets, 3),
    )  # fmt: skip
    for engine, label, interpreter, ours, rounds in others:
        found = peer(interpreter, engine, bars, rounds)
        if found is None:
            continue
        orders = found["orders"]
        wanted_equity = bare if engine == "backtesting" else equity
        same = abs(orders - fills) <= 1 and abs(found["equity"] - wanted_equity) <= 1e-9 * equity
        ratio = f"{found['cpu_s'] / ours:,.1f} x" if same else f"not the same: equity {found['equity']:,.2f}"
        rows.append(f"| {label} | {found['cpu_s'] / n * 1e9:,.1f} | {orders:,} | {ratio} |")
        print(rows[-1], flush=True)
    return rows


def _at_the_close(python: str, n: int) -> list[str]:
    """Hold ours against nautilus_trader, on prices of eight decimals, at the close that a signal was made on."""
    bars = bars_of(n)
    for name in ("open", "high", "low", "close"):
        bars[name] = bars[name].round(8)
    costs = Costs(COSTS.commission_bp, 0.0)
    return _beside(python, "nautilus", "nautilus_trader", Feed(bars), costs, "same_close")


def _at_the_next_close(python: str, days: int = 280) -> list[str]:
    """Hold ours against zipline, on prices of three decimals, at the close after that of a signal."""
    bars = bars_of(days * 1_440)
    # Its calendars begin later than the walk.
    bars["ts"] += pd.Timedelta(days=7_305)
    bars["session"] = bars["ts"].dt.tz_localize(None).dt.normalize()
    prices = ["open", "high", "low", "close"]
    bars[prices] = bars[prices].round(3)
    return _beside(python, "zipline", "zipline-reloaded", Feed(bars), COSTS, "next_close")


def _beside(python: str, script: str, label: str, feed: Feed, costs: Costs, fill: FillRule) -> list[str]:
    """Return the rows of ours and of a peer with a script of its own, both filling at a close."""
    feed.groups  # noqa: B018
    ours, result = timed(lambda: _with_tables(backtest(feed, MAKE, cash=CASH, costs=costs, fill=fill)), 3)
    n, equity, fills, where = len(feed.ns), result.summary["final_equity"], len(result.fills), fill.replace("_", " ")
    rows = [f"| ours: event engine, at the {where} | {ours / n * 1e9:,.0f} | {fills:,} | |"]
    if (found := _script(python, script, feed)) is not None:
        same = found["orders"] == fills and abs(found["equity"] - equity) <= 1e-9 * equity
        ratio = f"{found['cpu_s'] / ours:,.1f} x" if same else f"not the same: equity {found['equity']:,.2f}"
        rows.append(f"| {label}, at the {where} | {found['cpu_s'] / n * 1e9:,.0f} | {found['orders']:,} | {ratio} |")
        print(rows[-1], flush=True)
    return rows


def _script(python: str, name: str, feed: Feed) -> dict[str, Any] | None:
    """Return what a peer with a script of its own says of the same bars, or None if it is not there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.npz"
        np.savez(path, ns=feed.ns, **feed.columns)
        command = [python, "-W", "ignore", str(Path(__file__).with_name(f"{name}_bars.py")), str(path), "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{name}: left out ({(done.stderr.strip().splitlines() or ['no output'])[-1][:100]})", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def first_result(python: str) -> list[str]:
    """Return the rows of a table: CPU seconds of a fresh process until the first result on 5,000 bars is there."""
    ours = (
        "from functools import partial; from scripts.walk import bars_of, walk;"
        "from tradepulse.backtest.frictions import Costs; from tradepulse.core.strategies.sma_cross import SmaCross;"
        "from tradepulse.backtest.{} import {} as run;"
        "run({}(5_000), partial(SmaCross, quantity=100), cash=1e6, costs=Costs(5, 1)).summary"
    )
    programs = {
        "ours, event engine, columns as arrays": ours.format("engine", "backtest", "walk"),
        "ours, compiled, machine code on the disk": ours.format("compiled", "replay", "walk"),
        "ours, event engine, a table of pandas": ours.format("engine", "backtest", "bars_of"),
    }
    rows = []
    for name, code in programs.items():
        rows.append((name, min(_cpu_of([sys.executable, "-c", code]) for _ in range(3))))
    with tempfile.TemporaryDirectory() as folder:
        path, bars = Path(folder) / "bars.npz", bars_of(5_000)
        names = ("open", "high", "low", "close", "volume")
        np.savez(
            path, ns=bars["ts"].to_numpy("datetime64[ns]").astype(np.int64), **{n: bars[n].to_numpy() for n in names}
        )
        for name, interpreter in (("vectorbt 1.0", python), ("vectorbt of our lock", sys.executable)):
            command = [
                interpreter,
                "-W",
                "ignore",
                str(Path(__file__).with_name("peers.py")),
                "vectorbt_signals",
                str(path),
                "1",
            ]
            rows.append((name, min(_cpu_of(command) for _ in range(3))))
    (_, events), (_, compiled_s), _, *others = rows
    return [f"| {name} | {seconds:.2f} | | |" for name, seconds in rows[:3]] + [
        f"| {name} | {seconds:.2f} | {seconds / events:.1f} x | {seconds / compiled_s:.1f} x |"
        for name, seconds in others
    ]


def _cpu_of(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # One core for everybody: idle threads of OpenBLAS spin for a tenth of a second when numpy is imported.
    subprocess.run(command, capture_output=True, check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _sweep(python: str, n: int = 5_000) -> list[str]:
    bars = bars_of(n)
    feed = Feed(bars)
    makes = [partial(SmaCross, quantity=WORK.units, fast=a, slow=b) for a in range(5, 105) for b in range(105, 205)]
    compiled.sweep(feed, makes[:10], cash=CASH, costs=COSTS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, outcomes = timed(lambda: compiled.sweep(feed, makes, cash=CASH, costs=COSTS), 3)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    total = sum(outcome.final_equity / CASH - 1 for outcome in outcomes)
    orders = sum(outcome.n_fills for outcome in outcomes)
    rows = [
        f"| ours | {seconds:.2f} | {seconds / n / len(makes) * 1e9:.1f} | {grown:,.0f} more than before "
        f"| {orders:,} | |"
    ]
    for label, interpreter in (("vectorbt 1.0", python), ("vectorbt of our lock", sys.executable)):
        found = peer(interpreter, "vectorbt_sweep", bars, 2)
        if found is not None:
            # Float sums make a tie of two means a cross here and there.
            same = abs(found["orders"] - orders) <= 1e-3 * orders and abs(found["equity"] - total) <= 1e-2 * abs(total)
            ratio = (
                f"{found['cpu_s'] / seconds:,.1f} x"
                if same
                else f"not the same: {found['equity']:.4f}, ours {total:.4f}"
            )
            rows.append(
                f"| {label} | {found['cpu_s']:.2f} | {found['cpu_s'] / n / len(makes) * 1e9:.1f} "
                f"| {found['peak_mib']:,.0f} in all | {found['orders']:,} | {ratio} |"
            )
            print(rows[-1], flush=True)
    return rows


def _growth() -> list[str]:
    rows = []
    for n in (100_000, 1_000_000, 4_000_000):
        feed = Feed(bars_of(n))
        feed.groups  # noqa: B018
        events, _ = timed(lambda feed=feed: _with_tables(backtest(feed, MAKE, cash=CASH, costs=COSTS)), 3)
        wanted = compiled.wanted_on(feed, MAKE)
        plan = compiled._plan(feed, RICH)
        room = compiled._room(feed, None)
        filled = partial(compiled._filled, feed, wanted, CASH, plan, False, compiled.Terms(), None, room)
        seconds, made = timed(filled, 7)
        rows.append(f"| {n:,} | {events / n * 1e9:,.0f} | {made[0]:,} | {seconds / n * 1e9:.1f} |")
    return rows


def main() -> None:
    """Write the benchmark's page."""
    python = os.environ.get("PEERS") or sys.executable
    n = int(os.environ.get("BARS", "1000000"))
    lines = [
        "# Backtest engines", "", (__doc__ or "").split("\n\n", 1)[1].strip().replace("\n", " "), "",
        f"## One run over {n:,} bars", "", "| engine | ns per bar | orders | times ours |", "|---|---|---|---|",
        *_single(python, n), *_at_the_close(python, n), *_at_the_next_close(python), "",
        "## First result of a fresh process on one core, 5,000 bars", "",
        "| engine | CPU s | times our event engine | times our compiled one |", "|---|---|---|---|",
        *first_result(python), "",
        "## A sweep of 10,000 parameter sets over 5,000 bars", "",
        "| engine | CPU s | ns per set and bar | MiB | orders | times ours |", "|---|---|---|---|---|---|",
        *_sweep(python), "",
        "## Growth", "", "| bars | event engine, ns per bar | fills | targets given, every friction on, ns per bar |",
        "|---|---|---|---|", *_growth(), "",
    ]  # fmt: skip
    out = Path("reports/performance/backtest.md")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
