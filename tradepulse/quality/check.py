"""What a check says: not only whether it passed, but what it looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One promise about data, and whether it is kept. A check that saw nothing has not passed.

    Parameters
    ----------
    name : the promise
    seen : rows (or sessions, or expectations) looked at
    failing : how many of them break it
    detail : what was found, for a person
    """

    name: str
    seen: int
    failing: int
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether something was seen and nothing failed."""
        return self.seen > 0 and self.failing == 0


def markdown(checks: "list[Check]") -> str:
    """Return checks as a Markdown table."""
    rows = [
        f"| {'ok' if c.passed else '**FAILED**'} | {c.name} | {c.seen:,} | {c.failing:,} | {c.detail} |" for c in checks
    ]
    return "\n".join(["| | check | seen | failing | detail |", "|---|---|---:|---:|---|", *rows])
