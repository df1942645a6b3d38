"""Bars and price paths that property tests draw, and the small ones that examples are written with."""

from datetime import date

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from tradepulse.core.sessions import calendar

FIRST = date(2015, 1, 2)


def bars_of(closes, opens=None, highs=None, lows=None, symbol="AAA", volume=1000.0) -> pd.DataFrame:
    """Return valid bars with these closes on consecutive sessions of XNYS; opens repeat the close by default."""
    closes = np.asarray(closes, dtype=float)
    opens = closes if opens is None else np.asarray(opens, dtype=float)
    exchange = calendar()
    sessions = exchange.sessions(FIRST, date(2027, 10, 29))[: len(closes)]
    assert len(sessions) == len(closes)
    return pd.DataFrame(
        {
            "ts": pd.DatetimeIndex([exchange.open_at(day) for day in sessions], tz="UTC").as_unit("ns"),
            "session": pd.DatetimeIndex(sessions).as_unit("ns"),
            "symbol": pd.Series([symbol] * len(closes), dtype="str"),
            "open": opens,
            "high": np.maximum(opens, closes) if highs is None else np.asarray(highs, dtype=float),
            "low": np.minimum(opens, closes) if lows is None else np.asarray(lows, dtype=float),
            "close": closes,
            "volume": np.full(len(closes), volume, dtype=float),
            "open_is_stale": np.zeros(len(closes), dtype=bool),
            "source": pd.Series(["test"] * len(closes), dtype="str"),
            "source_hash": pd.Series(["0" * 16] * len(closes), dtype="str"),
        }
    )


def random_walk(seed: int, n: int, *, deviation: float = 0.01) -> pd.DataFrame:
    """Return bars of a martingale: each open and close is the price before it times an independent factor of mean 1."""
    rng = np.random.default_rng(seed)
    steps = np.exp(deviation / np.sqrt(2) * rng.standard_normal(2 * n) - deviation**2 / 4)
    path = 100 * np.cumprod(steps)
    opens, closes = path[::2], path[1::2]
    reach = np.abs(rng.standard_normal((2, n))) * deviation / 4
    highs = np.maximum(opens, closes) * (1 + reach[0])
    lows = np.minimum(opens, closes) * (1 - reach[1])
    return bars_of(closes, opens, highs, lows)


@st.composite
def price_bars(draw, min_size=1, max_size=60):
    """Draw valid bars with prices in cents, ties and repeats included."""
    n = draw(st.integers(min_size, max_size))
    cents = st.integers(100, 10_000)
    quads = [sorted(draw(st.tuples(cents, cents, cents, cents))) for _ in range(n)]
    swap = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    rows = [(q[2], q[3], q[0], q[1]) if s else (q[1], q[3], q[0], q[2]) for q, s in zip(quads, swap, strict=True)]
    opens, highs, lows, closes = (np.array(column) / 100 for column in zip(*rows, strict=True))
    return bars_of(closes, opens, highs, lows)


@st.composite
def walks(draw, min_size=1, max_size=250):
    """Draw bars of a random walk."""
    return random_walk(draw(st.integers(0, 2**32 - 1)), draw(st.integers(min_size, max_size)))
