"""Unit economics: what one of each thing that we make has cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import pandas as pd

#: Steps that research consists of, and those that an order takes; their checks count with them.
RESEARCH = ("indicators", "golden_values", "trials", "stress", "promotions")
ORDERS = ("signals", "released_signals", "order_journal", "orders", "fills", "positions", "settlement")


@dataclass(frozen=True, slots=True)
class Unit:
    """What one of something cost.

    Parameters
    ----------
    name : of one of it
    count : how many there are, or how much, of a Sharpe ratio
    total_nano_usd : cost of the steps that made them
    steps : these steps
    """

    name: str
    count: float
    total_nano_usd: int
    steps: tuple[str, ...]

    @property
    def each_nano_usd(self) -> float | None:
        """Cost of one; None where there is none."""
        return float(Fraction(self.total_nano_usd) / Fraction(self.count)) if self.count > 0 else None


def cost_of_a_fill(
    usage: pd.DataFrame, costs: pd.DataFrame, decided: str, traded: str
) -> tuple[int, list[tuple[str, str, str, int]]]:
    """Return what a fill has cost, in nano-dollars, and the steps that made it: run, step, session and cost of each.

    Parameters
    ----------
    usage, costs : rows of these tables
    decided, traded : sessions of its order and of itself, ISO 8601

    Returns
    -------
    total, steps. What was decided is the signal of its session; what traded are the steps of the order path of the
    next. Both are shared by all fills of the session, and checks are part of them. Research is not: a promoted strategy
    trades on.
    """
    name = usage["step"].str.partition(":")[0]
    signal = name.isin(ORDERS[:2]) & (usage["partition"] == decided)
    traded_then = name.isin(ORDERS[2:]) & (usage["partition"] == traded)
    line = ["run_id", "step", "started_at"]
    made = usage.loc[signal | traded_then, [*line, "partition"]].merge(costs, on=line)
    by_step = made.groupby(["run_id", "step", "partition"], sort=False, as_index=False)["cost_nano_usd"].sum()
    steps = [
        (str(run), str(step), str(partition), int(cost))
        for run, step, partition, cost in by_step.itertuples(index=False)
    ]
    return sum(cost for *_, cost in steps), steps


def units(costs: pd.DataFrame, trials: pd.DataFrame, promotions: pd.DataFrame, orders: pd.DataFrame) -> list[Unit]:
    """Return what a backtest, a point of Sharpe, a promoted strategy, an order and a run of each asset have cost.

    Storage is no step's, and stands for itself: what a day of all that is held has cost.

    Parameters
    ----------
    costs : rows of ``costs``
    trials, promotions, orders : rows of these tables, none where there is none yet
    """
    costs, storage = costs[costs["meter"] != "held"], costs[costs["meter"] == "held"]
    step = costs["step"].str.partition(":")[0]  # a check is named asset:check

    def spent(steps: Sequence[str]) -> int:
        return int(costs.loc[step.isin(list(steps)), "cost_nano_usd"].sum())

    done = trials[trials["status"] == "done"]
    best = float(done["sharpe"].max()) if done["sharpe"].notna().any() else 0.0
    promoted = promotions.loc[promotions["promoted"] & (promotions["stage"] != "candidate"), "trial_id"].nunique()
    found = [
        Unit("backtest", len(done), spent(["trials"]), ("trials",)),
        Unit("point of the best Sharpe ratio", max(best, 0.0), spent(RESEARCH), RESEARCH),
        Unit("promoted strategy", int(promoted), spent(RESEARCH), RESEARCH),
        Unit("order", len(orders), spent(ORDERS), ORDERS),
        Unit("day of storage", storage["date"].nunique(), int(storage["cost_nano_usd"].sum()), ()),
    ]
    runs = costs.assign(step=step).groupby("step")["run_id"].nunique()
    return found + [
        Unit(f"run of {name}", int(count), spent([str(name)]), (str(name),)) for name, count in runs.items()
    ]
