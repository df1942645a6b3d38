"""Stress: a trial in slices of history that hurt, in days that have not happened yet, and the order path in its own."""

from typing import Any

import numpy as np
import pandas as pd

from tradepulse.backtest.research import Question, rerun
from tradepulse.backtest.scenario import CARDS, Scenario, load_scenario, scenarios
from tradepulse.backtest.statistics import max_drawdown
from tradepulse.errors import ConfigError, MissingData, TradePulseError
from tradepulse.execution.cards import load_cards, run_card

_NOTHING = {
    "first_session": pd.NaT, "last_session": pd.NaT, "total_return": float("nan"), "max_drawdown": float("nan"),
    "holding_drawdown": float("nan"), "limit": float("nan"),
}  # fmt: skip


def stress_scenarios() -> list[str]:
    """Return the names of the shipped scenarios that can be passed or failed."""
    return [name for name in scenarios() if load_scenario(name).judges]


def stressed(question: Question, bars: pd.DataFrame, scenario: Scenario) -> dict[str, Any]:
    """Return a row of ``stress``.

    Parameters
    ----------
    question : the trial
    bars : rows of ``bars`` of its symbol, from long enough before the slice
    scenario : one that judges

    Raises
    ------
    MissingData
        If the bars do not reach over the slice and the strategy's warm-up before it.
    """
    if scenario.cards is not None:
        return _played(question, scenario)
    if scenario.start is None or scenario.end is None or not scenario.judges:
        raise ConfigError(f"scenario {scenario.name} is no stress slice: it needs start, end and drawdown_of_holding")
    start, end = pd.Timestamp(scenario.start), pd.Timestamp(scenario.end)
    before = bars[bars["session"] < start]
    inside = bars[(bars["session"] >= start) & (bars["session"] <= end)]
    run_in = question.make().run_in
    if len(before) < run_in or inside.empty or bars["session"].max() < end:
        raise MissingData(
            f"scenario {scenario.name} needs bars from {run_in} sessions before {scenario.start} to {scenario.end}; "
            f"there are {len(before)} before it and {len(inside)} in it"
        )
    made = scenario.slice(bars)
    return _refused(question, made, scenario) if scenario.refused is not None else _held(question, made, scenario)


def _held(question: Question, bars: pd.DataFrame, scenario: Scenario) -> dict[str, Any]:
    """Return the trial in a slice against holding throughout.

    The strategy sees the bars before the slice too, as it would have; the account starts with the slice, with cash for
    exactly the quantity traded, so that drawdowns are those of a fully invested account.
    """
    start = np.datetime64(str(scenario.start))
    result = rerun(question, bars, scenario.costs(question.costs))
    before, inside = bars[bars["session"] < start], bars[bars["session"] >= start]
    curve = result.equity
    equity = curve.loc[curve["session"] >= start, "equity"].to_numpy()
    entry = float(curve.loc[curve["session"] < start, "equity"].iloc[-1])
    last = float(before["close"].iloc[-1])
    invested = question.quantity * last
    account = invested + np.concatenate([[0.0], equity - entry])
    holding = max_drawdown(np.concatenate([[last], inside["close"].to_numpy()]))
    limit = (scenario.drawdown_of_holding or 0.0) * holding
    fallen = max_drawdown(account)
    waited = int((result.fills["session"] >= start).sum())
    return {
        "trial_id": question.trial_id,
        "scenario": scenario.name,
        "first_session": inside["session"].iloc[0],
        "last_session": inside["session"].iloc[-1],
        "total_return": float(account[-1] / invested - 1),
        "max_drawdown": fallen,
        "holding_drawdown": holding,
        "limit": limit,
        "passed": bool(fallen <= limit),
        "detail": f"drawdown {fallen:.1%} over {waited} fills, at most {limit:.1%} asked, holding {holding:.1%}",
    }


def _refused(question: Question, bars: pd.DataFrame, scenario: Scenario) -> dict[str, Any]:
    """Return whether such bars are refused in the words that the scenario names, and no result comes of them."""
    said = "the bars were taken"
    try:
        rerun(question, bars)
    except TradePulseError as exc:
        said = str(exc)
    row = {**_NOTHING, "trial_id": question.trial_id, "scenario": scenario.name}
    return {**row, "passed": (scenario.refused or "") in said, "detail": f"refused: {said}"}


def _played(question: Question, scenario: Scenario) -> dict[str, Any]:
    """Return whether the order path passes the scenario's cards; they say nothing of the strategy."""
    verdicts = [run_card(card) for _, card in load_cards([CARDS / f"{scenario.cards}.yaml"])]
    failed = [f"{verdict.id}: {verdict.differences[0]}" for verdict in verdicts if not verdict.passed]
    detail = "; ".join(failed) or f"the order path passes {len(verdicts)} cards"
    row = {**_NOTHING, "trial_id": question.trial_id, "scenario": scenario.name}
    return {**row, "passed": bool(verdicts) and not failed, "detail": detail}
