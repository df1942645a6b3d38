"""Which results were made from data that have changed since: exactly those, and no others."""

import pandas as pd

from tradepulse.core.tables.base import content_hash
from tradepulse.warehouse.bars import HISTORY, read_bars
from tradepulse.warehouse.lake import Lake


def stale(lake: Lake) -> pd.DataFrame:
    """Return the partitions whose rows name another data version than their bars have now.

    Signals name the hash of every bar that they saw, trials that of their sample; both are computed anew. What is made
    of a stale signal is stale with it: its release, and the orders decided on it.

    Parameters
    ----------
    lake : lake

    Returns
    -------
    DataFrame of ``table``, ``partition``, ``symbol``, ``made_from`` and ``now`` (data versions), in the order of the
    chain
    """
    rows: list[dict[str, str]] = []

    def compare(name: str, partition: str, symbol: str, made_from: str, bars: pd.DataFrame) -> bool:
        now = content_hash(bars.reset_index(drop=True))
        if now == made_from:
            return False
        rows.append({"table": name, "partition": partition, "symbol": symbol, "made_from": made_from, "now": now})
        return True

    if lake.partitions("trials") and lake.partitions(HISTORY):
        history = lake.read(HISTORY, model="bars")
        newest = lake.read("trials").drop_duplicates("symbol", keep="last")
        for symbol, made_from, last in newest[["symbol", "data_version", "last_session"]].itertuples(index=False):
            seen = history[(history["symbol"] == symbol) & (history["session"] <= last)]
            compare("trials", "all", symbol, made_from, seen)
    sessions = lake.partitions("signals")
    if sessions:
        signals = lake.read("signals", sessions)
        for symbol, mine in signals.groupby("symbol", sort=True):
            bars = read_bars(lake, symbols=[str(symbol)])
            for session, made_from in mine[["session", "data_version"]].itertuples(index=False):
                day = f"{session:%Y-%m-%d}"
                if compare("signals", day, str(symbol), made_from, bars[bars["session"] <= session]):
                    last = rows[-1]
                    rows += [{**last, "table": made} for made in ("released_signals", "orders") if lake.has(made, day)]
    return pd.DataFrame(rows, columns=["table", "partition", "symbol", "made_from", "now"])
