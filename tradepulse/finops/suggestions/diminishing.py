"""Sweeps that went on after they had found what they were looking for."""

import numpy as np
import pandas as pd

from tradepulse.finops.suggestions.base import Suggestion, cost_of, payer_of

#: Step that sweeps are run in.
SWEEP = "trials"
#: A sweep stops when so many trials in a row, and this share of all of them, have brought nothing better.
PATIENCE, SHARE = 10, 0.25


def stops_after(scores: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> int:
    """Return after how many trials the rule stops, knowing nothing of those that follow.

    Parameters
    ----------
    scores : of the trials in the order in which they were asked, larger is better, shape (n,)
    """
    patience = max(PATIENCE, -(-len(scores) * SHARE // 1))
    best, since = -np.inf, 0
    for place, score in enumerate(scores, start=1):
        best, since = (score, 0) if score > best else (best, since + 1)
        if since >= patience:
            return place
    return len(scores)


def diminishing(costs: pd.DataFrame, trials: pd.DataFrame) -> list[Suggestion]:
    """Return a suggestion for the sweeps of each strategy and symbol that would have ended early with the same winner.

    What it says is said of the last of them.

    Parameters
    ----------
    costs : rows of ``costs``
    trials : rows of ``trials``, in the order in which they were asked
    """
    paid = cost_of(costs)
    found: dict[str, Suggestion] = {}
    again = trials.duplicated("trial_id")
    for run, rows in trials.groupby("run_id", sort=False):
        if again[rows.index].all():
            continue  # all of it could have been taken from the ledger, which asked_twice says
        cost = paid.get((str(run), SWEEP), 0)
        scores = rows["sharpe"].fillna(-np.inf).to_numpy()
        kept = stops_after(scores)
        if not cost or kept == len(scores) or scores[:kept].max() < scores.max():
            continue  # nothing to save, or the winner came after the end
        winner = rows["trial_id"].iloc[int(scores.argmax())]
        saving = cost * (len(scores) - kept) // len(scores)
        about = f"sweep of {', '.join(sorted(set(rows['strategy'])))} on {rows['symbol'].iloc[0]}"
        finding = f"the best of {len(scores)} trials was number {int(scores.argmax()) + 1}; nothing after it was better"
        proof = f"stopped by the rule after {kept} trials, the sweep has the same winner, {winner}"
        how = f"stop a sweep when a quarter of its grid, at least {PATIENCE} trials in a row, brings nothing better"
        before = found.get(about)
        saving, runs = (saving, (str(run),)) if not before else (
            before.expected_nano_usd + saving, (*before.evidence, str(run))
        )  # fmt: skip
        payer = payer_of(costs, SWEEP)
        found[about] = Suggestion("diminishing", about, payer, finding, saving, saving, proof, how, runs)
    return list(found.values())
