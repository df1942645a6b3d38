"""Benchmarks of the data path: bars from 50 M trades, and row rules over 1 M bars.

``make bench-data`` writes ``reports/performance/data.md``. Each figure stands beside its peer in the same run, because
machines differ and this one may be busy: the roll-up beside the bare DuckDB query, each in a process of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRADES, BARS = 50_000_000, 1_000_000
_MAKE = """
COPY (
    SELECT make_timestamptz(1704724200000000 + 86400000000 * (i // {day}) + (i % {day}) * 23400000000 // {day}) AS ts,
        NULL::TIMESTAMPTZ AS received, 'S' || (hash(i) % 20) AS symbol, 100 + (hash(i + 1) % 1000) / 100.0 AS price,
        (1 + hash(i + 2) % 500)::DOUBLE AS size, '' AS venue, '' AS condition, false AS suspicious,
        'made' AS source, '0000000000000000' AS source_hash
    FROM range({first}, {last}) t(i)
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""
_BARE = """
COPY (
    SELECT symbol, time_bucket(INTERVAL 1 minute, ts) AS begins, arg_min(price, ts) AS open, max(price) AS high,
        min(price) AS low, arg_max(price, ts) AS close, sum(size) AS volume
    FROM read_parquet('{folder}/*.parquet') GROUP BY symbol, begins ORDER BY symbol, begins
) TO '{out}' (FORMAT parquet, COMPRESSION zstd)
"""
_CHILD = "import sys; from scripts.bench_data import {name}; print({name}(sys.argv[1]))"


def bare(folder: str) -> float:
    """Run the query that a person would write, within the same limits, and return its seconds; imports do not count."""
    import duckdb

    started = time.perf_counter()
    with duckdb.connect() as db:
        db.execute("SET memory_limit = '1500MB'; SET TimeZone = 'UTC'")
        db.execute(_BARE.format(folder=folder, out=f"{folder}/bare.out"))
    return time.perf_counter() - started


def ours(folder: str) -> float:
    """Run the roll-up and return its seconds, the calendar's and the frame's included."""
    import pandas as pd

    from tradepulse.core.sessions import calendar
    from tradepulse.warehouse.rollup import bars_from_trades

    files = sorted(Path(folder).glob("*.parquet"))
    started = time.perf_counter()
    bars_from_trades(files, Path(folder) / "ours.out", exchange=calendar(), interval=pd.Timedelta("1min"))
    return time.perf_counter() - started


def rollup(trades: int) -> dict[str, float]:
    """Return seconds and peak memory of both, the best of three in turn."""
    import duckdb

    days = 5
    with tempfile.TemporaryDirectory(prefix="tradepulse-bench-") as folder:
        for day in range(days):  # Monday to Friday, 8 to 12 January 2024
            first, last = trades // days * day, trades // days * (day + 1)
            duckdb.connect().execute(
                _MAKE.format(day=trades // days, first=first, last=last, path=f"{folder}/{day}.parquet")
            )
        measured: dict[str, list[tuple[float, int]]] = {"bare": [], "ours": []}
        for _ in range(3):
            for name, runs in measured.items():
                runs.append(_measured(name, folder))
    best = {name: min(runs) for name, runs in measured.items()}
    return {
        "trades": trades,
        "bare_s": best["bare"][0],
        "ours_s": best["ours"][0],
        "ratio": best["ours"][0] / best["bare"][0],
        "bare_peak_mb": max(peak for _, peak in measured["bare"]) / 1024,
        "ours_peak_mb": max(peak for _, peak in measured["ours"]) / 1024,
    }


def _measured(name: str, folder: str) -> tuple[float, int]:
    """Return seconds and peak resident KiB of a child process."""
    child = subprocess.Popen([sys.executable, "-c", _CHILD.format(name=name), folder], stdout=subprocess.PIPE)
    said = child.stdout.read() if child.stdout else b""
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{name} failed")
    return float(said), used.ru_maxrss


def validation(rows: int) -> dict[str, float]:
    """Return seconds for every row rule, and then every rule of the table, over bars of which one in 10,000 is bad."""
    import numpy as np
    import pandas as pd

    from tradepulse.core.tables import table
    from tradepulse.ingestion.source import BAR_RULES, sift

    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-4, rows)))
    open_ = np.roll(close, 1)
    frame = pd.DataFrame(
        {
            "ts": pd.date_range("2000-01-01", periods=rows, freq="min", tz="UTC").as_unit("ns"),
            "session": pd.date_range("2000-01-01", periods=rows, freq="min").normalize().as_unit("ns"),
            "symbol": pd.Series(["S"], dtype="str").repeat(rows).reset_index(drop=True),
            "open": open_, "high": np.maximum(open_, close), "low": np.minimum(open_, close), "close": close,
            "volume": rng.integers(1, 1000, rows).astype(float), "open_is_stale": False,
            "source": pd.Series(["bench"], dtype="str").repeat(rows).reset_index(drop=True),
            "source_hash": pd.Series(["0" * 16], dtype="str").repeat(rows).reset_index(drop=True),
        }
    )  # fmt: skip
    frame.loc[::10_000, "high"] = 0.0
    sift(frame.head(10), BAR_RULES, table_name="bars", source="bench", source_hash="0" * 16)
    table("bars").accept(frame.iloc[1:10].reset_index(drop=True), "warm-up")
    started = time.perf_counter()
    kept, _ = sift(frame, BAR_RULES, table_name="bars", source="bench", source_hash="0" * 16)
    asked = time.perf_counter()
    table("bars").accept(frame[kept].reset_index(drop=True), "bench")
    done = time.perf_counter()
    return {"bars": rows, "row_rules_s": asked - started, "table_rules_s": done - asked, "both_s": done - started}


def main() -> None:
    """Measure both and write the page."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    found = {"rollup": rollup(int(TRADES * scale)), "validation": validation(int(BARS * scale))}
    folder = Path("reports") / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["| benchmark | figure | value |", "|---|---|---:|"]
    lines += [f"| {part} | {key} | {value:,.2f} |" for part, row in found.items() for key, value in row.items()]
    (folder / "data.md").write_text("\n".join(lines) + "\n")
    (folder / "data.json").write_text(json.dumps(found, indent=1) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
