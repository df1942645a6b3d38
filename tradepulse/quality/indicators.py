"""What should be true of the indicators table."""

import pandas as pd

from tradepulse.quality.check import Check

#: Range that an output can have, by indicator and output.
RANGES = {
    ("rsi", "rsi"): (0.0, 100.0),
    ("atr", "atr"): (0.0, float("inf")),
    ("bollinger", "bandwidth"): (0.0, float("inf")),
    ("sma", "sma"): (0.0, float("inf")),
    ("ema", "ema"): (0.0, float("inf")),
}


def ranges_hold(table: pd.DataFrame) -> list[Check]:
    """Say of each indicator whether its values are there after warm-up and inside the range they can have.

    Parameters
    ----------
    table : rows of ``indicators``
    """
    checks = []
    for (name, output), rows in table.groupby(["indicator", "output"], sort=True):
        low, high = RANGES.get((str(name), str(output)), (float("-inf"), float("inf")))
        values = rows["value"]
        outside = int(((values < low) | (values > high)).sum())
        # A NaN that follows a value of the same symbol is a hole, not warm-up.
        begun = values.notna().groupby(rows["symbol"]).cummax()
        holes = int((begun & values.isna()).sum())
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
