"""Stops, touches, trailing stops, icebergs, orders that end by themselves: by hand, and on paper as in a backtest."""

import pytest

from tests.execution.desks import TERMS, EveryWay, Running, Scripted, levels, market, print_, spec
from tradepulse.backtest.book import Ways, replay
from tradepulse.backtest.latency import Latency
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Market
from tradepulse.core.quoting.loader import quoting_strategy
from tradepulse.core.quoting.rehearsal import rehearsed
from tradepulse.errors import ConfigError
from tradepulse.execution.exchange import Exchange
from tradepulse.execution.journal import Journal
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.watch import Watched

BOOK = levels(0, ("buy", 99, 5), ("buy", 98, 5), ("sell", 101, 5), ("sell", 102, 5))


def once(*orders):
    """A strategy that sends orders at its first move."""

    def act(self, count, seen, desk):
        if count == 0:
            self.ids += [desk.submit(side, quantity * UNIT, price and price * UNIT, **how)
                         for side, quantity, price, how in orders]  # fmt: skip

    return Scripted(act)


def fills_of(result):
    return result.fills[["quantity", "price", "liquidity", "evidence"]].to_numpy().tolist()


def test_a_stop_waits_for_the_last_trade_and_then_takes_what_is_displayed():
    moves = [BOOK, print_(1, 100, 1, "buy"), print_(2, 101, 1, "buy"), levels(3, ("buy", 90, 1))]
    strategy = once((Side.BUY, 6, None, {"stop_price": 101 * UNIT}))

    result = replay(moves, strategy, TERMS)

    # The print at 101 has taken one of the five there.
    assert fills_of(result) == [
        [4.0, 101.0, "taker", "triggered after at 2"], [2.0, 102.0, "taker", "triggered after at 2"],
    ]  # fmt: skip
    assert result.fills[["displayed_before", "displayed_after"]].to_numpy().tolist() == [[4.0, 0.0], [5.0, 3.0]]
    assert [answer.kind for answer in strategy.answers] == ["waiting", "working", "filled", "filled"]
    order = result.orders.iloc[0]
    assert (order["type"], order["stop_price"], order["trigger"]) == ("stop", 101.0, "last")


def test_a_stop_limit_rests_with_what_is_left_of_it():
    moves = [BOOK, print_(1, 101, 4, "buy"), levels(2, ("sell", 101, 0)), print_(3, 101, 9, "sell"),
             levels(4, ("buy", 90, 1))]  # fmt: skip

    result = replay(moves, once((Side.BUY, 3, 101, {"stop_price": 101 * UNIT})), TERMS)

    assert fills_of(result) == [
        [1.0, 101.0, "taker", "triggered after at 1"], [2.0, 101.0, "maker", "at 3: 9 at 101 by a seller"],
    ]  # fmt: skip


def test_a_touch_comes_from_the_other_side_and_may_be_of_the_quote():
    moves = [BOOK, levels(1, ("sell", 101, 0), ("sell", 100, 2)), levels(2, ("buy", 90, 1))]

    touch = {"stop_price": 100 * UNIT, "if_touched": True}

    result = replay(moves, once((Side.BUY, 1, None, touch | {"trigger": "quote"}), (Side.BUY, 1, None, touch)), TERMS)

    # The second one goes by the last trade, and there was none.
    assert fills_of(result) == [[1.0, 100.0, "taker", "triggered after at 1"]]
    assert result.orders["status"].tolist() == ["filled", "pending_trigger"]


def test_a_trailing_stop_follows_the_best_price():
    prices = [100, 103, 102, 101]
    moves = [BOOK, *(print_(n, price, 1, "buy") for n, price in enumerate(prices, 1)), levels(9, ("buy", 90, 1))]
    # The prints take the offers away; the bids stay. From 103 the stop is at 101.

    result = replay(moves, once((Side.SELL, 2, None, {"trail_offset": 2 * UNIT})), TERMS)

    assert fills_of(result) == [[2.0, 99.0, "taker", "triggered after at 4"]]


def test_an_iceberg_goes_to_the_back_of_the_queue_with_each_part():
    # 5 stand before it and 3 behind. Of a print of 12: 5, its part of 2, the 3, and its next 2.
    moves = [BOOK, levels(1, ("buy", 99, 8)), print_(2, 99, 12, "sell"), levels(3, ("buy", 90, 1))]

    result = replay(moves, once((Side.BUY, 9, 99, {"display_quantity": 2 * UNIT})), TERMS)

    assert result.fills["quantity"].tolist() == [2.0, 2.0]


def test_what_ends_by_itself_is_gone_at_its_moment():
    moves = [BOOK, print_(5, 99, 9, "sell"), levels(6, ("buy", 90, 1))]

    gone, there = (replay(moves, once((Side.BUY, 1, 99, {"tif": "gtd", "expire_at_ms": end})), TERMS) for end in (5, 6))

    assert gone.orders[["status", "reason"]].to_numpy().tolist() == [["expired", "expired"]]
    assert there.fills["quantity"].tolist() == [1.0]


def test_what_only_reduces_is_cut_to_what_is_held():
    moves = [BOOK, levels(1, ("buy", 97, 1)), levels(2, ("buy", 96, 1))]

    def act(self, count, seen, desk):
        if count == 0:
            desk.submit(Side.BUY, 2 * UNIT)
        if count == 1:
            desk.submit(Side.SELL, 5 * UNIT, reduce_only=True)

    result = replay(moves, Scripted(act), TERMS)

    assert result.fills["quantity"].tolist() == [2.0, 2.0]
    assert result.summary["final_position"] == 0


def test_a_stop_is_moved():
    moves = [BOOK, levels(1, ("buy", 97, 1)), print_(2, 101, 1, "buy"), print_(3, 102, 1, "buy"),
             levels(4, ("buy", 96, 1))]  # fmt: skip

    def act(self, count, seen, desk):
        if count == 0:
            self.ids.append(desk.submit(Side.BUY, UNIT, stop_price=101 * UNIT))
        if count == 1:
            desk.replace(self.ids[0], stop_price=102 * UNIT)

    result = replay(moves, Scripted(act), TERMS)

    assert fills_of(result) == [[1.0, 102.0, "taker", "triggered after at 3"]]


@pytest.mark.parametrize(("at_desk", "price", "ms"), [(False, 101.0, 20.0), (True, 102.0, 21.4)])
def test_a_stop_that_waits_at_the_desk_is_later_by_the_way_to_us_and_back(at_desk, price, ms):
    # The trade at 101 is seen half a millisecond later, and an order takes nine tenths: by then 101 is gone.
    moves = [BOOK, levels(10, ("buy", 97, 1)), print_(20, 101, 1, "buy"), levels(21, ("sell", 101, 0)),
             levels(40, ("buy", 96, 1))]  # fmt: skip
    ways = Ways(Latency(500), Latency(900), Latency(700), stops_at_desk=at_desk)

    strategy = once((Side.BUY, 1, None, {"stop_price": 101 * UNIT}))
    result = replay(moves, strategy, TERMS, ways=ways)

    [fill] = result.fills.to_dict("records")
    assert (fill["price"], fill["ts"].value / 1e6) == (price, ms)
    assert result.orders["triggered_ts"].iloc[0] == fill["ts"]
    assert [answer.kind for answer in strategy.answers] == ["waiting", "working", "filled"]


def test_what_waits_at_the_desk_is_canceled_as_long_as_it_has_not_come_to_the_venue():
    moves = [BOOK, levels(10, ("buy", 97, 1)), print_(20, 101, 1, "buy"), levels(40, ("buy", 96, 1))]
    ways = Ways(Latency(500), Latency(900), Latency(700), stops_at_desk=True)

    def act(self, count, seen, desk):
        if count == 0:
            self.ids.append(desk.submit(Side.BUY, UNIT, stop_price=101 * UNIT))
        if count == 2:
            desk.cancel(self.ids[0])

    result = replay(moves, Scripted(act), TERMS, ways=ways)

    assert result.orders[["status", "reason"]].to_numpy().tolist() == [["canceled", "requested"]]
    assert result.fills.empty


@pytest.mark.parametrize(
    ("price", "how", "words"),
    [
        (100, {"trail_offset": UNIT}, "a trailing stop has an offset, and no price of its own"),
        (None, {"trail_offset": UNIT, "stop_price": UNIT}, "a trailing stop has an offset"),
        (None, {"if_touched": True}, "needs the stop_price that is to be touched"),
        (100, {"posst_only": True}, "an order has no posst_only; it may have display_quantity"),
    ],
)
def test_orders_that_there_are_not_are_refused_in_one_line(price, how, words):
    strategy = once((Side.BUY, 1, price, how))

    with pytest.raises(ConfigError, match=words):
        replay([BOOK], strategy, TERMS)
    with pytest.raises(ConfigError, match=words):
        rehearsed(once((Side.BUY, 1, price, how)))


def on_paper(tmp_path, moves, strategy, **changes):
    exchange = Exchange(moves, tmp_path / "venue", speed=0)
    try:
        engine = Running(tmp_path / "b", spec(tmp_path, **changes), strategy).until_ended(exchange)
    finally:
        exchange.close()
    assert engine.error is None
    with Journal(tmp_path / "b" / "orders.journal", "os") as journal:
        return OrderPath(journal, TERMS).state


def assert_as_tested(state, tested):
    assert [(id, o.ticket.type.value, o.status, o.reason, o.filled / UNIT) for id, o in state.orders.items()] == [
        (row.order_id, row.type, row.status, row.reason, row.filled) for row in tested.orders.itertuples()
    ]
    assert [(f.order, f.price / UNIT, f.quantity / UNIT, f.liquidity) for f in state.fills] == [
        (row.order_id, row.price, row.quantity, row.liquidity) for row in tested.fills.itertuples()
    ]


@pytest.mark.parametrize("seed", range(6))
def test_every_kind_does_on_paper_what_it_did_in_the_backtest(tmp_path, seed):
    moves = market(seed)

    tested = replay(moves, EveryWay(seed=seed), TERMS)
    state = on_paper(tmp_path, moves, EveryWay(seed=seed))

    assert len(set(tested.orders["type"])) == 7
    assert len(tested.fills) > 20
    assert_as_tested(state, tested)


# -- a strategy of stops -----------------------------------------------------------------------------------------------


def test_a_breakout_is_bought_and_followed():
    # The range of the first second is 100 to 102. The break at 103 buys at 104; from 110 on a trail of 1 % is 109.
    moves = [
        levels(0, ("buy", 99, 9), ("sell", 104, 9)), print_(1, 100, 1, "sell"), print_(2, 102, 1, "buy"),
        levels(1_000, ("buy", 98, 1)), print_(1_100, 103, 1, "buy"), levels(1_101, ("sell", 104, 9)),
        print_(1_200, 110, 1, "buy"), levels(1_300, ("buy", 108, 9)), print_(1_400, 109, 1, "sell"),
        levels(1_500, ("buy", 97, 1)), levels(1_999, ("buy", 96, 1)),
    ]  # fmt: skip

    result = replay(moves, quoting_strategy("breakout")(size=2, seconds=1, trail_bp=100), TERMS)

    assert result.orders[["side", "type", "stop_price", "status"]].astype(object).fillna(0).to_numpy().tolist() == [
        ["buy", "stop", 103.0, "filled"], ["sell", "stop", 99.0, "canceled"], ["sell", "trailing_stop", 0, "filled"],
    ]  # fmt: skip
    assert result.fills[["side", "quantity", "price"]].to_numpy().tolist() == [
        ["buy", 2.0, 104.0],
        ["sell", 2.0, 108.0],
    ]
    assert result.summary["final_position"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_breakouts_do_on_paper_what_they_did_in_the_backtest(tmp_path, seed):
    moves, params = market(seed, 900), {"size": 3, "seconds": 0.05, "trail_bp": 20}

    tested = replay(moves, quoting_strategy("breakout")(**params), TERMS)
    state = on_paper(tmp_path, moves, [], strategies=[("breakout", params)])

    assert {"stop", "trailing_stop"} <= set(tested.orders["type"])
    assert len(tested.fills) > 10
    assert_as_tested(state, tested)


def test_a_breakout_waits_for_the_next_interval_after_a_refusal():
    small = TERMS.__class__(**{**{name: getattr(TERMS, name) for name in ("tick", "lot", "cash")},
                               "limits": TERMS.limits.__class__(max_order_quantity=UNIT)})  # fmt: skip

    result = replay(market(1, 900), quoting_strategy("breakout")(size=3, seconds=0.2), small)

    assert set(result.orders["status"]) == {"refused"}
    assert len(result.orders) < 20


def test_with_latencies_nothing_is_held_without_a_stop_behind_it():
    class Watched(quoting_strategy("breakout")):
        held = []

        def on_market(self, seen: Market, desk):
            super().on_market(seen, desk)
            kinds = [order for order in desk.path.state.open.values() if order.ticket.type.value == "trailing_stop"]
            self.held.append((abs(desk.position), sum(order.left for order in kinds)))

    strategy = Watched(size=3, seconds=0.05, trail_bp=20)
    ways = Ways(Latency(500), Latency(900), Latency(700))
    replay(market(5, 900), strategy, TERMS, ways=ways)

    assert any(holds for holds, _ in strategy.held)
    assert all(protected >= holds for holds, protected in strategy.held)


def test_who_watches_sees_what_an_order_waits_for(tmp_path):
    tall = {"stop_price": 200 * UNIT}
    orders = [(Side.BUY, 1, 210, tall), (Side.BUY, 1, None, tall), (Side.SELL, 1, None, {"trail_offset": 2 * UNIT})]

    on_paper(tmp_path, [BOOK, levels(1, ("buy", 97, 1))], once(*orders))
    lines = Watched(tmp_path / "b", TERMS).lines(40)

    assert [line.split(maxsplit=2)[2] for line in lines if " at " in line] == [
        "at 210 from 200, stop limit  pending_trigger", "at the market from 200, stop  pending_trigger",
        "at the market from 2 behind, trailing stop  pending_trigger",
    ]  # fmt: skip
