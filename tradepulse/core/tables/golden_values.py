"""Golden values: what today's code computes on the golden inputs, beside what it should."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Table


class GoldenValues(Table):
    """One row per golden set, row and output column."""

    name: Series[str] = pa.Field(description="Golden set, a folder of data/golden.")
    version: Series[str] = pa.Field(description="Version of the set, v1, v2, ...")
    row: Series[int] = pa.Field(
        ge=0, description="Row of the expected values, from 0; rows that nobody expects follow."
    )
    key: Series[str] = pa.Field(
        description="What the row is: a session, a trade, a day and team; its number otherwise."
    )
    output: Series[str] = pa.Field(description="Output column.")
    expected: Series[float] = pa.Field(
        nullable=True,
        description="Value from the independent source; NaN in warm-up, and of a row that nobody expects.",
    )
    actual: Series[float] = pa.Field(
        nullable=True, description="Value that the code computes; NaN of a row that it lacks."
    )
    matches: Series[bool] = pa.Field(description="Equal within the set's tolerance, or NaN in a row of both.")

    class Config:
        """Stored as ``golden_values``."""

        name = "golden_values"
        unique = ["name", "version", "row", "output"]
