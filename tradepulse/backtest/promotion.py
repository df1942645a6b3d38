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
from tradepulse.backtest.statistics import deflated_sharpe, moments
from tradepulse.backtest.stress import stress_scenarios

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


def decide(
    question: Question,
    bars: pd.DataFrame,
    ledger: pd.DataFrame,
    stress: pd.DataFrame,
    *,
    run_id: str,
    required: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, Result]:
    """Return one row of ``promotions`` for the best trial, and its run through the event engine.

    Parameters
    ----------
    question : the trial with the best Sharpe ratio
    bars : the bars that it was asked on
    ledger : every trial so far, good and bad, one row per question
    stress : rows of ``stress`` of this trial
    run_id : run that decides
    required : scenarios that must be among ``stress`` and passed; by default all that judge
    """
    result = rerun(question, bars)
    same = ledger[ledger["symbol"] == question.symbol]
    row = same[same["trial_id"] == question.trial_id].iloc[0]
    gates = [
        _engines_agree(question, bars, row, result),
        _pays_double_costs(question, bars),
        *(_passes_stress(name, stress) for name in (stress_scenarios() if required is None else required)),
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
    return Gate(f"stress: {name}", bool(rows["passed"].iloc[0]), str(rows["detail"].iloc[0]))


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
