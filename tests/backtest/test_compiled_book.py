"""The compiled engine on books is the event engine over again, to the last bit; and both are right by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.test_book import BOOK, MS, TERMS, levels, print_
from tradepulse.backtest import book as event_engine
from tradepulse.backtest import compiled_book
from tradepulse.backtest.book import Ways, backtest_book, moves_of_recording, replay
from tradepulse.backtest.latency import Latency
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Compiled, QuotingStrategy
from tradepulse.core.quoting.imbalance_taker import ImbalanceTaker
from tradepulse.core.quoting.loader import quoting_strategies, quoting_strategy
from tradepulse.core.quoting.touch_maker import TouchMaker
from tradepulse.errors import ConfigError, DataError
from tradepulse.execution.desk import Move
from tradepulse.execution.terms import FEE, MONEY, Limits, Terms
from tradepulse.ingestion.recording import load_recording


def wild(see, mine, n, position, sizes, numbers, memory, asks):
    """Ask for anything, by a generator of random numbers that both engines step alike."""
    if memory[0] == 0:
        memory[0] = int(numbers[1])
    made = 0
    for _ in range(3):
        memory[0] = (memory[0] * 1_103_515_245 + 12_345) % 2_147_483_648
        draw = memory[0] // 65_536
        what, more = draw % 8, draw // 8
        if what < 2 and n:
            asks[made, 0], asks[made, 1] = 1, mine[more % n, 0]
            made += 1
        elif what < 5:
            sign = 1 if more % 2 else -1
            away = (more // 2) % 7 - 3
            price = (see[1] if sign > 0 else see[3]) - sign * away
            flags = (more // 16) % 3
            kind = (more // 64) % 8
            asks[made, 0], asks[made, 1], asks[made, 2] = 0, sign, sizes[0] * (1 + (more // 512) % 4)
            asks[made, 3] = 0 if kind == 0 else price
            asks[made, 4] = 0 if kind == 0 else flags
            made += 1
    return made


class Wild(QuotingStrategy):
    """The loop above, in the event engine step by step in Python."""

    name, version, params, ranges = "wild", "1", {"seed": 1}, {"seed": (0, 1e9)}

    def __init__(self, **params):
        super().__init__(**params)
        self.memory, self.numbers = np.zeros(1, np.int64), (0.0, self.settings["seed"])

    def compiled(self):
        return Compiled(wild, (UNIT,), self.numbers, 1)

    def on_market(self, market, desk):
        known = desk.open_orders()
        mine = np.zeros((max(1, len(known)), 6), np.int64)
        ids = {}
        for at, (id, (side, price, left)) in enumerate(known.items()):
            ids[at] = id
            mine[at] = at, side.sign, (price or 0) // UNIT, left // UNIT, 0, 0
        see = [market.ns, *(0 if value is None else value // UNIT for value in market[1:])]
        asks = np.zeros((64, 5), np.int64)
        made = wild(see, mine, len(known), desk.position // UNIT, [1], self.numbers, self.memory, asks)
        for what, first, quantity, price, flags in asks[:made].tolist():
            if what:
                desk.cancel(ids[first])
            else:
                desk.submit(
                    Side.BUY if first > 0 else Side.SELL, quantity * UNIT, price * UNIT if price else None,
                    tif="ioc" if flags & 2 else "gtc", post_only=bool(flags & 1),
                )  # fmt: skip


def same(one, other):
    for table in ("fills", "orders", "equity"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table), check_exact=True)
    assert one.summary == other.summary


def busy(seed, n=120):
    """What others do, at random, with nothing crossed: a middle that wanders, levels and trades about it."""
    random = np.random.default_rng(seed)
    moves, middle, at = [BOOK], 100, 0
    shown = {"buy": {99: 5}, "sell": {101: 5}}
    for _ in range(n):
        at += int(random.integers(0, 4))
        if random.random() < 0.4:
            aggressor = "buy" if random.random() < 0.5 else "sell"
            price = middle + (1 if aggressor == "buy" else -1) * int(random.integers(0, 3))
            moves.append(print_(at, price, int(random.integers(1, 9)), aggressor))
            continue
        if random.random() < 0.3:
            middle = max(20, middle + int(random.integers(-2, 3)))
        rows = []
        for side, sign in (("buy", -1), ("sell", 1)):
            for price in [p for p in shown[side] if (p - middle) * sign <= 0]:
                rows.append((side, price, 0))
                del shown[side][price]
            price = middle + sign * int(random.integers(1, 5))
            shown[side][price] = int(random.integers(0, 7))
            rows.append((side, price, shown[side][price]))
        moves.append(levels(at, *rows))
    return moves


LIMITS = st.builds(
    Limits,
    max_order_quantity=st.none() | st.integers(1, 4).map(lambda n: n * UNIT),
    max_order_notional=st.none() | st.integers(50, 400).map(lambda n: n * MONEY),
    max_position=st.none() | st.integers(1, 12).map(lambda n: n * UNIT),
    price_collar_bp=st.none() | st.integers(50, 400).map(lambda n: n * FEE),
    max_open_orders=st.none() | st.integers(0, 6),
)  # fmt: skip
LATENCY = st.builds(
    Latency, st.sampled_from([0.0, 700.0, 2_500.0]), st.sampled_from([0.0, 0.4]), st.sampled_from([0.0, 0.6])
)


@given(
    st.integers(0, 10**6), st.integers(1, 10**6), LIMITS, st.builds(Ways, LATENCY, LATENCY, LATENCY, st.integers(0, 9)),
    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
)  # fmt: skip
def test_both_engines_do_the_same_whatever_is_asked(market, seed, limits, ways, cancels_ahead):
    terms = Terms(
        tick=UNIT, lot=UNIT, maker_fee=-FEE, taker_fee=4 * FEE, limits=limits, cash=10_000 * MONEY, position=2 * UNIT
    )
    moves = busy(market)
    one, other = (
        run(moves, Wild(seed=seed), terms, ways=ways, cancels_ahead=cancels_ahead)
        for run in (replay, compiled_book.replay)
    )

    same(one, other)


def test_the_markets_above_make_everything_happen():
    seen = set()
    for seed in range(1, 40):
        result = replay(busy(seed), Wild(seed=seed), Terms(UNIT, UNIT, cash=10_000 * MONEY))
        seen |= set(result.orders["status"] + " " + result.orders["reason"]) | set(result.fills["liquidity"])
        seen |= {what.split(" ")[-1] for what in result.fills["evidence"]}
    assert seen >= {
        "filled ", "working ", "partially_filled ", "canceled requested", "canceled ioc", "canceled self_trade",
        "canceled no_liquidity", "rejected post_only_would_take", "refused bad_flags", "maker", "taker", "it", "seller",
        "buyer", "arrived",
    }  # fmt: skip


@pytest.mark.parametrize("make", [TouchMaker, ImbalanceTaker])
@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_the_shipped_strategies_are_the_same_compiled(make, seed):
    moves, ways = busy(seed, 200), Ways(Latency(600), Latency(1_100), Latency(900))

    same(
        replay(moves, make(size=1, most=3), TERMS, ways=ways),
        compiled_book.replay(moves, make(size=1, most=3), TERMS, ways=ways),
    )


def test_a_real_recording_gives_the_same(shared_data):
    moves = moves_of_recording(load_recording(shared_data / "l2" / "binance_spot_btcusdt_20240808.gz"))
    terms = Terms(UNIT // 100, UNIT // 100_000, -FEE, 4 * FEE, cash=10**5 * MONEY)
    ways = Ways(Latency(500, 0.3, 0.5), Latency(1_000, 0.3, 0.5), Latency(1_000, 0.3), 7)

    for make in (TouchMaker, ImbalanceTaker):
        same(replay(moves, make(), terms, ways=ways), compiled_book.replay(moves, make(), terms, ways=ways))


def test_the_engine_is_chosen_by_what_it_pays(monkeypatch):
    monkeypatch.setattr(event_engine, "LONG", 2)
    moves = busy(5)
    same(backtest_book(moves, TouchMaker(size=1, most=3), TERMS), replay(moves, TouchMaker(size=1, most=3), TERMS))
    for limits in (Limits(max_daily_loss=MONEY), Limits(max_orders_per_second=1), Limits(max_price_age_ms=5)):
        terms = Terms(UNIT, UNIT, limits=limits, cash=10_000 * MONEY)
        assert compiled_book.replay(moves, TouchMaker(size=1, most=3), terms) is None
        assert backtest_book(moves, TouchMaker(size=1, most=3), terms).summary["n_moves"] == len(moves)
    assert compiled_book.replay(moves, quoting_strategy("twap")(quantity=4), TERMS) is None


def test_a_strategy_with_a_loop_has_no_other_ears():
    """A loop hears no answers, so that a strategy that does needs the event engine."""
    with_a_loop = [made for name in quoting_strategies() if (made := quoting_strategy(name))().compiled() is not None]

    assert with_a_loop == [ImbalanceTaker, TouchMaker]
    assert all(made.on_answer is QuotingStrategy.on_answer for made in with_a_loop)


def test_what_a_sweep_over_levels_fills_is_booked_whole():
    # 3 + 4 + 3 at 100.00, 100.01 and 100.02: 10 for 1000.10.
    cents = [Move(0, ((Side.BUY, 99 * UNIT, UNIT), *((Side.SELL, 100 * UNIT + k * UNIT // 100, size * UNIT)
                                                      for k, size in enumerate((3, 4, 3))))),
             Move(MS, ((Side.BUY, 98 * UNIT, UNIT),))]  # fmt: skip
    terms = Terms(UNIT // 100, UNIT, cash=2_000 * MONEY)

    result = compiled_book.replay(cents, Sweep(), terms)
    assert result.fills["quantity"].tolist() == [3.0, 4.0, 3.0]
    assert result.summary["final_position"] == 10.0
    assert result.equity["cash"].iloc[-1] == pytest.approx(2_000 - 1_000.10, abs=1e-9)


class Sweep(QuotingStrategy):
    """Buy ten at once, immediately or not, at 100.02."""

    name, version, params, ranges = "sweep", "1", {}, {}

    def compiled(self):
        return Compiled(ten, (10 * UNIT,), (), 1)

    def on_market(self, market, desk):
        raise NotImplementedError


def ten(see, mine, n, position, sizes, numbers, memory, asks):
    if memory[0]:
        return 0
    memory[0] = 1
    asks[0, 0], asks[0, 1], asks[0, 2], asks[0, 3], asks[0, 4] = 0, 1, sizes[0], see[3] + 2, 2
    return 1


def test_what_is_held_is_worth_what_it_was_once_nothing_is_displayed_any_more():
    leans = levels(0, ("buy", 99, 50), ("sell", 101, 5))
    gone = levels(1_500, ("buy", 99, 0), ("buy", 98, 0), ("sell", 101, 0))
    # Bought at 101 for four basis points, and worth 100.
    for run in (replay, compiled_book.replay):
        result = run([leans, levels(1, ("buy", 98, 7)), gone], ImbalanceTaker(size=1, most=1), TERMS)
        assert result.summary["final_position"] == 1
        assert result.equity["mid"].iloc[-1] == 100
        assert result.equity["equity"].iloc[-1] == pytest.approx(TERMS.cash / MONEY - (101 * 1.0004 - 100))


def test_what_no_engine_takes_is_refused_in_the_same_words():
    crossed = [BOOK, levels(1, ("buy", 102, 9))]
    for run in (replay, compiled_book.replay):
        with pytest.raises(ConfigError, match="others' own book is crossed: they bid 102 and offer 101, at 1 ms"):
            run(crossed, TouchMaker(size=1, most=3), TERMS)
        with pytest.raises(DataError, match="at 1 at 1000000 ns comes after one at 2000000 ns; sort the moves"):
            run([BOOK, levels(2, ("buy", 98, 1)), levels(1, ("buy", 98, 2))], TouchMaker(size=1, most=3), TERMS)
        with pytest.raises(DataError, match="there is nothing to run on"):
            run([], TouchMaker(size=1, most=3), TERMS)


def test_what_64_bits_do_not_hold_is_left_to_the_event_engine():
    far = [levels(0, ("buy", 99, 5), ("sell", 101, 5)), Move(MS, ((Side.SELL, 2**70, UNIT),))]
    assert compiled_book.replay(far, TouchMaker(size=1, most=3), TERMS) is None
    below = [levels(0, ("buy", 99, 5), ("buy", -1, 5))]
    assert compiled_book.replay(below, TouchMaker(size=1, most=3), TERMS) is None


def open_a_file(see, mine, n, position, sizes, numbers, memory, asks):
    return len(open("/dev/null").read())  # noqa: PTH123


def test_a_loop_that_cannot_be_compiled_is_named_in_one_line():
    class Wrong(TouchMaker):
        def compiled(self):
            return Compiled(open_a_file)

    with pytest.raises(ConfigError, match="the loop open_a_file cannot be compiled: ") as told:
        compiled_book.replay(busy(1), Wrong(size=1, most=3), TERMS)
    assert "\n" not in str(told.value)


def test_more_on_the_way_than_there_was_room_for_begins_again(monkeypatch):
    moves = busy(3, 400)
    ways = Ways(Latency(50_000), Latency(50_000), Latency(50_000))
    whole = compiled_book.replay(moves, Wild(seed=3), TERMS, ways=ways)
    monkeypatch.setattr(compiled_book, "_ON_THE_WAY", 4)

    same(compiled_book.replay(moves, Wild(seed=3), TERMS, ways=ways), whole)
