"""Backtests on books: by hand, against the cards of the order path, and on a real recording."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tradepulse.backtest import compiled_book
from tradepulse.backtest.book import Ways, moves_of_quotes, moves_of_recording, replay
from tradepulse.backtest.book_report import markouts
from tradepulse.backtest.grid import Grid, Rate
from tradepulse.backtest.latency import Latency, Way
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import QuotingStrategy
from tradepulse.core.quoting.imbalance_taker import ImbalanceTaker
from tradepulse.core.quoting.loader import quoting_strategies, quoting_strategy
from tradepulse.core.quoting.touch_maker import TouchMaker
from tradepulse.errors import ConfigError, DataError, UnknownName
from tradepulse.execution.cards import run_card
from tradepulse.execution.desk import Move
from tradepulse.execution.terms import FEE, MONEY, Limits, Terms
from tradepulse.ingestion.recording import load_recording

MS = 1_000_000
TERMS = Terms(tick=UNIT, lot=UNIT, maker_fee=-1 * FEE, taker_fee=4 * FEE, cash=1_000 * MONEY)


def levels(ms, *rows):
    return Move(ms * MS, tuple((Side(side), price * UNIT, size * UNIT) for side, price, size in rows), what=f"at {ms}")


def print_(ms, price, size, aggressor):
    return Move(ms * MS, (), price * UNIT, size * UNIT, Side(aggressor), f"at {ms}")


class Scripted(QuotingStrategy):
    """Does what it is told at the moves that it is told of, by their number."""

    name, version, params, ranges = "scripted", "1", {}, {}

    def __init__(self, **plan):
        super().__init__()
        self.plan, self.seen, self.ids, self.markets, self.answers = plan, 0, [], [], []

    def on_market(self, market, desk):
        self.markets.append(market)
        for step in self.plan.get(f"m{self.seen}", ()):
            what, *rest = step
            if what == "submit":
                side, quantity, price, *more = rest
                self.ids.append(desk.submit(Side(side), quantity * UNIT, price and price * UNIT, **dict(more)))
            elif what == "cancel":
                desk.cancel(self.ids[rest[0]])
            else:
                desk.replace(self.ids[rest[0]], price=rest[1] * UNIT)
        self.seen += 1

    def on_answer(self, answer, desk):
        self.answers.append(answer)


BOOK = levels(0, ("buy", 99, 5), ("sell", 101, 5))


def test_a_resting_order_waits_for_what_stands_ahead_of_it():
    moves = [BOOK, print_(1, 99, 4, "sell"), print_(2, 99, 3, "sell"), levels(3, ("buy", 98, 1))]

    result = replay(moves, Scripted(m0=[("submit", "buy", 2, 99)]), TERMS)

    # 5 stand ahead; the first print takes 4 of them, the second the last one and our 2.
    [fill] = result.fills.to_dict("records")
    assert (fill["quantity"], fill["price"], fill["liquidity"]) == (2.0, 99.0, "maker")
    assert fill["ts"] == pd.Timestamp(2 * MS, tz="UTC")
    assert fill["evidence"] == "at 2: 3 at 99 by a seller"
    assert (fill["displayed_before"], fill["displayed_after"]) == (1.0, 0.0)
    # A rebate of 1 bp on 198.
    assert fill["commission"] == pytest.approx(-0.0198)
    assert result.equity["cash"].iloc[-1] == pytest.approx(1000 - 198 + 0.0198)


def test_a_cancel_leaves_before_an_order_that_was_decided_with_it():
    # The sale at 100 is in the way of the purchase that is decided before its cancel.
    plan = {
        "m0": [("submit", "sell", 2, 100)],
        "m1": [("submit", "buy", 2, 100), ("cancel", 0), ("submit", "buy", 1, 98), ("cancel", 2)],
    }

    result = replay([BOOK, levels(1, ("buy", 98, 1)), levels(2, ("buy", 98, 2))], Scripted(**plan), TERMS)

    assert (result.orders["status"] + " " + result.orders["reason"]).tolist() == [
        "canceled requested", "working ", "canceled requested",
    ]  # fmt: skip


@pytest.mark.parametrize(("cancels_ahead", "filled"), [(0, 0), (0.5, 1), (1, 2)])
def test_what_others_take_back_stood_ahead_of_us_as_far_as_the_venue_says(cancels_ahead, filled):
    # 5 stand ahead; 5 join behind; then 4 of the 10 are taken back. In proportion 2 of them stood ahead, so that
    # 3 are left there; by half of that 4 are, and by none 5. A print of 5 fills us with the rest.
    moves = [BOOK, levels(1, ("buy", 99, 10)), levels(2, ("buy", 99, 6)), print_(3, 99, 5, "sell")]

    for engine in (replay, compiled_book.replay):
        result = engine(moves, TouchMaker(size=2, most=2), TERMS, cancels_ahead=cancels_ahead)
        assert result.fills["quantity"].sum() == filled


def test_what_left_ahead_of_us_is_whole_lots():
    # In proportion 5 * 3/10 = 1.5 of 5 left: one lot.
    moves = [BOOK, levels(1, ("buy", 99, 10)), levels(2, ("buy", 99, 7)), print_(3, 99, 5, "sell")]

    assert replay(moves, TouchMaker(size=2, most=2), TERMS, cancels_ahead=1).fills["quantity"].tolist() == [1.0]


@pytest.mark.parametrize("cancels_ahead", [-0.1, 1.1, float("nan")])
def test_a_queue_that_makes_no_sense_is_refused(cancels_ahead):
    for engine in (replay, compiled_book.replay):
        with pytest.raises(ConfigError, match="cancels_ahead must lie between 0 and 1"):
            engine([BOOK], TouchMaker(size=2, most=2), TERMS, cancels_ahead=cancels_ahead)


def test_what_a_taker_took_is_gone_and_evidence_says_what_was_there():
    plan = {"m0": [("submit", "buy", 3, 101, ("tif", "ioc")), ("submit", "buy", 4, 101, ("tif", "ioc"))]}

    result = replay([BOOK, levels(1, ("buy", 98, 1))], Scripted(**plan), TERMS)

    assert result.fills["quantity"].tolist() == [3.0, 2.0]
    assert result.fills["displayed_before"].tolist() == [5.0, 2.0]
    assert result.orders["status"].tolist() == ["filled", "canceled"]
    assert result.summary["final_position"] == 5.0


def test_an_order_is_not_there_before_it_arrives_and_its_fill_is_heard_later():
    moves = [
        BOOK,
        print_(5, 99, 9, "sell"),
        levels(6, ("buy", 99, 1)),
        print_(20, 99, 3, "sell"),
        levels(90, ("buy", 97, 1)),
    ]
    ways = Ways(feed=Latency(2_000), order=Latency(8_000), answer=Latency(3_000))

    strategy = Scripted(m0=[("submit", "buy", 1, 99)])
    result = replay(moves, strategy, TERMS, ways=ways)

    # Seen at 2 ms, decided then, there at 10 ms: after the print of 5 ms, behind the 1 that is displayed then.
    [order] = result.orders.to_dict("records")
    assert (order["decided_ts"], order["arrived_ts"]) == tuple(pd.Timestamp(ms * MS, tz="UTC") for ms in (2, 10))
    [fill] = result.fills.to_dict("records")
    assert (fill["ts"], fill["heard_ts"]) == tuple(pd.Timestamp(ms * MS, tz="UTC") for ms in (20, 23))
    assert [market.ns // MS for market in strategy.markets] == [2, 7, 8, 22, 92]
    assert [(answer.kind, answer.ns // MS) for answer in strategy.answers] == [("working", 13), ("filled", 23)]


def test_risk_refuses_before_anything_is_sent():
    terms = Terms(tick=UNIT, lot=UNIT, cash=MONEY, limits=Limits(max_order_quantity=2 * UNIT))
    strategy = Scripted(m0=[("submit", "buy", 3, 99), ("submit", "buy", 1, 99)])

    result = replay([BOOK, levels(1, ("buy", 98, 1))], strategy, terms)

    assert result.orders["status"].tolist() == ["refused", "working"]
    assert result.orders["arrived_ts"].isna().tolist() == [True, False]
    assert (strategy.answers[0].kind, strategy.answers[0].reason) == ("refused", "max_order_quantity")
    assert result.orders["order_id"].is_unique


def test_a_cancel_and_a_replace_take_their_way_too():
    plan = {"m0": [("submit", "buy", 1, 99), ("submit", "buy", 1, 98)], "m1": [("cancel", 0), ("replace", 1, 97)]}
    result = replay(
        [BOOK, levels(10, ("buy", 96, 1)), levels(30, ("buy", 96, 2))], Scripted(**plan), TERMS,
        ways=Ways(order=Latency(5_000)),
    )  # fmt: skip

    assert result.orders["status"].tolist() == ["canceled", "working"]
    assert result.orders["price"].tolist() == [99.0, 97.0]


def test_a_cancel_has_a_way_of_its_own_and_never_arrives_before_its_order():
    # Bids of 98, ended after a move, and of 97, ended as it is sent; an order takes 10 ms, at 51 ms one unit is sold.
    plan = {"m1": [("cancel", 0)], "m0": [("submit", "buy", 1, 98)], "m2": [("submit", "buy", 1, 97), ("cancel", 1)]}
    moves = [BOOK, levels(20, ("buy", 96, 1)), levels(40, ("buy", 96, 2)), print_(51, 96, 1, "sell"),
             levels(90, ("buy", 96, 3))]  # fmt: skip

    def run(cancel):
        ways = Ways(order=Latency(10_000), cancel=cancel)
        return replay(moves, Scripted(**plan), TERMS, ways=ways)

    # Canceled at 20 + 30 ms the first is gone by then, and the second, there since 50, fills; with 32 ms the first.
    assert run(Latency(30_000)).orders["status"].tolist() == ["canceled", "filled"]
    assert run(Latency(32_000)).orders["status"].tolist() == ["filled", "canceled"]
    # A cancel that takes a millisecond waits for its order, which takes ten: both are gone before the print.
    quick = run(Latency(1_000))
    assert quick.orders["status"].tolist() == ["canceled", "canceled"]
    assert len(quick.fills) == 0
    assert compiled_book.replay(moves, quoting_strategy("touch_maker")(), TERMS, ways=Ways(cancel=Latency(1))) is None


def at_ms(ms):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def test_a_halt_is_recorded_and_what_crosses_us_trades_as_trading_goes_on():
    plan = {"m0": [("submit", "buy", 3, 99)], "m1": [("submit", "buy", 1, 98), ("cancel", 0)],
            "m2": [("submit", "buy", 2, 98)]}  # fmt: skip
    moves = [
        BOOK, levels(10, ("buy", 99, 4)), levels(20, ("buy", 99, 0)), print_(30, 97, 9, "sell"),
        levels(40, ("sell", 98, 1)), levels(60, ("sell", 98, 4)), print_(70, 98, 1, "sell"),
    ]  # fmt: skip
    grid = Grid(shut=((at_ms(10), at_ms(20)), (at_ms(25), at_ms(50))))

    result = replay(moves, Scripted(**plan), TERMS, grid=grid)

    # The second comes in the first halt; the cancel is taken. In the second halt nothing of the print at 97 is ours,
    # and the one unit offered at 98 meets the third order when it is over.
    assert result.orders[["status", "reason"]].to_numpy().tolist() == [
        ["canceled", "requested"], ["rejected", "halted"], ["filled", ""],
    ]  # fmt: skip
    assert [(fill.ts, fill.quantity, fill.price, fill.evidence) for fill in result.fills.itertuples()] == [
        (at_ms(50), 1.0, 98.0, "displayed as trading went on"), (at_ms(60), 1.0, 98.0, "at 60 displayed through it"),
    ]  # fmt: skip


def test_a_venue_takes_so_many_new_orders_and_turns_away_what_is_more():
    plan = {"m0": [("submit", "buy", 1, 97)] * 3, "m1": [("submit", "buy", 1, 96), ("cancel", 0)],
            "m2": [("submit", "buy", 1, 95)]}  # fmt: skip
    moves = [BOOK, levels(999, ("buy", 90, 1)), levels(1_000, ("buy", 90, 2))]

    result = replay(moves, Scripted(**plan), TERMS, grid=Grid(rate=Rate(2, 1.0)))

    assert result.orders[["status", "reason"]].to_numpy().tolist() == [
        ["canceled", "requested"], ["working", ""], ["rejected", "rate_limited"], ["rejected", "rate_limited"],
        ["working", ""],
    ]  # fmt: skip


@st.composite
def markets(draw):
    """Draw what others do, and what a strategy does in between, with nothing crossed."""
    moves, at = [BOOK], 0
    for _ in range(draw(st.integers(3, 14))):
        at += draw(st.integers(1, 5))
        if draw(st.booleans()):
            side = draw(st.sampled_from(["buy", "sell"]))
            price = draw(st.integers(95, 99) if side == "buy" else st.integers(101, 105))
            moves.append(levels(at, (side, price, draw(st.integers(0, 6)))))
        else:
            aggressor = draw(st.sampled_from(["buy", "sell"]))
            price = draw(st.integers(100, 104) if aggressor == "buy" else st.integers(96, 100))
            moves.append(print_(at, price, draw(st.integers(1, 8)), aggressor))
    plan, sent = {}, 0
    for number in range(len(moves)):
        steps = []
        for _ in range(draw(st.integers(0, 2))):
            what = draw(st.sampled_from(["submit", "submit", "cancel", "replace"]))
            if what == "submit":
                tif = draw(st.sampled_from(["gtc", "ioc", "fok"]))
                post_only = tif == "gtc" and draw(st.booleans())
                price = draw(st.integers(96, 104))
                steps.append(
                    ("submit", draw(st.sampled_from(["buy", "sell"])), draw(st.integers(1, 6)), price, ("tif", tif),
                     ("post_only", post_only))
                )  # fmt: skip
                sent += 1
            elif sent:
                order = draw(st.integers(0, sent - 1))
                steps.append((what, order) if what == "cancel" else (what, order, draw(st.integers(96, 104))))
        plan[f"m{number}"] = steps
    return moves, plan


@settings(max_examples=120, phases=(Phase.generate,))
@given(markets())
def test_without_latency_a_run_is_the_card_of_it(drawn):
    """The card runner drives the same order path and venue by itself: it must come to the same fills and cash."""
    moves, plan = drawn
    strategy = Scripted(**plan)
    result = replay(moves, strategy, TERMS)
    steps = []
    for number, move in enumerate(moves):
        at = move.ns // MS
        if move.aggressor is None:
            rows = [{"side": s.value, "price": str(p // UNIT), "quantity": str(q // UNIT)} for s, p, q in move.levels]
            steps.append({"at_ms": at, "book": rows})
        else:
            steps.append(
                {"at_ms": at, "trade": {"price": str(move.price // UNIT), "quantity": str(move.quantity // UNIT),
                                        "aggressor": move.aggressor.value}}
            )  # fmt: skip
        sent = sum(step[0] == "submit" for n in range(number) for step in plan[f"m{n}"])
        # What is decided at once leaves with the cancels first, but none before the order that it ends.
        cancels = [step for step in plan[f"m{number}"] if step[0] == "cancel"]
        others, leaving, count = [step for step in plan[f"m{number}"] if step[0] != "cancel"], [], sent
        while cancels or others:
            if cancels and (cancels[0][1] < count or not others):
                leaving.append(cancels.pop(0))
            else:
                count += others[0][0] == "submit"
                leaving.append(others.pop(0))
        for what, *rest in leaving:
            if what == "submit":
                side, quantity, price, (_, tif), (_, post_only) = rest
                body = {"id": strategy.ids[sent], "side": side, "type": "limit", "quantity": str(quantity),
                        "price": str(price), "tif": tif, "post_only": post_only}  # fmt: skip
                sent += 1
            else:
                body = {"id": strategy.ids[rest[0]], **({"price": str(rest[1])} if what == "replace" else {})}
            steps.append({"at_ms": at, what: body})
    card = {
        "id": "same", "venue": {"tick": "1", "lot": "1", "maker_fee_bp": "-1", "taker_fee_bp": "4"},
        "account": {"cash": "1000"}, "steps": steps, "expect": {},
    }  # fmt: skip

    observed = run_card(card).observed

    assert {id: order["status"] for id, order in observed["orders"].items()} == dict(
        zip(result.orders["order_id"], result.orders["status"], strict=True)
    )
    ours = result.fills.groupby(["ts", "order_id", "price", "liquidity"], sort=False)["quantity"].sum()
    assert [(f["order"], float(f["price"]), f["liquidity"], float(f["quantity"])) for f in observed["fills"]] == [
        (id, price, liquidity, quantity) for (_, id, price, liquidity), quantity in ours.items()
    ]
    assert float(Decimal(observed["cash"])) == pytest.approx(result.equity["cash"].iloc[-1], rel=1e-12)
    assert float(observed["position"]) == result.summary["final_position"]


@settings(max_examples=40, phases=(Phase.generate,))
@given(markets(), st.integers(0, 9), st.floats(0, 9_000), st.floats(0, 1))
def test_what_comes_later_changes_nothing_that_was_decided_before(drawn, seed, median, deviation):
    moves, plan = drawn
    latency = Latency(median, deviation, 0.5)
    ways = Ways(latency, latency, latency, seed)
    whole = replay(moves, Scripted(**plan), TERMS, ways=ways)

    for cut in range(1, len(moves)):
        part = replay(moves[:cut], Scripted(**plan), TERMS, ways=ways)
        until = pd.Timestamp(moves[cut].ns, tz="UTC")
        before, early = (run.fills[run.fills["ts"] < until] for run in (whole, part))
        pd.testing.assert_frame_equal(
            before[["ts", "order_id", "price", "quantity"]], early[["ts", "order_id", "price", "quantity"]]
        )
    fills = whole.fills
    assert (fills["ts"] >= fills["arrived_ts"]).all()
    assert (fills["arrived_ts"] >= fills["decided_ts"]).all()
    assert (fills["heard_ts"] >= fills["ts"]).all()


def test_a_slow_spell_lasts_and_nothing_overtakes():
    way = Way(Latency(1_000, 0.5, 0.9), seed=3)
    arrivals = np.array([way.arrival(ns) for ns in range(0, 2_000 * MS, MS)])
    delays = np.log((arrivals - np.arange(0, 2_000 * MS, MS)) / 1e6)

    assert (np.diff(arrivals) >= 0).all()
    assert np.median(delays) == pytest.approx(0, abs=0.35)  # 1 ms at the median, queueing behind slow ones aside
    assert np.corrcoef(delays[1:], delays[:-1])[0, 1] > 0.8


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Latency(-1), "median_us must lie between 0 and 6e\\+07, not -1"),
        (lambda: Latency(1, float("nan")), "deviation must lie"),
        (lambda: Latency(1, 0, 1.0), "correlation must lie between 0 and 0.999"),
        (lambda: TouchMaker(size=-1), "touch_maker: size must be a number from 1e-09 to 1000000000.0, not -1"),
        (lambda: TouchMaker(depth=1), "touch_maker: unknown parameter 'depth'; it takes size, most"),
        (lambda: ImbalanceTaker(lean=0.2), "lean must be a number from 0.5 to 1.0, not 0.2"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


def test_nothing_and_disorder_are_refused():
    with pytest.raises(DataError, match="nothing to run on"):
        replay([], TouchMaker(), TERMS)
    with pytest.raises(DataError, match="at 1 at 1000000 ns comes after one at 2000000 ns; sort the moves"):
        replay([BOOK, levels(2, ("buy", 98, 1)), levels(1, ("buy", 98, 2))], TouchMaker(), TERMS)
    with pytest.raises(UnknownName, match="touch_maker"):
        quoting_strategy("touch_taker")
    assert quoting_strategies() == ["breakout", "hedged_maker", "imbalance_taker", "pov", "touch_maker", "twap", "vwap"]


def test_quotes_and_trades_are_moves_too():
    stamps = pd.to_datetime([1, 3], unit="s", utc=True).as_unit("ns")
    quotes = pd.DataFrame(
        {"ts": stamps, "bid": [99.0, 99.0], "bid_size": [5.0, 4.0], "ask": [101.0, 102.0], "ask_size": [5.0, 6.0]}
    )
    trades = pd.DataFrame(
        {"ts": pd.to_datetime([2, 4, 4], unit="s", utc=True), "price": [101.0, 99.0, 100.5], "size": [1.0, 2.0, 3.0]}
    )

    moves = moves_of_quotes(quotes, trades)

    assert [move.what for move in moves] == ["quote 0", "trade 0", "quote 1", "trade 1", "trade 2"]
    assert [move.aggressor for move in moves if move.aggressor] == [Side.BUY, Side.SELL, Side.BUY]
    assert moves[2].levels == (
        (Side.BUY, 99 * UNIT, 4 * UNIT), (Side.SELL, 101 * UNIT, 0), (Side.SELL, 102 * UNIT, 6 * UNIT),
    )  # fmt: skip
    replay(moves, TouchMaker(size=1, most=2), TERMS)


def test_a_real_recording_is_made_a_market_on(shared_data):
    recording = load_recording(shared_data / "l2" / "binance_spot_btcusdt_20240808.gz")
    moves = moves_of_recording(recording)[:6_000]
    terms = Terms(tick=UNIT // 100, lot=UNIT // 100_000, taker_fee=4 * FEE, cash=10_000 * MONEY)
    ways = Ways(Latency(5_000, 0.3, 0.5), Latency(2_000, 0.3, 0.5), Latency(2_000))

    made = replay(moves, TouchMaker(size=0.01, most=0.05), terms, ways=ways)
    again = replay(moves, TouchMaker(size=0.01, most=0.05), terms, ways=ways)

    pd.testing.assert_frame_equal(made.fills, again.fills)
    fills = made.fills
    assert len(fills) > 50
    assert (fills["liquidity"] == "maker").all()
    # Nobody sells more to us than was printed, or displayed through us.
    by_print = fills[fills["evidence"].str.startswith("trade")].groupby("evidence")["quantity"].sum()
    printed = by_print.index.str.extract(r": ([\d.e-]+) at")[0].astype(float)
    assert (by_print.to_numpy() <= printed.to_numpy() + 1e-12).all()
    signed = (fills["quantity"] * np.where(fills["side"] == "buy", 1, -1)).cumsum()
    assert signed.abs().max() <= 0.05 + 0.01
    taken = replay(moves, ImbalanceTaker(), terms, ways=ways).fills
    assert (taken["quantity"] <= taken["displayed_before"] + 1e-12).all()
    left = (taken["displayed_before"] - taken["quantity"]).tolist()
    assert taken["displayed_after"].tolist() == pytest.approx(left, abs=1e-9)


def test_what_the_market_did_after_fills_is_said_in_our_favour():
    """By hand: bought 1 at 100 and 3 at 102, sold 2 at 101; the middle is 101 after a second and 99 after five."""
    begin = pd.Timestamp("2024-08-08T12:00:00Z")
    seconds = [0, 1, 5, 6]
    equity = pd.DataFrame({"ts": [begin + pd.Timedelta(s, "s") for s in seconds], "mid": [100.0, 101.0, 99.0, 99.0]})
    fills = pd.DataFrame(
        {"ts": begin, "side": ["buy", "buy", "sell"], "price": [100.0, 102.0, 101.0], "quantity": [1.0, 3.0, 2.0],
         "liquidity": ["maker", "maker", "taker"]}
    )  # fmt: skip

    found = markouts(fills, equity, horizons=(1, 5, 30)).set_index(["liquidity", "seconds"])

    weights = (100.0, 306.0)
    after_1 = (weights[0] * 100 + weights[1] * (101 / 102 - 1) * 1e4) / sum(weights)
    after_5 = (weights[0] * -100 + weights[1] * (99 / 102 - 1) * 1e4) / sum(weights)
    assert found.loc[("maker", 1), "bp"] == pytest.approx(after_1)
    assert found.loc[("maker", 5), "bp"] == pytest.approx(after_5)
    assert found.loc[("taker", 1), "bp"] == 0
    assert found.loc[("taker", 5), "bp"] == pytest.approx((1 - 99 / 101) * 1e4)
    assert found["n"].tolist() == [2, 2, 0, 1, 1, 0]
    assert found["bp"].isna().tolist() == [False, False, True] * 2


def test_times_are_exact_beside_an_order_that_was_never_sent():
    start = 1_723_161_255_123_456_789  # floats are 256 ns apart there
    plan = {"m0": [("submit", "buy", 1, 101), ("submit", "buy", 2, 101)]}
    terms = replace(TERMS, limits=Limits(max_order_quantity=UNIT))

    result = replay([BOOK._replace(ns=start), BOOK._replace(ns=start + 5)], Scripted(**plan), terms)

    assert result.orders["status"].tolist() == ["filled", "refused"]
    assert result.orders["decided_ts"].iloc[0].value == result.orders["arrived_ts"].iloc[0].value == start
    assert result.orders["decided_ts"].isna().tolist() == [False, True]
