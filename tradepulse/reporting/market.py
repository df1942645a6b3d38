"""Pictures of prices, equity and trials."""

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tradepulse.reporting.charts import ACCENT, INK, QUIET, WARNING, bare, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def indicators_picture(
    bars: pd.DataFrame, table: pd.DataFrame, symbol: str = "NASDAQ", sessions: int = 252
) -> "Figure":
    """Return closes with Bollinger bands above RSI, the last year.

    Parameters
    ----------
    bars : rows of ``bars``
    table : rows of ``indicators``
    symbol : ticker drawn
    sessions : how many of the last ones
    """
    rows = bars[bars["symbol"] == symbol].tail(sessions)
    wide = table[(table["symbol"] == symbol) & table["indicator"].isin(["bollinger", "rsi"])]
    wide = wide.pivot(index="session", columns="output", values="value").reindex(rows["session"])
    drawn = figure()
    above, below = drawn.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    above.fill_between(rows["session"], wide["lower"], wide["upper"], color="#e4edf5", label="Bollinger bands")
    above.plot(rows["session"], rows["close"], color=INK, lw=1, label=f"{symbol} close")
    above.legend(loc="lower left", frameon=False, ncols=2)
    below.plot(rows["session"], wide["rsi"], color=ACCENT, lw=1)
    for level in (30, 70):
        below.axhline(level, color=QUIET, lw=0.6)
    below.set_ylabel("RSI")
    below.set_ylim(0, 100)
    bare(above, below)
    return drawn


def equity_picture(equity: pd.DataFrame, split: pd.Timestamp | None = None) -> "Figure":
    """Return the equity curve above its drawdown.

    Parameters
    ----------
    equity : equity curve of a run, with ts, equity and drawdown
    split : where the sample that was researched ends; what follows is drawn in another colour
    """
    drawn = figure()
    above, below = drawn.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    above.plot(equity["ts"], equity["equity"], color=INK, lw=1)
    above.set_ylabel("equity")
    below.fill_between(equity["ts"], -100 * equity["drawdown"], 0, color="#e8b4b0")
    below.set_ylabel("drawdown, %")
    if split is not None:
        after = equity[equity["session"] > split]
        above.plot(after["ts"], after["equity"], color=ACCENT, lw=1.4, label="not seen by research")
        above.legend(loc="upper left", frameon=False)
    above.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    bare(above, below)
    return drawn


def costs_bars(rows: "dict[str, float]") -> "Figure":
    """Return what was made before costs, each cost hanging from it, and what was left.

    Parameters
    ----------
    rows : amounts by name: the first is what was made, the last what is left, those between them lie between them
    """
    drawn = figure(height=0.5 + 0.32 * len(rows))
    axes = drawn.subplots()
    names, amounts, level = list(rows), list(rows.values()), 0.0
    for place, amount in enumerate(amounts):
        whole = place in (0, len(amounts) - 1)
        axes.barh(
            place, amount, left=0.0 if whole else level, color=INK if whole else (ACCENT if amount > 0 else WARNING)
        )
        level = amount if whole else level + amount
    axes.axvline(0, color=QUIET, lw=0.6)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    bare(axes)
    return drawn


def trades_picture(bars: pd.DataFrame, fills: pd.DataFrame) -> "Figure":
    """Return closes with each fill marked.

    Parameters
    ----------
    bars : rows of ``bars`` of one symbol
    fills : with session, side and price in quote currency
    """
    drawn = figure()
    axes = drawn.subplots()
    axes.plot(bars["session"], bars["close"], color=QUIET, lw=1)
    for side, marker, colour in (("buy", "^", "#17693b"), ("sell", "v", WARNING)):
        some = fills[fills["side"] == side]
        axes.scatter(
            some["session"], some["price"], marker=marker, color=colour, s=36, zorder=3, label=f"{side}, {len(some)}"
        )
    axes.legend(loc="upper left", frameon=False, ncols=2)
    bare(axes)
    return drawn


def book_picture(equity: pd.DataFrame, fills: pd.DataFrame) -> "Figure":
    """Return the middle of a book with each fill on it, resting ones filled in, above the position held.

    Parameters
    ----------
    equity : of a run on a book, with ts, mid and position
    fills : with ts, side, price and liquidity
    """
    drawn = figure(height=4.4)
    above, below = drawn.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    above.plot(equity["ts"], equity["mid"], color=QUIET, lw=0.8)
    for side, marker, colour in (("buy", "^", "#17693b"), ("sell", "v", WARNING)):
        for liquidity, face in (("maker", colour), ("taker", "none")):
            some = fills[(fills["side"] == side) & (fills["liquidity"] == liquidity)]
            if len(some):
                above.scatter(
                    some["ts"], some["price"], marker=marker, edgecolors=colour, facecolors=face, s=24, zorder=3,
                    label=f"{side}, {liquidity}, {len(some)}",
                )  # fmt: skip
    if len(fills):
        above.legend(loc="best", frameon=False, ncols=2, fontsize=8)
    above.set_ylabel("price")
    above.yaxis.set_major_formatter(lambda value, _: f"{value:,.8g}")
    below.step(equity["ts"], equity["position"], color=INK, lw=1, where="post")
    below.axhline(0, color=QUIET, lw=0.6)
    below.set_ylabel("position")
    bare(above, below)
    return drawn


def stress_picture(calm: pd.DataFrame, struck: pd.DataFrame) -> "Figure":
    """Return what a shock does to a market, and to the profit of who trades there.

    Parameters
    ----------
    calm, struck : of a run on a book as it was, and as the shock makes it: ts, mid and equity
    """
    drawn = figure(height=3.6)
    above, below = drawn.subplots(2, 1, sharex=True)
    for equity, colour, width, name in ((calm, QUIET, 0.8, "as it was"), (struck, WARNING, 1.2, "struck")):
        above.plot(equity["ts"], equity["mid"], color=colour, lw=width)
        below.plot(equity["ts"], equity["equity"] - equity["equity"].iloc[0], color=colour, lw=width, label=name)
    below.axhline(0, color=QUIET, lw=0.6)
    below.legend(loc="best", frameon=False, ncols=2, fontsize=8)
    above.set_ylabel("price")
    above.yaxis.set_major_formatter(lambda value, _: f"{value:,.8g}")
    below.set_ylabel("profit")
    bare(above, below)
    return drawn


def markout_picture(found: pd.DataFrame) -> "Figure":
    """Return what the market did after fills, a line for resting and one for taking orders.

    Parameters
    ----------
    found : liquidity, seconds and bp
    """
    drawn = figure(height=2.6)
    axes = drawn.subplots()
    for liquidity, colour in (("maker", INK), ("taker", ACCENT)):
        some = found[found["liquidity"] == liquidity]
        if some.empty:
            continue
        axes.plot(some["seconds"], some["bp"], marker="o", color=colour, lw=1, label=liquidity)
    axes.axhline(0, color=QUIET, lw=0.6)
    axes.set(xlabel="seconds after the fill", ylabel="bp in our favour")
    axes.legend(loc="best", frameon=False)
    bare(axes)
    return drawn


def trials_picture(ledger: pd.DataFrame) -> "Figure":
    """Return a map of the Sharpe ratio over two parameters, one panel per strategy.

    Parameters
    ----------
    ledger : rows of ``trials`` on the same bars, one per question; of strategies with other than two parameters
        nothing is drawn
    """
    panels = {
        strategy: rows.assign(**pd.DataFrame([json.loads(text) for text in rows["params"]], index=rows.index))
        for strategy, rows in ledger.groupby("strategy", sort=True)
        if len(json.loads(rows["params"].iloc[0])) == 2
    }
    drawn = figure(height=3.8)
    grid = drawn.subplots(1, max(1, len(panels)), squeeze=False)[0]
    low, high = ledger["sharpe"].min(), ledger["sharpe"].max()
    for axes, (strategy, rows) in zip(grid, panels.items(), strict=False):
        across, down = list(json.loads(rows["params"].iloc[0]))[::-1]
        table = rows.pivot_table(index=down, columns=across, values="sharpe")
        image = axes.imshow(table.to_numpy(), cmap="viridis", vmin=low, vmax=high, aspect="auto")
        axes.set_xticks(range(len(table.columns)), [str(value) for value in table.columns])
        axes.set_yticks(range(len(table.index)), [str(value) for value in table.index])
        axes.set(xlabel=across, ylabel=down, title=strategy)
        for (row, column), value in np.ndenumerate(table.to_numpy()):
            if not np.isnan(value):
                shade = "white" if value < (low + high) / 2 else "black"
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=shade, fontsize=8)
    if panels:
        drawn.colorbar(image, ax=list(grid), label="Sharpe ratio after costs")
    return drawn
