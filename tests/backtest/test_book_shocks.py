"""Shocks to books: by hand, on random markets, and what they do to who rests there."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.desks import TERMS, EveryWay, levels, market, print_
from tests.quality.test_book_fills import WIDE, refused, told
from tradepulse.backtest.book import replay
from tradepulse.backtest.book_shocks import SHOCKS, Strike, struck
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.touch_maker import TouchMaker
from tradepulse.errors import ConfigError, UnknownName
from tradepulse.execution.matching import Venue

STEP = [(UNIT, UNIT)]
BOOK = levels(0, ("buy", 99, 10), ("sell", 101, 10))
#: A second, in the middle of which something happens for a fifth of it.
MOVES = [BOOK, levels(400, ("buy", 99, 12)), levels(500, ("buy", 99, 14)), print_(550, 99, 4, "sell"),
         levels(600, ("buy", 99, 16)), levels(800, ("buy", 99, 18)), levels(1_000, ("buy", 99, 20))]  # fmt: skip


def seen(moves):
    """What is displayed after each move, and what was traded, in units."""
    venue, found = Venue(), []
    for move in moves:
        if move.aggressor is None:
            venue.display(move.levels)
            sides = [{p // UNIT: q // UNIT for p, q in venue.others[side].items()} for side in Side]
            found.append((move.ns // 10**6, *sides))
        else:
            found.append((move.ns // 10**6, move.price // UNIT, move.quantity // UNIT))
    return found


def test_a_gap_moves_display_and_trades_and_leaves_what_was_there():
    found = seen(struck(MOVES, Strike("gap", at=0.5, size=0.1, seconds=0.2), STEP))

    # 99 and 101 less a tenth are 89.1 and 90.9: a bid is rounded down, an offer up; so is the trade, made on a bid.
    assert found == [
        (0, {99: 10}, {101: 10}), (400, {99: 12}, {101: 10}), (500, {89: 14}, {91: 10}), (550, 89, 4),
        (600, {89: 16}, {91: 10}), (800, {99: 18}, {101: 10}), (1_000, {99: 20}, {101: 10}),
    ]  # fmt: skip


def test_a_flash_crash_falls_and_comes_back_in_a_straight_line():
    found = seen(struck(MOVES, Strike("flash_crash", at=0.5, size=0.5, seconds=0.4), STEP))

    # Half of the way down at 600, which is half of it: 74.25 of 99 there, at the bottom 49.5 at 700.
    assert [row[1] for row in found if row[0] in {500, 600}] == [{99: 14}, {74: 16}]
    assert found[-2:] == [(800, {74: 18}, {76: 10}), (1_000, {99: 20}, {101: 10})]


def test_a_drought_takes_quantities_and_a_wide_spread_takes_prices_apart():
    dry = seen(struck(MOVES, Strike("drought", at=0.5, size=0.5, seconds=0.2), STEP))
    assert dry[2:5] == [(500, {99: 7}, {101: 5}), (550, 99, 2), (600, {99: 8}, {101: 5})]
    wide = seen(struck(MOVES, Strike("wide_spread", at=0.5, size=0.1, seconds=0.2), STEP))
    assert wide[2] == (500, {89: 14}, {112: 10})


def test_of_a_silence_only_what_it_has_come_to_is_seen():
    found = seen(struck(MOVES, Strike("silence", at=0.3, seconds=0.4), STEP))

    assert found == [(0, {99: 10}, {101: 10}), (800, {99: 18}, {101: 10}), (1_000, {99: 20}, {101: 10})]


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), name=st.sampled_from(sorted(SHOCKS)), at=st.floats(0, 0.9))
def test_what_is_struck_is_a_market_that_is_the_same_outside(seed, name, at):
    moves = told(market(seed, 300))
    strike = Strike(name, at=at, seconds=0.1)
    made = struck(moves, strike, STEP)
    begin = moves[0].ns + round(at * (moves[-1].ns - moves[0].ns))

    assert [move for move in made if move.ns < begin] == [move for move in moves if move.ns < begin]
    after = [seen(some)[-1] for some in (made, moves)]
    if moves[-1].ns >= begin + 10**8:
        assert after[0] == after[1]
    result = replay(made, EveryWay(seed=seed), WIDE)  # a crossed book is refused
    assert refused(result, made, WIDE) == []


def test_who_rests_in_a_crash_is_run_over():
    moves = struck(MOVES, Strike("gap", at=0.5, size=0.1, seconds=3600), STEP)

    result = replay(moves, TouchMaker(size=2, most=2), TERMS)

    # The offers at 91 meet its bid at 99: it has two units that are worth 90, and a basis point for having rested.
    [fill] = result.fills.to_dict("records")
    assert (fill["side"], fill["price"], fill["quantity"]) == ("buy", 99.0, 2.0)
    assert fill["evidence"] == "at 500 in a gap displayed through it"
    assert result.summary["final_equity"] == pytest.approx(100_000 - 2 * 9 + 0.0198)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"name": "quake"}, UnknownName, "No shock named 'quake'"),
        ({"name": "gap", "at": 1.5}, ConfigError, "shock gap: at must lie between 0 and 1, not 1.5"),
        ({"name": "gap", "size": -1}, ConfigError, "size must lie between 0 and 0.99, not -1"),
        ({"name": "gap", "seconds": 0}, ConfigError, "seconds must lie between 0.001 and 86400, not 0"),
        ({"name": "gap", "at": float("nan")}, ConfigError, "at must lie between 0 and 1, not nan"),
    ],
)
def test_a_shock_that_makes_no_sense_is_refused(given, error, words):
    with pytest.raises(error, match=words):
        Strike(**given)
