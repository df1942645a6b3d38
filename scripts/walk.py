"""A random walk of minutes, as columns and as a table: what engines are timed on."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def walk(n: int, seed: int = 1) -> dict[str, Any]:
    """Return the columns of n bars; no two means of it ever tie, so that all engines see the same crosses."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, n)))
    opened = np.concatenate([[100.0], close[:-1]]) * (1 + random.normal(0, 2e-4, n))
    ts = (np.datetime64("2000-01-03", "m") + np.arange(n)).astype("datetime64[ns]")
    return {
        "ts": ts, "session": ts.astype("datetime64[D]"), "symbol": ["X"] * n, "open": opened,
        "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close, "volume": np.full(n, 1e4),
    }  # fmt: skip


def bars_of(n: int, seed: int = 1) -> "pd.DataFrame":
    """Return the same as a table."""
    import pandas as pd

    columns = walk(n, seed)
    ts = pd.DatetimeIndex(columns["ts"], tz="UTC")
    return pd.DataFrame({**columns, "ts": ts, "session": columns["session"].astype("datetime64[ns]")})
