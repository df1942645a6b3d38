"""The golden comparison as a page: verdict first, then a chart per set."""

from html import escape
from io import StringIO

import numpy as np
import pandas as pd

from tradepulse.quality.page import document


def page(values: pd.DataFrame, verdict: pd.DataFrame) -> str:
    """Return the page.

    Parameters
    ----------
    values : rows of ``golden_values``
    verdict : their ``golden.summary``
    """
    failed = int(verdict["differing"].sum())
    head = (
        f"<p class='bad'>{failed:,} of {len(values):,} values differ from the golden ones. Nothing downstream may run.</p>"
        if failed
        else f"<p class='good'>All {len(values):,} values match the golden ones.</p>"
    )
    rows = "".join(
        f"<tr class='{'bad' if row.differing else ''}'><td>{escape(str(row.name))}</td><td>{row.version}</td><td>{row.output}</td>"
        f"<td class='n'>{row.values:,}</td><td class='n'>{row.differing:,}</td><td class='n'>{row.largest_difference:.1e}</td></tr>"
        for row in verdict.itertuples(index=False)
    )
    table = (
        "<table><tr><th>set</th><th>version</th><th>output</th><th>values</th><th>differing</th>"
        f"<th>largest relative difference</th></tr>{rows}</table>"
    )
    charts = "".join(f"<h2>{escape(name)}</h2>{_chart(part)}" for name, part in values.groupby("name", sort=True))
    return document("Golden regression", head + table + charts)


def _chart(part: pd.DataFrame) -> str:
    """Return expected and actual above, their relative difference below, with differing rows marked."""
    from matplotlib.figure import Figure

    output = part.loc[~part["matches"], "output"].iloc[0] if (~part["matches"]).any() else part["output"].iloc[0]
    one = part[part["output"] == output]
    expected, actual = one["expected"].to_numpy(), one["actual"].to_numpy()
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    above.plot(one["row"], expected, color="#8aa", lw=3, label="golden")
    above.plot(one["row"], actual, color="#134", lw=1, label="computed")
    above.set_ylabel(str(output))
    above.legend(loc="upper left", frameon=False, ncols=2)
    gap = np.abs(actual - expected) / np.maximum(np.abs(expected), 1e-300)
    below.semilogy(one["row"], np.maximum(gap, 1e-17), color="#134", lw=0.8)
    below.set_ylabel("relative\ndifference")
    below.set_xlabel("row of the golden input")
    wrong = one.loc[~one["matches"], "row"].to_numpy()
    if len(wrong):
        first = int(wrong[0])
        above.axvline(first, color="#c22", lw=1)
        above.annotate(f"{len(wrong)} rows differ, first at {first}", (first, np.nanmax(expected)), color="#c22", va="top", xytext=(4, 0), textcoords="offset points")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    buffer = StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue().split("?>", 1)[1]
