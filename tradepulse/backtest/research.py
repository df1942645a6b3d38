"""Sweeps: many parameter sets at once, each one a trial that counts."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import product
from math import prod, sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradepulse.backtest import compiled
from tradepulse.backtest.engine import backtest, prepared
from tradepulse.backtest.feed import Feed
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.result import FillRule, Result, bars_per_year
from tradepulse.backtest.selection import walk_forward_splits
from tradepulse.backtest.statistics import sharpe
from tradepulse.backtest.terms import NO_TERMS, Terms
from tradepulse.core.causality import leaks
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.loader import strategy_class
from tradepulse.core.strategies.paths import as_compute, bar_columns, target_path
from tradepulse.core.tables.base import content_hash
from tradepulse.errors import ConfigError, DataError, MissingData

#: Grids of the shipped strategies: windows of one week to one year of sessions.
GRIDS: Mapping[str, Mapping[str, Sequence[int]]] = {
    "sma_cross": {"fast": (5, 10, 20, 30, 40, 50), "slow": (50, 75, 100, 150, 200, 250)},
    "donchian": {"entry": (10, 20, 40, 60, 80, 100), "exit": (5, 10, 20, 40, 60)},
}

#: Most parameter sets that one sweep may ask: each has a row in the ledger for ever.
MOST_TRIALS = 100_000


@dataclass(frozen=True, slots=True)
class Question:
    """What one trial asks: this strategy, on these bars, at these costs. The same question has the same id for ever.

    Parameters
    ----------
    strategy : name of a strategy
    params : its parameters, all of them
    symbol : ticker traded
    data_version : content hash of the bars
    quantity : units held when long
    cash : cash at the start
    costs : commission and slippage
    fill : fill rule
    terms : of the account
    events : hash of what happens to holdings (splits, dividends, funding and so on); empty where nothing does
    """

    strategy: str
    params: Mapping[str, float]
    symbol: str
    data_version: str
    quantity: int
    cash: float
    costs: Costs
    fill: FillRule = "next_open"
    terms: Terms = NO_TERMS
    events: str = ""

    @property
    def strategy_id(self) -> str:
        """``name@version``."""
        return f"{self.strategy}@{strategy_class(self.strategy).version}"

    @property
    def params_json(self) -> str:
        """Parameters as JSON with sorted keys."""
        return json.dumps(dict(self.params), sort_keys=True)

    @property
    def trial_id(self) -> str:
        """Hash of everything that decides the answer."""
        parts = (
            self.strategy_id, self.params_json, self.symbol, self.data_version, self.quantity, self.cash,
            self.costs.commission_bp, self.costs.slippage_bp, self.fill,
            *(() if type(self.costs) is Costs else (self.costs.id,)),
            *(() if self.terms == NO_TERMS and not self.events else (asdict(self.terms), self.events)),
        )  # fmt: skip
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def make(self) -> Callable[[], Strategy]:
        """Maker of a fresh strategy."""
        return partial(strategy_class(self.strategy), quantity=self.quantity, **self.params)


#: What answers questions on bars, in their order: :func:`sweep`, or a cluster.
Ask = Callable[[pd.DataFrame, Sequence[Question]], pd.DataFrame]


def questions(
    bars: pd.DataFrame,
    grids: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    quantity: int,
    cash: float,
    costs: Costs,
) -> list[Question]:
    """Return one question per parameter set that the strategy itself accepts.

    Parameters
    ----------
    bars : rows of ``bars`` of one symbol
    grids : values of each parameter, by strategy; one that is not named has its default
    quantity, cash, costs : the same for every trial

    Raises
    ------
    ConfigError
        If a strategy or a parameter is unknown, no set is valid, or they are more than :data:`MOST_TRIALS`.
    """
    whole = {name: _whole(name, grid) for name, grid in grids.items()}
    size = sum(prod(map(len, grid.values())) for grid in whole.values())
    if size > MOST_TRIALS:
        raise ConfigError(f"the sweep asks {size:,} parameter sets, at most {MOST_TRIALS:,}; widen the steps")
    symbols = bars["symbol"].unique()
    if len(symbols) != 1:
        raise ConfigError(f"a sweep takes bars of one symbol, not of {len(symbols)}")
    version = content_hash(bars)
    asked, why = [], ""
    for name, grid in whole.items():
        for params in _combinations(grid):
            question = Question(name, params, str(symbols[0]), version, quantity, cash, costs)
            try:
                question.make()
            except ConfigError as exc:
                why = f": {exc}"
                continue  # a combination that makes no sense, such as a fast window longer than the slow one
            asked.append(question)
    if not asked:
        raise ConfigError(f"no combination of the grids makes a valid strategy{why}; widen them")
    return asked


def _whole(name: str, grid: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    known = strategy_class(name).params
    if unknown := sorted(set(grid) - set(known)):
        raise ConfigError(f"{name}: unknown parameter {unknown[0]!r}; it takes {', '.join(known)}")
    if empty := sorted(key for key, values in grid.items() if not values):
        raise ConfigError(f"{name}: no value of {empty[0]!r} to ask")
    return {**{key: (value,) for key, value in known.items()}, **grid}


def asked_again(ledger: pd.DataFrame, like: Question) -> list[Question]:
    """Return the questions that a ledger has answered on the bars and at the terms of another question.

    A row whose strategy is not installed any more, or is of another version, or that was asked at other terms, is none.

    Parameters
    ----------
    ledger : one row per question
    like : whose bars, symbol, quantity, cash and costs count
    """
    found = []
    rows = ledger[(ledger["data_version"] == like.data_version) & (ledger["status"] == "done")]
    for strategy_id, params, trial_id in zip(rows["strategy"], rows["params"], rows["trial_id"], strict=True):
        try:
            question = replace(like, strategy=strategy_id.partition("@")[0], params=json.loads(params))
            if question.trial_id == trial_id:
                found.append(question)
        except ConfigError:
            continue
    return found


def _combinations(grid: Mapping[str, Sequence[float]]) -> Iterator[dict[str, float]]:
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def refuse_lookers(bars: pd.DataFrame, asked: Sequence[Question]) -> None:
    """Refuse a question whose strategy looks ahead, before there is a result of it to believe.

    Parameters
    ----------
    bars : rows of ``bars`` that it is asked on; the last of its first symbol are looked at
    asked : questions; of each strategy the one that needs most bars is proven

    Raises
    ------
    DataError
        Naming the first decision that changes with the bars after it.
    """
    mine = bars[bars["symbol"] == bars["symbol"].iloc[0]]
    longest: dict[str, Question] = {}
    for question in asked:
        known = longest.get(question.strategy)
        if known is None or question.make().run_in > known.make().run_in:
            longest[question.strategy] = question
    for name, question in longest.items():
        part = mine.tail(question.make().run_in + 40).reset_index(drop=True)
        target_path(part, question.make())  # what it raises by itself is said in its own words
        found = leaks(as_compute(question.make), bar_columns(part), bars=range(max(len(part) - 40, 0), len(part), 9))
        if found:
            raise DataError(f"strategy {name} looks ahead, no result of it is kept: {found[0]}")


def curves(bars: pd.DataFrame, asked: Sequence[Question]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the equity of each question, by vectorbt in one pass over all of them.

    The targets come from the strategies themselves, bar by bar, and are shifted so that what is decided on one bar
    trades at the open of the next; vectorbt does the accounting.

    Parameters
    ----------
    bars : rows of ``bars`` of one symbol, shape (n,)
    asked : questions that share quantity, cash and costs

    Returns
    -------
    equity of shape (n, k), and the orders of each question, shape (k,), in the order of ``asked``
    """
    import vectorbt as vbt

    if bars.loc[:, "open_is_stale"].any():
        backtest(bars, asked[0].make, cash=asked[0].cash)  # refuses with the engine's own words
    targets = np.column_stack([target_path(bars, question.make()).to_numpy() for question in asked])
    wanted = np.vstack([np.zeros((1, len(asked))), targets[:-1]])
    changed = np.vstack([np.zeros((1, len(asked)), dtype=bool), wanted[1:] != wanted[:-1]])
    costs = asked[0].costs
    index = pd.DatetimeIndex(bars["session"])
    portfolio = vbt.Portfolio.from_orders(
        pd.Series(bars["close"].to_numpy(), index=index),
        size=np.where(changed, wanted, np.nan),
        size_type="targetamount",
        price=bars["open"].to_numpy()[:, None],
        fees=costs.commission_bp / 10_000,
        slippage=costs.slippage_bp / 10_000,
        init_cash=asked[0].cash,
        freq="1D",
    )
    equity = portfolio.value().to_numpy().reshape(len(bars), len(asked))
    return equity, np.atleast_1d(np.asarray(portfolio.orders.count())).astype("int64")


def equities(bars: pd.DataFrame, asked: Sequence[Question]) -> NDArray[np.float64]:
    """Return the equity of each question at each close, by the compiled engine where it can, else by the other.

    Parameters
    ----------
    bars : rows of ``bars`` of one symbol, shape (n,)
    asked : k questions that share quantity, cash and costs

    Returns
    -------
    array of shape (n, k)
    """
    feed = prepared(bars, asked[0].cash, asked[0].fill)
    found = compiled.equities(feed, [q.make for q in asked], cash=asked[0].cash, costs=asked[0].costs)
    return np.column_stack(
        [
            rerun(question, feed).equity["equity"].to_numpy() if curve is None else curve
            for question, curve in zip(asked, found, strict=True)
        ]
    )


def sweep(bars: pd.DataFrame, asked: Sequence[Question]) -> pd.DataFrame:
    """Return how each question ends, in the order of ``asked``: by the compiled engine where it can, else by the other.

    Parameters
    ----------
    bars : rows of ``bars`` of one symbol, shape (n,)
    asked : questions that share quantity, cash and costs

    Returns
    -------
    DataFrame with trial_id, sharpe, total_return, max_drawdown, n_orders and final_equity
    """
    cash, costs = asked[0].cash, asked[0].costs
    feed = prepared(bars, cash, asked[0].fill)
    per_year = bars_per_year(bars["session"])
    rows = []
    for question, outcome in zip(
        asked, compiled.sweep(feed, [q.make for q in asked], cash=cash, costs=costs), strict=True
    ):
        if outcome is None:
            summary = rerun(question, feed).summary
            ratio = float("nan") if summary["sharpe"] is None else summary["sharpe"]
            outcome = compiled.Outcome(
                summary["final_equity"], summary["n_fills"], summary["max_drawdown"], ratio / sqrt(per_year)
            )
        rows.append((question.trial_id, outcome))
    return pd.DataFrame(
        {
            "trial_id": [trial for trial, _ in rows],
            "sharpe": [outcome.sharpe * sqrt(per_year) for _, outcome in rows],
            "total_return": [outcome.final_equity / cash - 1 for _, outcome in rows],
            "max_drawdown": [outcome.max_drawdown for _, outcome in rows],
            "n_orders": [outcome.n_fills for _, outcome in rows],
            "final_equity": [outcome.final_equity for _, outcome in rows],
        }
    )


def walk_forward(
    bars: pd.DataFrame,
    asked: Sequence[Question],
    *,
    train: int,
    test: int,
    gap: int = 0,
    fit: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose the best question on some bars, trade it on those after them, and go on; what is traded was never fitted.

    Parameters
    ----------
    bars : rows of ``bars`` of one symbol, shape (n,)
    asked : questions to choose from
    train, test : bars to choose on, and to trade on
    gap : bars between the two
    fit : returns the outcomes of ``asked`` on the bars it is given, in their order; :func:`sweep` by default

    Returns
    -------
    folds, equity : one row per fold with what was chosen and how it did on both sides; and the equity of what was
        traded, one fold after another, marked at closes. A fold begins with the position that its strategy holds after
        the bars that it was fitted on, and pays for the change to it from that of the fold before.
    """
    per_year = bars_per_year(bars["session"])
    folds, parts, cash, held = [], [], asked[0].cash, 0
    for fitted, traded in walk_forward_splits(len(bars), train, test, gap=gap):
        inside = bars.iloc[fitted].reset_index(drop=True)
        scores = (fit or (lambda rows: sweep(rows, asked)))(inside)["sharpe"].fillna(float("-inf")).to_numpy()
        best = asked[int(scores.argmax())]
        begin = int(fitted[0])
        window = bars.iloc[begin : int(traded[-1]) + 1].reset_index(drop=True)
        result = rerun(best, window)
        curve, start = result.equity["equity"].to_numpy(), int(traded[0]) - begin
        signed = result.fills["quantity"] * np.where(result.fills["side"] == "buy", 1, -1)
        taken_over = int(signed[result.fills["ts"] < window["ts"].iloc[start]].sum())
        changed = abs(taken_over - held) * float(bars["close"].iloc[int(traded[0]) - 1])
        paid = best.costs.commission(changed) + changed * best.costs.slippage_bp / 10_000
        path = cash - paid + curve[start:] - curve[start - 1]
        before = np.concatenate([[cash], path[:-1]])
        folds.append(
            {
                "first_session": bars["session"].iloc[int(traded[0])],
                "last_session": bars["session"].iloc[int(traded[-1])],
                "trial_id": best.trial_id, "params": best.params_json, "sharpe_fitted": float(scores.max()),
                "sharpe_traded": sharpe(path / before - 1, per_year), "profit": float(path[-1] - cash),
            }
        )  # fmt: skip
        parts.append(pd.DataFrame({"session": bars["session"].iloc[traded].to_numpy(), "equity": path}))
        cash, held = float(path[-1]), int(signed.sum())
    return pd.DataFrame(folds), pd.concat(parts, ignore_index=True)


def trial_rows(
    asked: Sequence[Question], outcome: pd.DataFrame, bars: pd.DataFrame, run_id: str, mlflow_runs: Mapping[str, str]
) -> pd.DataFrame:
    """Return the ledger's rows for a sweep.

    Parameters
    ----------
    asked : the questions
    outcome : their :func:`sweep`
    bars : the bars they were asked on
    run_id : run that asked
    mlflow_runs : MLflow run of each trial
    """
    first, last = bars["session"].min(), bars["session"].max()
    by_id = outcome.set_index("trial_id")
    return pd.DataFrame(
        [
            {
                "trial_id": question.trial_id,
                "run_id": run_id,
                "strategy": question.strategy_id,
                "params": question.params_json,
                "symbol": question.symbol,
                "data_version": question.data_version,
                "first_session": first,
                "last_session": last,
                "status": "done",
                "sharpe": by_id.at[question.trial_id, "sharpe"],
                "total_return": by_id.at[question.trial_id, "total_return"],
                "max_drawdown": by_id.at[question.trial_id, "max_drawdown"],
                "n_orders": by_id.at[question.trial_id, "n_orders"],
                "mlflow_run_id": mlflow_runs[question.trial_id],
            }
            for question in asked
        ]
    )


def winner(asked: Sequence[Question], ledger: pd.DataFrame) -> Question:
    """Return the question with the highest Sharpe ratio in the ledger.

    Parameters
    ----------
    asked : questions to choose from
    ledger : one row per question

    Raises
    ------
    MissingData
        If none of them has a Sharpe ratio.
    """
    scores = ledger.set_index("trial_id")["sharpe"].dropna()
    scored = [question for question in asked if question.trial_id in scores.index]
    if not scored:
        raise MissingData("no trial has a Sharpe ratio: none of the parameter sets ever traded")
    return max(scored, key=lambda question: float(scores[question.trial_id]))


def rerun(question: Question, bars: pd.DataFrame | Feed, costs: Costs | None = None) -> Result:
    """Return a trial's run through the event engine, at its own costs or at others.

    Parameters
    ----------
    question : the trial
    bars : the bars that it was asked on, or a slice of them
    """
    return backtest(
        bars,
        question.make,
        cash=question.cash,
        costs=costs or question.costs,
        fill=question.fill,
        book=question.trial_id,
    )
