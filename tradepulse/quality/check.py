"""What a check says: not only whether it passed, but what it looked at."""

from dataclasses import dataclass

#: Rows of a table of checks, unless more than that are not ok.
MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Check:
    """One promise about data, and whether it is kept. A check that saw nothing has not passed.

    Parameters
    ----------
    name : the promise
    seen : rows (or sessions, or expectations) looked at
    failing : how many of them break it
    detail : what was found, for a person
    advisory : a finding that a person should look at and that cannot be proven wrong from the data alone: it is shown,
        and does not fail
    """

    name: str
    seen: int
    failing: int
    detail: str = ""
    advisory: bool = False

    @property
    def passed(self) -> bool:
        """Whether something was seen and nothing failed."""
        return self.seen > 0 and (self.failing == 0 or self.advisory)

    def __str__(self) -> str:
        return f"{self.name}: {self.detail or f'{self.failing:,} of {self.seen:,} failing'}"

    @property
    def verdict(self) -> str:
        """``ok``, ``FAILED``, or ``look`` where a person should."""
        if not self.passed:
            return "FAILED"
        return "look" if self.failing else "ok"


def markdown(checks: "list[Check]") -> str:
    """Return checks as a Markdown table: those that failed first, then those to look at.

    Of many, those that are ok are cut off, and counted below: the table is read in a dialog.
    """
    order = {"FAILED": 0, "look": 1, "ok": 2}
    checks = sorted(checks, key=lambda check: order[check.verdict])
    rows = [f"| {_emphasis(c.verdict)} | {c.name} | {c.seen:,} | {c.failing:,} | {c.detail} |" for c in checks]
    kept = max(MOST_SHOWN, sum(check.verdict != "ok" for check in checks))
    more = ["", f"and {len(rows) - kept:,} more, all of them ok"] if len(rows) > kept else []
    return "\n".join(["| | check | seen | failing | detail |", "|---|---|---:|---:|---|", *rows[:kept], *more])


def _emphasis(verdict: str) -> str:
    return verdict if verdict == "ok" else f"**{verdict}**"
