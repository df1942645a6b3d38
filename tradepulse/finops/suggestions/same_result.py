"""Steps that make what another step makes: one of them would be enough."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tradepulse.finops.suggestions.base import Suggestion, cost_of, payer_of

#: Steps that pass on what they are given when it is good: that they write the same is their purpose.
GATES = frozenset({"released_signals"})


def same_result(costs: pd.DataFrame, outputs: Sequence[Mapping[str, Any]]) -> list[Suggestion]:
    """Return a suggestion for each pair of steps of which, in every run of both, one wrote what the other had written.

    A table that two steps make is known by its content hash, whatever it is called. The step that came later in each of
    the runs is the one to drop; what it cost there would have been saved.

    Parameters
    ----------
    costs : rows of ``costs``
    outputs : what each step wrote, oldest first
    """
    paid = cost_of(costs)
    by_run: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for line in outputs:
        by_run[str(line["run_id"])].setdefault(str(line["step"]), set()).update(dict(line["outputs"]).values())
    met: dict[tuple[str, str], list[str]] = defaultdict(list)
    differed: set[tuple[str, str]] = set()
    for run, wrote in by_run.items():
        steps = [step for step in wrote if step not in GATES]
        for at, later in enumerate(steps):
            for earlier in steps[:at]:
                if wrote[later] and wrote[later] <= wrote[earlier]:
                    met[earlier, later].append(run)
                else:
                    differed.add((earlier, later))
    found = []
    for (earlier, later), runs in met.items():
        if (earlier, later) in differed:
            continue
        saving = sum(paid.get((run, later), 0) for run in runs)
        finding = f"{later} wrote in all {len(runs)} runs, to the last cell, what {earlier} had written before it"
        how = f"let what reads {later} read {earlier}, and drop {later}"
        proof = "the content hashes of what the two steps wrote are equal in every run of both"
        found.append(
            Suggestion("same_result", later, payer_of(costs, later), finding, saving, saving, proof, how, tuple(runs))
        )
    return found
