"""Promotion: candidate, shadow, champion; the gates of each step, with their figures."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from tradepulse.backtest import compiled
from tradepulse.backtest.feed import Feed
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.provenance import code_version, environment
from tradepulse.backtest.research import Question, curves, rerun
from tradepulse.backtest.result import Result
from tradepulse.backtest.signals import signal_rows
from tradepulse.backtest.statistics import deflated_sharpe, moments, probabilistic_sharpe
from tradepulse.backtest.stress import stress_scenarios
from tradepulse.core.strategies.base import HOLD

#: The steps of a trial, each on top of the one before. A shadow trades on paper; a champion may trade for money.
STAGES = ("candidate", "shadow", "champion")
#: Least probability that the result is more than the best of so many lucky trials, by step. Paper costs nothing and
#: gathers the out-of-sample evidence that is still missing: more likely than not is enough. Before real money the usual
#: bar is 0.95 (Bailey and Lopez de Prado, 2014).
LEAST_DEFLATED_SHARPE = {"candidate": 0.50, "champion": 0.95}
#: Probability that chance passes the first look at a holdout; each further look may be passed by half as much chance,
#: so that however often one looks, chance passes with at most twice this.
HOLDOUT_CHANCE = 0.05
#: Sessions at the end of the sample on which the path of signals must say what the backtest did.
PARITY_SESSIONS = 60
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
    holdout: pd.DataFrame | None = None,
    made: pd.DataFrame | None = None,
    required: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, Result]:
    """Return rows of ``promotions`` for the best trial, one for each step that it was put to, and its run.

    A step that is refused is the last one. Each look at the holdout is counted, by the rows of champions that were ever
    decided on for the symbol, and makes the next one harder to pass.

    Parameters
    ----------
    question : the trial with the best Sharpe ratio
    bars : the bars that it was asked on
    ledger : every trial so far, good and bad, one row per question
    stress : rows of ``stress`` of this trial
    run_id : run that decides
    holdout : bars of the symbol after ``bars`` that no trial was asked on; without them there is no champion
    made : rows of ``promotions`` so far
    required : scenarios that must be among ``stress`` and passed; by default all that judge
    """
    result = rerun(question, bars)
    same = ledger[ledger["symbol"] == question.symbol]
    row = same[same["trial_id"] == question.trial_id].iloc[0]
    confidence = _deflated(same, result)
    looks = _looks(question, made)
    steps: dict[str, Callable[[], list[Gate]]] = {
        "candidate": lambda: [
            _engines_agree(question, bars, row, result),
            _pays_double_costs(question, bars),
            *(_passes_stress(name, stress) for name in (stress_scenarios() if required is None else required)),
            _more_than_luck("candidate", confidence, len(same)),
        ],
        "shadow": lambda: [_signals_agree(question, bars)],
        "champion": lambda: [
            _more_than_luck("champion", confidence, len(same)),
            _holds_out(question, bars, holdout, looks),
        ],
    }
    decisions = []
    for stage in STAGES:
        gates = steps[stage]()
        reasons = json.dumps([asdict(gate) for gate in gates])
        identity = json.dumps([question.trial_id, stage, len(same), reasons])
        decisions.append(
            {
                "promotion_id": sha256(identity.encode()).hexdigest()[:16],
                "stage": stage,
                "trial_id": question.trial_id,
                "strategy": question.strategy_id,
                "params": question.params_json,
                "symbol": question.symbol,
                "quantity": question.quantity,
                "data_version": question.data_version,
                "code_version": code_version(),
                "environment": environment(),
                "last_session": bars["session"].max(),
                "n_trials": len(same),
                "deflated_sharpe": confidence,
                "holdout_looks": looks if stage == "champion" else 0,
                "promoted": all(gate.passed for gate in gates),
                "reasons": reasons,
                "run_id": run_id,
                "mlflow_run_id": row["mlflow_run_id"],
            }
        )
        if not decisions[-1]["promoted"]:
            break
    return pd.DataFrame(decisions), result


def _looks(question: Question, made: pd.DataFrame | None) -> int:
    """Return how many trials have looked at the symbol's holdout, this one included."""
    if made is None:
        return 1
    before = made[(made["stage"] == "champion") & (made["symbol"] == question.symbol)]
    return len(set(before["trial_id"]) | {question.trial_id})


def _more_than_luck(stage: str, confidence: float, trials: int) -> Gate:
    least = LEAST_DEFLATED_SHARPE[stage]
    purpose = "for paper (0.95 before real money)" if stage == "candidate" else "before real money"
    detail = f"deflated Sharpe ratio {confidence:.3f} after {trials} trials, at least {least:.2f} asked {purpose}"
    return Gate("more than luck", bool(confidence >= least), detail)


def _signals_agree(question: Question, bars: pd.DataFrame) -> Gate:
    """Hold the path of signals, session by session, against the decisions that the backtest traded."""
    promotion = {
        "strategy": question.strategy_id, "params": question.params_json, "quantity": question.quantity,
        "symbol": question.symbol, "promotion_id": "", "trial_id": question.trial_id,
    }  # fmt: skip
    days = bars["session"].iloc[-PARITY_SESSIONS:]
    asked = [int(signal_rows(bars, promotion, day.date())["target_quantity"].iloc[0]) for day in days]
    decided = compiled.wanted_on(Feed(bars), question.make)
    traded = np.zeros(0) if decided is None else pd.Series(decided).where(decided != HOLD).ffill().fillna(0).to_numpy()
    differing = sum(a != b for a, b in zip(asked, traded[-len(asked) :], strict=True)) if len(traded) else len(asked)
    detail = f"{len(asked)} sessions compared, {differing} differ"
    return Gate("signals say what was backtested", bool(asked and differing == 0), detail)


def _holds_out(question: Question, bars: pd.DataFrame, holdout: pd.DataFrame | None, looks: int) -> Gate:
    if holdout is None or holdout.empty:
        return Gate("holds on unseen bars", False, "no bars were held out")
    whole = pd.concat([bars, holdout]).reset_index(drop=True)
    equity = rerun(question, whole).equity["equity"].to_numpy()[len(bars) - 1 :]
    returns = np.diff(equity) / equity[:-1]
    needed = 1 - HOLDOUT_CHANCE / 2 ** (looks - 1)
    deviation = float(returns.std(ddof=1)) if len(returns) > 2 else 0.0
    if not deviation:
        return Gate("holds on unseen bars", False, f"it did not trade in {len(returns)} bars")
    skew, kurtosis = moments(returns)
    sure = probabilistic_sharpe(float(returns.mean()) / deviation, 0.0, len(returns), skew, kurtosis)
    return Gate(
        "holds on unseen bars",
        bool(sure >= needed),
        f"{sure:.3f} sure that it earns over {len(returns)} bars, at least {needed:.4g} asked at look {looks}",
    )


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
