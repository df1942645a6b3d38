"""The page of a validation against reality: the gap, its parts, each order, the venue's parameters, and a sign-off."""

import json
from collections.abc import Hashable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tradepulse.backtest.calibration import Estimate
from tradepulse.backtest.validation import COMPONENTS, Validation
from tradepulse.core.files import replace_text
from tradepulse.reporting.charts import bare, figure, svg
from tradepulse.reporting.page import chain, document, tiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIGN_OFF = (
    "<h2>Sign-off</h2><table><tr><th>reviewed by</th><td>________________________</td></tr>"
    "<tr><th>date</th><td>________________________</td></tr>"
    "<tr><th>decision</th><td>&#9744; the simulation stands &#9744; with a change of parameters &#9744; it does not"
    " stand</td></tr><tr><th>because</th><td>________________________________________________</td></tr></table>"
)


def write_validation(
    found: Validation, estimates: Sequence[Estimate], folder: Path, identity: Mapping[str, str]
) -> Path:
    """Write ``index.html``, ``verdict.json`` and ``orders.csv``, and return the page.

    Parameters
    ----------
    found : the comparison
    estimates : what the log says of the venue
    folder : is made
    identity : names and values of the ids that lead back to the two sides
    """
    folder.mkdir(parents=True, exist_ok=True)
    verdict = {
        "passed": found.passed,
        "gap": str(found.gap),
        "profits": {side: str(value) for side, value in found.profits.items()},
        "notional": str(found.notional.quantize(found.gap)),
        "components": {
            name: {"amount": str(amount), "bp": round(found.bp[name], 6), "budget_bp": found.budgets[name]}
            for name, amount in found.components.items()
        },
        "over": found.over,
        "orders": {
            "matched": int(((found.orders["live_id"] != "") & (found.orders["simulated_id"] != "")).sum()),
            "missed": int((found.orders["live_id"] == "").sum()),
            "extra": int((found.orders["simulated_id"] == "").sum()),
        },
        "venue": [
            {"parameter": e.name, "value": _or_none(e.value), "low": _or_none(e.low), "high": _or_none(e.high),
             "fills": e.fills, "why_not": e.why_not}
            for e in estimates
        ],
        "identity": dict(identity),
    }  # fmt: skip
    replace_text(folder / "verdict.json", json.dumps(verdict, indent=1, allow_nan=False) + "\n")
    replace_text(folder / "orders.csv", found.orders.to_csv(index=False))
    replace_text(folder / "index.html", document("Live against simulated", _body(found, estimates, identity)))
    return folder / "index.html"


def _or_none(value: float) -> float | None:
    return None if value != value else value


def _body(found: Validation, estimates: Sequence[Estimate], identity: Mapping[str, str]) -> str:
    state = "<p class='good'>Every part of the gap is within its budget.</p>"
    if not found.passed:
        state = f"<p class='bad'>Over budget: {escape(', '.join(found.over))}.</p>"
    cards = {
        "live profit": f"{found.profits['live']:,.2f}",
        "simulated profit": f"{found.profits['simulated']:,.2f}",
        "gap": f"{found.gap:,.2f}",
        "notional traded": f"{found.notional:,.0f}",
    }
    parts = "".join(
        f"<tr{' class=bad' if name in found.over else ''}><th>{name}</th>"
        f"<td class='n'>{found.components[name]:,.2f}</td><td class='n'>{found.bp[name]:.2f}</td>"
        f"<td class='n'>{found.budgets[name]:.2f}</td><td>{escape(about)}</td></tr>"
        for name, about in COMPONENTS.items()
    )
    venue = "".join(
        f"<tr><th>{escape(e.name)}</th><td class='n'>{e.value:.3f}</td><td class='n'>{e.low:.3f} to {e.high:.3f}</td>"
        f"<td class='n'>{e.fills:,}</td></tr>"
        if e.identified
        else f"<tr><th>{escape(e.name)}</th><td colspan='3' class='quiet'>cannot be told: {escape(e.why_not)}</td></tr>"
        for e in estimates
    )
    worst = found.orders.assign(total=found.orders[list(COMPONENTS)].abs().sum(axis=1)).nlargest(15, "total")
    rows = "".join(_order(row) for row in worst.to_dict("records"))
    return (
        f"{state}{tiles(cards)}<h2>Where the gap comes from</h2>{svg(_bars_picture(found))}"
        f"<table><tr><th>part</th><th class='n'>amount</th><th class='n'>bp</th><th class='n'>budget</th><th></th></tr>"
        f"{parts}</table><p class='quiet'>The parts add up to the gap to the cent. Basis points are of the mean "
        f"notional of both sides.</p><h2>How the gap grew</h2>{svg(_path_picture(found))}"
        f"<h2>Orders with the largest parts</h2><table><tr><th>when</th><th>order</th>"
        f"{''.join(f'<th class=n>{name}</th>' for name in COMPONENTS)}</tr>{rows}</table>"
        f"<h2>What the log says of the venue</h2><table><tr><th>parameter</th><th class='n'>estimate</th>"
        f"<th class='n'>95 % interval</th><th class='n'>fills</th></tr>{venue}</table>"
        f"<h2>Where it comes from</h2>{chain(identity)}{_SIGN_OFF}"
    )


def _order(row: Mapping[Hashable, Any]) -> str:
    ts = row["simulated_ts"] if pd.isna(row["live_ts"]) else row["live_ts"]
    cells = "".join(f"<td class='n'>{row[name]:,.2f}</td>" for name in COMPONENTS)
    what = escape(f"{row['side']} {row['symbol']}")
    return f"<tr><td>{ts:%Y-%m-%d %H:%M}</td><td>{what}</td>{cells}</tr>"


def _bars_picture(found: Validation) -> "Figure":
    drawn = figure(9.0, 2.8)
    axes = drawn.subplots()
    names = list(COMPONENTS)
    colours = ["#b3261e" if name in found.over else "#3b6ea5" for name in names]
    axes.barh(names, [found.bp[name] for name in names], color=colours, height=0.55)
    for place, name in enumerate(names):
        for sign in (1, -1):
            axes.plot([sign * found.budgets[name]] * 2, [place - 0.4, place + 0.4], color="#888", linewidth=1)
    axes.invert_yaxis()
    axes.axvline(0, color="#123", linewidth=0.8)
    axes.set_xlabel("basis points of notional; grey: budget")
    bare(axes)
    return drawn


def _path_picture(found: Validation) -> "Figure":
    drawn = figure(9.0, 3.0)
    axes = drawn.subplots()
    rows = found.orders.copy()
    rows["at"] = rows["live_ts"].fillna(rows["simulated_ts"])
    rows = rows.sort_values("at")
    for name in COMPONENTS:
        if rows[name].abs().sum() > 0:
            axes.step(rows["at"], rows[name].cumsum(), where="post", label=name, linewidth=1.2)
    axes.step(
        rows["at"], rows[list(COMPONENTS)].sum(axis=1).cumsum(), where="post", label="gap", color="#123", linewidth=1.8
    )
    axes.legend(frameon=False, ncols=4, fontsize=8)
    bare(axes)
    return drawn
