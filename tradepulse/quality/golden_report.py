"""The golden comparison as a page: verdict first, then a chart per set."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tradepulse.core.tables.base import records
from tradepulse.reporting.charts import INK, QUIET, WARNING, bare, figure, svg
from tradepulse.reporting.page import document

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def page(values: pd.DataFrame, verdict: pd.DataFrame) -> str:
    """Return the page.

    Parameters
    ----------
    values : rows of ``golden_values``
    verdict : their ``golden.summary``
    """
    failed = int(verdict["differing"].sum())
    if failed:
        head = f"<p class='bad'>{failed:,} of {len(values):,} values differ. Nothing downstream may run.</p>"
    else:
        head = f"<p class='good'>All {len(values):,} values match the golden ones.</p>"
    rows = "".join(
        f"<tr class='{'bad' if row['differing'] else ''}'><td>{escape(str(row['name']))}</td><td>{row['version']}</td>"
        f"<td>{row['output']}</td><td class='n'>{row['values']:,}</td><td class='n'>{row['differing']:,}</td>"
        f"<td class='n'>{row['largest_difference']:.1e}</td></tr>"
        for row in records(verdict)
    )
    table = (
        "<table><tr><th>set</th><th>version</th><th>output</th><th>values</th><th>differing</th>"
        f"<th>largest relative difference</th></tr>{rows}</table>"
    )
    charts = "".join(
        f"<h2>{escape(str(name))}</h2>{svg(chart(part))}" for name, part in values.groupby("name", sort=True)
    )
    return document("Golden regression", head + table + charts)


def chart(part: pd.DataFrame) -> "Figure":
    """Return expected and actual values of one set above, their relative difference below, differing rows marked.

    Parameters
    ----------
    part : rows of ``golden_values`` of one set; of several outputs the first that differs is drawn
    """
    wrong = part[~part["matches"]]
    output = (part if wrong.empty else wrong)["output"].iloc[0]
    one = part[part["output"] == output]
    expected, actual = one["expected"].to_numpy(), one["actual"].to_numpy()
    drawn = figure()
    above, below = drawn.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    above.plot(one["row"], expected, color=QUIET, lw=3, label="golden")
    above.plot(one["row"], actual, color=INK, lw=1, label="computed")
    above.set_ylabel(str(output))
    above.legend(loc="upper left", frameon=False, ncols=2)
    gap = np.abs(actual - expected) / np.maximum(np.abs(expected), 1e-300)
    below.semilogy(one["row"], np.maximum(gap, 1e-17), color=INK, lw=0.8)
    below.set_ylabel("relative\ndifference")
    below.set_xlabel("row of the golden input")
    rows = one.loc[~one["matches"], "row"].to_numpy()
    if len(rows):
        above.axvline(rows[0], color=WARNING, lw=1)
        note = f"{len(rows)} rows differ, first at {rows[0]}"
        at = (rows[0], np.nanmax(expected))
        above.annotate(note, at, xytext=(4, 0), textcoords="offset points", color=WARNING, va="top")
    bare(above, below)
    return drawn
