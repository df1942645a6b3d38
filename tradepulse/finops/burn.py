"""What is spent, what should be, and who has to look: one look at the ledger for every place that shows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from tradepulse.finops.forecast import Forecast, by_day, deviations, forecast
from tradepulse.finops.incidents import Incidents
from tradepulse.finops.prices import NANO

#: Deviation from forecast that opens an incident, and the smallest one worth it, USD a day.
SHARE, FLOOR_USD = 0.15, 1.0


@dataclass(frozen=True)
class Burn:
    """One look.

    Parameters
    ----------
    days, months : nano-dollars by day (midnight UTC) and by month (``2026-01``)
    ahead : forecast of the next day; None before three weeks are over
    waiting : incidents that nobody has acknowledged, oldest first
    """

    days: "pd.Series[int]"
    months: "pd.Series[int]"
    ahead: Forecast | None
    waiting: list[dict[str, Any]]

    @property
    def total_nano_usd(self) -> int:
        """Everything measured."""
        return int(self.days.sum())


def look(
    costs: pd.DataFrame, incidents: Incidents, now: datetime, *, share: float = SHARE, floor_usd: float = FLOOR_USD
) -> Burn:
    """Look at the ledger; opens incidents and escalates those that wait.

    Parameters
    ----------
    costs : rows of ``costs``
    incidents : of the instance
    now : UTC; a day that is not over yet deviates from nothing
    share, floor_usd : deviation from forecast that opens an incident: both must be exceeded
    """
    days = by_day(costs)
    over = costs[costs["date"] < pd.Timestamp(now.date())]
    found = deviations(over, share=share, floor_nano_usd=round(floor_usd * NANO)) if len(over) else []
    incidents.open(found, now)
    months = days.groupby(pd.DatetimeIndex(days.index).strftime("%Y-%m")).sum()
    ahead = forecast(by_day(over).tolist()) if len(over) else None
    return Burn(days, months, ahead, [one for one in incidents.all() if one["state"] == "open"])
