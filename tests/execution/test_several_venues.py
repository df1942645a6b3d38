"""One account at several venues: by hand, on paper as in the backtest, and after a death."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from tests.execution.desks import (
    TERMS,
    Running,
    Scripted,
    assert_the_same_orders_and_fills,
    levels,
    market,
    print_,
    spec,
)
from tests.execution.test_engine import state_of
from tradepulse.backtest import compiled_book
from tradepulse.backtest.book import Ways, replay
from tradepulse.backtest.latency import Latency
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.loader import quoting_strategy
from tradepulse.errors import ConfigError, DataError, LineLost
from tradepulse.execution.desk import Views
from tradepulse.execution.engine import parse_desk
from tradepulse.execution.exchange import Exchange
from tradepulse.execution.journal import Journal
from tradepulse.execution.line import move_of, plain_move
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.packing import READ_SENT, packed_text, plain, sent, ticket_of, ticket_of_text
from tradepulse.execution.supervision import _positions, run_paper, watched_desk
from tradepulse.execution.terms import FEE, Place
from tradepulse.execution.ticket import OrderType, Ticket

#: 4 bp at the first, and 1 bp at the other, where prices go by halves and quantities by twos.
TWO = replace(
    TERMS,
    venues=(
        Place("near", UNIT, UNIT, -1 * FEE, 4 * FEE),
        Place("far", UNIT // 2, 2 * UNIT, 0, 1 * FEE),
    ),
)


def at(venue, *moves):
    return [move._replace(venue=venue) for move in moves]


def both(*moves):
    return sorted((move for part in moves for move in part), key=lambda move: move.ns)


START = both(
    at(0, levels(0, ("buy", 99, 5), ("sell", 101, 5))), at(1, levels(0, ("buy", 98, 9), ("sell", 101, 7)))
)  # fmt: skip
LATER = at(0, levels(9, ("buy", 98, 1)))


def once(side, quantity, price=None, **options):
    return lambda: Scripted(
        lambda self, seen, market, desk: (
            seen == 1 and self.ids.append(desk.submit(Side(side), quantity * UNIT, price and price * UNIT, **options))
        )
    )


def traded(strategy, terms=TWO, moves=(*START, *LATER)):
    result = replay(moves, strategy(), terms)
    rows = zip(result.orders["venue"], result.orders["quantity"], result.orders["status"], strict=True)
    return list(rows), result


def test_what_takes_goes_where_it_costs_least_and_each_part_says_why():
    orders, result = traded(once("buy", 10))

    # 101 with 1 bp is 101.0101 a unit, with 4 bp 101.0404: six of the seven there, in twos, and the rest here.
    assert orders == [("far", 6.0, "filled"), ("near", 4.0, "filled")]
    assert result.orders["routed"].tolist() == [
        "101.0101 a unit with 1 bp of fee; 7 displayed", "101.0404 a unit with 4 bp of fee; 5 displayed",
    ]  # fmt: skip
    assert result.fills["venue"].tolist() == ["far", "near"]
    assert result.fills["commission"].tolist() == pytest.approx([6 * 101 * 1e-4, 4 * 101 * 4e-4])
    assert result.equity["cash"].iloc[-1] == pytest.approx(100_000 - 10 * 101 - 0.0606 - 0.1616)
    assert result.summary["final_position"] == 10.0
    assert result.fills["displayed_before"].tolist() == [7.0, 5.0]


def test_what_is_left_of_a_limit_order_rests_at_the_first_venue_and_only_if_it_may():
    orders, _ = traded(once("buy", 14, 101))
    assert orders == [("far", 6.0, "filled"), ("near", 5.0, "filled"), ("near", 3.0, "working")]

    orders, _ = traded(once("buy", 14, 101, tif="ioc"))
    assert orders == [("far", 6.0, "filled"), ("near", 5.0, "filled")]
    for options in ({"post_only": True}, {}):  # what meets nothing rests, and is not routed
        orders, result = traded(once("buy", 3, 100, **options))
        assert orders == [("near", 3.0, "working")]
        assert result.orders["routed"].tolist() == [""]
    assert traded(once("buy", 4, 101, tif="fok"))[0] == [("near", 4.0, "filled")]


def test_where_nothing_is_displayed_a_market_order_is_refused_as_at_one_venue():
    moves = both(at(0, levels(0, ("buy", 99, 5))), at(1, levels(0, ("buy", 98, 9))), LATER)

    orders, result = traded(once("buy", 10), moves=moves)

    assert orders == [("near", 10.0, "refused")]
    assert result.orders["reason"].tolist() == ["no_price"]


def test_risk_is_asked_of_each_part_with_all_before_it_counted():
    terms = replace(TWO, limits=replace(TWO.limits, max_position=8 * UNIT))

    orders, result = traded(once("buy", 10), terms)

    assert orders == [("far", 6.0, "filled"), ("near", 4.0, "refused")]
    assert result.orders["reason"].tolist() == ["", "max_position"]


def test_a_venue_is_as_far_away_as_it_is_said_to_be():
    terms = replace(TWO, venues=(TWO.venues[0], TWO.venues[1]._replace(latency_us=2_000.0)))

    result = replay([*START, *LATER], once("buy", 10)(), terms, ways=Ways(order=Latency(700)))

    took = (result.orders["arrived_ts"] - result.orders["decided_ts"]) / pd.Timedelta("1us")
    # The fee decides here; among equal costs it would be the nearer.
    assert dict(zip(result.orders["venue"], took, strict=True)) == {"far": 2_000.0, "near": 700.0}


def test_the_best_of_all_books_is_what_a_strategy_sees():
    views = Views(range(2))
    for move in [*START, *at(1, print_(1, 101, 2, "buy"))]:
        views.see(move)

    seen = views.market(5)

    # 99 is bid at the one, 101 offered at both: 5 and 7, of which the print has not yet been taken off.
    assert seen[1:] == (99 * UNIT, 5 * UNIT, 101 * UNIT, 12 * UNIT, 101 * UNIT, 2 * UNIT)
    assert views.others[Side.BUY] == {99 * UNIT: 5 * UNIT, 98 * UNIT: 9 * UNIT}
    with pytest.raises(LineLost, match="a move at venue 2, of 2"):
        views.see(START[0]._replace(venue=2))


def two_markets(seed):
    return both(at(0, *market(seed, 250)), at(1, *market(seed + 100, 250)))


FLAT = replace(TWO, venues=(TWO.venues[0], Place("far", UNIT, UNIT, 0, 1 * FEE)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["touch_maker", "imbalance_taker", "twap"])
def test_on_paper_it_sends_what_its_backtest_sent(tmp_path, name, seed):
    params = {
        "touch_maker": {"size": 3, "most": 12}, "imbalance_taker": {"size": 2, "most": 10, "lean": 0.7},
        "twap": {"quantity": 40, "seconds": 1, "least": 1},
    }[name]  # fmt: skip
    moves = two_markets(seed)
    exchange = Exchange(moves, tmp_path / "venue", speed=0.0, positions=(0, 0), lots=(UNIT, UNIT))
    try:
        wanted = spec(tmp_path, strategies=[(name, params)], terms=FLAT)
        engine = Running(tmp_path / "b", wanted).until_ended(exchange)
    finally:
        exchange.close()
    tested = replay(moves, quoting_strategy(name)(**params), FLAT, book="book")
    state = state_of(tmp_path / "b", FLAT)

    assert engine.error is None
    assert_the_same_orders_and_fills(state, tested, FLAT)
    assert [state.routed.get(id, "") for id in state.orders] == tested.orders["routed"].tolist()
    if name == "imbalance_taker":
        assert {row.venue for row in tested.fills.itertuples()} == {"near", "far"}
    # What each venue has counted is what our orders there have come to.
    held = _positions(FLAT, state)
    assert held == [venue.position for venue in exchange.venues]


def test_a_snapshot_stands_for_venues_and_reasons_too(tmp_path):
    with Journal(tmp_path / "orders.journal", "os") as journal:
        path, view = OrderPath(journal, TWO), Views(range(2))
        for move in START:
            view.see(move)
        path.route({"a": "because"})
        ticket = Ticket("a", Side.BUY, OrderType.LIMIT, 2 * UNIT, 101 * UNIT, venue=1)
        assert path.submit(ticket, view.of(1), 1)
        assert not path.submit(ticket._replace(id="b", quantity=UNIT), view.of(1), 1)  # half a lot there
        assert path.state.orders["b"].reason == "bad_quantity"
        assert not path.submit(ticket._replace(id="c", venue=2), view.of(1), 1)
        assert path.state.orders["c"].reason == "bad_flags"
        before = path.state
        journal.rotate(path.snapshot())
    with Journal(tmp_path / "orders.journal", "os") as journal:
        assert OrderPath(journal, TWO).state == before


@pytest.mark.parametrize("venue", [0, 1, 31])
def test_a_ticket_keeps_its_venue_packed_and_plain(venue):
    for more in ({}, {"post_only": True}, {"trigger": "quote"}):
        ticket = Ticket("a" * 20, Side.SELL, OrderType.LIMIT, UNIT, 5 * UNIT, venue=venue, **more)
        record = sent(0, ticket, 7)
        assert READ_SENT[record[12]](record[13:]) == (ticket, 7)
        assert ticket_of_text(packed_text(ticket)) == ticket
        assert ticket_of(plain(ticket)) == ticket
    assert sent(0, Ticket("a", Side.BUY, OrderType.MARKET, UNIT, venue=32), 0) is None


def test_a_line_says_where_a_move_was():
    for venue in (0, 3):
        [move] = at(venue, print_(1, 99, 2, "buy"))
        assert move_of(plain_move(move)) == move
    for spoilt in ([True], [1.0], [-1], [1, 2], ["1"]):
        with pytest.raises(LineLost, match="not a market message"):
            move_of([*plain_move(print_(1, 99, 2, "buy")), *spoilt])


def test_a_desk_at_two_venues_dies_goes_on_and_is_watched(tmp_path):
    desk = {
        "book": "b", "strategy": "imbalance_taker", "params": {"size": 2, "most": 10, "lean": 0.7}, "tick": "1",
        "lot": "1", "taker_bp": "4", "cash": "100000", "venue": "near",
        "venues": [{"name": "far", "tick": "1", "lot": "1", "taker_bp": "1", "latency_us": 20}],
    }  # fmt: skip
    moves = two_markets(7)

    first = run_paper(tmp_path / "b", desk, moves[:250], speed=0)
    second = run_paper(tmp_path / "b", desk, moves, speed=0)

    assert (first["ended"], second["ended"]) == ("closed", "closed")
    assert second["fills"] > first["fills"] > 0
    state = state_of(tmp_path / "b", parse_desk((tmp_path / "b" / "desk.json").read_text()).terms)
    assert len({fill.fill_id for fill in state.fills}) == len(state.fills)
    picture = "\n".join(watched_desk(tmp_path / "b").lines(60))
    assert "taker  near" in picture
    assert "taker  far" in picture


@pytest.mark.parametrize(
    ("venues", "words"),
    [
        ([{"name": "far", "tick": "0.5"}], "lacks 'lot'"),
        ([{"name": "far", "tick": "0", "lot": "1"}], "far: tick and lot are above zero"),
        ([{"name": "far", "tick": "1", "lot": "1", "latency_us": -1}], "far: tick and lot are above zero, latency"),
        ([{"name": "far", "tick": "1", "lot": "1", "fee": 1}], "a venue has the unknown key 'fee'"),
        ([{"name": "near", "tick": "1", "lot": "1"}], "two venues have one name"),
    ],
)
def test_venues_that_make_no_sense_are_refused(venues, words):
    text = {"book": "b", "place": "p", "strategy": "touch_maker", "tick": "1", "lot": "1", "venue": "near"}
    with pytest.raises(ConfigError, match=words):
        parse_desk(json.dumps({**text, "venues": venues}))


def test_a_market_of_more_venues_than_there_are_is_refused(tmp_path):
    with pytest.raises(DataError, match="is at venue 1, of 1"):
        replay(START, once("buy", 1)(), TERMS)
    with pytest.raises(ConfigError, match="a move is at venue 1, of 1"):
        Exchange(START, tmp_path / "venue")
    maker = quoting_strategy("touch_maker")(size=2, most=2)
    assert compiled_book.replay(START, maker, TWO) is None
