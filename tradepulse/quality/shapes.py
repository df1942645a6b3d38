"""The series that golden indicators are compared on: made shapes, each with its own trap, and a slice of real bars."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

BARS = 170
SOURCE = (
    "made shapes (ramp, constant, gaps, nan_head, extreme) and the first 170 sessions of 2015 of the Nasdaq Composite, "
    "from the data of the arch package 8.0.0 (real)"
)
LICENCE = "Apache-2.0 (made shapes, this project); NCSA (arch)"


def _shape(close: Any, volume: Any, reach: float = 0.01, opens: Any = None) -> dict[str, Any]:
    opens = np.concatenate([close[:1], close[:-1]]) if opens is None else opens
    wave = 1 + reach * (0.3 + 0.2 * np.sin(1.7 * np.arange(len(close))))
    return {
        "open": opens,
        "high": np.maximum(opens, close) * wave,
        "low": np.minimum(opens, close) / wave,
        "close": close,
        "volume": volume,
    }


def _made() -> dict[str, dict[str, Any]]:
    t = np.arange(BARS, dtype=float)
    rng = np.random.default_rng(20150102)
    flat = np.full(BARS, 50.0)
    walk = 80 * np.exp(np.cumsum(rng.normal(0, 0.01, BARS)))
    walk[50:] *= 1.25
    walk[120:] *= 0.7
    swing = 30 + t / 10 + 5 * np.sin(t / 5)
    wild = 10 ** rng.uniform(-2, 5, BARS)
    shapes = {
        "ramp": _shape(100 + t, 1000 + 10 * t, reach=0.02),
        "constant": dict.fromkeys(("open", "high", "low", "close"), flat) | {"volume": np.full(BARS, 700.0)},
        "gaps": _shape(walk, rng.integers(100, 10_000, BARS).astype(float)),
        "nan_head": _shape(swing, np.round(2000 + 1500 * np.cos(t / 3))),
        "extreme": _shape(wild, np.round(10 ** rng.uniform(0, 9, BARS)), reach=2.0),
    }
    shapes["gaps"]["volume"][[10, 11]] = 0.0
    missing = {"gaps": [20, 21, 145], "nan_head": list(range(25))}
    for name, bars in missing.items():
        for column in shapes[name].values():
            column[bars] = np.nan
    return shapes


def shapes(inputs: tuple[str, ...], panel: bool) -> pd.DataFrame:
    """Return the columns that an indicator reads, with ``shape`` before them; of a panel three symbols, NAME.1 to 3."""
    from tradepulse.ingestion.arch import ArchSource

    bars = ArchSource().bars(date(2015, 1, 2), date(2016, 12, 30)).accepted
    real = bars[bars["symbol"] == "NASDAQ"].head(BARS)
    prices = ("open", "high", "low", "close", "volume")
    made = _made() | {"real": {name: real[name].to_numpy(dtype=float) for name in prices}}
    parts = []
    for name, columns in made.items():
        frame = pd.DataFrame(columns)
        frame["session"] = np.arange(BARS) // 7 if name != "real" else np.arange(BARS)
        # Quotes in ticks of a cent about the close, with what the bar's volume would show.
        frame["bid"] = np.floor(frame["close"] * 100) / 100
        frame["ask"] = frame["bid"] + 0.01
        frame["bid_size"] = np.floor(frame["volume"] % 97)
        frame["ask_size"] = np.floor(frame["volume"] % 89)
        if panel:
            for column in inputs:
                lag = frame[column].shift(5).fillna(frame[column])
                frame[f"{column}.1"], frame[f"{column}.2"] = frame[column], frame[column] * (2 - 1e-3 * lag)
                frame[f"{column}.3"] = frame["open"] + frame["high"]
        names = [f"{column}.{place}" for column in inputs for place in (1, 2, 3)] if panel else list(inputs)
        parts.append(frame[names].assign(shape=name)[["shape", *names]])
    return pd.concat(parts, ignore_index=True).round(6)
