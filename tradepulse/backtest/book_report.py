"""One page per run on a book: what it made, what it held, and what the market did after its fills."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from tradepulse.backtest.book import BookResult
from tradepulse.backtest.book_shocks import SHOCKS
from tradepulse.backtest.book_stress import Verdict
from tradepulse.core.files import replace_text
from tradepulse.reporting.charts import svg
from tradepulse.reporting.market import book_picture, equity_picture, markout_picture, stress_picture
from tradepulse.reporting.page import chain, document, rules, tiles

#: Seconds after a fill at which the market is looked at.
HORIZONS = (1, 5, 10, 30, 60)


def markouts(fills: pd.DataFrame, equity: pd.DataFrame, horizons: Sequence[float] = HORIZONS) -> pd.DataFrame:
    """Return what the market did after fills: where its middle stood against their prices, in bp; above 0 is ours.

    The sign is that of the position that a fill made: a buy gains when the middle rises above its price. What is lost
    after resting orders have filled is adverse selection.

    Parameters
    ----------
    fills : of a run: ts, side, price, quantity and liquidity
    equity : of the same run: ts and mid, by time
    horizons : seconds after each fill

    Returns
    -------
    DataFrame with liquidity (maker, taker), seconds, n and bp, the mean weighted by notional; a fill after which the
    run ended before the horizon does not count, and where none counts bp is NaN
    """
    times = equity["ts"].to_numpy("datetime64[ns]").astype(np.int64)
    mids = equity["mid"].to_numpy()
    rows = []
    for liquidity in ("maker", "taker"):
        some = fills[fills["liquidity"] == liquidity]
        at = some["ts"].to_numpy("datetime64[ns]").astype(np.int64)
        price, sign = some["price"].to_numpy(), np.where(some["side"] == "buy", 1.0, -1.0)
        weight = price * some["quantity"].to_numpy()
        for seconds in horizons:
            later = at + int(seconds * 1e9)
            seen = later <= times[-1]
            place = np.searchsorted(times, later[seen], side="right") - 1
            change = sign[seen] * (mids[place] / price[seen] - 1) * 1e4
            mean = float(np.average(change, weights=weight[seen])) if seen.any() else float("nan")
            rows.append({"liquidity": liquidity, "seconds": seconds, "n": int(seen.sum()), "bp": mean})
    return pd.DataFrame(rows)


def write_book_report(
    result: BookResult, path: Path, *, title: str, identity: Mapping[str, str],
    evidence: Sequence[tuple[str, int, int]] = (),
) -> Path:  # fmt: skip
    """Write the page of a run on a book and return its path.

    Parameters
    ----------
    result : the run
    path : HTML file; its folder is made
    title : heading
    identity : names and values of the ids that lead back to data and code
    evidence : rules that the fills were held against, with how many were asked and how many broke each
    """
    summary = result.summary
    made = summary["final_equity"] - summary["first_equity"]
    traded = summary["traded"]
    cards = {
        "profit": f"{made:+,.4f}",
        "profit, bp of traded": f"{made / traded * 1e4:+,.2f}" if traded else "none",
        "largest drawdown": f"{summary['max_drawdown']:.4%}",
        "orders": f"{summary['n_orders']:,}",
        "fills": f"{summary['n_fills']:,}",
        "of them resting": f"{summary['maker_fills']:,}",
        "commission": f"{summary['total_commission']:,.4f}",
        "position at the end": f"{summary['final_position']:g}",
    }
    if instruments := summary.get("instruments"):
        del cards["position at the end"]
        cards |= {f"{symbol} at the end": f"{one['position']:g}" for symbol, one in instruments.items()}
    ended = "".join(
        f"<tr><td>{escape(status)}</td><td class='n'>{count:,}</td></tr>" for status, count in summary["orders"].items()
    )
    first, last = result.equity["ts"].iloc[0], result.equity["ts"].iloc[-1]
    body = (
        f"<p class='quiet'>{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC, {summary['n_moves']:,} moves of "
        f"others</p>{tiles(cards)}"
        f"<h2>Equity, marked at the middle</h2>{svg(equity_picture(result.equity))}"
        f"{''.join(_of_instrument(*one) for one in _instruments(result))}"
        f"{_each(summary.get('strategies', {}))}"
        f"<h2>How orders ended</h2><table>{ended}</table>"
        f"{rules(evidence, 'market')}<h2>Where it comes from</h2>{chain(identity)}"
    )
    return replace_text(path, document(title, body))


def write_stress_report(
    calm: BookResult, verdicts: Sequence[Verdict], path: Path, *, title: str, identity: Mapping[str, str]
) -> Path:
    """Write the page of what shocks cost a desk and return its path.

    Parameters
    ----------
    calm, verdicts : of :func:`tradepulse.backtest.book_stress.stressed`
    path, title, identity : as of :func:`write_book_report`
    """
    failed = [row["scenario"] for row, _ in verdicts if not row["passed"]]
    cards = {
        "verdict": "failed" if failed else "passed",
        "shocks passed": f"{len(verdicts) - len(failed)} of {len(verdicts)}",
        **{f"bound of {symbol}": f"{most:g}" for symbol, most in json.loads(verdicts[0].row["bounds"]).items()},
        "profit as it was": f"{calm.equity['equity'].iloc[-1] - calm.equity['equity'].iloc[0]:+,.4f}",
    }
    parts = "".join(_borne(calm, verdict) for verdict in verdicts)
    body = (
        f"{tiles(cards)}<p class='quiet'>Each shock struck at three moments; what is drawn is the one that was borne "
        "worst. A shock may cost, over what the recording cost as it was, what the bounds would have lost held on the "
        f"wrong side: long through the largest fall and short through the largest rise.</p>{parts}"
        f"<h2>Where it comes from</h2>{chain(identity)}"
    )
    return replace_text(path, document(title, body))


def _borne(calm: BookResult, verdict: Verdict) -> str:
    """Return how a shock was borne: what it is, the verdict, and what it did to market and profit."""
    row, result = verdict
    shock, (mark, said) = SHOCKS[row["scenario"]], ("good", "passed") if row["passed"] else ("bad", "failed")
    size = f"size {shock.size:g}, " if shock.size else ""
    return (
        f"<h2>{escape(row['scenario'])}: <span class='{mark}'>{said}</span></h2>"
        f"<p class='quiet'>{escape(shock.what)} ({size}for {shock.seconds:g} s)</p><p>{escape(row['detail'])}</p>"
        f"{svg(stress_picture(calm.equity, result.equity)) if result is not None else ''}"
    )


def _each(strategies: Mapping[str, Mapping[str, float]]) -> str:
    """Return what each of several strategies did; nothing of one that was alone."""
    if not strategies:
        return ""
    held = [name for name in next(iter(strategies.values())) if name.startswith("position")]
    rows = "".join(
        f"<tr><td>{escape(id)}</td><td class='n'>{one['profit']:+,.4f}</td><td class='n'>{one['n_orders']:,}</td>"
        f"<td class='n'>{one['n_fills']:,}</td><td class='n'>{one['total_commission']:,.4f}</td>"
        f"{''.join(f'<td class=n>{one[name]:g}</td>' for name in held)}</tr>"
        for id, one in strategies.items()
    )
    names = ("profit", "orders", "fills", "commission", *(f"{name} at the end" for name in held))
    head = "".join(f"<th class='n'>{name}</th>" for name in names)
    return f"<h2>What each strategy did</h2><table><tr><th></th>{head}</tr>{rows}</table>"


def _instruments(result: BookResult) -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Return symbol, equity and fills of each instrument; of one that is alone no symbol."""
    equity, fills, symbols = result.equity, result.fills, list(result.summary.get("instruments", {}))
    if not symbols:
        return [("", equity, fills)]
    found = [(symbols[0], equity, fills[fills["symbol"] == symbols[0]])]
    for symbol in symbols[1:]:
        mid = equity[f"mid {symbol}"]  # 0 before its book was seen
        its = {"mid": mid.where(mid > 0), "position": equity[f"position {symbol}"]}
        found.append((symbol, equity.assign(**its), fills[fills["symbol"] == symbol]))
    return found


def _of_instrument(symbol: str, equity: pd.DataFrame, fills: pd.DataFrame) -> str:
    """Return the charts of an instrument: its fills and position, and what its market did after them."""
    of = f" of {escape(symbol)}" if symbol else ""
    return (
        f"<h2>Fills and position{of}</h2>{svg(book_picture(equity, fills))}"
        f"<h2>What the market{of} did after fills</h2>{_after(equity, fills)}"
    )


def _after(equity: pd.DataFrame, fills: pd.DataFrame) -> str:
    found = markouts(fills, equity).dropna()
    if found.empty:
        return "<p class='quiet'>No fill is old enough to say.</p>"
    rows = "".join(
        f"<tr><td>{row.liquidity}</td><td class='n'>{row.seconds:g} s</td><td class='n'>{row.n:,}</td>"
        f"<td class='n'>{row.bp:+.2f}</td></tr>"
        for row in found.itertuples()
    )
    return (
        f"{svg(markout_picture(found))}<table><tr><th></th><th class='n'>after</th><th class='n'>fills</th>"
        f"<th class='n'>middle against the price of the fill, bp in our favour</th></tr>{rows}</table>"
        "<p class='quiet'>What resting orders lose after they have filled is adverse selection: who took them knew "
        "more.</p>"
    )
