"""Benchmark of quoting strategies on a level-2 book: the compiled engine, the event engine, and hftbacktest.

``make bench-books PEERS=/path/to/python`` writes ``reports/performance/books.md``. PEERS is the interpreter of an
environment with ``pip install hftbacktest``. The market is made up, one level or trade a move; what a trade takes is
said again as the level that is left, and what crosses a resting order is displayed twice: hftbacktest does not take
away what was sold to us, and is held against us only where that makes no difference. Constant latencies, orders of one
lot. CPU seconds of one process each, data laid out before the clock starts, the best of some rounds. Where orders,
fills, position or cash differ, the ratio is not given.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench_backtest import timed
from tradepulse.backtest import compiled_book
from tradepulse.backtest.book import Ways, replay
from tradepulse.backtest.latency import Latency
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Compiled, Desk, Market, QuotingStrategy
from tradepulse.core.quoting.imbalance_taker import ImbalanceTaker
from tradepulse.execution.desk import Move
from tradepulse.execution.terms import FEE, MONEY, Terms

TICK, MOST, LEAN = 0.01, 1_000, 0.7
FEED_NS, ORDER_NS, ANSWER_NS = 500_001, 1_000_003, 1_000_007
WAYS = Ways(Latency(FEED_NS / 1000), Latency(ORDER_NS / 1000), Latency(ANSWER_NS / 1000))
TERMS = Terms(UNIT // 100, UNIT, FEE, 4 * FEE, cash=10**6 * MONEY)


class Quoter(QuotingStrategy):
    """Keep a bid and an offer at the touch; an order's end is asked for once the venue has answered."""

    name, version, params, ranges = "quoter", "1", {}, {}

    def compiled(self) -> Compiled:
        """Return it as a loop."""
        return Compiled(quote, (UNIT, MOST * UNIT))

    def on_market(self, market: Market, desk: Desk) -> None:
        """Not here: it is only timed compiled."""
        raise NotImplementedError


def quote(see: Any, mine: Any, n: int, position: int, sizes: Any, numbers: Any, memory: Any, asks: Any) -> int:
    """Follow the touch."""
    made = 0
    for at in range(n):
        if mine[at, 2] != see[2 - mine[at, 1]] and mine[at, 5] and not mine[at, 4]:
            asks[made, 0], asks[made, 1] = 1, mine[at, 0]
            made += 1
    for sign in (1, -1):
        there, price = False, see[2 - sign]
        for at in range(n):
            there |= mine[at, 1] == sign
        if not there and price and sizes[1] - sign * position >= sizes[0]:
            asks[made, 0], asks[made, 1], asks[made, 2], asks[made, 3], asks[made, 4] = 0, sign, sizes[0], price, 1
            made += 1
    return made


def feed_of(n: int, seed: int = 1) -> dict[str, Any]:
    """Return at least ``n`` moves of a book whose best prices wander: a level that changes, or a trade at the best."""
    random = np.random.default_rng(seed)
    draw = random.random((n, 4)).tolist()
    gaps = (random.integers(100, 2_000, n) * 1_000).tolist()
    best = {True: 10_000, False: 10_001}
    book = {True: {10_000 - k: 90 + k % 9 for k in range(5_000)}, False: {10_001 + k: 90 + k % 9 for k in range(5_000)}}
    rows: list[tuple[int, bool, bool, int, int]] = []
    now = 1_000_000_000

    def level(buy: bool, price: int, quantity: int) -> None:
        if quantity:
            book[buy][price] = quantity
        else:
            del book[buy][price]
        rows.append((now, False, buy, price, quantity))

    for buy in (True, False):
        for price, quantity in book[buy].items():
            rows.append((now, False, buy, price, quantity))
    for (what, side, size, where), gap in zip(draw, gaps, strict=True):
        if len(rows) >= n:
            break
        now += gap
        buy, sign = side < 0.5, 1 if side < 0.5 else -1
        top = best[buy]
        if what < 0.5:
            level(buy, top - sign * int(where * 8), 50 + int(size * 150))
            continue
        had = book[buy][top]
        taken = 10 + int(size * 60)
        if what < 0.85 and had > taken + 30:
            rows.append((now, True, not buy, top, taken))
            now += 1_000
            level(buy, top, had - taken)
            continue
        # The best of a side goes, and the other side follows it.
        level(buy, top, 0)
        best[buy] -= sign
        best[not buy] -= sign
        for _ in range(2):
            level(not buy, best[not buy], 50 + int(size * 150))
    for _ in range(2):
        # All is quiet: nothing is left to answer, or to decide.
        now += 10_000_000_000
        for buy in (True, False):
            level(buy, best[buy], 100)
    # Of a moment, trades come first, then levels as the venue takes them: from the middle outwards.
    rows.sort(key=lambda row: (row[0], not row[1], 0 if row[1] else row[3] * (-1 if row[2] else 1)))
    columns = np.array(rows, dtype=np.int64).T
    names = ("ns", "trade", "buy", "price", "quantity")
    return {
        name: column.astype(bool) if name in ("trade", "buy") else column
        for name, column in zip(names, columns, strict=True)
    }


def moves_of(feed: dict[str, Any]) -> list[Move]:
    """Return the same as our engines have it: the levels of a moment are one move."""
    step, moves = UNIT // 100, []
    rows = zip(*(feed[name].tolist() for name in feed), strict=True)
    for (ns, trade), of_moment in groupby(rows, key=lambda row: row[:2]):
        levels = tuple(
            (Side.BUY if buy else Side.SELL, price * step, size * UNIT) for *_, buy, price, size in of_moment
        )
        if trade:
            moves += [Move(ns, (), price, size, side, "trade") for side, price, size in levels]
        else:
            moves.append(Move(ns, levels, what="levels"))
    return moves


def peer(python: str, feed: dict[str, Any], strategy: str, rounds: int) -> dict[str, Any] | None:
    """Return what hftbacktest makes of it, or None if it is not there."""
    about = {
        "feed_ns": FEED_NS, "order_ns": ORDER_NS, "answer_ns": ANSWER_NS, "tick": TICK, "maker": 1e-4, "taker": 4e-4,
        "most": MOST, "lean": LEAN, "highest": float(feed["price"].max()) * TICK,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "feed.npz", **feed)
        script = str(Path(__file__).with_name("hftbacktest_books.py"))
        command = [
            python,
            "-W",
            "ignore",
            script,
            str(Path(folder) / "feed.npz"),
            strategy,
            str(rounds),
            json.dumps(about),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(
            f"hftbacktest: left out ({(done.stderr.strip().splitlines() or ['no output'])[-1][:100]})", file=sys.stderr
        )
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def ours(feed: dict[str, Any], strategy: QuotingStrategy, rounds: int) -> dict[str, Any]:
    """Return what our compiled engine makes of it."""
    plan = strategy.compiled()
    market = compiled_book.lay_out(moves_of(feed), TERMS, plan.sizes if plan else ())
    if plan is None or market is None:
        raise RuntimeError("the compiled engine does not take it")
    compiled_book.run(market, plan, TERMS, WAYS)
    seconds, ran = timed(lambda: compiled_book.run(market, plan, TERMS, WAYS), rounds)
    _, net, makers, takers, position, _ = ran.curve[-1].tolist()
    unit = market.price_step * market.quantity_step
    cash = -(net * 10_000 * FEE + makers * TERMS.maker_fee + takers * TERMS.taker_fee) * unit / MONEY
    return {
        "orders": len(ran.orders), "fills": len(ran.fills), "position": position * market.quantity_step / UNIT,
        "cash": cash, "cpu_s": seconds,
    }  # fmt: skip


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether orders, fills, position and cash are the same."""
    return (
        all(one[key] == other[key] for key in ("orders", "fills", "position"))
        and abs(one["cash"] - other["cash"]) < 1e-4
    )


def main() -> None:
    """Write the benchmark's page."""
    python, n = os.environ.get("PEERS") or sys.executable, int(os.environ.get("MOVES", "1000000"))
    lines = [
        "# Books", "", (__doc__ or "").split("\n\n", 1)[1].strip().replace("\n", " "), "",
        "| strategy | engine | ns per row | orders | fills | times ours |", "|---|---|---|---|---|---|",
    ]  # fmt: skip

    def line(name: str, engine: str, made: dict[str, Any], rows: int, ratio: str = "") -> None:
        each = made["cpu_s"] / rows * 1e9
        lines.append(f"| {name} | {engine} | {each:,.1f} | {made['orders']:,} | {made['fills']:,} | {ratio} |")
        print(lines[-1], flush=True)

    feed, taker = feed_of(n), ImbalanceTaker(size=1, most=MOST, lean=LEAN)
    for name, strategy in (("quote", Quoter()), ("take", taker)):
        mine = ours(feed, strategy, 7)
        line(name, "ours, compiled", mine, n)
        if theirs := peer(python, feed, name, 5):
            equal = same(mine, theirs)
            line(
                name, "hftbacktest", theirs, n, f"{theirs['cpu_s'] / mine['cpu_s']:.1f} x" if equal else "not the same"
            )
    moves = moves_of(feed_of(n // 20))
    begin = time.process_time()
    result = replay(moves, taker, TERMS, ways=WAYS)
    seen = {"cpu_s": time.process_time() - begin, "orders": len(result.orders), "fills": len(result.fills)}
    line("take", "ours, event engine with order path and journal", seen, n // 20)
    if swept := peer(python, feed_of(n // 100), "sweep", 1):
        booked = f"hftbacktest books {swept['position']:g} of it with its `partial_fill_exchange`"
        ours_too = "ours 10 (`tests/backtest/test_compiled_book.py`)"
        lines += ["", f"An order for 10 over levels of 3, 4 and 3: {booked}, {ours_too}."]
    lines += ["", "## Growth", "", "| rows | ns per row, quote |", "|---|---|"]
    for some in (n // 10, n, 4 * n):
        lines.append(f"| {some:,} | {ours(feed_of(some), Quoter(), 5)['cpu_s'] / some * 1e9:.1f} |")
    out = Path("reports/performance/books.md")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join([*lines, ""]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
