"""The cost page: one HTML file with the whole picture, for those who run no Grafana."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd

from tradepulse.core.files import replace_text
from tradepulse.finops.attribution import rounded, spend
from tradepulse.finops.burn import Burn
from tradepulse.finops.prices import NANO
from tradepulse.finops.suggestions.base import Suggestion
from tradepulse.finops.units import Unit
from tradepulse.reporting.page import document, tiles


def write_cost_page(
    costs: pd.DataFrame, burn: Burn, units: Sequence[Unit], suggestions: Sequence[Suggestion], path: Path
) -> Path:
    """Write the page, whole or not at all; return its path.

    Parameters
    ----------
    costs : rows of ``costs``
    burn, units, suggestions : of the same
    path : of the page; its folder is made
    """
    return replace_text(path, document("What everything cost", _body(costs, burn, units, suggestions)))


def _body(costs: pd.DataFrame, burn: Burn, units: Sequence[Unit], suggestions: Sequence[Suggestion]) -> str:
    from tradepulse.reporting.charts import svg
    from tradepulse.reporting.costs import burn_picture, costs_picture

    ahead = burn.ahead
    proven = sum(one.proven_nano_usd for one in suggestions)
    figures = {
        "measured": _usd(burn.total_nano_usd),
        f"on {burn.days.index[-1]:%Y-%m-%d}": _usd(int(burn.days.iloc[-1])),
        f"in {burn.months.index[-1]}": _usd(int(burn.months.iloc[-1])),
        "next day, forecast": "not yet" if ahead is None else _usd(round(ahead.nano_usd)),
        "could have been saved, proven": _usd(proven),
        "incidents waiting": str(len(burn.waiting)),
    }
    parts = [
        tiles(figures),
        "<h2>Day by day</h2>",
        svg(burn_picture(burn.days, None if ahead is None else ahead.nano_usd)),
    ]
    if ahead is not None:
        errors = ", ".join(f"{name} {error:.1%}" for name, error in ahead.mape.items())
        parts.append(
            f"<p class='quiet'>The forecast is by {escape(ahead.model)}. Mean absolute error of each model a day "
            f"ahead, over {ahead.days} days: {escape(errors)}.</p>"
        )
    if burn.waiting:
        rows = [
            [one["id"], one["severity"], one["team"], one["day"], _usd(one["actual_nano_usd"]),
             _usd(one["forecast_nano_usd"]), " ".join(map(str, one["causes"][0][:3])) if one["causes"] else ""]
            for one in burn.waiting
        ]  # fmt: skip
        heads = ["incident", "severity", "team", "day", "cost", "forecast", "first cause"]
        parts += ["<h2>Incidents that wait</h2>", _table(heads, rows)]
    parts += ["<h2>Who paid, for what</h2>", svg(costs_picture(costs))]
    split = spend(costs, ["team", "strategy", "environment"])
    amounts = split["cost_nano_usd"].tolist()
    cents = rounded(amounts, 6)
    rows = [
        [row["team"], row["strategy"], row["environment"], f"USD {cent}"]
        for row, cent in zip(split.to_dict("records"), cents, strict=True)
    ]
    rows.append(["total", "", "", f"USD {rounded([sum(amounts)], 6)[0]}"])
    parts.append(_table(["team", "strategy", "environment", "cost"], rows))
    rows = [
        [unit.name, f"{unit.count:g}", _usd(unit.total_nano_usd),
         "" if unit.each_nano_usd is None else f"USD {unit.each_nano_usd / NANO:.9f}"]
        for unit in units
    ]  # fmt: skip
    parts += ["<h2>What one of each cost</h2>", _table(["one", "there are", "together", "each"], rows)]
    rows = [
        [
            one.id,
            one.team,
            one.finding,
            _usd(one.expected_nano_usd),
            _usd(one.proven_nano_usd),
            "" if one.verified_nano_usd is None else _usd(one.verified_nano_usd),
        ]
        for one in suggestions
    ]
    parts.append("<h2>What could cost less</h2>")
    parts.append(
        _table(["id", "team", "what", "would save", "proven", "verified"], rows)
        if rows
        else "<p>Nothing was found.</p>"
    )
    return "".join(parts)


def _usd(nano: int) -> str:
    return f"USD {rounded([max(nano, 0)], 6)[0]:,}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
