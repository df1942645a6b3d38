"""The slicers on markets whose outcome is known: how much is done by when, at what price, and never more than asked."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.desks import MS, TERMS, levels, print_
from tradepulse.backtest.book import Ways, replay
from tradepulse.backtest.latency import Latency
from tradepulse.core.quoting.pov import Pov
from tradepulse.core.quoting.twap import Twap
from tradepulse.core.quoting.vwap import Vwap
from tradepulse.errors import ConfigError


def seconds_of_quotes(n, size=100):
    """Return a quote every second, ``size`` on both sides, never the same."""
    return [levels(1_000 * s, ("buy", 99, size + s % 2), ("sell", 101, size + s % 2)) for s in range(n)]


def done_by(result):
    """Return the units done by each second."""
    fills = result.fills
    stamps = (fills["ts"].astype("int64") // (1_000 * MS)).tolist()
    done, total = {}, 0
    for second, quantity in zip(stamps, fills["quantity"], strict=True):
        total += quantity
        done[second] = total
    return done


def test_time_weighted_is_a_straight_line():
    result = replay(seconds_of_quotes(12), Twap(quantity=20, seconds=10, least=1), TERMS)

    assert done_by(result) == {s: 2.0 * s for s in range(1, 11)}
    assert (result.fills["price"] == 101).all()
    assert result.summary["final_position"] == 20


def test_volume_weighted_follows_the_integral_of_its_curve():
    """Curvature 3: 1 + 3 (2x - 1)^2 integrates to (x + ((2x - 1)^3 + 1) / 2) / 2: 0.296 at 0.2, a half at a half."""
    result = replay(seconds_of_quotes(12), Vwap(quantity=100, seconds=10, least=1, curvature=3, sell=1), TERMS)
    done = done_by(result)

    assert [done[s] for s in (1, 2, 5, 8, 10)] == [17, 29, 50, 70, 100]  # 0.172, 0.296, 0.5, 0.704, 1
    assert (result.fills["side"] == "sell").all()
    assert (result.fills["price"] == 99).all()


def test_a_part_of_the_volume_counts_itself():
    """A quarter of the volume: others trade 30, so do 10 of ours."""
    moves = [levels(0, ("buy", 99, 100), ("sell", 101, 100))]
    for s in range(1, 6):
        moves += [print_(1_000 * s, 101, 30, "buy"), levels(1_000 * s + 1, ("sell", 101, 100 - s))]
    result = replay(moves, Pov(quantity=45, seconds=60, least=1, rate=0.25), TERMS)

    assert done_by(result) == {s: 10.0 * s for s in range(1, 5)} | {5: 45.0}


def test_no_part_is_larger_than_what_is_displayed_and_the_rest_comes_later():
    result = replay(seconds_of_quotes(30, size=3), Twap(quantity=60, seconds=10, least=1), TERMS)

    assert (result.fills["quantity"] <= 4).all()
    assert result.summary["final_position"] == 60
    assert max(done_by(result)) > 10  # it goes on after its time until it is done


@settings(max_examples=40)
@given(
    st.sampled_from([Twap, Vwap, Pov]), st.integers(1, 60), st.integers(1, 20), st.integers(1, 9), st.integers(0, 1),
    st.floats(0, 3_000),
)  # fmt: skip
def test_never_more_than_asked_whatever_the_market_and_the_latency(make, quantity, seconds, size, sell, delay_ms):
    moves = []
    for s in range(40):
        moves += [
            levels(500 * s, ("buy", 99, size + s % 2), ("sell", 101, size + s % 2)),
            print_(500 * s + 100, 101 if s % 2 else 99, 2, "buy" if s % 2 else "sell"),
        ]
    latency = Latency(delay_ms * 1_000)
    strategy = make(quantity=quantity, seconds=seconds, least=1, sell=sell)
    result = replay(moves, strategy, TERMS, ways=Ways(latency, latency, latency))

    assert abs(result.summary["final_position"]) <= quantity
    assert result.summary["final_position"] * (-1 if sell else 1) >= 0
    assert result.fills["quantity"].sum() == abs(result.summary["final_position"])


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="pov: rate must be a number from"):
        Pov(rate=0.9)
    with pytest.raises(ConfigError, match="twap: sell must be a whole number from 0 to 1, not 2"):
        Twap(sell=2)
