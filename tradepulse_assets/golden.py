"""Golden regression: nothing is computed from indicators that no longer give the golden values."""

from typing import TYPE_CHECKING

import dagster as dg

from tradepulse_assets.home import Home
from tradepulse_assets.table_asset import Rows, plot, table_asset, table_check

if TYPE_CHECKING:
    from tradepulse.quality.check import Check


@table_asset(group="golden", team="quality", kinds=("numpy", "parquet"))
def golden_values(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """What the code computes on the golden inputs, beside values from elsewhere.

    Indicators, trades and equity of a backtest, settlement and daily costs; from TA-Lib, pandas, vectorbt, published
    dates and hand arithmetic.

    Writes the comparison with charts to `reports/data_quality/regressions/`.
    """
    from tradepulse.interfaces.golden import COMPUTERS
    from tradepulse.quality.golden import compare, summary, write_report
    from tradepulse.quality.golden_report import chart

    values = compare(computers=COMPUTERS)
    page = write_report(values, home.reports / "data_quality" / "regressions")
    verdict = summary(values)
    worst = verdict.sort_values(["differing", "largest_difference"])["name"].iloc[-1]
    return Rows(
        values,
        {
            "report": dg.MetadataValue.path(str(page)),
            "verdict": dg.MetadataValue.md(str(verdict.to_markdown(index=False))),
            "worst set": plot(chart(values[values["name"] == worst])),
        },
    )


@table_check(asset="golden_values", team="quality")
def golden_values_match(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Every golden set was compared, and each of its values is met within the tolerance of its set."""
    from tradepulse.quality.check import Check
    from tradepulse.quality.golden import golden_names, summary

    values = home.lake.read("golden_values")
    rows = summary(values).to_dict("records")
    absent = sorted(set(golden_names()) - set(values["name"]))
    return [
        Check("every golden set was compared", len(golden_names()), len(absent), ", ".join(absent)),
        *(
            Check(
                f"{row['name']}.{row['output']}",
                row["values"],
                row["differing"],
                f"largest relative difference {row['largest_difference']:.1e}",
            )
            for row in rows
        ),
    ]
