import numpy as np
import pandas as pd
import pytest

from tests.property.generators import bars_of, random_walk
from tradepulse.core.sessions import calendar
from tradepulse.quality.series import (
    columns_are_what_they_say,
    in_time_order,
    no_spikes,
    no_stale_repeats,
    no_unexplained_jumps,
    one_spelling,
    owner_since,
    prices_are_on_tick,
    rows_of_one_security,
    volume_keeps_its_unit,
)

PRICES = ["open", "high", "low", "close"]


@pytest.fixture
def bars():
    return random_walk(4, 300)


def scaled(bars, row, factor):
    changed = bars.copy()
    changed.loc[row:, PRICES] *= factor
    return changed


@pytest.mark.parametrize("factor", [1 / 2, 1 / 3, 1 / 7, 1 / 20, 2 / 3, 2.0, 10.0, 100.0, 2.7])
def test_a_price_that_changes_its_level_is_found(bars, factor):
    check = no_unexplained_jumps(scaled(bars, 150, factor))

    assert check.failing == 1
    assert f"{bars['session'][150]:%Y-%m-%d}: price times" in check.detail


def test_a_corporate_action_explains_it(bars):
    day = f"{bars['session'][150]:%Y-%m-%d}"

    assert no_unexplained_jumps(scaled(bars, 150, 0.5), {("AAA", day)}).passed
    assert not no_unexplained_jumps(scaled(bars, 150, 0.5), {("BBB", day)}).passed


def test_a_real_crash_is_no_split(bars):
    assert no_unexplained_jumps(scaled(bars, 150, 0.5257)).passed  # AAPL, 2000-09-29
    assert no_unexplained_jumps(bars).passed


def test_a_bad_open_is_a_spike_and_no_jump(bars):
    bars.loc[150, ["open", "high"]] = bars.loc[150, "close"] * 2

    assert no_unexplained_jumps(bars).passed
    check = no_spikes(bars)
    assert (check.failing, check.verdict) == (1, "look")


def test_a_flash_crash_trades_more_than_usual(bars):
    bars.loc[150, "low"] = bars.loc[150, "close"] * 0.7
    bars["volume"] = 1000.0
    assert no_spikes(bars).failing == 1

    bars.loc[150, "volume"] = 5000.0
    assert no_spikes(bars).failing == 0


def test_rows_of_an_earlier_owner_of_the_ticker_are_found(bars):
    late = scaled(bars, 100, 10.0).drop(index=range(60, 100)).reset_index(drop=True)

    check = rows_of_one_security(late, calendar())

    assert owner_since(late, calendar()) == 60
    assert check.failing == 60
    assert f"60 rows before {bars['session'][100]:%Y-%m-%d} look like another security's" in check.detail


def test_a_long_silence_alone_is_a_gap_of_the_same_security(bars):
    assert owner_since(bars.drop(index=range(60, 160)).reset_index(drop=True), calendar()) == 0


def test_a_sparse_past_before_a_silence_is_another_s(bars):
    sparse = bars.drop(index=[*range(0, 60, 3), *range(60, 100)]).reset_index(drop=True)

    assert owner_since(sparse, calendar()) == 40


def test_a_bar_that_repeats_the_one_before_is_found(bars):
    columns = [*PRICES, "volume"]
    bars.loc[150, columns] = bars.loc[149, columns]

    assert no_stale_repeats(bars).failing == 1
    assert no_stale_repeats(random_walk(4, 300)).passed


def test_volume_in_another_unit_is_found(bars):
    bars["volume"] = np.random.default_rng(1).uniform(500, 1500, 300)
    assert volume_keeps_its_unit(bars).passed

    bars.loc[150:, "volume"] /= 100
    check = volume_keeps_its_unit(bars)
    assert check.failing == 1
    assert f"around {bars['session'][150]:%Y-%m}" in check.detail


def test_exchanged_columns_are_found(bars):
    assert columns_are_what_they_say(bars).passed
    assert not columns_are_what_they_say(bars.assign(open=bars["close"], close=bars["open"])).passed


def test_prices_that_were_rounded_away_are_found():
    closes = np.round(10 + np.cumsum(np.random.default_rng(1).normal(0, 0.4, 200)))
    closes = np.maximum(closes, 1)

    check = columns_are_what_they_say(bars_of(closes))

    assert not check.passed
    assert "closes move in steps of 1" in check.detail


def test_rows_out_of_time_order_are_found(bars):
    assert in_time_order(bars).passed
    check = in_time_order(bars.iloc[[*range(10), 12, 11, *range(13, 300)]])
    assert (check.failing, check.detail) == (1, "AAA: row 11 is earlier than the one before it")


@pytest.mark.parametrize("other", ["aaa", "AAA ", " AAA"])
def test_symbols_that_differ_in_case_or_blanks_are_found(bars, other):
    both = pd.concat([bars, bars.assign(symbol=other)])

    assert not one_spelling(both).passed
    assert one_spelling(pd.concat([bars, bars.assign(symbol="AAB")])).passed


@pytest.mark.parametrize(
    ("price", "tick", "failing"),
    [
        (10.01, 0.01, 0),
        (10.015, 0.01, 1),
        (0.1 + 0.2, 0.1, 0),
        (61_800.2, 0.1, 0),
        (1e6 + 0.005, 0.01, 1),
        (7.0, 2.0, 1),
    ],
)
def test_prices_off_the_grid_are_named(price, tick, failing):
    check = prices_are_on_tick(bars_of([price]), tick)

    assert (check.seen, check.failing) == (1, failing)
    assert ("AAA" in check.detail) == bool(failing)


def test_raw_prices_of_real_trades_are_in_cents_and_adjusted_ones_are_not(shared_data):
    tape = pd.read_parquet(shared_data / "ticks" / "ibm_20131007_08_trade.parquet")
    regular = tape[tape["suspicious"] == 0]

    assert prices_are_on_tick(regular, 0.0001).failing == 0
    assert prices_are_on_tick(regular.assign(price=regular["price"] * 0.9931), 0.01).failing > 0.9 * len(regular)
