"""Write version 1 of each golden set that there is none of yet.

``python -m scripts.build_golden "Name of who approves"``. Existing sets are left alone; a new version of one is
written by ``tradepulse_cli golden update NAME --reason TEXT``. Indicators come from their written-out definitions on
the shapes of ``quality.shapes``, with TA-Lib, pandas or SciPy as the second source; backtests from vectorbt on real
bars, settlement from published dates, costs from hand arithmetic.
"""

import sys
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from tradepulse.quality.golden import Expected, write_golden
from tradepulse.quality.shapes import LICENCE, SOURCE, shapes

ROOT = Path(__file__).parents[1] / "data" / "golden"
REASON = "first version of the set"
BARS = {
    "source": "Nasdaq Composite, daily, 2015-01-02 to 2016-12-30, from the data of the arch package 8.0.0",
    "licence": "NCSA (arch)",
}
#: A cross of short windows, so that two years hold many trades.
CROSS = {
    "strategy": "sma_cross", "strategy_params": ["fast", "slow"], "fast": 5, "slow": 20, "quantity": 100,
    "cash": 1_000_000.0, "commission_bp": 1.0, "slippage_bp": 2.0,
}  # fmt: skip

#: Trades around each change of the cycle, and around a day on which the exchange trades and banks are closed.
#: Dates: FINRA's notices to members on settlement around Columbus Day 1995 (T+3), and the SEC's on T+2 and T+1.
#: Amounts by hand: quantity times price, plus commission of a purchase, less that of a sale.
SETTLEMENT = """\
fill_id,trade_date,side,quantity,price,commission,settle_date,amount
columbus-1,1995-10-02,buy,100,10.25,1.00,19951005,-1026.00
columbus-2,1995-10-03,sell,200,20.50,2.50,19951006,4097.50
columbus-3,1995-10-04,buy,1,0.01,0,19951010,-0.01
columbus-4,1995-10-05,sell,3,33.33,0.10,19951011,99.89
columbus-5,1995-10-06,buy,10,5.00,0,19951012,-50.00
columbus-6,1995-10-09,sell,10,5.00,0,19951012,50.00
columbus-7,1995-10-10,buy,7,7.77,0.07,19951013,-54.46
last-of-t3,2017-09-01,buy,50,101.10,0.50,20170907,-5055.50
first-of-t2,2017-09-05,sell,50,101.10,0.50,20170907,5054.50
last-of-t2,2024-05-24,buy,2,150.00,0.02,20240529,-300.02
first-of-t1,2024-05-28,sell,2,150.00,0.02,20240529,299.98
"""

#: Prices that are those of the shipped price book, in nano-dollars per hour, GiB hour and GiB.
PRICES = {"cpu": 40_480_000, "memory": 4_445_000, "written": 23_000_000}
#: An hour, half an hour, 36 s and one millisecond of work; the second ends after midnight and belongs to the day on
#: which it began.
USAGE = """\
run_id,step,partition,started_at,team,strategy,environment,outcome,cpu_ms,wall_ms,peak_memory_bytes,written_bytes
r1,a,,2024-03-01T10:00:00Z,data,shared,prod,done,3600000,3600000,1073741824,1073741824
r2,a,,2024-03-01T23:59:59.999Z,data,shared,prod,failed,1800000,1800000,2147483648,0
r3,b,,2024-03-02T00:00:00Z,research,donchian,prod,done,36000,36000,536870912,1048576
r4,c,,2024-03-02T12:00:00Z,trading,champion,prod,done,1,1,1073741824,1
"""
#: 1 h + 0.5 h of CPU at 40,480,000; 1 GiB h twice; 1 GiB. Then 0.01 h of CPU, 0.005 GiB h, 1/1024 GiB (22,460.94); then
#: 11.24, 1.23 and 0.02, each rounded to the nearest.
COSTS = """\
date,team,strategy,environment,meter,steps,cost_nano_usd
2024-03-01,data,shared,prod,cpu,2,60720000
2024-03-01,data,shared,prod,memory,2,8890000
2024-03-01,data,shared,prod,written,2,23000000
2024-03-02,research,donchian,prod,cpu,1,404800
2024-03-02,research,donchian,prod,memory,1,22225
2024-03-02,research,donchian,prod,written,1,22461
2024-03-02,trading,champion,prod,cpu,1,11
2024-03-02,trading,champion,prod,memory,1,1
2024-03-02,trading,champion,prod,written,1,0
"""
_EXACT = "amounts are exact in their smallest unit; 1e-12 only allows for their way through float64"


def main() -> None:
    """Write the missing sets."""
    from tradepulse.core.indicators import indicator, names

    bars = _bars()
    for name in names():
        declared = indicator(name)
        about = {"kind": "indicator", "params": dict(declared.params), "source": SOURCE, "licence": LICENCE}
        if not (ROOT / name).exists():
            _write(name, shapes(declared.inputs, declared.panel), about)
    rows = bars[["session", "open", "high", "low", "close", "volume"]].assign(
        session=bars["session"].dt.strftime("%Y-%m-%d")
    )
    for kind, expected in vectorbt_expected(rows, CROSS).items():
        _write(f"{kind}_sma_cross", rows, {"kind": kind, "params": CROSS, **BARS}, expected)
    trades = pd.read_csv(StringIO(SETTLEMENT))
    own = {"licence": "Apache-2.0 (this project)"}
    _write(
        "settlement_cycles",
        trades.drop(columns=["settle_date", "amount"]),
        {"kind": "settlement", "params": {"calendar": "XNYS"}, "source": "made-up trades on real days", **own},
        Expected(
            trades[["fill_id", "settle_date", "amount"]], ("fill_id",), "FINRA and SEC notices; hand arithmetic", 1e-12,
            _EXACT, "the cycle is that of the trade date; the exchange trades on Columbus Day and nothing settles",
        ),
    )  # fmt: skip
    _write(
        "daily_costs",
        pd.read_csv(StringIO(USAGE), keep_default_na=False),
        {"kind": "costs", "params": PRICES, "source": "made-up steps", **own},
        Expected(
            pd.read_csv(StringIO(COSTS)), ("date", "team", "strategy", "environment", "meter"), "hand arithmetic",
            1e-12, _EXACT, "a step belongs to the day on which it began; each line is rounded half to even",
        ),
    )  # fmt: skip


def _bars() -> pd.DataFrame:
    from tradepulse.ingestion.arch import ArchSource

    bars = ArchSource().bars(date(2015, 1, 2), date(2016, 12, 30)).accepted
    return bars[bars["symbol"] == "NASDAQ"].reset_index(drop=True)


def vectorbt_expected(bars: pd.DataFrame, params: dict[str, Any]) -> dict[str, Expected]:
    """Return trades and equity of a cross of means as pandas signals it and vectorbt accounts for it."""
    import vectorbt as vbt

    index = pd.DatetimeIndex(pd.to_datetime(bars["session"]))
    close, opens = (pd.Series(bars[name].to_numpy(dtype=float), index=index) for name in ("close", "open"))
    above = close.rolling(params["fast"]).mean() > close.rolling(params["slow"]).mean()
    below = close.rolling(params["fast"]).mean() < close.rolling(params["slow"]).mean()
    entries = above & ~above.shift(fill_value=False) & close.rolling(params["slow"]).mean().shift().notna()
    exits = below & ~below.shift(fill_value=False)
    portfolio = vbt.Portfolio.from_signals(
        close,
        entries.shift(fill_value=False),
        exits.shift(fill_value=False),
        price=opens,
        size=params["quantity"],
        fees=params["commission_bp"] / 10_000,
        slippage=params["slippage_bp"] / 10_000,
        init_cash=params["cash"],
        freq="1D",
    )
    records = portfolio.trades.records_readable
    closed = records[records["Status"] == "Closed"]
    trades = pd.DataFrame(
        {
            "entry_session": pd.DatetimeIndex(closed["Entry Timestamp"]).strftime("%Y-%m-%d"),
            "exit_session": pd.DatetimeIndex(closed["Exit Timestamp"]).strftime("%Y%m%d").astype(int),
            "quantity": closed["Size"].astype(int).to_numpy(),
            "entry_price": closed["Avg Entry Price"].to_numpy(),
            "exit_price": closed["Avg Exit Price"].to_numpy(),
            "commission": (closed["Entry Fees"] + closed["Exit Fees"]).to_numpy(),
            "profit": closed["PnL"].to_numpy(),
        }
    )
    equity = pd.DataFrame(
        {"session": bars["session"], "cash": portfolio.cash().to_numpy(), "equity": portfolio.value().to_numpy()}
    )
    source = f"vectorbt {vbt.__version__}: Portfolio.from_signals, on crosses of pandas' rolling means"
    reason = "two years of additions in another order differ in the last digits; 1e-9 is far above them"
    convention = "decided at the close, filled at the next open; commission on the notional after slippage"
    return {
        "backtest_trades": Expected(trades, ("entry_session",), source, 1e-9, reason, convention),
        "backtest_equity": Expected(equity, ("session",), source, 1e-9, reason, convention),
    }


def _write(name: str, inputs: pd.DataFrame, about: dict[str, Any], expected: Expected | None = None) -> None:
    folder = ROOT / name / "v1"
    if not folder.parent.exists():
        write_golden(folder, name, inputs, about, REASON, sys.argv[1], datetime.now(UTC).date(), expected)
        print(f"wrote {folder}")


if __name__ == "__main__":
    main()
