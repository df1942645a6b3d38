"""What a suggestion is, and all of them together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something that could cost less.

    Parameters
    ----------
    kind : ``unchanged``, ``same_result``, ``diminishing``, ``asked_twice`` or ``idle``
    subject : what it is about: a step, a sweep
    team : who pays for it
    finding : what was seen, in a sentence
    expected_nano_usd : what it would have saved over what has been measured
    proven_nano_usd : the part of that of which the records prove that nothing would have come out differently
    counterfactual : how it was proven, or why it could not be
    how : what to do
    evidence : runs that it stands on, oldest first
    verified_nano_usd : what a re-run has shown that it saves; None where there was none
    """

    kind: str
    subject: str
    team: str
    finding: str
    expected_nano_usd: int
    proven_nano_usd: int
    counterfactual: str
    how: str
    evidence: Sequence[str] = field(default_factory=tuple)
    verified_nano_usd: int | None = None

    @property
    def id(self) -> str:
        """The same suggestion has the same id from one day to the next."""
        return sha256(f"{self.kind}|{self.subject}|{self.team}".encode()).hexdigest()[:8]

    def row(self) -> dict[str, Any]:
        """Return it as plain values, its id first."""
        return {"id": self.id, **asdict(self), "evidence": list(self.evidence)}


def suggestions(
    costs: pd.DataFrame, outputs: Sequence[Mapping[str, Any]], trials: pd.DataFrame, bills: pd.DataFrame | None = None,
    *, least_nano_usd: int = 1,
) -> list[Suggestion]:  # fmt: skip
    """Return every suggestion, the largest proven saving first.

    Parameters
    ----------
    costs : rows of ``costs``
    outputs : what each step wrote, as from :meth:`tradepulse.finops.usage.UsageLog.outputs`
    trials : rows of ``trials``
    bills : rows of ``bills``, where there are any
    least_nano_usd : smallest expected saving worth a line
    """
    from tradepulse.finops.suggestions.asked_twice import asked_twice
    from tradepulse.finops.suggestions.diminishing import diminishing
    from tradepulse.finops.suggestions.idle import idle
    from tradepulse.finops.suggestions.same_result import same_result
    from tradepulse.finops.suggestions.unchanged import unchanged

    found = [
        *unchanged(costs, outputs), *same_result(costs, outputs), *diminishing(costs, trials),
        *asked_twice(costs, trials), *([] if bills is None else idle(bills, costs)),
    ]  # fmt: skip
    worth = [one for one in found if one.expected_nano_usd >= least_nano_usd]
    return sorted(worth, key=lambda one: (-one.proven_nano_usd, -one.expected_nano_usd, one.id))


def cost_of(costs: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Return what each step of each run cost, in nano-dollars, its checks not included."""
    summed = costs.groupby(["run_id", "step"], as_index=False)["cost_nano_usd"].sum()
    return {(str(run), str(step)): int(amount) for run, step, amount in summed.itertuples(index=False)}


def payer_of(costs: pd.DataFrame, step: str) -> str:
    """Return the team that paid for a step last; empty where none did."""
    mine = costs.loc[costs["step"] == step, "team"]
    return str(mine.iloc[-1]) if len(mine) else ""
