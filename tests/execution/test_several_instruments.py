"""One account in several instruments: by hand, beside an account in each, on paper as in the backtest."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from tests.execution.test_several_venues import at, both
from tradepulse.backtest import compiled_book
from tradepulse.backtest.book import replay
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.loader import quoting_strategy
from tradepulse.errors import ConfigError, LineLost
from tradepulse.execution.desk import Books, Desks, View, books_of
from tradepulse.execution.engine import parse_desk
from tradepulse.execution.exchange import Exchange
from tradepulse.execution.journal import Journal
from tradepulse.execution.log import execution_log
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.supervision import _positions, run_paper, watched_desk
from tradepulse.execution.terms import FEE, MONEY, Instrument, Limits, Place, Terms
from tradepulse.execution.ticket import Event, OrderType, Ticket

#: Prices of the perpetual go by halves, its quantities by twos; it costs 1 bp to take there, 4 at the spot.
SPOT = Place("spot", UNIT, UNIT, -1 * FEE, 4 * FEE)
PERP = Place("perp", UNIT // 2, 2 * UNIT, 0, 1 * FEE, instrument=1)


def terms_of(spot=TERMS.limits, perp=None, **changes):
    perp = perp or Limits(max_order_quantity=40 * UNIT, max_position=60 * UNIT)
    made = Terms(
        SPOT.tick, SPOT.lot, SPOT.maker_fee, SPOT.taker_fee, spot, 100_000 * MONEY, venues=(SPOT, PERP),
        instruments=(Instrument("SPOT", spot), Instrument("PERP", perp)),
    )  # fmt: skip
    return replace(made, **changes)


BOTH = terms_of()
START = both(
    at(0, levels(0, ("buy", 99, 5), ("sell", 101, 5))), at(1, levels(0, ("buy", 109, 8), ("sell", 111, 8)))
)  # fmt: skip
LATER = at(0, levels(9, ("buy", 98, 1)))


class Everywhere(Scripted):
    """Is told of every instrument."""

    name, several = "everywhere", True


class Account:
    """An order path in two instruments, what it sees, and a venue's answers as the test gives them."""

    def __init__(self, folder, terms=BOTH, moves=START):
        self.journal = Journal(folder / "orders.journal", "os")
        self.path, self.view, self.fills = OrderPath(self.journal, terms), books_of(terms), 0
        for move in moves:
            self.view.see(move)
            self.path.mark(self.view)

    def send(self, id, side, quantity, price=None, venue=0, now=1, **more):
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        ticket = Ticket(id, Side(side), kind, quantity * UNIT, price and price * UNIT, venue=venue, **more)
        sent = self.path.submit(ticket, self.view.of(venue), now)
        return "" if sent else self.path.state.orders[id].reason

    def fill(self, id, price, quantity, liquidity="taker", side="buy", venue=0):
        order = self.path.state.orders.get(id)
        self.fills += 1
        side = order.ticket.side if order else Side(side)
        said = Event(
            "filled", id, "", "", side, price * UNIT, quantity * UNIT, liquidity, f"V{self.fills}", venue=venue
        )
        self.path.hear(said)

    @property
    def positions(self):
        return [held.position // UNIT for held in self.path.state.held]


@pytest.fixture
def account(tmp_path):
    opened = []

    def open_(*given, **more):
        opened.append(Account(tmp_path, *given, **more))
        return opened[-1]

    yield open_
    for one in opened:
        one.journal.close()


# -- one account, by hand --------------------------------------------------------------------------------------------


def test_cash_is_of_the_account_and_units_are_of_each_instrument(account):
    desk = account()
    assert desk.send("a", "buy", 3) == desk.send("b", "sell", 4, venue=1) == ""
    desk.fill("a", 101, 3)
    desk.fill("b", 109, 4)

    assert desk.positions == [3, -4]
    # 3 at 101 and 4 bp of it; 4 at 109 less 1 bp of it.
    assert desk.path.state.cash == 100_000 * MONEY - (303 * MONEY + 303 * MONEY * 4 // 10_000) + (
        436 * MONEY - 436 * MONEY // 10_000
    )


def test_a_limit_in_units_is_of_its_instrument_and_a_count_of_the_account(account):
    desk = account(terms_of(Limits(max_position=10 * UNIT, max_open_orders=3), Limits(max_position=6 * UNIT)))

    assert desk.send("a", "buy", 8, 90) == ""
    assert desk.send("b", "buy", 8, 90, venue=1) == "max_position"  # six are allowed there
    assert desk.send("c", "buy", 6, 90, venue=1) == ""  # and the eight of the spot do not count
    assert desk.send("d", "sell", 2, 120) == ""
    assert desk.send("e", "sell", 2, 120, venue=1) == "max_open_orders"  # three of the account's


def test_what_only_reduces_is_asked_of_its_instrument(account):
    desk = account()
    desk.send("a", "buy", 4)
    desk.fill("a", 101, 4)
    desk.path.kill("by hand")

    assert desk.send("b", "sell", 4, venue=1) == "killed"  # it is not the perpetual that is held
    assert desk.send("c", "sell", 5) == "killed"
    assert desk.send("d", "sell", 4) == ""


def test_quantity_notional_and_collar_go_by_the_instrument_and_its_book(account):
    perp = Limits(max_order_quantity=6 * UNIT, max_order_notional=500 * MONEY, price_collar_bp=100 * FEE)
    desk = account(terms_of(Limits(max_order_quantity=9 * UNIT), perp))

    assert desk.send("a", "buy", 9, 130) == ""  # the spot has no collar
    assert desk.send("b", "buy", 8, 100, venue=1) == "max_order_quantity"
    assert desk.send("c", "buy", 6, 100, venue=1) == "max_order_notional"
    # A mid of 110: 1.1 on either side.
    assert desk.send("d", "buy", 4, 112, venue=1) == "price_collar_bp"
    assert desk.send("e", "buy", 4, 111, venue=1) == ""
    assert desk.send("f", "buy", 4, None, venue=1) == ""  # 4 at 111 are 444


def test_a_daily_loss_is_of_everything_that_is_held(account):
    desk = account(terms_of(Limits(max_daily_loss=20 * MONEY), Limits()))
    desk.send("a", "buy", 10, 100)
    desk.send("b", "sell", 10, 110, venue=1)
    desk.fill("a", 100, 10, "maker")
    desk.fill("b", 110, 10, "maker")
    # The rebate of a bp on 1,000 is earned, and both stand where they were made: nothing is lost.
    assert desk.send("c", "buy", 1, 90) == ""

    for move in both(at(0, levels(1, ("buy", 99, 0), ("sell", 101, 0), ("buy", 97, 5), ("sell", 99, 5)))):
        desk.view.see(move)
    assert desk.send("d", "buy", 1, 90) == ""  # 20 lost on the spot, less the rebate
    for move in both(at(1, levels(2, ("sell", 111, 0), ("sell", 112, 8)))):
        desk.view.see(move)
    assert desk.send("e", "buy", 1, 90) == "max_daily_loss"  # and 5 on the perpetual
    assert desk.send("f", "buy", 2, 90, venue=1) == ""  # which takes off what is short there


def test_what_cannot_be_marked_may_have_lost_anything(account):
    desk = account(terms_of(Limits(max_daily_loss=10**6 * MONEY), Limits()))
    desk.send("a", "sell", 4, venue=1)
    desk.fill("a", 109, 4)
    desk.view.of(1).forget()

    assert desk.send("b", "buy", 1, 90) == "max_daily_loss"
    desk.view.see(*at(1, print_(3, 110, 2, "buy")))
    assert desk.send("c", "buy", 1, 90) == ""  # marked at the last price


def test_a_fill_of_an_order_that_we_do_not_know_is_booked_where_it_was(account):
    desk = account()

    desk.fill("x", 111, 2, venue=1)

    assert desk.positions == [0, 2]
    # At the venue's own fee, a bp.
    assert desk.path.state.cash == 100_000 * MONEY - 222 * MONEY - 222 * MONEY // 10_000
    assert desk.path.state.flagged == ["fill V1 of the unknown order x"]
    assert [fill.venue for fill in desk.path.state.fills] == [1]


def test_what_is_changed_is_changed_on_the_grid_and_in_the_limits_of_its_instrument(account):
    desk = account(terms_of(TERMS.limits, Limits(max_position=6 * UNIT)))
    desk.send("a", "buy", 4, 100, venue=1)

    view, change = desk.view.of(1), {"price": None, "quantity": None, "stop_price": None}
    assert desk.path.replace("a", view, **{**change, "price": 100 * UNIT + UNIT // 2})
    assert not desk.path.replace("a", view, **{**change, "quantity": 3 * UNIT})  # half a lot there
    assert not desk.path.replace("a", view, **{**change, "quantity": 8 * UNIT})
    assert desk.path.replace("a", view, **{**change, "quantity": 6 * UNIT})


# -- beside an account in each ---------------------------------------------------------------------------------------

ORDERS = st.lists(
    st.tuples(
        st.integers(0, 1), st.sampled_from(["buy", "sell"]), st.integers(1, 9).map(lambda n: 2 * n),
        st.one_of(st.none(), st.integers(95, 115)), st.floats(0, 1), st.booleans(),
    ),
    max_size=40,
)  # fmt: skip


@given(orders=ORDERS)
def test_an_account_in_two_instruments_decides_what_an_account_in_each_does(orders, tmp_path_factory):
    limits = (
        Limits(max_order_quantity=14 * UNIT, max_position=30 * UNIT, price_collar_bp=900 * FEE),
        Limits(max_order_notional=1_500 * MONEY, max_position=20 * UNIT),
    )
    whole = Account(tmp_path_factory.mktemp("whole"), terms_of(*limits))
    apart = []
    for number, place in enumerate((SPOT, PERP)):
        alone = Terms(place.tick, place.lot, place.maker_fee, place.taker_fee, limits[number], 0)
        own = [move._replace(venue=0) for move in START if move.venue == number]
        apart.append(Account(tmp_path_factory.mktemp("apart"), alone, own))
    try:
        for count, (number, side, quantity, price, share, ends) in enumerate(orders):
            id, one = f"o{count}", apart[number]
            reason = one.send(id, side, quantity, price)
            assert whole.send(id, side, quantity, price, venue=number) == reason
            part = round(share * quantity / 2) * 2
            for desk in (whole, one):
                if not reason and part:
                    desk.fill(id, price or 100, part, "maker" if share < 0.5 else "taker")
                if not reason and ends:
                    desk.path.hear(Event("ended", id, "canceled", "requested"))
        state = whole.path.state
        assert whole.positions == [one.positions[0] for one in apart]
        assert state.cash - 100_000 * MONEY == sum(one.path.state.cash for one in apart)
        assert [held.left for held in state.held] == [one.path.state.held[0].left for one in apart]
        assert {id: order.status for id, order in state.orders.items()} == {
            id: order.status for one in apart for id, order in one.path.state.orders.items()
        }
    finally:
        for desk in (whole, *apart):
            desk.journal.close()


# -- strategies ------------------------------------------------------------------------------------------------------


def test_a_strategy_hears_of_its_instrument_or_of_all_and_orders_in_each():
    seen = []

    def act(self, count, market, desk):
        seen.append((desk.instrument, market.bid // UNIT))
        if count == 1:
            self.ids += [desk.on(0).submit(Side.BUY, 2 * UNIT, 101 * UNIT), desk.submit(Side.SELL, 2 * UNIT)]
            assert list(desk.open_orders()) == [self.ids[1]]
            assert list(desk.on(0).open_orders()) == [self.ids[0]]
            assert desk.on(0).market.ask == 101 * UNIT
            with pytest.raises(ConfigError, match="everywhere@1 does not trade instrument 2 of 2"):
                desk.on(2)
        if count == 2:
            seen.append((desk.position // UNIT, desk.on(1).position // UNIT))

    both_of = Everywhere(act)
    alone = Scripted(lambda self, count, market, desk: seen.append(("perp", market.bid // UNIT)))
    alone.instrument = 1
    limits = (Limits(), Limits())

    result = replay([*START, *LATER], [both_of, alone], replace(BOTH, strategies=limits))

    assert seen == [(0, 99), (1, 109), ("perp", 109), (0, 99), (2, -2)]
    assert result.orders["symbol"].tolist() == ["SPOT", "PERP"]
    assert result.fills[["symbol", "venue", "price"]].to_numpy().tolist() == [
        ["SPOT", "spot", 101.0], ["PERP", "perp", 109.0],
    ]  # fmt: skip
    assert result.summary["instruments"] == {
        "SPOT": {"mark": 100.0, "position": 2.0, "n_fills": 1}, "PERP": {"mark": 110.0, "position": -2.0, "n_fills": 1},
    }  # fmt: skip
    # 2 at 101 with 4 bp, 2 at 109 with 1 bp, marked at 100 and 110.
    assert result.summary["final_equity"] == pytest.approx(100_000 - 2 * 1 - 2 * 1 - 0.0808 - 0.0218)
    own = result.summary["strategies"]
    assert own["everywhere@1"]["profit"] == pytest.approx(-4.1026)
    assert own["everywhere@1"]["position PERP"] == -2.0


def test_what_a_maker_gets_its_hedge_takes_off():
    moves = [
        *START, *at(0, print_(1, 99, 7, "sell")), *at(1, levels(2, ("buy", 109, 8))), *at(0, levels(3, ("buy", 98, 1))),
    ]  # fmt: skip
    maker = quoting_strategy("hedged_maker")(size=2, most=10)

    result = replay(moves, maker, BOTH)

    # Five stood before its bid of two; both are bought, and sold where the perpetual bids.
    assert result.fills[["symbol", "side", "quantity", "price", "liquidity"]].to_numpy().tolist() == [
        ["SPOT", "buy", 2.0, 99.0, "maker"], ["PERP", "sell", 2.0, 109.0, "taker"],
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="hedged_maker@1 trades several instruments, and the account has 1"):
        replay(START[:1], quoting_strategy("hedged_maker")(), TERMS)
    alone = quoting_strategy("touch_maker")()
    alone.instrument = 2
    with pytest.raises(ConfigError, match="touch_maker@1 trades instrument 2, and the account has 2"):
        replay(START, alone, BOTH)
    assert compiled_book.replay(START, quoting_strategy("touch_maker")(size=2, most=2), BOTH) is None


def test_a_hedge_that_is_refused_is_tried_again_and_not_for_ever():
    moves = [*START, *at(0, print_(1, 99, 7, "sell")), *at(0, levels(2, ("buy", 98, 1))), *LATER]
    terms = terms_of(TERMS.limits, Limits(max_order_quantity=0))

    result = replay(moves, quoting_strategy("hedged_maker")(size=2, most=10), terms)

    refused = result.orders[result.orders["status"] == "refused"]
    assert set(refused["reason"]) == {"max_order_quantity"}
    assert len(refused) == 4  # at the fill, as the print is seen, and at each of the two moves after it


def test_one_strategy_may_trade_each_instrument_and_its_orders_are_told_apart():
    def team():
        made = [quoting_strategy("touch_maker")(size=2, most=4) for _ in range(2)]
        made[1].instrument = 1
        return made

    terms = replace(BOTH, strategies=(Limits(), Limits()))
    result = replay([*START, *LATER], team(), terms)

    assert set(zip(result.orders["strategy"], result.orders["symbol"], strict=True)) == {
        ("touch_maker@1", "SPOT"), ("touch_maker@1 on PERP", "PERP"),
    }  # fmt: skip
    assert result.orders["order_id"].is_unique
    with pytest.raises(ConfigError, match="touch_maker@1 trades this desk twice"):
        replay(START, [team()[0], team()[0]], terms)


# -- on paper --------------------------------------------------------------------------------------------------------


def two_markets(seed):
    return both(at(0, *market(seed, 250)), at(1, *market(seed + 100, 250)))


FLAT = terms_of(venues=(SPOT, Place("perp", UNIT, UNIT, 0, 1 * FEE, instrument=1)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("names", [["hedged_maker"], ["touch_maker", "imbalance_taker"]])
def test_on_paper_it_sends_what_its_backtest_sent(tmp_path, names, seed):
    params = {
        "hedged_maker": {"size": 3, "most": 12}, "touch_maker": {"size": 3, "most": 12},
        "imbalance_taker": {"size": 2, "most": 10, "lean": 0.7},
    }  # fmt: skip
    moves = two_markets(seed)
    terms = replace(FLAT, strategies=(Limits(),) * len(names) if len(names) > 1 else ())
    exchange = Exchange(moves, tmp_path / "venue", speed=0.0, positions=(0, 0), lots=(UNIT, UNIT))
    try:
        wanted = spec(
            tmp_path, strategies=[(name, params[name]) for name in names], terms=terms, on=(0, 1)[: len(names)]
        )
        engine = Running(tmp_path / "b", wanted).until_ended(exchange)
    finally:
        exchange.close()
    team = [quoting_strategy(name)(**params[name]) for name in names]
    for number, one in enumerate(team):
        one.instrument = number
    tested = replay(moves, team, terms, book="book")
    state = state_of(tmp_path / "b", terms)

    assert engine.error is None
    assert_the_same_orders_and_fills(state, tested, terms)
    assert {row.symbol for row in tested.fills.itertuples()} == {"SPOT", "PERP"}
    ends = {name: tested.equity[name].iloc[-1] for name in ("position", "position PERP")}
    assert engine.outcome.positions == {"SPOT": ends["position"] * UNIT, "PERP": ends["position PERP"] * UNIT}
    assert _positions(terms, state) == [venue.position for venue in exchange.venues]


DESK = {
    "book": "b", "strategy": "hedged_maker", "params": {"size": 3, "most": 12}, "tick": "1", "lot": "1",
    "maker_bp": "-1", "taker_bp": "4", "cash": "100000", "symbol": "SPOT", "venue": "spot",
    "venues": [{"name": "perp", "tick": "1", "lot": "1", "taker_bp": "1", "instrument": "PERP"}],
    "instruments": [{"symbol": "PERP", "limits": {"max_position": "60"}}],
}  # fmt: skip


def test_a_desk_in_two_instruments_dies_goes_on_is_watched_and_has_a_log(tmp_path):
    moves = [move._replace(ns=move.ns + 1_700_000_000 * 10**9) for move in two_markets(7)]

    first = run_paper(tmp_path / "b", DESK, moves[:250], speed=0)
    second = run_paper(tmp_path / "b", {**DESK, "rotate_mb": 0}, moves, speed=0)

    assert (first["ended"], second["ended"]) == ("closed", "closed")
    assert second["fills"] > first["fills"] > 0
    state = state_of(tmp_path / "b", parse_desk((tmp_path / "b" / "desk.json").read_text()).terms)
    rows = execution_log(tmp_path / "b")
    assert [row["symbol"] for row in rows] == [("SPOT", "PERP")[fill.venue] for fill in state.fills]
    held = {"SPOT": 0, "PERP": 0}
    for row in rows:
        held[row["symbol"]] += (1 if row["side"] == "buy" else -1) * row["quantity"]
    assert {symbol: units * UNIT for symbol, units in held.items()} == second["positions"]
    picture = "\n".join(watched_desk(tmp_path / "b").lines(60))
    for line in (
        r"market .* position [+-]\d+   SPOT",
        r"market .* position [+-]\d+   PERP",
        r"position \d+ of 60 \[.*   PERP",
    ):
        assert re.search(line, picture)


def test_a_book_trades_the_same_instruments_for_ever(tmp_path):
    run_paper(tmp_path / "b", DESK, two_markets(7)[:250], speed=0)
    other = {**DESK, "symbol": "OTHER"}

    with pytest.raises(ConfigError, match="this book trades SPOT, PERP; name the same, in the same order, or another"):
        run_paper(tmp_path / "b", other, two_markets(7), speed=0)


def test_a_snapshot_stands_for_each_instrument_and_one_of_others_is_refused(tmp_path):
    desk = Account(tmp_path, replace(BOTH, strategies=(Limits(), Limits())))
    desk.send("a", "buy", 3, strategy=1)
    desk.send("b", "sell", 4, venue=1)
    desk.fill("a", 101, 3)
    desk.fill("b", 109, 2)
    before = desk.path.state
    desk.journal.rotate(desk.path.snapshot())
    desk.journal.close()

    with Journal(tmp_path / "orders.journal", "os") as journal:
        assert OrderPath(journal, desk.path.terms).state == before
    words = "holds 2 instruments, and the account's terms are of 1"
    with Journal(tmp_path / "orders.journal", "os") as journal, pytest.raises(ConfigError, match=words):
        OrderPath(journal, TERMS)


def test_a_journal_of_more_venues_than_there_are_is_refused(tmp_path):
    desk = Account(tmp_path)
    desk.send("b", "sell", 4, venue=1)
    desk.journal.close()

    words = "has orders at venues that the account's terms do not have"
    with Journal(tmp_path / "orders.journal", "os") as journal, pytest.raises(ConfigError, match=words):
        OrderPath(journal, TERMS)


def test_a_snapshot_of_one_instrument_from_before_there_were_several_is_read(tmp_path):
    with Journal(tmp_path / "orders.journal", "os") as journal:
        path = OrderPath(journal, replace(TERMS, strategies=(Limits(),)))
        old = {**path.snapshot(), "position": 7 * UNIT, "parts": [7 * UNIT]}
        del old["positions"]
        path._restore(old)
        assert (path.state.position, path.state.parts[0].held[0].position) == (7 * UNIT, 7 * UNIT)


def test_books_are_seen_each_by_itself():
    books = books_of(BOTH)
    for move in START:
        books.see(move)

    assert isinstance(books, Books)
    assert [books.doubled(number) // UNIT for number in (0, 1)] == [200, 220]
    assert [books.of(0).doubled(number) // UNIT for number in (0, 1)] == [200, 220]
    assert books.of(0).others[Side.BUY] == {99 * UNIT: 5 * UNIT}
    with pytest.raises(LineLost, match="a move at venue 2, of 2"):
        books.see(START[0]._replace(venue=2))
    books.forget()
    assert [books.doubled(number) for number in (0, 1)] == [None, None]
    assert isinstance(books_of(TERMS), View)


def test_what_takes_is_routed_among_the_venues_of_its_instrument(tmp_path):
    venues = (SPOT, PERP, Place("far", UNIT, UNIT, 0, 2 * FEE))
    moves = both(
        at(0, levels(0, ("buy", 99, 5), ("sell", 101, 5))), at(1, levels(0, ("sell", 90, 8))),
        at(2, levels(0, ("sell", 101, 3))),
    )  # fmt: skip

    def act(self, count, market, desk):
        if count == 2:
            assert market.ask_size == 8 * UNIT
            desk.submit(Side.BUY, 6 * UNIT)

    result = replay([*moves, *LATER], Scripted(act), terms_of(venues=venues))

    # Two bp are less than four, and the perpetual, which is cheaper still, is another thing.
    assert result.fills[["venue", "quantity"]].to_numpy().tolist() == [["far", 3.0], ["spot", 3.0]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instruments": [{"symbol": "PERP"}, {"symbol": "PERP"}]}, "each has a symbol of its own"),
        ({"symbol": ""}, "each has a symbol of its own, the first one too"),
        (
            {"instruments": [{"symbol": "PERP"}, {"symbol": "OTHER"}]},
            "OTHER is traded nowhere; name it as the instrument",
        ),
        ({"instruments": [{"symbol": "PERP", "tick": "1"}]}, "an instrument has the unknown key 'tick'"),
        ({"instruments": [{"symbol": "PERP", "limits": {"max_daily_loss": "1"}}]}, "the unknown key 'max_daily_loss'"),
        ({"instruments": [{"symbol": "PERP", "limits": {"max_position": "-1"}}]}, "max_position must lie between 0"),
        ({"instruments": [{"limits": {}}]}, "lacks 'symbol'"),
        ({"on": "OTHER"}, "there is no instrument 'OTHER'; there are SPOT, PERP"),
        ({"venues": [{"name": "perp", "tick": "1", "lot": "1", "instrument": "X"}]}, "there is no instrument 'X'"),
    ],
)
def test_instruments_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ConfigError, match=words):
        parse_desk(json.dumps({**DESK, "place": "p", **change}))


def test_two_strategies_for_one_desk_of_several_instruments_need_their_limits(tmp_path):
    desk = Account(tmp_path)
    with pytest.raises(ConfigError, match="2 strategies trade, and the account's terms are of 0"):
        Desks(desk.path, desk.view, print, "b", [quoting_strategy(name)() for name in ("touch_maker", "hedged_maker")])
    desk.journal.close()
