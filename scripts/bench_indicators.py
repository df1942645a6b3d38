"""Benchmark of the indicators: arrays beside TA-Lib and others, streams bar by bar, the slow ones by themselves.

``make bench-indicators`` writes ``reports/performance/indicators.md``. Each figure stands beside its peers in the same
run on one core, the fastest of several rounds taken in turn, because machines differ and this one may be busy. Peers
that are not installed are left out: TA-Lib and vectorbt come with the environment, the others with
``pip install polars pandas-ta-classic talipp``.
"""

import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

POINTS, ROUNDS = 1_000_000, 7
Columns = Mapping[str, Any]

#: Our call and TA-Lib's, with our default parameters unless they are named.
TALIB: dict[str, tuple[dict[str, float], Callable[[Any, Columns], Any]]] = {
    "sma": ({}, lambda ta, c: ta.SMA(c["close"], 20)),
    "ema": ({}, lambda ta, c: ta.EMA(c["close"], 20)),
    "wma": ({}, lambda ta, c: ta.WMA(c["close"], 20)),
    "dema": ({}, lambda ta, c: ta.DEMA(c["close"], 20)),
    "tema": ({}, lambda ta, c: ta.TEMA(c["close"], 20)),
    "kama": ({}, lambda ta, c: ta.KAMA(c["close"], 10)),
    "rsi": ({}, lambda ta, c: ta.RSI(c["close"], 14)),
    "stochastic": ({}, lambda ta, c: ta.STOCH(c["high"], c["low"], c["close"], 14, 3, 0, 3, 0)),
    "stochastic_rsi": ({}, lambda ta, c: ta.STOCHRSI(c["close"], 14, 14, 3, 0)),
    "williams_r": ({}, lambda ta, c: ta.WILLR(c["high"], c["low"], c["close"], 14)),
    "cci": ({}, lambda ta, c: ta.CCI(c["high"], c["low"], c["close"], 20)),
    "roc": ({}, lambda ta, c: ta.ROC(c["close"], 10)),
    "momentum": ({}, lambda ta, c: ta.MOM(c["close"], 10)),
    "macd": ({}, lambda ta, c: ta.MACD(c["close"], 12, 26, 9)),
    "ppo": ({}, lambda ta, c: (ta.PPO(c["close"], 12, 26, 1), ta.EMA(c["close"], 9))),
    "trix": ({}, lambda ta, c: ta.TRIX(c["close"], 15)),
    "aroon": ({}, lambda ta, c: (ta.AROON(c["high"], c["low"], 14), ta.AROONOSC(c["high"], c["low"], 14))),
    "adx": (
        {},
        lambda ta, c: [f(c["high"], c["low"], c["close"], 14) for f in (ta.ADX, ta.PLUS_DI, ta.MINUS_DI)],
    ),
    "parabolic_sar": ({}, lambda ta, c: ta.SAR(c["high"], c["low"], 0.02, 0.2)),
    "atr": ({}, lambda ta, c: ta.ATR(c["high"], c["low"], c["close"], 14)),
    "natr": ({}, lambda ta, c: ta.NATR(c["high"], c["low"], c["close"], 14)),
    "true_range": ({}, lambda ta, c: ta.TRANGE(c["high"], c["low"], c["close"])),
    "bollinger": ({}, lambda ta, c: ta.BBANDS(c["close"], 20, 2.0, 2.0)),
    "donchian": ({}, lambda ta, c: (ta.MAX(c["high"], 20), ta.MIN(c["low"], 20), ta.MIDPRICE(c["high"], c["low"], 20))),
    "standard_deviation": ({}, lambda ta, c: ta.STDDEV(c["close"], 20)),
    "obv": ({}, lambda ta, c: ta.OBV(c["close"], c["volume"])),
    "mfi": ({}, lambda ta, c: ta.MFI(c["high"], c["low"], c["close"], c["volume"], 14)),
    "accumulation_distribution": ({}, lambda ta, c: ta.AD(c["high"], c["low"], c["close"], c["volume"])),
    "chaikin_oscillator": ({}, lambda ta, c: ta.ADOSC(c["high"], c["low"], c["close"], c["volume"], 3, 10)),
    "linear_regression_slope": ({}, lambda ta, c: ta.LINEARREG_SLOPE(c["close"], 14)),
}


def _pandas(c: Columns) -> dict[str, Callable[[], Any]]:
    close: Any
    close, high, low = (pd.Series(c[name]) for name in ("close", "high", "low"))

    def rsi() -> Any:
        change = close.diff()
        up, down = (side.clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean() for side in (change, -change))
        return 100 * up / (up + down)

    def atr() -> Any:
        before = close.shift()
        ranges: Any = np.maximum(high, before) - np.minimum(low, before)
        return ranges.ewm(alpha=1 / 14, adjust=False).mean()

    def macd() -> Any:
        line = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
        return line, line.ewm(span=9, adjust=False).mean()

    def bands() -> Any:
        runs = close.rolling(20)
        mean, reach = runs.mean(), 2 * runs.std(ddof=0)
        return mean, mean + reach, mean - reach

    return {
        "sma": lambda: close.rolling(20).mean(),
        "ema": lambda: close.ewm(span=20, adjust=False).mean(),
        "rsi": rsi,
        "atr": atr,
        "macd": macd,
        "bollinger": bands,
    }


def _polars(c: Columns) -> dict[str, Callable[[], Any]]:
    import polars as pl

    frame = pl.DataFrame({name: c[name] for name in ("close", "high", "low")})
    close, high, low = pl.col("close"), pl.col("high"), pl.col("low")
    change = close.diff()
    up, down = (side.clip(lower_bound=0).ewm_mean(alpha=1 / 14, adjust=False) for side in (change, -change))
    before = close.shift()
    ranges = pl.max_horizontal(high, before) - pl.min_horizontal(low, before)
    line = close.ewm_mean(span=12, adjust=False) - close.ewm_mean(span=26, adjust=False)
    mean, reach = close.rolling_mean(20), 2 * close.rolling_std(20, ddof=0)
    wanted = {
        "sma": [mean],
        "ema": [close.ewm_mean(span=20, adjust=False)],
        "rsi": [100 * up / (up + down)],
        "atr": [ranges.ewm_mean(alpha=1 / 14, adjust=False)],
        "macd": [line.alias("line"), line.ewm_mean(span=9, adjust=False).alias("signal")],
        "bollinger": [mean.alias("mean"), (mean + reach).alias("upper"), (mean - reach).alias("lower")],
    }
    return {name: lambda what=what: frame.select(what) for name, what in wanted.items()}  # type: ignore[misc]


def _pandas_ta(c: Columns) -> dict[str, Callable[[], Any]]:
    import pandas_ta_classic as ta

    close, high, low = (pd.Series(c[name]) for name in ("close", "high", "low"))
    return {
        "sma": lambda: ta.sma(close, 20, talib=False),
        "ema": lambda: ta.ema(close, 20, talib=False),
        "rsi": lambda: ta.rsi(close, 14, talib=False),
        "atr": lambda: ta.atr(high, low, close, 14, talib=False),
        "macd": lambda: ta.macd(close, 12, 26, 9, talib=False),
        "bollinger": lambda: ta.bbands(close, 20, 2, talib=False),
    }


def _vectorbt(c: Columns) -> dict[str, Callable[[], Any]]:
    import vectorbt as vbt

    close, high, low = (pd.Series(c[name]) for name in ("close", "high", "low"))
    return {
        "sma": lambda: vbt.MA.run(close, 20).ma,
        "ema": lambda: vbt.MA.run(close, 20, ewm=True).ma,
        "rsi": lambda: vbt.RSI.run(close, 14).rsi,
        "atr": lambda: vbt.ATR.run(high, low, close, 14).atr,
        "macd": lambda: vbt.MACD.run(close).macd,
        "bollinger": lambda: vbt.BBANDS.run(close, 20).upper,
    }


PEERS: dict[str, tuple[str, Callable[[Columns], dict[str, Callable[[], Any]]]]] = {
    "pandas": ("pandas", _pandas),
    "polars": ("polars", _polars),
    "pandas-ta-classic": ("pandas_ta_classic", _pandas_ta),
    "vectorbt": ("vectorbt", _vectorbt),
}


def columns(points: int) -> dict[str, Any]:
    """Return a random walk of bars as arrays."""
    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, points)))
    opens = np.concatenate([[100.0], close[:-1]])
    return {
        "session": np.arange(points) // 390.0,
        "open": opens,
        "high": np.maximum(opens, close) * (1 + np.abs(rng.normal(0, 5e-4, points))),
        "low": np.minimum(opens, close) * (1 - np.abs(rng.normal(0, 5e-4, points))),
        "close": close,
        "volume": rng.integers(100, 10_000, points).astype(float),
    }


def fastest(calls: Mapping[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the CPU seconds of each call, the fastest of several rounds in which all take turns."""
    best = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - started)
    return best


def arrays(points: int) -> list[dict[str, Any]]:
    """Return nanoseconds per point of ours and of each peer that is there."""
    import talib

    from tradepulse.core.indicators import indicator

    bars = columns(points)
    peers = {name: made(bars) for name, (module, made) in PEERS.items() if find_spec(module)}
    rows = []
    for name, (params, theirs) in TALIB.items():
        declared = indicator(name)
        calls: dict[str, Callable[[], Any]] = {
            "ours": lambda d=declared, p=params: d(bars, **p),  # type: ignore[misc]
            "TA-Lib": lambda t=theirs: t(talib, bars),  # type: ignore[misc]
        }
        calls |= {peer: made[name] for peer, made in peers.items() if name in made}
        seconds = fastest(calls)
        rows.append({"indicator": name} | {who: best / points * 1e9 for who, best in seconds.items()})
        print(f"{name}: " + ", ".join(f"{who} {best / points * 1e9:.2f}" for who, best in seconds.items()), flush=True)
    return rows


def streams() -> list[dict[str, Any]]:
    """Return microseconds per bar of each indicator's stream, and of talipp's where it is there."""
    from datetime import date

    from tradepulse.core.indicators import indicator, names
    from tradepulse.core.indicators.base import BAR_COLUMNS
    from tradepulse.core.market import Bar

    c = columns(2_000)
    prices = zip(*(c[name].tolist() for name in ("open", "high", "low", "close", "volume")), strict=True)
    days = [date.fromordinal(735_000 + int(day)) for day in c["session"]]
    bars = [Bar(day, day, "AAA", *row) for day, row in zip(days, prices, strict=True)]  # type: ignore[arg-type]
    rows = []
    for name in names():
        declared = indicator(name)
        if declared.panel or not set(declared.inputs) <= set(BAR_COLUMNS):
            continue
        best = float("inf")
        for _ in range(5):
            update = declared.stream().update
            started = time.perf_counter()
            for bar in bars:
                update(bar)
            best = min(best, time.perf_counter() - started)
        rows.append({"indicator": name, "microseconds": best / len(bars) * 1e6})
    return rows


def special() -> list[dict[str, Any]]:
    """Return seconds over 100,000 bars of the indicators that look at a whole window for each bar."""
    from tradepulse.core.indicators import indicator

    bars = columns(100_000)
    panel = {**bars, "close": np.column_stack([bars["close"], bars["open"], bars["high"] + bars["low"]])}
    wanted = ("hurst", "shannon_entropy", "weighted_entropy", "ricci", "temporal_ricci", "regime", "vpin", "hasbrouck")
    calls: dict[str, Callable[[], Any]] = {name: partial(indicator(name), bars) for name in wanted}
    calls["kuramoto"] = partial(indicator("kuramoto"), panel)
    return [{"indicator": name, "seconds": best} for name, best in fastest(calls, rounds=2).items()]


def page(table: list[dict[str, Any]], online: list[dict[str, Any]], slow: list[dict[str, Any]]) -> str:
    """Return the figures as Markdown."""
    frame = pd.DataFrame(table)
    ratio = frame["ours"] / frame["TA-Lib"]
    frame.insert(3, "ours / TA-Lib", ratio)
    parts = [
        "# Indicators",
        f"{POINTS:,} bars, nanoseconds of CPU time per bar on one core. Geometric mean of ours over TA-Lib: "
        f"{np.exp(np.log(ratio).mean()):.2f}.",
        frame.to_markdown(index=False, floatfmt=".2f"),
        "Seconds over 100,000 bars:",
        pd.DataFrame(slow).to_markdown(index=False, floatfmt=".3f"),
        "Bar by bar, microseconds per update:",
        pd.DataFrame(online).to_markdown(index=False, floatfmt=".2f"),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Run all and write the page."""
    text = page(arrays(POINTS), streams(), special())
    path = Path("reports/performance/indicators.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
