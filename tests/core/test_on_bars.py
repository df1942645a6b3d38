"""Strategies of bars on a book: the bars that they are given, and that they order what their backtest did."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from tests.execution.desks import TERMS, Running, levels, print_, spec
from tests.execution.test_engine import state_of
from tests.property.generators import random_walk
from tradepulse.backtest.book import moves_of_recording, replay
from tradepulse.backtest.engine import backtest
from tradepulse.backtest.frictions import Costs
from tradepulse.core.market import Bar
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.loader import quoting_strategy
from tradepulse.core.quoting.on_bars import on_bars
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.loader import shipped, strategy_class
from tradepulse.errors import ConfigError, UnknownName
from tradepulse.execution.desk import Move
from tradepulse.execution.exchange import Exchange
from tradepulse.execution.terms import FEE, MONEY, Instrument, Limits, Place, Terms
from tradepulse.ingestion.recording import load_recording

#: As short as they may be, so that they trade often.
PARAMS = {
    "sma_cross": {"fast": 2, "slow": 5}, "donchian": {"entry": 5, "exit": 3},
    "bollinger_reversion": {"window": 5, "entry": 0.8, "exit": 0.1},
    "volatility_target": {"window": 5, "target": 0.02, "most": 3.0, "band": 0.05},
    "regime_switch": {"window": 32, "band": 0.01, "trend": 3, "torn": 0.0},
}  # fmt: skip
ALONE = [name for name in shipped() if not strategy_class(name).panel]
SECOND = 10**9
START = 1_700_000_000 * SECOND


class Told(Strategy):
    """Keeps its bars; wants what it is told to after each."""

    name, version, params = "told", "1", {"from_bar": 1}
    bars: list[Bar] = []
    wants: dict[int, int] = {}

    warmup = 1

    def initialize(self):
        type(self).bars = []

    def handle_tick(self, bar, desk):
        self.bars.append(bar)
        if (wanted := self.wants.get(len(self.bars))) is not None:
            desk.target(bar.symbol, wanted)


def told(wants, **params):
    made = type("Told", (Told,), {"wants": wants})
    return made, on_bars(made)(**{"seconds": 1.0, **params})


def book(ms, bid, ask, size=50):
    return levels(ms, *(("buy", bid - n, size) for n in range(1)), *(("sell", ask + n, size) for n in range(1)))


# -- the bars ----------------------------------------------------------------------------------------------------------


def test_trades_of_an_interval_are_its_bar_and_what_is_not_over_is_none():
    strategy, desk = told({})
    moves = [
        book(0, 99, 101), print_(100, 100, 2, "buy"), print_(400, 103, 1, "sell"), print_(999, 98, 4, "buy"),
        # Nothing is traded from the second on until the fourth, which begins with its first trade.
        print_(1_000, 105, 7, "buy"), levels(2_500, ("buy", 90, 1)), print_(3_000, 104, 1, "sell"),
        print_(3_700, 106, 1, "sell"),
    ]  # fmt: skip

    replay(moves, desk, TERMS)

    def at(second):
        return datetime(1970, 1, 1, 0, 0, second, tzinfo=UTC)

    assert strategy.bars == [
        Bar(at(0), date(1970, 1, 1), "0", 100.0, 103.0, 98.0, 98.0, 7.0),
        Bar(at(1), date(1970, 1, 1), "0", 105.0, 105.0, 105.0, 105.0, 7.0),
    ]


def walk(seed, seconds=240, spread=1):
    """Return moves of a market whose trades walk, with a deep book about each, and the same trades as a table."""
    draw = np.random.default_rng(seed)
    price, moves, trades, shown = 1_000, [], [], ()
    for ns in np.sort(draw.choice(seconds * 1_000, size=seconds * 6, replace=False)):
        at = START + int(ns) * 10**6
        price += int(draw.integers(-3, 4))
        gone = tuple((side, level, 0) for side, level, _ in shown)
        shown = ((Side.BUY, (price - spread) * UNIT, 10**6 * UNIT), (Side.SELL, (price + spread) * UNIT, 10**6 * UNIT))
        moves.append(Move(at, (*gone, *shown), what="quote"))
        if draw.random() < 0.7:
            size, buys = int(draw.integers(1, 9)), draw.random() < 0.5
            at_price = price + (spread if buys else -spread)
            moves.append(Move(at, (), at_price * UNIT, size * UNIT, Side.BUY if buys else Side.SELL, "print"))
            trades.append((at, float(at_price), float(size)))
    return moves, pd.DataFrame(trades, columns=["ns", "price", "size"])


def bars_of(trades, seconds):
    """Return bars of trades, by pandas."""
    opened = pd.to_datetime(trades["ns"] // (seconds * SECOND) * (seconds * SECOND), unit="ns", utc=True)
    made = trades.groupby(opened.rename("ts"))["price"].agg(["first", "max", "min", "last"])
    made.columns = ["open", "high", "low", "close"]
    made["volume"] = trades.groupby(opened.rename("ts"))["size"].sum()
    made = made.reset_index().assign(symbol="desk")
    return made.assign(session=made["ts"].dt.tz_localize(None).dt.normalize())


@pytest.mark.parametrize("seed", range(3))
def test_bars_are_those_that_pandas_makes_of_the_same_trades(seed):
    moves, trades = walk(seed)
    strategy, desk = told({}, seconds=3.0)

    replay(moves, desk, TERMS)

    expected = bars_of(trades, 3).iloc[:-1]  # the last is not over
    assert len(strategy.bars) == len(expected) > 30
    for bar, row in zip(strategy.bars, expected.itertuples(), strict=True):
        assert (bar.ts, bar.open, bar.high, bar.low, bar.close) == (row.ts, row.open, row.high, row.low, row.close)
        assert bar.volume == pytest.approx(row.volume)


# -- what is ordered ---------------------------------------------------------------------------------------------------


def test_what_is_missing_is_taken_part_by_part_and_never_more_than_is_displayed():
    _, desk = told({1: 12, 2: -3})
    moves = [
        book(0, 99, 101, 5), print_(10, 100, 1, "buy"), book(1_000, 99, 101, 5), levels(1_100, ("sell", 101, 5)),
        levels(1_200, ("sell", 101, 5)), levels(1_300, ("sell", 101, 5)), print_(1_400, 100, 1, "buy"),
        book(2_000, 99, 101, 40), levels(2_100, ("sell", 102, 1)),
    ]  # fmt: skip

    result = replay(moves, desk, TERMS)

    assert result.fills[["side", "quantity", "price"]].to_numpy().tolist() == [
        ["buy", 5.0, 101.0], ["buy", 5.0, 101.0], ["buy", 2.0, 101.0], ["sell", 15.0, 99.0],
    ]  # fmt: skip
    assert result.summary["final_position"] == -3.0
    assert set(result.orders["status"]) == {"filled"}


def test_what_is_displayed_off_the_lot_is_taken_in_whole_lots():
    _, desk = told({1: 2})
    fine = Move(5 * 10**6, ((Side.SELL, 101 * UNIT, 3 * UNIT // 2),), what="one and a half")
    moves = [levels(0, ("buy", 99, 5)), fine, print_(10, 100, 1, "sell"), Move(10**9, (), 99 * UNIT, UNIT, Side.SELL),
             fine._replace(ns=2 * 10**9), fine._replace(ns=3 * 10**9)]  # fmt: skip

    result = replay(moves, desk, TERMS)

    assert result.fills[["quantity", "price"]].to_numpy().tolist() == [[1.0, 101.0], [1.0, 101.0]]


def test_a_target_that_risk_refuses_is_asked_for_again_at_the_next_bar():
    _, desk = told({1: 3, 2: 3})
    moves = [book(0, 99, 101), *(print_(200 * n, 100, 1, "buy") for n in range(1, 14))]
    terms = Terms(UNIT, UNIT, limits=Limits(max_order_quantity=2 * UNIT), cash=10**6 * TERMS.cash)

    result = replay(moves, desk, terms)

    assert result.orders["status"].tolist() == ["refused", "refused"]


def test_a_unit_of_the_strategy_is_what_it_is_said_to_be():
    _, desk = told({1: 3}, unit=0.5, quantity=3)
    fine = Terms(UNIT, UNIT // 10, cash=TERMS.cash)

    result = replay([book(0, 99, 101), print_(1, 100, 1, "buy"), book(1_000, 99, 101)], desk, fine)

    assert result.summary["final_position"] == 1.5


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ALONE)
def test_a_strategy_orders_on_a_book_what_it_orders_on_bars_of_its_trades(name, seed):
    moves, trades = walk(seed)
    bars, params = bars_of(trades, 2), PARAMS[name]

    tested = backtest(bars, lambda: strategy_class(name)(quantity=10, **params), cash=1e9)
    desk = quoting_strategy(name)(**params, seconds=2.0, quantity=10)
    traded = replay(moves, desk, Terms(UNIT, UNIT, cash=10**9 * TERMS.cash))

    # Where a backtest on bars fills at the next open, the order on the book leaves at what is first seen after the bar.
    changes = [(1 if row.side == "buy" else -1) * row.quantity for row in tested.fills.itertuples()]
    signed = [(1 if row.side == "buy" else -1) * row.quantity for row in traded.orders.itertuples()]
    assert len(changes) > 3
    assert signed[: len(changes)] == changes
    assert len(signed) - len(changes) in (0, 1)  # what the last bar decided has no next open
    ends = bars["ts"] + pd.Timedelta("2s")
    after = [ends[ends <= at].max() for at in traded.orders["decided_ts"]]
    assert all(at - end < pd.Timedelta("2s") for at, end in zip(traded.orders["decided_ts"], after, strict=True))
    assert after[: len(changes)] == [
        ends.loc[bars["ts"] < at].max() for at in pd.to_datetime(tested.fills["ts"], utc=True)
    ]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ALONE)
def test_bars_through_order_path_and_venue_come_to_what_the_engine_of_bars_says(name, seed):
    """The venue displays each open less and plus a basis point: fills, fees and equity are those of that slippage."""
    bars = random_walk(seed, 120, deviation=0.03)
    bars[["open", "high", "low", "close"]] = bars[["open", "high", "low", "close"]].round(3)
    day, moves = 86_400 * SECOND, []
    before: list[tuple[Side, int, int]] = []
    for number, row in enumerate(bars.itertuples()):
        at = START // day * day + number * day
        units = [round(price * 1000) * UNIT // 1000 for price in (row.open, row.high, row.low, row.close)]
        shown = [(side, units[0] - side.sign * units[0] // 10_000, 10**6 * UNIT) for side in Side]
        moves.append(Move(at, (*((side, price, 0) for side, price, _ in before), *shown), what="open"))
        # Nothing of it meets the display: the strategy is told of trades, and fills at the next open only.
        moves += [Move(at + (n + 1) * 10**9, (), price, UNIT, Side.BUY, "trade") for n, price in enumerate(units)]
        before = shown
    params = PARAMS[name]

    tested = backtest(bars, lambda: strategy_class(name)(quantity=100, **params), cash=1e6, costs=Costs(3.0, 1.0))
    terms = Terms(1, UNIT, 0, 3 * FEE, cash=10**6 * MONEY)
    traded = replay(moves, quoting_strategy(name)(**params, quantity=100, seconds=86_400.0), terms)

    assert len(tested.fills) > 3
    ours, theirs = traded.fills.reset_index(drop=True), tested.fills.reset_index(drop=True)
    for column in ("side", "quantity"):
        assert ours[column].tolist() == theirs[column].tolist()
    for column in ("price", "commission"):
        assert ours[column].to_numpy() == pytest.approx(theirs[column].to_numpy(), rel=1e-9)
    cash = traded.equity["cash"].iloc[-1]
    assert cash + traded.summary["final_position"] * bars["close"].iloc[-1] == pytest.approx(
        tested.equity["equity"].iloc[-1], rel=1e-12
    )


@pytest.mark.parametrize("seed", range(3))
def test_one_that_compares_symbols_orders_in_each_instrument_what_it_orders_on_their_bars(seed):
    params, names = {"lookback": 3, "skip": 0, "top": 1, "every": 2}, ("ONE", "TWO", "THREE")
    walks = [walk(seed * 10 + number) for number in range(3)]
    moves = sorted((m._replace(venue=n) for n, (some, _) in enumerate(walks) for m in some), key=lambda m: m.ns)
    bars = pd.concat([bars_of(trades, 4).assign(symbol=str(n)) for n, (_, trades) in enumerate(walks)])
    # Where one of them did not trade, the others' bars close all the same; here each trades in every interval.
    assert (bars.groupby("ts").size() == 3).all()
    bars = bars.sort_values(["ts", "symbol"], kind="stable", ignore_index=True)
    places = tuple(Place(name, UNIT, UNIT, instrument=number) for number, name in enumerate(names))
    terms = Terms(
        UNIT, UNIT, cash=10**9 * TERMS.cash, venues=places, instruments=tuple(Instrument(name) for name in names)
    )

    tested = backtest(bars, lambda: strategy_class("momentum_rank")(quantity=10, **params), cash=1e9)
    traded = replay(moves, quoting_strategy("momentum_rank")(**params, seconds=4.0, quantity=10), terms)

    def by_symbol(rows):
        found = {}
        for row in rows:
            found.setdefault(row.symbol, []).append((1 if row.side == "buy" else -1) * row.quantity)
        return found

    ours, theirs = by_symbol(traded.orders.itertuples()), by_symbol(tested.fills.itertuples())
    assert len(tested.fills) > 10
    for number, name in enumerate(names):
        want = theirs[str(number)]
        assert ours[name][: len(want)] == want
        assert len(ours[name]) - len(want) in (0, 1)


@pytest.mark.parametrize("name", ALONE)
def test_on_paper_it_sends_what_its_backtest_on_the_book_sent(tmp_path, name):
    moves, _ = walk(5, seconds=240)
    params = {**PARAMS[name], "seconds": 2.0, "quantity": 10}
    wide = Terms(UNIT, UNIT, 0, 4 * 10**6, Limits(max_position=1_000 * UNIT), 10**6 * TERMS.cash)
    exchange = Exchange(moves, tmp_path / "venue", speed=0.0, lots=(UNIT,))
    try:
        engine = Running(tmp_path / "b", spec(tmp_path, strategies=[(name, params)], terms=wide))
        engine.until_ended(exchange, seconds=200)
    finally:
        exchange.close()
    tested = replay(moves, quoting_strategy(name)(**params), wide, book="book")
    state = state_of(tmp_path / "b", wide)

    assert engine.error is None
    assert [(id, o.status, o.filled / UNIT) for id, o in state.orders.items()] == [
        (row.order_id, row.status, row.filled) for row in tested.orders.itertuples()
    ]
    assert len(state.fills) == len(tested.fills) > 3


def test_one_that_has_seen_bars_before_decides_without_a_warm_up():
    # Five bars of 10 s before: 9, 8, 7, 6, 5; fast and slow are then 5.5 and 7. The market begins within a bar, which
    # is left out; the next closes at 30: (5 + 30) / 2 is above (8 + 7 + 6 + 5 + 30) / 5, and was not before.
    history = [[[n * 10 * SECOND, "0", c, c, c, c, 1.0]] for n, c in enumerate((9.0, 8.0, 7.0, 6.0, 5.0))]
    moves = [book(0, 4, 31), *(print_(1_000 * s, price, 1, "buy") for s, price in ((55, 20), (65, 30), (71, 30)))]
    given = {"fast": 2, "slow": 5, "seconds": 10.0, "quantity": 4}

    warm = replay(moves, quoting_strategy("sma_cross")(**given), TERMS, history=history)
    cold = replay(moves, quoting_strategy("sma_cross")(**given), TERMS)

    assert warm.fills[["side", "quantity", "price"]].to_numpy().tolist() == [["buy", 4.0, 31.0]]
    assert warm.orders["decided_ts"].iloc[0].value == 71 * SECOND
    assert len(cold.orders) == 0


def test_what_is_held_is_known_while_the_bars_of_before_are_given():
    held = []

    class Asks(Told):
        def handle_tick(self, bar, desk):
            held.append(desk.position(bar.symbol))

    history = [[[n * SECOND, "0", 9.0, 9.0, 9.0, 9.0, 1.0]] for n in range(2)]
    moves = [book(5_000, 99, 101), *(print_(5_000 + 400 * n, 100, 1, "buy") for n in range(1, 6))]

    replay(moves, on_bars(Asks)(seconds=1.0), replace(TERMS, position=4 * UNIT), history=history)

    assert held == [4, 4, 4]  # two of before; the one under way is left out, and one has closed


def test_a_real_recording_gives_the_bars_of_its_trades(shared_data):
    recording = load_recording(shared_data / "l2" / "binance_spot_btcusdt_20240808.gz")
    moves = moves_of_recording(recording)
    strategy, desk = told({}, seconds=5.0)

    replay(moves, desk, Terms(UNIT // 100, UNIT // 100_000, cash=TERMS.cash))

    trades = pd.DataFrame(
        [(m.ns, m.price / UNIT, m.quantity / UNIT) for m in moves if m.aggressor], columns=["ns", "price", "size"]
    )
    expected = bars_of(trades, 5)
    assert len(strategy.bars) > 60
    for bar, row in zip(strategy.bars, expected.itertuples(), strict=False):
        assert tuple(bar[3:7]) == (row.open, row.high, row.low, row.close)
        assert (bar.ts, bar.volume) == (row.ts, pytest.approx(row.volume))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="momentum_rank@1 trades several instruments, and the account has 1"):
        replay([book(0, 99, 101)], quoting_strategy("momentum_rank")(), TERMS)
    with pytest.raises(ConfigError, match=r"sma_cross: unit is 0\.5, and what is traded goes by 1; name a multiple"):
        replay([book(0, 99, 101)], quoting_strategy("sma_cross")(unit=0.5), TERMS)
    theirs = type("Theirs", (quoting_strategy("sma_cross").strategy,), {"name": "theirs", "params": {"unit": 1}})
    with pytest.raises(ConfigError, match="theirs: its parameter unit is what a book calls its own; give it another"):
        on_bars(theirs)
    with pytest.raises(UnknownName, match=r"No strategy named 'nonesuch'.*sma_cross.*touch_maker"):
        quoting_strategy("nonesuch")
    with pytest.raises(ConfigError, match=r"seconds must be a number from 0\.001"):
        quoting_strategy("sma_cross")(seconds=0)
    with pytest.raises(ConfigError, match="fast must be shorter than slow"):
        quoting_strategy("sma_cross")(fast=50, slow=20)
    with pytest.raises(ConfigError, match="unknown parameter 'sise'; it takes fast, slow, quantity, unit, seconds"):
        quoting_strategy("sma_cross")(sise=1)
