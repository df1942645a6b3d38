"""The cost ledger rolled up, by DuckDB in exact integers."""

import pandas as pd

from tradepulse.warehouse.lake import Lake

#: What daily costs are rolled up by.
KEYS = ("date", "team", "strategy", "environment", "meter")


def daily_costs(lake: Lake) -> pd.DataFrame:
    """Return rows of ``daily_costs``: the cost ledger in the lake by day, team, strategy, environment and meter."""
    keys = ", ".join(KEYS)
    frame = lake.query(
        f"SELECT {keys}, count(DISTINCT run_id || step || started_at)::BIGINT AS steps, "
        f"sum(cost_nano_usd)::BIGINT AS cost_nano_usd FROM costs GROUP BY {keys} ORDER BY {keys}"
    )
    frame["date"] = frame["date"].dt.as_unit("ns")
    return frame.astype(dict.fromkeys(KEYS[1:], "str"))
