"""What a day should cost, by models that show how well they have done, and the days that came out otherwise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Days before the first forecast, and days of a season: costs follow the week.
LEAST, SEASON = 21, 7
Values = NDArray[np.float64]


def seasonal_naive(past: Values) -> float:
    """Return the value of the same weekday a week ago."""
    return float(past[-SEASON])


def weekday_mean(past: Values) -> float:
    """Return the mean of the same weekday in the last four weeks, or as many as there are."""
    return float(past[-SEASON::-SEASON][:4].mean())


def level_and_week(past: Values) -> float:
    """Return the level of the last four weeks, each weighing half of the one after it, times the weekday's share.

    The level is a mean of the means of whole weeks; the share is the weekday's mean over that of all days.
    """
    weeks = past[-(min(len(past) // SEASON, 4) * SEASON) :].reshape(-1, SEASON)
    level = float(np.average(weeks.mean(axis=1), weights=0.5 ** np.arange(len(weeks))[::-1]))
    mean = float(weeks.mean())
    return level * float(weeks[:, 0].mean()) / mean if mean else 0.0


MODELS: dict[str, Callable[[Values], float]] = {
    "seasonal naive": seasonal_naive, "weekday mean": weekday_mean, "level and week": level_and_week,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the next day should cost.

    Parameters
    ----------
    model : the one that has done best
    nano_usd : its forecast
    mape : mean absolute percentage error of each model, a day ahead from every day on which it could have been made;
        NaN where no day had a cost
    days : forecasts that the errors are of
    """

    model: str
    nano_usd: float
    mape: dict[str, float]
    days: int


def forecast(past: Sequence[float] | Values) -> Forecast | None:
    """Return the next day's forecast, by the model with the smallest error so far; None before there are enough days.

    Parameters
    ----------
    past : cost of each day in nano-dollars, none left out, oldest first
    """
    values = np.asarray(past, dtype=float)
    if len(values) < LEAST:
        return None
    errors: dict[str, list[float]] = {name: [] for name in MODELS}
    for day in range(LEAST, len(values)):
        if values[day] > 0:
            for name, model in MODELS.items():
                errors[name].append(abs(model(values[:day]) - values[day]) / values[day])
    mape = {name: float(np.mean(found)) if found else float("nan") for name, found in errors.items()}
    scored = [name for name in MODELS if mape[name] == mape[name]]
    best = min(scored, key=lambda name: mape[name]) if scored else "seasonal naive"
    return Forecast(best, MODELS[best](values), mape, len(errors[best]))


@dataclass(frozen=True, slots=True)
class Deviation:
    """A day on which a team's cost was not what it should have been.

    Parameters
    ----------
    team, day : whose, and when
    actual_nano_usd, forecast_nano_usd : what it was, and what it should have been by the days before it
    model : that said so
    causes : strategy, step and run of what made the largest difference to the same weekday a week before, in order
    """

    team: str
    day: date
    actual_nano_usd: int
    forecast_nano_usd: int
    model: str
    causes: tuple[tuple[str, str, str, int], ...]

    @property
    def share(self) -> float:
        """Deviation as a fraction of the forecast; infinite where nothing was forecast."""
        gap = self.actual_nano_usd - self.forecast_nano_usd
        return gap / self.forecast_nano_usd if self.forecast_nano_usd else float("inf")


def by_day(costs: pd.DataFrame, team: str | None = None) -> pd.Series:
    """Return the cost of each day in nano-dollars, days without any included.

    Parameters
    ----------
    costs : rows of ``costs``
    team : whose; all teams together where it is None
    """
    mine = costs if team is None else costs[costs["team"] == team]
    summed = mine.groupby("date")["cost_nano_usd"].sum()
    days = pd.date_range(costs["date"].min(), costs["date"].max(), freq="D")
    return summed.reindex(days, fill_value=0)


def deviations(
    costs: pd.DataFrame, *, share: float = 0.15, floor_nano_usd: int = 1_000_000_000, since: date | None = None
) -> list[Deviation]:
    """Return the days on which a team's cost deviated from its forecast by more than a share and more than a floor.

    Each team is looked at by itself, so that one that rose and one that fell do not hide each other.

    Parameters
    ----------
    costs : rows of ``costs``
    share : of the forecast
    floor_nano_usd : smallest deviation worth a word
    since : first day looked at; all days with enough before them where it is None
    """
    found = []
    for team in sorted(costs["team"].unique()):
        series = by_day(costs, str(team))
        values = series.to_numpy(dtype=float)
        for place in range(LEAST, len(values)):
            day = series.index[place].date()
            if since is not None and day < since:
                continue
            expected = forecast(values[:place])
            if expected is None:
                continue
            gap = abs(values[place] - expected.nano_usd)
            if gap > share * expected.nano_usd and gap >= floor_nano_usd:
                found.append(
                    Deviation(
                        str(team), day, int(values[place]), round(expected.nano_usd), expected.model,
                        _causes(costs[costs["team"] == team], day, rose=values[place] > expected.nano_usd),
                    )
                )  # fmt: skip
    return sorted(found, key=lambda one: (one.day, one.team))


def _causes(costs: pd.DataFrame, day: date, *, rose: bool) -> tuple[tuple[str, str, str, int], ...]:
    """Return what differs most from a week before: strategy, step, the dearest run of it, and by how much."""
    keys = ["strategy", "step"]
    now = costs[costs["date"] == pd.Timestamp(day)]
    then = costs[costs["date"] == pd.Timestamp(day - timedelta(days=SEASON))]
    change = now.groupby(keys)["cost_nano_usd"].sum().sub(then.groupby(keys)["cost_nano_usd"].sum(), fill_value=0)
    change = change[change > 0] if rose else change[change < 0]
    causes = []
    ordered = change.sort_values(ascending=not rose).head(5).rename("amount").reset_index()
    for strategy, step, amount in ordered.itertuples(index=False):
        where = now if rose else then
        mine = where[(where["strategy"] == strategy) & (where["step"] == step)]
        run = mine.groupby("run_id")["cost_nano_usd"].sum().idxmax()
        causes.append((str(strategy), str(step), str(run), int(amount)))
    return tuple(causes)
