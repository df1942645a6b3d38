"""Pictures of what things cost."""

from typing import TYPE_CHECKING

import pandas as pd

from tradepulse.reporting.charts import ACCENT, WARNING, bare, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def burn_picture(days: "pd.Series[int]", forecast_nano_usd: float | None, newest: int = 60) -> "Figure":
    """Return the newest days as bars, and what the next one should cost, in thousandths of a dollar.

    Parameters
    ----------
    days : nano-dollars by day
    forecast_nano_usd : of the next day; None where there is none
    newest : days that are drawn
    """
    shown = days.tail(newest) / 1e6
    drawn = figure(height=2.8)
    axes = drawn.subplots()
    axes.bar(shown.index, shown.to_numpy(), color=ACCENT, width=0.8)
    if forecast_nano_usd is not None:
        following = shown.index[-1] + pd.Timedelta("1D")
        axes.bar([following], [forecast_nano_usd / 1e6], color="none", edgecolor=WARNING, width=0.8, label="forecast")
        axes.legend(loc="upper left", frameon=False)
    # A few days do not fill the picture: a bar is a day's width.
    end = shown.index[-1] + pd.Timedelta("2D")
    axes.set_xlim(min(shown.index[0] - pd.Timedelta("1D"), end - pd.Timedelta("21D")), end)
    axes.set_ylabel("thousandths of a USD")
    axes.xaxis.set_major_formatter(lambda day, _: f"{pd.Timestamp(day, unit='D'):%d %b}")
    bare(axes)
    return drawn


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
    for meter, colour in zip(wide.columns, ("#2a7de1", "#7a4fc2", "#8aa0b0", "#3a9a5b", "#e0a030"), strict=False):
        axes.barh(wide.index, wide[meter], left=left, label=str(meter), color=colour)
        left = left + wide[meter]
    axes.set_xlabel("thousandths of a USD")
    axes.legend(loc="lower right", frameon=False)
    bare(axes)
    return drawn
