"""One page per backtest: what it made, what it cost, and the ids that lead back to the data."""

import os
from collections.abc import Mapping, Sequence
from html import escape
from math import prod
from pathlib import Path

import pandas as pd

from tradepulse.backtest.result import Result
from tradepulse.reporting.charts import svg
from tradepulse.reporting.market import equity_picture, trades_picture
from tradepulse.reporting.page import document


def write_report(
    result: Result,
    bars: pd.DataFrame,
    path: Path,
    *,
    title: str,
    identity: Mapping[str, str],
    evidence: Sequence[tuple[str, int, int]] = (),
) -> Path:
    """Write a run's page and return its path.

    Parameters
    ----------
    result : the run
    bars : the bars it ran on
    path : HTML file; its folder is made
    title : heading
    identity : names and values of the ids that lead back to data and code
    evidence : rules that the fills were held against, with how many were asked and how many broke each
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(document(title, _body(result, bars, identity, evidence)))
    os.replace(fresh, path)
    return path


def _body(
    result: Result, bars: pd.DataFrame, identity: Mapping[str, str], evidence: Sequence[tuple[str, int, int]]
) -> str:
    summary = result.summary
    warning = ""
    if summary["looks_ahead"]:
        warning += "<p class='bad'>Fills at the close that the decision was made on: this result looks ahead.</p>"
    if summary["lowest_cash"] < 0:
        warning += (
            f"<p class='bad'>Cash fell to {summary['lowest_cash']:,.2f}: the account borrowed, at no interest.</p>"
        )
    ratio = "none" if summary["sharpe"] is None else f"{summary['sharpe']:.2f}"
    cards = {
        "final equity": f"{summary['final_equity']:,.2f}",
        "return": f"{summary['total_return']:.2%}",
        "Sharpe ratio": ratio,
        "largest drawdown": f"{summary['max_drawdown']:.2%}",
        "fills": f"{summary['n_fills']:,}",
        "commission": f"{summary['total_commission']:,.2f}",
        "slippage": f"{summary['total_slippage']:,.2f}",
    }
    tiles = "".join(f"<div class='card'>{escape(name)}<b>{escape(value)}</b></div>" for name, value in cards.items())
    chain = "".join(
        f"<tr><th>{escape(name)}</th><td><code>{escape(value)}</code></td></tr>" for name, value in identity.items()
    )
    traded = bars[bars["symbol"] == bars["symbol"].iloc[0]]
    fills = result.fills[result.fills["symbol"] == bars["symbol"].iloc[0]]
    return (
        f"{warning}<p class='quiet'>{summary['first_session']} to {summary['last_session']}, "
        f"{summary['n_bars']:,} bars, fills at {summary['fill'].replace('_', ' ')}</p><div class='cards'>{tiles}</div>"
        f"<h2>Equity</h2>{svg(equity_picture(result.equity))}"
        f"<h2>Fills</h2>{svg(trades_picture(traded, fills))}"
        f"<h2>Returns by month, %</h2>{monthly_table(result.equity)}"
        f"{_evidence(evidence)}<h2>Where it comes from</h2><table>{chain}</table>"
    )


def _evidence(rules: Sequence[tuple[str, int, int]]) -> str:
    if not rules:
        return ""
    rows = "".join(
        f"<tr{' class=bad' if broken else ''}><td>{escape(name)}</td><td class='n'>{seen:,}</td>"
        f"<td class='n'>{broken:,}</td></tr>"
        for name, seen, broken in rules
    )
    return (
        "<h2>Could these fills have happened?</h2><table><tr><th>rule</th><th class='n'>asked of</th>"
        f"<th class='n'>broken by</th></tr>{rows}</table><p class='quiet'>Held against the bars by code that the "
        "engine does not share.</p>"
    )


def monthly_table(equity: pd.DataFrame) -> str:
    """Return an HTML table of returns in percent, a row per year and a column per month, from an equity curve."""
    ends = equity.groupby(equity["session"].dt.strftime("%Y-%m"))["equity"].last()
    change = 100 * (ends / ends.shift(1, fill_value=float(equity["equity"].iloc[0])) - 1)
    by_month: dict[str, float] = {str(month): float(value) for month, value in change.items()}
    head = "".join(f"<th class='n'>{month}</th>" for month in range(1, 13))
    rows = []
    for year in sorted({month[:4] for month in by_month}):
        months = [by_month.get(f"{year}-{month:02}") for month in range(1, 13)]
        cells = "".join("<td></td>" if value is None else f"<td class='n'>{value:.1f}</td>" for value in months)
        whole = 100 * (prod(1 + value / 100 for value in months if value is not None) - 1)
        rows.append(f"<tr><th>{year}</th>{cells}<td class='n'><b>{whole:.1f}</b></td></tr>")
    return f"<table><tr><th></th>{head}<th class='n'>year</th></tr>{''.join(rows)}</table>"
