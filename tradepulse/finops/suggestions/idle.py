"""What is paid for and not used: the idle part of the bills."""

from collections import defaultdict
from decimal import Decimal

import pandas as pd

from tradepulse.finops.allocation import allocated
from tradepulse.finops.prices import NANO
from tradepulse.finops.suggestions.base import Suggestion

#: Share of an account's usage that has to be idle, on every one of its days, to be worth a line; and how many days.
SHARE, DAYS = Decimal("0.3"), 3


def idle(bills: pd.DataFrame, costs: pd.DataFrame) -> list[Suggestion]:
    """Return a suggestion for each account that was billed for more than was used, day after day.

    What was idle on the quietest of its days could have been switched off on all of them: that much is expected. It is
    not proven, because what was measured does not say whether the work would have fitted into less.

    Parameters
    ----------
    bills : rows of ``bills``; accounts in other currencies than USD are left out
    costs : rows of ``costs``
    """
    bills = bills[bills["currency"] == "USD"]
    if bills.empty:
        return []
    days: dict[str, dict[str, dict[str, Decimal]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(Decimal)))
    for row in allocated(bills, costs).to_dict("records"):
        days[row["account"]][row["date"]][row["kind"]] += Decimal(row["amount"])
    found = []
    for account, by_day in days.items():
        used = {day: parts["idle"] + parts["workload"] for day, parts in by_day.items()}
        billed = [day for day in by_day if used[day] > 0]
        if len(billed) < DAYS or any(by_day[day]["idle"] < SHARE * used[day] for day in billed):
            continue
        least = min(by_day[day]["idle"] for day in billed)
        share = least / max(used[day] for day in billed)
        finding = (
            f"account {account} was billed for at least USD {least:.2f} a day on {len(billed)} days that nothing used: "
            f"{share:.0%} of its dearest day or more"
        )
        how = "switch machines off outside the hours of the jobs, or take smaller ones; the workload's peak is in usage"
        proof = "not proven: whether the work fits into less is not in the records; try it on one machine for a week"
        expected = int(least * len(billed) * NANO)
        found.append(Suggestion("idle", account, "", finding, expected, 0, proof, how, tuple(sorted(billed))))
    return found
