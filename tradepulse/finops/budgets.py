"""Budgets: what may be started for an amount, and when to stop."""

from datetime import date
from time import process_time

import pandas as pd

from tradepulse.core.orders import share_of
from tradepulse.errors import ConfigError, MissingData
from tradepulse.finops.prices import METERS, NANO, PriceBook
from tradepulse.finops.usage import STORAGE


def price_of_a_trial(costs: pd.DataFrame, trials: pd.DataFrame) -> float:
    """Return what a trial has cost so far, in nano-dollars: the metered sweeps over the trials that they answered.

    Parameters
    ----------
    costs : rows of ``costs``
    trials : rows of ``trials``

    Raises
    ------
    MissingData
        If no sweep has been metered yet.
    """
    spent = costs[(costs["step"] == "trials") & (costs["run_id"] != STORAGE)].groupby("run_id")["cost_nano_usd"].sum()
    # The parts of one sweep are runs of their own in the ledger, named after it.
    answered = trials["run_id"].str.replace(r"#\d+$", "", regex=True)
    done = int(((trials["status"] == "done") & answered.isin(spent.index)).sum())
    if not done or not spent.sum():
        raise MissingData(
            "no sweep has been metered yet, so no budget can be kept; run a small one without a budget first"
        )
    return float(spent.sum()) / done


def affordable(budget_nano_usd: int, each_nano_usd: float, wanted: int, *, trim: bool) -> int:
    """Return how many of the trials that are wanted may be started.

    Parameters
    ----------
    budget_nano_usd : largest cost
    each_nano_usd : of a trial
    wanted : trials
    trim : whether fewer are better than none

    Raises
    ------
    ConfigError
        If all of them are too dear and ``trim`` is not wanted, or not even one is affordable.
    """
    most = int(budget_nano_usd // each_nano_usd)
    if most >= wanted:
        return wanted
    if not trim or not most:
        raise ConfigError(
            f"the sweep asks {wanted:,} trials, about USD {wanted * each_nano_usd / NANO:.6f} at what one has cost "
            f"so far; the budget of USD {budget_nano_usd / NANO:.6f} is enough for {most:,}"
            + (": --trim asks only those" if most and not trim else "; widen the steps, or the budget")
        )
    return most


class Spending:
    """What this process spends on its processor from now on.

    Parameters
    ----------
    budget_nano_usd : largest cost
    prices, day : what a processor hour costs, and on which day
    """

    def __init__(self, budget_nano_usd: int, prices: PriceBook, day: date) -> None:
        self._budget, self._begin = budget_nano_usd, process_time()
        self._price = prices.price_nano_usd("cpu", day)

    @property
    def over(self) -> bool:
        """Whether the budget has been spent."""
        return share_of(round(1000 * (process_time() - self._begin)), self._price, METERS["cpu"][1]) > self._budget
