"""Steps that were computed again and wrote what was there already."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tradepulse.finops.suggestions.base import Suggestion, cost_of, payer_of


def unchanged(costs: pd.DataFrame, outputs: Sequence[Mapping[str, Any]]) -> list[Suggestion]:
    """Return a suggestion for each step whose runs wrote, partition by partition, what the run before had written.

    Parameters
    ----------
    costs : rows of ``costs``
    outputs : what each step wrote, oldest first
    """
    paid = cost_of(costs)
    there: dict[str, dict[str, str]] = defaultdict(dict)
    again: dict[str, list[str]] = defaultdict(list)
    runs: dict[str, int] = defaultdict(int)
    for line in outputs:
        step, wrote = str(line["step"]), dict(line["outputs"])
        runs[step] += 1
        if all(there[step].get(name) == digest for name, digest in wrote.items()):
            again[step].append(str(line["run_id"]))
        there[step].update(wrote)
    found = []
    for step, wasted in again.items():
        saving = sum(paid.get((run, step), 0) for run in wasted)
        finding = f"{len(wasted)} of {runs[step]} runs of {step} wrote, to the last cell, what was there already"
        proof = "each of these runs is the proof itself: the content hash of what it wrote is that of what it replaced"
        how = f"take {step} out of the jobs that need not make it, or make it only where its inputs have changed"
        found.append(
            Suggestion("unchanged", step, payer_of(costs, step), finding, saving, saving, proof, how, tuple(wasted))
        )
    return found
