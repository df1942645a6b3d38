"""FinOps: what every step of every run cost, and who pays."""

from typing import TYPE_CHECKING

import dagster as dg

from tradepulse_assets.home import Home
from tradepulse_assets.table_asset import Rows, plot, table_asset, table_check

if TYPE_CHECKING:
    from tradepulse.quality.check import Check


@table_asset(group="finops", team="finops", deps=["released_signals", "settlement"])
def usage(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """What each step of each run consumed: processor and elapsed time, memory, bytes written; failed steps too."""
    return Rows(home.usage.frame())


@table_check(asset="usage", team="finops")
def usage_was_measured(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Something was measured, and no step has usage that nobody is named for."""
    from tradepulse.finops.usage import UNTAGGED
    from tradepulse.quality.check import Check

    frame = home.lake.read("usage")
    nobody = int((frame["team"] == UNTAGGED).sum())
    return [Check("steps were measured", len(frame), 0), Check("each step has a team", len(frame), nobody)]


@table_asset(group="finops", team="finops", deps=["usage"])
def costs(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """The cost ledger: usage times the price of its day, one line per step and meter, in exact integers."""
    from tradepulse.finops.attribution import cost_lines
    from tradepulse.finops.prices import load_prices

    lines = cost_lines(home.lake.read("usage"), load_prices())
    return Rows(lines, {"total USD": int(lines["cost_nano_usd"].sum()) / 1e9})


@table_check(asset="costs", team="finops")
def every_step_is_priced(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """Each measured step has a line for each meter."""
    from tradepulse.finops.prices import METERS
    from tradepulse.quality.check import Check

    steps, lines = home.lake.read("usage"), home.lake.read("costs")
    return Check("every_step_is_priced", len(steps), abs(len(steps) * len(METERS) - len(lines)))


@table_asset(group="finops", team="finops", deps=["costs"], kinds=("duckdb", "parquet"))
def daily_costs(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """The ledger rolled up by day, team, strategy, environment and meter, by DuckDB."""
    from tradepulse.finops.attribution import spend
    from tradepulse.reporting.costs import costs_picture
    from tradepulse.warehouse.costs import daily_costs as rolled_up

    rows = rolled_up(home.lake)
    by_team = spend(rows, ["team", "strategy", "environment"])
    by_team["cost_usd"] = by_team.pop("cost_nano_usd") / 1e9
    return Rows(
        rows,
        {"by team": dg.MetadataValue.md(str(by_team.to_markdown(index=False))), "spend": plot(costs_picture(rows))},
    )


@table_check(asset="daily_costs", team="finops")
def parts_equal_the_total(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """The roll-up equals the ledger to the last nano-dollar, and its parts in cents add up to its total in cents."""
    from tradepulse.finops.attribution import rounded, spend
    from tradepulse.quality.check import Check

    ledger, rows = home.lake.read("costs"), home.lake.read("daily_costs")
    total = int(ledger["cost_nano_usd"].sum())
    parts = spend(rows, ["team", "strategy", "environment"])["cost_nano_usd"].tolist()
    in_cents = sum(rounded(parts)) == rounded([total])[0]
    return [
        Check("roll-up and ledger", len(ledger), int(total != int(rows["cost_nano_usd"].sum())), f"{total:,} nano USD"),
        Check("parts and total in cents", len(parts), 0 if in_cents else 1),
    ]
