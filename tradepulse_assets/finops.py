"""FinOps: what every step of every run cost, and who pays."""

from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from tradepulse_assets.home import Home
from tradepulse_assets.table_asset import Rows, plot, table_asset, table_check

if TYPE_CHECKING:
    from tradepulse.finops.suggestions.base import Suggestion
    from tradepulse.quality.check import Check

_TAGS = {"team": "finops", "strategy": "shared"}
#: What has a price.
_METERED = (
    "usage.cpu_ms usage.wall_ms usage.peak_memory_bytes usage.written_bytes usage.read_bytes usage.gpu_ms "
    "usage.held_byte_hours"
)


@table_asset(group="finops", team="finops", deps=["released_signals", "settlement"])
def usage(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """What each step of each run consumed: processor and elapsed time, memory, bytes, GPU time; failed steps too.

    And what each table and folder has held since the last look, in byte hours.
    """
    home.meter_storage()
    return Rows(home.usage.frame())


@table_check(asset="usage", team="finops")
def usage_was_measured(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Something was measured, and no step has usage that nobody is named for."""
    from tradepulse.finops.usage import HELD, UNTAGGED
    from tradepulse.quality.check import Check

    frame = home.lake.read("usage")
    # A table that was taken in by hand is nobody's step; what it holds is shown as untagged.
    nobody = int(((frame["team"] == UNTAGGED) & (frame["outcome"] != HELD)).sum())
    return [Check("steps were measured", len(frame), 0), Check("each step has a team", len(frame), nobody)]


@table_asset(
    group="finops", team="finops", deps=["usage"], same_as="usage",
    columns_from={"date": "usage.started_at", "amount": _METERED, "cost_nano_usd": _METERED},
)  # fmt: skip
def costs(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """The cost ledger: usage times the price of its day, one line per step and meter, in exact integers."""
    from tradepulse.finops.attribution import cost_lines
    from tradepulse.finops.prices import load_prices

    lines = cost_lines(home.lake.read("usage"), load_prices())
    return Rows(lines, {"total USD": int(lines["cost_nano_usd"].sum()) / 1e9})


@table_check(asset="costs", team="finops")
def every_step_is_priced(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """Each measured step has a line for each meter that it has to have, and for what else it used."""
    from tradepulse.finops.prices import ALWAYS
    from tradepulse.finops.usage import HELD
    from tradepulse.quality.check import Check

    steps, lines = home.lake.read("usage"), home.lake.read("costs")
    held = int((steps["outcome"] == HELD).sum())
    sometimes = int((steps["read_bytes"] > 0).sum() + (steps["gpu_ms"] > 0).sum())
    wanted = (len(steps) - held) * len(ALWAYS) + sometimes + held
    return Check("every_step_is_priced", len(steps), abs(wanted - len(lines)))


@table_asset(
    group="finops", team="finops", deps=["costs"], kinds=("duckdb", "parquet"), same_as="costs",
    columns_from={"steps": "costs.run_id costs.step costs.started_at"},
)  # fmt: skip
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


def _suggested(home: Home) -> "tuple[list[Suggestion], int]":
    """Return the suggestions on everything measured up to now, and what all of it cost, in nano-dollars."""
    from tradepulse.finops.suggestions.base import suggestions
    from tradepulse.finops.suggestions.verified import verified

    costs = home.lake.read("costs")
    bills = home.lake.read("bills") if home.lake.partitions("bills") else None
    found = suggestions(costs, home.usage.outputs(), home.lake.read("trials"), bills)
    return verified(found, home.reports / "finops" / "verified"), int(costs["cost_nano_usd"].sum())


@dg.asset(
    group_name="finops", owners=["team:finops"], tags=_TAGS, kinds={"html"}, deps=["costs"], code_version="1",
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=26)),
)  # fmt: skip
def cost_page(context: dg.AssetExecutionContext, home: Home) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The whole picture of cost on one page, its metrics for Prometheus, and those told who have to know.

    Opens an incident where a team deviated from its forecast, and posts it to the channels in `TRADEPULSE_PAGE_TO` and
    `TRADEPULSE_WARN_TO`; what one backtest, order and promoted strategy have cost is in the metadata.
    """
    from datetime import UTC, datetime

    from tradepulse.core.tables import table
    from tradepulse.finops.alerts import channels, post
    from tradepulse.finops.burn import look
    from tradepulse.finops.incidents import Incidents
    from tradepulse.finops.metrics import metrics
    from tradepulse.finops.page import write_cost_page
    from tradepulse.finops.units import units

    with home.metered(context, "cost_page", _TAGS):
        now, folder = datetime.now(UTC), home.reports / "finops"
        costs, (found, _) = home.lake.read("costs"), _suggested(home)
        tables = [home.lake.read(name) if home.lake.partitions(name) else table(name).no_rows() for name in _UNITS_OF]
        incidents = Incidents(folder / "incidents")
        seen, each = look(costs, incidents, now), units(costs, *tables)
        page = write_cost_page(costs, seen, each, found, folder / "costs.html")
        (folder / "costs.prom").write_text(metrics(costs, seen, each, found))
        failed = post(incidents, channels(), now)
        for line in failed:
            context.log.warning(line)
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.path(str(page)),
                "measured USD": seen.total_nano_usd / 1e9,
                "incidents waiting": len(seen.waiting),
                "not posted": len(failed),
                **{f"USD per {one.name}": one.each_nano_usd / 1e9 for one in each[:5] if one.each_nano_usd is not None},
            }
        )


@table_check(asset="cost_page", team="finops")
def every_view_says_the_same(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """The ledger's total is that of the metrics to the nano-dollar, and that of the page."""
    from decimal import Decimal

    from tradepulse.finops.attribution import rounded
    from tradepulse.quality.check import Check

    folder, total = home.reports / "finops", int(home.lake.read("costs")["cost_nano_usd"].sum())
    lines = [
        line for line in (folder / "costs.prom").read_text().splitlines() if line.startswith("tradepulse_cost_usd")
    ]
    metered = sum(Decimal(line.rpartition(" ")[2]) for line in lines) * 10**9
    shown = f"USD {rounded([total], 6)[0]}" in (folder / "costs.html").read_text()
    return [
        Check("ledger and metrics", len(lines), int(round(metered) != total), f"{total:,} nano USD"),
        Check("ledger and page", 1, int(not shown)),
    ]


#: Tables that unit costs are counted by.
_UNITS_OF = ("trials", "promotions", "orders")


@dg.asset(
    group_name="finops", owners=["team:finops"], tags=_TAGS, kinds={"html"}, deps=["costs", "trials"], code_version="1",
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(days=8)),
)  # fmt: skip
def recommendations(context: dg.AssetExecutionContext, home: Home) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """What could cost less, with its evidence: steps that wrote what was there, long sweeps, trials asked twice.

    The page of the week is in `reports/finops/recommendations`; `tradepulse_cli finops suggestions` says the same at
    any time. Of each saving the part is named of which the records prove that nothing would have come out differently.
    """
    from datetime import UTC, datetime

    from tradepulse.finops.suggestions.report import write_recommendations

    with home.metered(context, "recommendations", _TAGS):
        found, total = _suggested(home)
        folder = home.reports / "finops" / "recommendations"
        page = write_recommendations(found, total, folder, datetime.now(UTC).date())
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.path(str(page)),
                "suggestions": len(found),
                "proven saving USD": sum(one.proven_nano_usd for one in found) / 1e9,
                "measured USD": total / 1e9,
            }
        )


@table_check(asset="recommendations", team="finops")
def savings_are_no_larger_than_the_cost(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """What is proven is part of what is expected, that of what was measured or billed, and each run was measured."""
    from tradepulse.quality.check import Check

    found, total = _suggested(home)
    measured = set(home.lake.read("costs")["run_id"])
    # What is idle is on the bill and was not measured.
    most = {one.id: one.expected_nano_usd if one.kind == "idle" else total for one in found}
    wrong = [one.id for one in found if not 0 <= one.proven_nano_usd <= one.expected_nano_usd <= most[one.id]]
    unknown = {run for one in found if one.kind == "unchanged" for run in one.evidence} - measured
    return [
        Check("proven, expected, spent", 1 + len(found), len(wrong), ", ".join(wrong)),
        Check("runs that were measured", len(measured), len(unknown), ", ".join(sorted(unknown)[:3])),
    ]
