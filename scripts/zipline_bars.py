"""zipline-reloaded on the work of ``scripts.bench_backtest``: minutes around the clock, filled at the next bar's close.

``python scripts/zipline_bars.py BARS.npz ROUNDS`` prints JSON: CPU seconds between the first bar and the last, orders
and final equity. It keeps prices to the third decimal, and takes its data from a bundle on the disk.
"""

import json
import os
import sys
import tempfile
import time
from collections import deque
from typing import Any

import numpy as np
import pandas as pd

FAST, SLOW, UNITS, CASH, COMMISSION, SLIPPAGE_BP = 20, 50, 100, 1_000_000.0, 5e-4, 1.0
DAY = 1_440


def main() -> None:
    """Write the bundle, run and print what it took."""
    values, rounds = np.load(sys.argv[1]), int(sys.argv[2])
    names = ("open", "high", "low", "close", "volume")
    # It names a minute by its end.
    ends = pd.to_datetime(values["ns"] + 60 * 10**9, utc=True)
    minutes = pd.DataFrame({name: values[name] for name in names}, index=ends)
    minutes["volume"] = minutes["volume"].astype("uint32")
    with tempfile.TemporaryDirectory() as root:
        os.environ["ZIPLINE_ROOT"] = root
        _write(minutes)
        found: dict[str, Any] = {}
        for _ in range(rounds):
            made = _run(minutes)
            found = {**made, "cpu_s": min(made["cpu_s"], found.get("cpu_s", float("inf")))}
    print(json.dumps(found))


def _write(minutes: pd.DataFrame) -> None:
    from zipline.data.bundles import ingest, register

    days = _days(minutes)
    first, last = days[0], days[-1]

    def write(
        environ: Any, assets: Any, minute_bars: Any, daily_bars: Any, adjustments: Any, calendar: Any, *rest: Any
    ) -> None:
        about = {"symbol": "X", "asset_name": "X", "start_date": first, "end_date": last, "first_traded": first,
                 "auto_close_date": last + pd.Timedelta(days=1), "exchange": "HERE"}  # fmt: skip
        exchanges = pd.DataFrame([{"exchange": "HERE", "canonical_name": "HERE", "country_code": "US"}])
        assets.write(equities=pd.DataFrame([about]), exchanges=exchanges)
        minute_bars.write([(0, minutes)], show_progress=False)
        shapes = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
        daily_bars.write([(0, minutes.groupby(days).agg(shapes))], show_progress=False)
        adjustments.write()

    register("bars", write, calendar_name="24/7", start_session=first, end_session=last, minutes_per_day=DAY)
    ingest("bars", show_progress=False)


def _days(minutes: pd.DataFrame) -> pd.DatetimeIndex:
    return (minutes.index - pd.Timedelta(minutes=1)).tz_localize(None).normalize()


def _run(minutes: pd.DataFrame) -> dict[str, Any]:
    from zipline import run_algorithm
    from zipline.api import order, set_commission, set_slippage, symbol
    from zipline.finance.commission import PerDollar
    from zipline.finance.slippage import FixedBasisPointsSlippage
    from zipline.utils.calendar_utils import get_calendar

    closes = deque([0] * SLOW, maxlen=SLOW)
    sums, clock = [0, 0, 0], [0.0, 0.0]
    above: bool | None = None
    held = False

    def initialize(context: Any) -> None:
        set_commission(PerDollar(cost=COMMISSION))
        set_slippage(FixedBasisPointsSlippage(basis_points=SLIPPAGE_BP, volume_limit=1.0))
        context.asset = symbol("X")

    def handle_data(context: Any, data: Any) -> None:
        nonlocal above, held
        clock[0] = clock[0] or time.process_time()
        close = round(data.current(context.asset, "close") * 1000)
        sums[0] += close - closes[-FAST]
        sums[1] += close - closes[0]
        closes.append(close)
        sums[2] += 1
        gap = sums[0] * SLOW - sums[1] * FAST
        if sums[2] >= SLOW and gap:  # where the means tie nothing has crossed
            now = gap > 0
            if above is not None and now != above and now != held:
                held = now
                order(context.asset, UNITS if now else -UNITS)
            above = now
        clock[1] = time.process_time()

    days = _days(minutes)
    done = run_algorithm(
        start=days[0], end=days[-1], initialize=initialize, handle_data=handle_data, capital_base=CASH,
        data_frequency="minute", bundle="bars", trading_calendar=get_calendar("24/7"),
        benchmark_returns=pd.Series(0.0, index=pd.date_range(days[0], days[-1], tz="UTC")),
    )  # fmt: skip
    orders = sum(len(day) for day in done["transactions"])
    return {"cpu_s": clock[1] - clock[0], "orders": orders, "equity": float(done["portfolio_value"].iloc[-1])}


if __name__ == "__main__":
    main()
