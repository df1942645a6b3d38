"""Indicators of every symbol, in one long table."""

from typing import TYPE_CHECKING

import dagster as dg

from tradepulse_assets.home import Home
from tradepulse_assets.table_asset import Rows, coverage, plot, table_asset, table_check

if TYPE_CHECKING:
    from tradepulse.quality.check import Check


#: What an indicator may look at.
BAR_VALUES = ("open", "high", "low", "close", "volume")


@table_asset(
    group="indicators", team="research", deps=["bars_history", "bars", "golden_values"], kinds=("numpy", "parquet"),
    columns_from={
        "session": "bars_history.session bars.session", "symbol": "bars_history.symbol bars.symbol",
        "value": " ".join(f"{table}.{column}" for table in ("bars_history", "bars") for column in BAR_VALUES),
    },
)  # fmt: skip
def indicators(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """Every indicator with its default parameters over every bar.

    Runs only behind the golden regression: an indicator that no longer gives its golden values stops here.
    """
    from tradepulse.core.indicators.table import long_table
    from tradepulse.reporting.market import indicators_picture
    from tradepulse.warehouse.bars import read_bars

    bars = read_bars(home.lake)
    table = long_table(bars)
    return Rows(table, {**coverage(home, bars), "last year": plot(indicators_picture(bars, table))})


@table_check(asset="indicators", team="research")
def indicators_are_in_range(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Each indicator has a value for every bar after its warm-up, within the range that it can have."""
    from tradepulse.quality.indicators import ranges_hold

    return ranges_hold(home.lake.read("indicators"))
