"""The trial ledger: a table that only grows, one partition per run that asked something."""

from collections.abc import Sequence

import pandas as pd

from tradepulse.backtest.research import Ask, Question, refuse_lookers, sweep, trial_rows
from tradepulse.backtest.tracking import Tracking
from tradepulse.core.tables import table
from tradepulse.errors import TradePulseError
from tradepulse.warehouse.lake import Lake


def answered(lake: Lake) -> set[str]:
    """Return the ids of the questions that have an answer in the ledger and a run in MLflow."""
    ledger = distinct(lake)
    return set(ledger.loc[(ledger["status"] == "done") & (ledger["mlflow_run_id"] != ""), "trial_id"])


def trials_of(lake: Lake) -> pd.DataFrame:
    """Return every row of the ledger; none where nothing was asked yet."""
    return lake.read("trials") if lake.partitions("trials") else table("trials").no_rows()


def distinct(lake: Lake) -> pd.DataFrame:
    """Return one row per question ever asked: its answer where there is one. These are the trials that luck had."""
    ledger = trials_of(lake)
    if ledger.empty:
        return ledger
    # "done" sorts before "failed": a question that failed once and was answered later counts as answered. One that a
    # person asked by hand has no run in MLflow; where a sweep asked it too, the sweep's row says more.
    order = ledger.assign(by_hand=ledger["mlflow_run_id"] == "").sort_values(["status", "by_hand"], kind="stable")
    return order.drop_duplicates("trial_id").drop(columns="by_hand").sort_index().reset_index(drop=True)


def record(
    lake: Lake,
    tracking: Tracking,
    bars: pd.DataFrame,
    asked: Sequence[Question],
    run_id: str,
    ask: Ask = sweep,
) -> pd.DataFrame:
    """Sweep questions, log them to MLflow, and write them to the ledger; return their rows.

    A sweep that fails is written too, each question as failed, and the error goes on.

    Parameters
    ----------
    lake, tracking : where the ledger and MLflow's store are
    bars : rows of ``bars`` that the questions are about
    asked : questions that share quantity, cash and costs
    run_id : run that asks
    ask : returns the answers in the order of ``asked``; on this machine by default
    """
    try:
        refuse_lookers(bars, asked)
        outcome = ask(bars, asked)
        rows = trial_rows(asked, outcome, bars, run_id, tracking.log_sweep(asked, outcome, run_id))
    except TradePulseError:
        lake.write("trials", failed_rows(asked, bars, run_id), run_id)
        raise
    lake.write("trials", rows, run_id)
    return rows


def failed_rows(asked: Sequence[Question], bars: pd.DataFrame, run_id: str) -> pd.DataFrame:
    """Return the ledger's rows for questions that got no answer."""
    nothing = {"sharpe": float("nan"), "total_return": float("nan"), "max_drawdown": float("nan"), "n_orders": 0}
    outcome = pd.DataFrame([{"trial_id": question.trial_id, **nothing} for question in asked])
    rows = trial_rows(asked, outcome, bars, run_id, {question.trial_id: "" for question in asked})
    return rows.assign(status="failed")
