"""The golden comparison as a page: verdict first, then what differs, then everything."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tradepulse.core.tables.base import records
from tradepulse.reporting.charts import INK, QUIET, WARNING, bare, figure, svg
from tradepulse.reporting.page import document

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: Differing cells of each set that the page lists.
_CELLS = 20


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
    # A picture for each set that differs; where none does, of the one that comes nearest to differing.
    wrong = sorted(set(verdict.loc[verdict["differing"] > 0, "name"]))
    shown = wrong or [str(verdict.sort_values("largest_difference", na_position="first")["name"].iloc[-1])]
    cells = values[~values["matches"]]
    listed = "".join(
        f"<tr><td>{escape(str(row['name']))}</td><td>{escape(str(row['key']))}</td><td>{escape(str(row['output']))}</td>"
        f"<td class='n'>{row['expected']:.10g}</td><td class='n'>{row['actual']:.10g}</td></tr>"
        for row in records(cells.groupby("name", sort=True).head(_CELLS))
    )
    differing = (
        f"<h2>What differs (of each set the first {_CELLS}; all are in differences.csv)</h2><table><tr><th>set</th>"
        f"<th>row</th><th>output</th><th>expected</th><th>computed</th></tr>{listed}</table>"
        if listed
        else ""
    )
    charts = "".join(f"<h2>{escape(name)}</h2>{svg(chart(values[values['name'] == name]))}" for name in shown)
    overview = f"<h2>Largest relative difference of each output</h2>{svg(differences(verdict))}"
    return document("Golden regression", head + differing + charts + overview + table)


def differences(verdict: pd.DataFrame) -> "Figure":
    """Return the largest relative difference of each output as a bar, those that differ in red.

    Parameters
    ----------
    verdict : ``golden.summary``
    """
    drawn = figure(height=0.8 + 0.17 * len(verdict))
    axes = drawn.subplots()
    names = verdict["name"] + "." + verdict["output"]
    size = verdict["largest_difference"].fillna(0.0).clip(lower=1e-17)
    colours = [WARNING if differing else QUIET for differing in verdict["differing"]]
    axes.barh(names, size, color=colours, left=1e-17)
    axes.set_xscale("log")
    axes.tick_params(axis="y", labelsize=7)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    bare(axes)
    return drawn


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
