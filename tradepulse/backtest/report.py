"""One page per backtest: what it made, what it cost, and the ids that lead back to the data."""

from collections.abc import Mapping, Sequence
from html import escape
from math import prod
from pathlib import Path

import pandas as pd

from tradepulse.backtest.result import Result
from tradepulse.core.files import replace_text
from tradepulse.reporting.charts import svg
from tradepulse.reporting.market import costs_bars, equity_picture, trades_picture
from tradepulse.reporting.page import chain, document, rules, tiles


def write_report(
    result: Result,
    bars: pd.DataFrame,
    path: Path,
    *,
    title: str,
    identity: Mapping[str, str],
    evidence: Sequence[tuple[str, int, int]] = (),
    between: Sequence[float] | None = None,
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
    between : final equity with the worst and the best order of events inside bars, where they differ
    """
    return replace_text(path, document(title, _body(result, bars, identity, evidence, between)))


def _body(
    result: Result, bars: pd.DataFrame, identity: Mapping[str, str], evidence: Sequence[tuple[str, int, int]],
    between: Sequence[float] | None,
) -> str:  # fmt: skip
    summary = result.summary
    warning = ""
    if summary["looks_ahead"]:
        warning += "<p class='bad'>Fills at the close that the decision was made on: this result looks ahead.</p>"
    if summary["lowest_cash"] < 0 and "debit interest" not in summary["holding"]:
        warning += (
            f"<p class='bad'>Cash fell to {summary['lowest_cash']:,.2f}: the account borrowed, at no interest.</p>"
        )
    if between is not None:
        warning += (
            f"<p class='bad'>{summary['bars_of_unclear_order']:,} bars reached a stop and a target both, and do not "
            f"say which came first: the final equity lies between {between[0]:,.2f} and {between[1]:,.2f}.</p>"
        )
    if summary["orders_cut"]:
        warning += (
            f"<p class='quiet'>{summary['orders_cut']:,} orders were cut to what margin, or what could be borrowed, "
            "let through.</p>"
        )
    if summary["orders_refused"]:
        warning += (
            f"<p class='quiet'>{summary['orders_refused']:,} orders were refused, all of them or what was over whole "
            "lots: the venue does not take so little.</p>"
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
    traded = bars[bars["symbol"] == bars["symbol"].iloc[0]]
    fills = result.fills[result.fills["symbol"] == bars["symbol"].iloc[0]]
    return (
        f"{warning}<p class='quiet'>{summary['first_session']} to {summary['last_session']}, "
        f"{summary['n_bars']:,} bars, fills at {summary['fill'].replace('_', ' ')}</p>{tiles(cards)}"
        f"<h2>Equity</h2>{svg(equity_picture(result.equity))}"
        f"<h2>Fills</h2>{svg(trades_picture(traded, fills))}"
        f"<h2>Returns by month, %</h2>{monthly_table(result.equity)}"
        f"<h2>What it cost</h2>{_costs(result)}"
        f"{rules(evidence, 'bars')}<h2>Where it comes from</h2>{chain(identity)}"
    )


def _costs(result: Result) -> str:
    """Return commission, slippage and what holding cost, in bp of the notional traded, and what was made before."""
    traded = float((result.fills["quantity"] * result.fills["price"]).sum())
    if not traded:
        return "<p class='quiet'>Nothing was traded.</p>"
    parts = {"commission": -float(result.fills["commission"].sum()), "slippage": -float(result.fills["slippage"].sum())}
    parts |= result.summary["holding"]
    made = result.summary["final_equity"] - result.summary["initial_cash"]
    gross = made - sum(parts.values())
    rows = {"before all of it": gross, **parts, "profit": made}
    lines = "".join(
        f"<tr><td>{escape(name)}</td><td class='n'>{amount:,.2f}</td>"
        f"<td class='n'>{amount / traded * 1e4:,.2f}</td></tr>"
        for name, amount in rows.items()
    )
    return (
        f"<table><tr><th></th><th class='n'>amount</th><th class='n'>bp of the notional traded</th></tr>{lines}</table>"
        f"<p class='quiet'>Notional traded {traded:,.2f}.</p>{svg(costs_bars(rows))}"
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
        cells = "".join(
            "<td></td>" if value is None else f"<td class='n'>{round(value, 1) + 0:.1f}</td>" for value in months
        )
        whole = 100 * (prod(1 + value / 100 for value in months if value is not None) - 1)
        rows.append(f"<tr><th>{year}</th>{cells}<td class='n'><b>{round(whole, 1) + 0:.1f}</b></td></tr>")
    return f"<table><tr><th></th>{head}<th class='n'>year</th></tr>{''.join(rows)}</table>"
