"""What should be true of the indicators table."""

import pandas as pd

from tradepulse.core.indicators import indicator
from tradepulse.quality.check import Check


def ranges_hold(table: pd.DataFrame) -> list[Check]:
    """Say of each indicator whether its values are there after warm-up and inside the range they can have.

    Parameters
    ----------
    table : rows of ``indicators``
    """
    checks = []
    for (name, output), rows in table.groupby(["indicator", "output"], sort=True):
        declared = indicator(str(name))
        low, high = declared.ranges.get(str(output), (float("-inf"), float("inf")))
        values = rows["value"]
        outside = int(((values < low) | (values > high)).sum())
        # A NaN that follows a value of the same symbol is a hole, not warm-up.
        begun = values.notna().groupby(rows["symbol"]).cummax()
        holes = 0 if declared.partial else int((begun & values.isna()).sum())
        seen = int(values.notna().sum())
        checks.append(
            Check(
                f"{name}.{output}",
                seen,
                outside + holes,
                f"{outside} outside, {holes} holes" if outside + holes else "",
            )
        )
    return checks
