"""Pictures of what things cost."""

from typing import TYPE_CHECKING

import pandas as pd

from tradepulse.reporting.charts import bare, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def costs_picture(rows: pd.DataFrame) -> "Figure":
    """Return spend per team as bars, a colour per meter, in thousandths of a dollar.

    Parameters
    ----------
    rows : rows of ``daily_costs``
    """
    wide = rows.pivot_table(index="team", columns="meter", values="cost_nano_usd", aggfunc="sum", fill_value=0) / 1e6
    wide = wide.loc[wide.sum(axis=1).sort_values().index]
    drawn = figure(height=0.6 + 0.45 * len(wide))
    axes = drawn.subplots()
    left = pd.Series(0.0, index=wide.index)
    for meter, colour in zip(wide.columns, ("#2a7de1", "#8aa0b0", "#e0a030"), strict=False):
        axes.barh(wide.index, wide[meter], left=left, label=str(meter), color=colour)
        left = left + wide[meter]
    axes.set_xlabel("thousandths of a USD")
    axes.legend(loc="lower right", frameon=False)
    bare(axes)
    return drawn
