from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.property.generators import bars_of, random_walk
from tradepulse.core.sessions import calendar, halts
from tradepulse.quality.gaps import certificates, coverage, coverage_checks, interval_of

EXCHANGE = calendar()


def minutes(*days, step=1, volume=1000.0, **changes):
    """Return bars of ``step`` minutes over the whole trading hours of some sessions."""
    parts = []
    for day in days:
        session = date.fromisoformat(day)
        grid = pd.date_range(EXCHANGE.open_at(session), EXCHANGE.close_at(session), freq=f"{step}min", inclusive="left")
        parts.append(pd.DataFrame({"ts": grid.as_unit("ns"), "session": pd.Timestamp(session).as_unit("ns")}))
    frame = pd.concat(parts, ignore_index=True)
    rng = np.random.default_rng(1)
    frame["volume"] = volume * rng.uniform(0.5, 2.0, len(frame))
    return frame.assign(symbol="AAA", open=1.0, high=1.0, low=1.0, close=1.0, **changes)


def covered(rows):
    return coverage(rows.reset_index(drop=True), EXCHANGE)


def test_whole_sessions_are_covered_half_days_and_daylight_saving_too():
    # Friday and Monday around the change of 2018-03-11, and the half day after Thanksgiving: 390 + 390 + 210 minutes.
    found = [covered(minutes(day)) for day in ("2018-03-09", "2018-03-12", "2018-11-23")]

    assert [(c.expected, c.present, c.hole) for c in found] == [(390, 390, 0), (390, 390, 0), (210, 210, 0)]


def test_a_run_of_missing_minutes_is_a_hole():
    found = covered(minutes("2018-10-01").drop(index=range(100, 130)))

    assert (found.hole, found.no_trade) == (30, 0)
    assert found.holes[0] == (pd.Timestamp("2018-10-01T15:10"), pd.Timestamp("2018-10-01T15:39"), 30)


def test_minutes_dropped_at_random_from_a_liquid_symbol_are_holes():
    rows = minutes("2018-10-01")
    dropped = np.random.default_rng(2).choice(390, 20, replace=False)

    assert covered(rows.drop(index=dropped)).hole == 20


def test_a_thinly_traded_symbol_misses_minutes_for_want_of_trades_and_a_long_run_is_still_a_hole():
    rng = np.random.default_rng(3)
    rows = minutes("2018-10-01")
    rows["volume"] = 100.0 * rng.geometric(0.02, 390)  # from one lot on
    quiet = rng.random(390) < 0.2
    quiet[200:240] = True

    found = covered(rows[~quiet])

    assert 35 <= found.hole <= 50
    assert found.hole + found.no_trade == quiet.sum()


def test_minutes_of_a_market_wide_halt_are_no_holes():
    # 2020-03-18, 12:56:17 to 13:11:17: the minutes 12:57 to 13:10 lie wholly within.
    rows = minutes("2020-03-18")
    halted = (rows["ts"] >= "2020-03-18T16:57Z") & (rows["ts"] < "2020-03-18T17:11Z")

    found = covered(rows[~halted])

    assert (found.halted, found.hole) == (14, 0)
    assert all(start < end for start, end in halts(EXCHANGE))


def test_bars_outside_trading_hours_are_counted_by_side():
    rows = minutes("2018-10-01")
    early = rows.iloc[:5].assign(ts=rows["ts"].iloc[:5] - pd.Timedelta(hours=1))
    late = rows.iloc[-5:].assign(ts=rows["ts"].iloc[-5:] + pd.Timedelta(minutes=5))  # the first begins at the close

    found = covered(pd.concat([early, rows, late]))

    assert (found.before_open, found.after_close, found.hole) == (5, 4, 0)
    names = {check.name: check for check in coverage_checks([found])}
    assert names["no_bars_outside_trading_hours"].detail == "AAA: 5 before the open, 4 after the close"
    assert not names["no_bars_outside_trading_hours"].passed


def test_an_hour_that_begins_before_the_open_covers_it():
    rows = minutes("2018-10-01", step=60)
    rows["ts"] = pd.date_range("2018-10-01T13:00Z", periods=7, freq="h").as_unit("ns")

    found = covered(rows)

    assert found.interval == pd.Timedelta(hours=1)
    assert (found.expected, found.present, found.before_open) == (7, 7, 0)


def test_days_without_a_bar_are_holes_and_days_without_a_session_are_found():
    bars = bars_of([1.0] * 60)
    found = coverage(bars.drop(index=range(20, 30)).reset_index(drop=True), EXCHANGE)
    odd = bars.assign(session=bars["session"].where(bars.index != 5, pd.Timestamp("2015-01-10")))

    assert (found.expected, found.hole) == (60, 10)
    assert coverage(odd, EXCHANGE).closed == 1
    assert coverage(odd.iloc[[5]].reset_index(drop=True), EXCHANGE).expected == 0


@pytest.mark.parametrize(("period", "days"), [("W", 7), ("M", 30)])
@pytest.mark.parametrize("keep", ["first", "last"])
def test_weeks_and_months_are_complete_when_each_has_its_bar(period, days, keep):
    daily = bars_of([1.0] * 500)
    bars = daily[~daily["session"].dt.to_period(period).duplicated(keep=keep)].reset_index(drop=True)

    found = coverage(bars, EXCHANGE)

    assert found.interval == pd.Timedelta(days=days)
    assert (found.expected, found.hole) == (len(bars), 0)
    assert coverage(bars.drop(index=[5, 9]).reset_index(drop=True), EXCHANGE).hole == 2


def test_the_interval_is_the_most_frequent_step():
    assert interval_of(bars_of([1.0] * 5)) == pd.Timedelta(days=1)
    assert interval_of(minutes("2018-10-01", step=5)) == pd.Timedelta(minutes=5)


def test_nothing_expected_has_not_passed():
    odd = bars_of([1.0]).assign(session=pd.Timestamp("2015-01-10"))

    assert not any(check.passed for check in coverage_checks([coverage(odd, EXCHANGE)]))


def test_the_certificate_counts_what_a_result_rests_on():
    found = coverage(random_walk(1, 60).drop(index=7).reset_index(drop=True), EXCHANGE)

    assert found.certificate == {
        "symbol": "AAA", "interval_s": 86400, "expected": 60, "present": 59, "holes": 1, "no_trade": 0, "halted": 0,
    }  # fmt: skip


def test_each_symbol_has_its_certificate():
    both = pd.concat([bars_of([1.0] * 30), bars_of([1.0] * 20, symbol="BBB").drop(index=5)])

    assert certificates(both, EXCHANGE)[["symbol", "expected", "present", "holes"]].to_numpy().tolist() == [
        ["AAA", 30, 30, 0],
        ["BBB", 20, 19, 1],
    ]


@pytest.mark.parametrize(("file", "zone"), [("hourly/us_equity_hour.parquet", "America/New_York")])
def test_twenty_years_of_real_hours_have_no_hole(shared_data, file, zone):
    from tradepulse.ingestion.files import load_bars

    bars = load_bars(shared_data / file, zone=zone).accepted
    for _, rows in bars.groupby("symbol"):
        found = coverage(rows.sort_values("ts").reset_index(drop=True), EXCHANGE)
        assert found.hole == 0
        assert found.halted == 2  # the morning of 2002-09-11
        assert found.expected > 36_000
