"""Promotion: the gates a trial must pass before it may trade, each with its figures."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.research import Question, curves, rerun
from tradepulse.backtest.result import Result
from tradepulse.backtest.scenario import Scenario
from tradepulse.backtest.statistics import deflated_sharpe, max_drawdown, moments
from tradepulse.errors import ConfigError, MissingData

#: Stress slices that every candidate goes through.
STRESS = ("dotcom_crash", "financial_crisis")
#: Least probability that the result is more than the best of so many lucky trials. Promotion leads to paper trading,
#: which costs nothing and gathers the out-of-sample evidence that is still missing: more likely than not is enough.
#: Before real money the usual bar is 0.95 (Bailey and Lopez de Prado, 2014).
LEAST_DEFLATED_SHARPE = 0.50
#: Largest relative difference of final equity between engines: float64 summed in another order.
ENGINE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of promotion, with what was seen."""

    name: str
    passed: bool
    detail: str


def stressed(question: Question, bars: pd.DataFrame, scenario: Scenario) -> dict[str, Any]:
    """Return a row of ``stress``: the trial in a slice of history against holding throughout.

    The strategy sees the bars before the slice too, as it would have; the account starts with the slice, with cash for
    exactly the quantity traded, so that drawdowns are those of a fully invested account.

    Parameters
    ----------
    question : the trial
    bars : rows of ``bars`` of its symbol, from long enough before the slice
    scenario : a slice with ``start``, ``end`` and ``drawdown_of_holding``

    Raises
    ------
    MissingData
        If the bars do not reach over the slice and the strategy's warm-up before it.
    """
    if scenario.start is None or scenario.end is None or scenario.drawdown_of_holding is None:
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
    result = rerun(question, bars[bars["session"] <= end].reset_index(drop=True), scenario.costs(question.costs))
    curve = result.equity
    equity = curve.loc[curve["session"] >= start, "equity"].to_numpy()
    entry = float(curve.loc[curve["session"] < start, "equity"].iloc[-1])
    closes = inside["close"].to_numpy()
    invested = question.quantity * float(before["close"].iloc[-1])
    account = invested + np.concatenate([[0.0], equity - entry])
    holding = np.concatenate([[float(before["close"].iloc[-1])], closes])
    limit = scenario.drawdown_of_holding * max_drawdown(holding)
    fallen = max_drawdown(account)
    return {
        "trial_id": question.trial_id,
        "scenario": scenario.name,
        "first_session": inside["session"].iloc[0],
        "last_session": inside["session"].iloc[-1],
        "total_return": float(account[-1] / invested - 1),
        "max_drawdown": fallen,
        "holding_drawdown": max_drawdown(holding),
        "limit": limit,
        "passed": bool(fallen <= limit),
    }


def decide(
    question: Question,
    bars: pd.DataFrame,
    ledger: pd.DataFrame,
    stress: pd.DataFrame,
    *,
    run_id: str,
    required: Sequence[str] = STRESS,
) -> tuple[pd.DataFrame, Result]:
    """Return one row of ``promotions`` for the best trial, and its run through the event engine.

    Parameters
    ----------
    question : the trial with the best Sharpe ratio
    bars : the bars that it was asked on
    ledger : every trial so far, good and bad, one row per question
    stress : rows of ``stress`` of this trial
    run_id : run that decides
    required : scenarios that must be among ``stress`` and passed
    """
    result = rerun(question, bars)
    same = ledger[ledger["symbol"] == question.symbol]
    row = same[same["trial_id"] == question.trial_id].iloc[0]
    gates = [
        _engines_agree(question, bars, row, result),
        _pays_double_costs(question, bars),
        *(_passes_stress(name, stress) for name in required),
    ]
    confidence = _deflated(same, result)
    gates.append(
        Gate(
            "more than luck",
            confidence >= LEAST_DEFLATED_SHARPE,
            f"deflated Sharpe ratio {confidence:.3f} after {len(same)} trials, at least {LEAST_DEFLATED_SHARPE:.2f} "
            "asked for paper trading (0.95 is usual before real money)",
        )
    )
    reasons = json.dumps([asdict(gate) for gate in gates])
    identity = json.dumps([question.trial_id, len(same), reasons])
    decision = pd.DataFrame(
        [
            {
                "promotion_id": sha256(identity.encode()).hexdigest()[:16],
                "trial_id": question.trial_id,
                "strategy": question.strategy_id,
                "params": question.params_json,
                "symbol": question.symbol,
                "quantity": question.quantity,
                "data_version": question.data_version,
                "last_session": bars["session"].max(),
                "n_trials": len(same),
                "deflated_sharpe": confidence,
                "promoted": all(gate.passed for gate in gates),
                "reasons": reasons,
                "run_id": run_id,
                "mlflow_run_id": row["mlflow_run_id"],
            }
        ]
    )
    return decision, result


def _engines_agree(question: Question, bars: pd.DataFrame, row: "pd.Series[Any]", result: Result) -> Gate:
    equity, orders = curves(bars, [question])
    found = {
        "event engine": (result.summary["n_fills"], result.summary["total_return"]),
        "ledger": (int(row["n_orders"]), float(row["total_return"])),
        "vectorbt": (int(orders[0]), float(equity[-1, 0] / question.cash - 1)),
    }
    fills, returns = zip(*found.values(), strict=True)
    gap = (max(returns) - min(returns)) / abs(1 + returns[0])
    detail = ", ".join(f"{name} {count} fills and return {value:.6%}" for name, (count, value) in found.items())
    return Gate("three engines agree", bool(len(set(fills)) == 1 and gap <= ENGINE_TOLERANCE), detail)


def _pays_double_costs(question: Question, bars: pd.DataFrame) -> Gate:
    costs = Costs(2 * question.costs.commission_bp, 2 * question.costs.slippage_bp)
    ratio = rerun(question, bars, costs).summary["sharpe"]
    return Gate(
        "pays twice its costs", bool(ratio is not None and ratio > 0), f"Sharpe ratio {ratio or 0:.3f} at double costs"
    )


def _passes_stress(name: str, stress: pd.DataFrame) -> Gate:
    rows = stress[stress["scenario"] == name]
    if rows.empty:
        return Gate(f"stress: {name}", False, "the scenario did not run")
    row = rows.iloc[0]
    detail = (
        f"drawdown {row['max_drawdown']:.1%}, at most {row['limit']:.1%} asked, holding {row['holding_drawdown']:.1%}"
    )
    return Gate(f"stress: {name}", bool(row["passed"]), detail)


def _deflated(ledger: pd.DataFrame, result: Result) -> float:
    if result.summary["sharpe"] is None:
        return 0.0  # it never traded: there is nothing to believe
    equity = result.equity["equity"].to_numpy()
    returns = np.diff(equity) / equity[:-1]
    skew, kurtosis = moments(returns)
    per_bar = ledger["sharpe"].dropna().to_numpy() / np.sqrt(result.summary["bars_per_year"])
    variance = float(np.var(per_bar, ddof=1)) if len(per_bar) > 1 else 0.0
    observed = result.summary["sharpe"] / np.sqrt(result.summary["bars_per_year"])
    return deflated_sharpe(float(observed), variance, len(ledger), len(returns), skew, kurtosis)
