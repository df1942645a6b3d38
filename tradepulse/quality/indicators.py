"""What should be true of the indicators table."""

import pandas as pd

from tradepulse.quality.check import Check

_PERCENT = {
    "mfi": ("mfi",),
    "adx": ("adx", "plus_di", "minus_di"),
    "stochastic": ("k", "d"),
    "stochastic_rsi": ("k", "d"),
    "aroon": ("up", "down"),
}
_NOT_NEGATIVE = (
    "wma", "dema", "tema", "kama", "hma", "natr", "true_range", "parabolic_sar", "standard_deviation",
    "historical_volatility", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang",
)  # fmt: skip
#: Range that an output can have, by indicator and output.
RANGES = {
    ("rsi", "rsi"): (0.0, 100.0),
    ("atr", "atr"): (0.0, float("inf")),
    ("bollinger", "bandwidth"): (0.0, float("inf")),
    ("sma", "sma"): (0.0, float("inf")),
    ("ema", "ema"): (0.0, float("inf")),
    **{(name, output): (0.0, 100.0) for name, outputs in _PERCENT.items() for output in outputs},
    **{(name, name): (0.0, float("inf")) for name in _NOT_NEGATIVE},
    ("williams_r", "williams_r"): (-100.0, 0.0),
    ("aroon", "oscillator"): (-100.0, 100.0),
    ("cmf", "cmf"): (-1.0, 1.0),
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
