"""Questions that the trial ledger had answered already: it is a cache that was not asked."""

import pandas as pd

from tradepulse.finops.suggestions.base import Suggestion, cost_of, payer_of
from tradepulse.finops.suggestions.diminishing import SWEEP

_FIGURES = ["sharpe", "total_return", "max_drawdown", "n_orders"]


def asked_twice(costs: pd.DataFrame, trials: pd.DataFrame) -> list[Suggestion]:
    """Return a suggestion for each strategy of which the same trial was run more than once.

    Parameters
    ----------
    costs : rows of ``costs``; a trial costs its share of the sweep that ran it, and one by hand is not metered
    trials : rows of ``trials``
    """
    paid = cost_of(costs)
    done = trials[trials["status"] == "done"]
    size = done.groupby("run_id")["trial_id"].size().to_dict()
    repeats = done[done.duplicated("trial_id")]
    first = done.drop_duplicates("trial_id").set_index("trial_id")[_FIGURES]
    found = []
    for strategy, rows in repeats.groupby("strategy", sort=False):
        before = first.loc[rows["trial_id"]].reset_index(drop=True)
        now = rows[_FIGURES].reset_index(drop=True)
        same = ((before == now) | (before.isna() & now.isna())).all(axis=1).to_numpy()
        shares = [paid.get((str(run), SWEEP), 0) // size[run] for run in rows["run_id"]]
        proven = sum(share for share, equal in zip(shares, same, strict=True) if equal)
        finding = f"{len(rows)} runs of {strategy} asked what the ledger had answered: the same trial on the same bars"
        proof = f"{int(same.sum())} of them came to the same figures as the first answer"
        how = "sweep with --reuse, which takes from the ledger what it has answered and asks only the rest"
        runs = tuple(dict.fromkeys(str(run) for run in rows["run_id"]))
        payer = payer_of(costs, SWEEP)
        found.append(Suggestion("asked_twice", str(strategy), payer, finding, sum(shares), proven, proof, how, runs))
    return found
