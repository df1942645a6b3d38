"""The chain of evidence for a person: the summary that ``make run`` ends with, and its page."""

import json
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from tradepulse.backtest.engine import backtest
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.ledger import distinct
from tradepulse.backtest.signals import promoted_strategy, trading
from tradepulse.core.files import replace_text
from tradepulse.core.sessions import calendar
from tradepulse.finops.attribution import rounded, spend
from tradepulse.finops.prices import NANO
from tradepulse.finops.units import units
from tradepulse.quality.gaps import certificates
from tradepulse.reporting.charts import svg
from tradepulse.reporting.costs import costs_picture
from tradepulse.reporting.market import equity_picture, indicators_picture, trades_picture, trials_picture
from tradepulse.reporting.page import document
from tradepulse.warehouse.bars import read_bars
from tradepulse.warehouse.lake import Lake
from tradepulse.warehouse.trace import Link, trace


def summary(lake: Lake) -> dict[str, str]:
    """Return what the chain has come to, a line per part, each with the id or count to look for in the tables.

    Parameters
    ----------
    lake : lake that a whole run has filled
    """
    bars, refused = read_bars(lake), lake.read("quarantine")
    promotion = trading(lake.read("promotions"))
    trials = distinct(lake).set_index("trial_id")
    stress = lake.read("stress")
    orders, fills, settlement = lake.read("orders"), lake.read("fills"), lake.read("settlement")
    position = lake.read("positions").iloc[-1]
    costs = lake.read("costs")
    by_table = refused["table"].value_counts()
    best = trials.loc[promotion["trial_id"]]
    failed = stress.loc[~stress["passed"], "scenario"]
    verdicts = f"{len(stress) - len(failed)} of {len(stress)} scenarios passed"
    verdicts += f"; FAILED: {', '.join(failed)}" if len(failed) else ""
    settled = settlement[settlement["settled"]].drop_duplicates("fill_id")
    waiting = set(settlement["fill_id"]) - set(settled["fill_id"])
    equity = (position["value_micros"] + position["cash_micros"]) / 1e6
    return {
        "bars": f"{len(bars):,} accepted, {int(by_table.get('bars', 0)):,} quarantined, "
        f"{int(bars['open_is_stale'].sum()):,} opens flagged as stale",
        "closes": f"{len(lake.read('closes')):,} accepted, {int(by_table.get('closes', 0)):,} quarantined",
        "trials": f"{len(trials):,} in the ledger",
        "best strategy": f"{promotion['strategy']} {_words(promotion['params'])}, Sharpe ratio {best['sharpe']:.2f}, "
        f"trial {promotion['trial_id']}",
        "more than luck": f"{promotion['deflated_sharpe']:.0%} likely after {promotion['n_trials']} trials "
        "(95 % is usual before real money)",
        "step": f"{promotion['stage']}: "
        + ("trades on paper, may trade for money" if promotion["stage"] == "champion" else "trades on paper"),
        "stress": verdicts,
        "orders": f"{len(orders):,} decided, {int((orders['status'] == 'refused').sum())} refused",
        "fills": f"{len(fills):,}, commission {fills['commission_micros'].sum() / 1e6:,.2f}",
        "settlement": f"{len(settled)} settled, {len(waiting)} waiting; "
        f"equity {equity:,.2f} after {position['session']:%Y-%m-%d}",
        "cost so far": f"USD {rounded([int(costs['cost_nano_usd'].sum())], 6)[0]} for {costs['run_id'].nunique()} runs",
    }


def write_page(lake: Lake, path: Path, checks: list[dict[str, Any]]) -> Path:
    """Write the chain as one HTML file with charts and return its path.

    Parameters
    ----------
    lake : lake that a whole run has filled
    path : HTML file; its folder is made
    checks : asset, name, passed, seen and failing of each check's newest evaluation
    """
    return replace_text(path, document("TradePulse: the chain of evidence", _body(lake, checks)))


def _body(lake: Lake, checks: list[dict[str, Any]]) -> str:
    promotion = trading(lake.read("promotions"))
    symbol = promotion["symbol"]
    bars = read_bars(lake, symbols=[symbol])
    strategy = promoted_strategy(promotion)
    # The whole history through the event engine, research sample and after, with the costs of research.
    result = backtest(
        bars, lambda: promoted_strategy(promotion), cash=1_000_000.0, costs=Costs(), book=promotion["trial_id"]
    )
    traded = _priced(lake.read("fills"))
    recent = bars.tail(63)
    if not traded.empty:
        recent = bars[bars["session"] >= traded["session"].min() - pd.Timedelta(days=30)]
    failed = [check for check in checks if not check["passed"]]
    verdict = (
        f"<p class='bad'>{len(failed)} of {len(checks)} checks failed.</p>"
        if failed
        else f"<p class='good'>All {len(checks)} checks passed.</p>"
    )
    lines = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in summary(lake).items())
    gates, asked = _gates(lake.read("promotions"), promotion), distinct(lake)
    return "".join(
        [
            verdict,
            f"<table>{lines}</table>",
            f"<h2>{escape(strategy.id)} on {symbol}: equity</h2>",
            "<p class='quiet'>Through the event engine at research costs. "
            f"Research saw the years to {promotion['last_session']:%Y-%m-%d}.</p>",
            svg(equity_picture(result.equity, promotion["last_session"])),
            "<h2>Why it was promoted</h2>",
            _table(gates.assign(passed=gates["passed"].map({True: "passed", False: "FAILED"}))),
            "<h2>Every trial</h2>",
            svg(trials_picture(asked[asked["data_version"] == promotion["data_version"]])),
            "<h2>Paper trading</h2>",
            svg(trades_picture(recent, traded)),
            _table(
                traded[["session", "side", "quantity", "symbol", "price", "commission", "client_order_id", "evidence"]]
            ),
            "<h2>One fill, back to the vendor's file</h2>",
            _chain(lake, traded),
            f"<h2>Indicators of {symbol}, last year</h2>",
            svg(indicators_picture(bars, lake.read("indicators"), symbol)),
            "<h2>Stress</h2>",
            _table(lake.read("stress").drop(columns="trial_id")),
            "<h2>What the bars cover</h2>",
            _table(certificates(read_bars(lake), calendar())),
            "<h2>Checks</h2>",
            _table(pd.DataFrame([{**check, "passed": "ok" if check["passed"] else "FAILED"} for check in checks])),
            "<h2>What it cost</h2>",
            svg(costs_picture(lake.read("daily_costs"))),
            _costs(lake),
        ]
    )


def _priced(fills: pd.DataFrame) -> pd.DataFrame:
    return fills.assign(price=fills["price_micros"] / 1e6, commission=fills["commission_micros"] / 1e6)


def _chain(lake: Lake, fills: pd.DataFrame) -> str:
    if fills.empty:
        return "<p class='quiet'>Nothing has been filled yet.</p>"
    links: list[Link] = trace(lake, str(fills["fill_id"].iloc[-1]))
    return _table(
        pd.DataFrame(
            [
                {"table": k.table, "id": k.id, "says": k.facts, "checked": "holds" if k.holds else "BROKEN"}
                for k in links
            ]
        )
    )


def _costs(lake: Lake) -> str:
    parts = spend(lake.read("daily_costs"), ["team", "strategy", "environment"])
    amounts = parts.pop("cost_nano_usd").tolist()
    parts["USD"] = [str(amount) for amount in rounded(amounts, 6)]
    total = rounded([sum(amounts)], 6)[0]
    each = units(lake.read("costs"), *(lake.read(name) for name in ("trials", "promotions", "orders")))
    one = [
        {"one": unit.name, "there are": f"{unit.count:g}", "USD each": f"{unit.each_nano_usd / NANO:.9f}"}
        for unit in each[:5]
        if unit.each_nano_usd is not None
    ]
    return _table(parts) + f"<p>Total <b>USD {total}</b>; the parts add up to it.</p>" + _table(pd.DataFrame(one))


def _gates(promotions: pd.DataFrame, promotion: dict[str, Any]) -> pd.DataFrame:
    """Return every gate that the promoted trial was put to, as it was decided last, step by step."""
    mine = promotions[promotions["trial_id"] == promotion["trial_id"]].drop_duplicates("stage", keep="last")
    return pd.DataFrame(
        [{"step": row["stage"], **gate} for row in mine.to_dict("records") for gate in json.loads(row["reasons"])]
    )


def _table(frame: pd.DataFrame) -> str:
    shown = frame.copy()
    for column in shown.select_dtypes("datetime").columns:
        shown[column] = shown[column].dt.strftime("%Y-%m-%d")
    for column in shown.select_dtypes("float").columns:
        shown[column] = shown[column].round(4)
    return str(shown.to_html(index=False, border=0, justify="left"))


def _words(params: str) -> str:
    return " ".join(f"{key}={value}" for key, value in json.loads(params).items())
