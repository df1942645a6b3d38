"""Forecasts by hand, against the naive one, and on planted spikes."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tradepulse.finops.forecast import LEAST, by_day, deviations, forecast, level_and_week, seasonal_naive, weekday_mean

WEEK = [10.0, 12.0, 11.0, 13.0, 14.0, 2.0, 1.0]
DAY = pd.Timestamp("2026-01-05")  # a Monday
USD = 10**9


def test_models_by_hand():
    past = np.array([*WEEK, *[2 * value for value in WEEK]])

    assert seasonal_naive(past) == 20.0
    assert weekday_mean(past) == 15.0
    # Weeks of mean 9 and 18 weigh one and two: a level of 15. Mondays of 10 and 20 are 15 of 13.5 at the mean.
    assert level_and_week(past) == pytest.approx(15.0 * 15.0 / 13.5)
    assert level_and_week(np.zeros(28)) == 0.0


def test_a_week_that_repeats_is_forecast_without_error_by_all():
    found = forecast(WEEK * 5)

    assert found is not None
    assert found.nano_usd == pytest.approx(10.0)
    assert found.days == 35 - LEAST
    assert found.mape == pytest.approx(dict.fromkeys(found.mape, 0.0), abs=1e-12)
    assert forecast(WEEK * 2) is None
    assert forecast([0.0] * 30).nano_usd == 0.0


def test_the_chosen_model_beats_the_naive_one_on_noisy_weeks():
    better = 0
    for seed in range(40):
        noise = np.random.default_rng(seed).lognormal(0, 0.15, 84)
        found = forecast(np.array(WEEK * 12) * noise)
        better += found.mape[found.model] < found.mape["seasonal naive"]
        assert found.mape[found.model] == min(found.mape.values())
    assert better >= 38


def lines(values, team="research", step="trials"):
    return pd.DataFrame(
        [
            {"date": DAY + pd.Timedelta(days=place), "team": team, "strategy": "shared", "step": step,
             "run_id": f"{team}-{place}", "cost_nano_usd": int(value * USD)}
            for place, value in enumerate(values)
        ]
    )  # fmt: skip


def test_a_spike_is_found_on_its_day_with_its_run():
    values = WEEK * 5
    spike = lines([30.0], step="stress").assign(
        date=DAY + pd.Timedelta(days=30), run_id="the-run", strategy="donchian@1"
    )

    [one] = deviations(pd.concat([lines(values), spike]))

    assert (one.team, one.day) == ("research", date(2026, 2, 4))
    assert (one.actual_nano_usd, one.forecast_nano_usd) == (41 * USD, 11 * USD)
    assert one.share == pytest.approx(30 / 11)
    assert one.causes == (("donchian@1", "stress", "the-run", 30 * USD),)


def test_one_that_rose_and_one_that_fell_do_not_hide_each_other():
    up, down = WEEK * 5, WEEK * 5
    up[30], down[30] = up[30] + 8, down[30] - 8
    both = pd.concat([lines(up, "research"), lines(down, "trading")])

    found = deviations(both)

    assert by_day(both).iloc[30] == 22 * USD
    assert [(one.team, one.day) for one in found] == [("research", date(2026, 2, 4)), ("trading", date(2026, 2, 4))]
    assert found[0].share > 0 > found[1].share


def test_what_is_small_is_not_worth_a_word():
    values = WEEK * 5
    values[30] += 8

    assert deviations(lines(values), floor_nano_usd=9 * USD) == []
    assert deviations(lines(values), share=0.8) == []
    assert deviations(lines(values), since=date(2026, 2, 5)) == []
    assert len(deviations(lines(values), share=0.7)) == 1


def test_the_cost_of_planted_spikes_is_traced_to_their_runs():
    """Of 200 spikes, each in one run of one step, at least 95 % of the cost is named with its run."""
    random = np.random.default_rng(11)
    planted = traced = 0
    for number in range(200):
        usual = [lines(np.array(WEEK * 5) * random.lognormal(0, 0.05, 35), team, step)
                 for team in ("research", "trading") for step in ("trials", "signals")]  # fmt: skip
        team, step, place = (
            random.choice(["research", "trading"]),
            random.choice(["trials", "signals", "new"]),
            int(random.integers(LEAST + 1, 35)),
        )
        size = float(random.uniform(10, 60))
        spike = lines([size], str(team), str(step)).assign(
            date=DAY + pd.Timedelta(days=place), run_id=f"spike-{number}"
        )
        found = deviations(pd.concat([*usual, spike]))
        planted += size
        for one in found:
            if one.day == (DAY + pd.Timedelta(days=place)).date() and one.team == team:
                traced += min(size, sum(amount for *_, run, amount in one.causes if run == f"spike-{number}") / USD)
    assert traced >= 0.95 * planted
