"""Several strategies on one account: what each has of it, and the limits of each beside those of the account."""

import json
import random
from dataclasses import replace

import pytest

from tests.execution.desks import TERMS, Running, Scripted, levels, market, print_, spec
from tradepulse.backtest.book import backtest_book, replay
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.loader import quoting_strategy
from tradepulse.errors import BookLocked, ConfigError
from tradepulse.execution.desk import View
from tradepulse.execution.engine import parse_desk
from tradepulse.execution.exchange import Exchange
from tradepulse.execution.journal import Journal
from tradepulse.execution.lease import locked
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.packing import READ_SENT, packed_text, plain, sent, ticket_of, ticket_of_text
from tradepulse.execution.supervision import run_paper
from tradepulse.execution.terms import MONEY, Limits
from tradepulse.execution.ticket import Event, OrderType, Ticket
from tradepulse.execution.watch import Watched

NONE = Limits()
BOUND = Limits(max_order_quantity=8 * UNIT, max_order_notional=900 * MONEY, max_position=10 * UNIT, max_open_orders=3)
TEAM = replace(TERMS, limits=Limits(max_position=14 * UNIT), strategies=(NONE, BOUND))
PAIR = [("touch_maker", {"size": 3, "most": 12}), ("imbalance_taker", {"size": 2, "most": 10, "lean": 0.7})]


def team(pairs=PAIR):
    return [quoting_strategy(name)(**params) for name, params in pairs]


class Path:
    """An order path on a book that bids 99 and offers 101, with a plain way to order."""

    def __init__(self, journal, terms=TEAM):
        self.path, self.view, self.count = OrderPath(journal, terms), View(), 0
        self.view.see(levels(0, ("buy", 99, 50), ("sell", 101, 50)))

    def order(self, strategy, side, quantity, price=100):
        """Return why it was refused; nothing if it was sent."""
        self.count += 1
        kind = OrderType.LIMIT if price else OrderType.MARKET
        ticket = Ticket(
            f"o{self.count}", Side(side), kind, quantity * UNIT, price * UNIT if price else None, strategy=strategy
        )  # fmt: skip
        self.path.submit(ticket, self.view, self.count)
        return self.path.state.orders[ticket.id].reason

    def fill(self, number, quantity, price=100):
        order = self.path.state.orders[f"o{number}"]
        self.path.hear(
            Event("filled", f"o{number}", side=order.ticket.side, price=price * UNIT, quantity=quantity * UNIT,
                  liquidity="maker", fill_id=f"f{self.count}-{number}-{order.filled}")
        )  # fmt: skip


@pytest.fixture
def path(tmp_path):
    with Journal(tmp_path / "orders.journal", "os") as journal:
        yield Path(journal)


def test_a_strategys_limit_counts_its_own_fills_and_open_orders_and_no_others(path):
    assert path.order(0, "buy", 4) == ""
    path.fill(1, 4)
    assert path.order(1, "buy", 7) == ""  # 4 of the other's, 7 open: 11 of 14
    assert path.order(1, "buy", 4, 99) == "max_position"  # of the account: it would be 15
    assert path.order(0, "sell", 4) == ""
    path.fill(4, 4)
    assert path.order(1, "buy", 4, 99) == "strategy_max_position"  # 7 open and 4, of 10
    assert path.order(1, "buy", 3, 99) == ""
    assert path.order(0, "buy", 4, 99) == ""  # whose own there is no bound for; 14 of 14 for the account
    assert [part.held[0].position for part in path.path.state.parts] == [0, 0]
    assert [part.open for part in path.path.state.parts] == [1, 2]


def test_each_limit_of_a_strategy_has_its_own_reason_and_equal_passes(path):
    assert path.order(1, "buy", 9, 50) == "strategy_max_order_quantity"
    assert path.order(1, "buy", 8, 113) == "strategy_max_order_notional"  # 904
    assert path.order(1, "sell", 8, None) == ""  # 792, at what is bid
    assert path.order(1, "buy", 8, 112) == ""  # 896, and 8 of 10
    assert path.order(1, "buy", 2, 50) == ""
    assert path.order(1, "buy", 1, 50) == "strategy_max_position"
    assert path.order(1, "sell", 1, 120) == "strategy_max_open_orders"
    assert path.order(0, "buy", 1, 50) == ""


def test_what_only_takes_away_from_what_a_strategy_has_passes_its_limits_but_not_the_accounts(path):
    path.order(1, "buy", 5)
    path.fill(1, 5)
    path.order(1, "buy", 5)
    path.fill(2, 5)
    path.order(0, "sell", 10)
    path.fill(3, 10)  # the account is flat; ten are the second's, ten the first has sold short
    assert [part.held[0].position // UNIT for part in path.path.state.parts] == [-10, 10]
    assert path.order(1, "sell", 10, 99) == ""  # more than eight in an order, and a notional of 990
    path.fill(4, 1)
    assert path.order(0, "sell", 5, 99) == "max_position"  # one and nine and five, of fourteen


def test_a_change_is_asked_the_strategys_limits_too(path):
    path.order(1, "buy", 4)
    change = {"price": None, "quantity": None, "stop_price": None}
    assert not path.path.replace("o1", path.view, **{**change, "quantity": 9 * UNIT})
    assert path.path.replace("o1", path.view, **{**change, "quantity": 8 * UNIT})
    assert not path.path.replace("o1", path.view, **{**change, "price": 226 * UNIT})
    assert path.order(1, "buy", 3) == "strategy_max_position"  # with the eight asked for: eleven of ten
    path.path.hear(Event("not_changed", "o1", reason="halted"))
    assert path.order(1, "buy", 3) == ""
    assert not path.path.replace("o1", path.view, **{**change, "quantity": 8 * UNIT})


def test_a_number_that_no_strategy_has_is_refused(path):
    assert path.order(2, "buy", 1) == "bad_flags"


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_a_strategy_has_what_its_orders_and_fills_come_to(tmp_path, seed):
    """Random orders, fills and ends; what each has is counted anew from the journal's orders, also after a snapshot."""
    chance = random.Random(seed)
    with Journal(tmp_path / "orders.journal", "os") as journal:
        desk = Path(journal, replace(TEAM, strategies=(Limits(max_position=6 * UNIT), BOUND, NONE)))
        state = desk.path.state
        refused = 0
        for _ in range(300):
            if chance.random() < 0.5 and state.open:
                id, order = chance.choice(list(state.open.items()))
                if chance.random() < 0.6:
                    desk.count += 1
                    desk.fill(id[1:], chance.randint(1, order.left // UNIT))
                else:
                    desk.path.hear(Event("ended", id, "canceled", "requested"))
            else:
                number, side, quantity = chance.randint(0, 2), chance.choice(list(Side)), chance.randint(1, 5)
                own = [o for o in state.orders.values() if o.ticket.strategy == number]
                held = sum(o.ticket.side.sign * o.filled for o in own)
                waiting = sum(o.left for o in own if o.open and o.ticket.side is side)
                after = held + side.sign * (waiting + quantity * UNIT)
                most = desk.path.terms.strategies[number].max_position
                reason = desk.order(number, side, quantity)
                reduces = side.sign * held < 0 and waiting + quantity * UNIT <= abs(held)
                if reason == "strategy_max_position":
                    refused += 1
                    assert abs(after) > most
                elif not reason:
                    # Below the account's limits nothing else could have let it through.
                    assert most is None or abs(after) <= most or reduces or _reduces_the_account(state, side, quantity)
            for number, part in enumerate(state.parts):
                own = [o for o in state.orders.values() if o.ticket.strategy == number]
                assert part.held[0].position == sum(o.ticket.side.sign * o.filled for o in own)
                assert part.open == sum(o.open for o in own)
                for side in Side:
                    assert part.held[0].left[side] == sum(o.left for o in own if o.ticket.side is side)
            assert state.position == sum(part.held[0].position for part in state.parts)
        assert refused
        before, terms = state, desk.path.terms
        journal.commit()
    with Journal(tmp_path / "orders.journal", "os") as journal:
        again = OrderPath(journal, terms)
        assert again.state == before
        journal.rotate(again.snapshot())
    with Journal(tmp_path / "orders.journal", "os") as journal:
        assert OrderPath(journal, terms).state == before
        with pytest.raises(ConfigError, match="has orders of strategies that the account's terms do not have"):
            OrderPath(journal, replace(terms, strategies=(NONE,)))


def _reduces_the_account(state, side, quantity):
    """Whether the order that was sent last only took away from what the account has."""
    held = -side.sign * state.position
    return held > 0 and state.held[0].left[side] <= held


@pytest.mark.parametrize("strategy", [0, 1, 7])
def test_a_ticket_keeps_its_strategy_packed_and_plain(strategy):
    for more in ({}, {"post_only": True}, {"trigger": "quote", "venue": 31}):
        ticket = Ticket("a" * 20, Side.SELL, OrderType.LIMIT, UNIT, 5 * UNIT, strategy=strategy, **more)
        record = sent(0, ticket, 7)
        assert READ_SENT[record[12]](record[13:]) == (ticket, 7)
        assert ticket_of_text(packed_text(ticket)) == ticket
        assert ticket_of(plain(ticket)) == ticket


@pytest.mark.parametrize("seed", range(4))
def test_on_paper_they_send_what_their_backtest_sent(tmp_path, seed):
    moves, terms = market(seed), replace(TEAM, strategies=(NONE, Limits(max_position=6 * UNIT)))
    exchange = Exchange(moves, tmp_path / "venue", speed=0.0, lots=(UNIT,))
    try:
        engine = Running(tmp_path / "b", spec(tmp_path, strategies=PAIR, terms=terms)).until_ended(exchange)
    finally:
        exchange.close()
    tested = replay(moves, team(), terms, book="book")
    assert engine.error is None
    state = Watched(tmp_path / "b", terms).path.state

    assert state.traders == ["touch_maker@1", "imbalance_taker@1"]
    ours = [
        (id, state.traders[o.ticket.strategy], o.ticket.quantity / UNIT, o.status, o.reason, o.filled / UNIT)
        for id, o in state.orders.items()
    ]
    assert ours == [
        (row.order_id, row.strategy, row.quantity, row.status, row.reason, row.filled)
        for row in tested.orders.itertuples()
    ]
    assert set(tested.orders["strategy"]) == {"touch_maker@1", "imbalance_taker@1"}
    assert "strategy_max_position" in set(tested.orders["reason"])
    # What they earned together is what the account did.
    each = tested.summary["strategies"]
    earned = tested.summary["final_equity"] - tested.summary["initial_cash"]
    assert sum(one["profit"] for one in each.values()) == pytest.approx(earned, abs=1e-6)
    assert sum(one["position"] for one in each.values()) == tested.summary["final_position"]


class Other(Scripted):
    name = "other"


def test_their_orders_never_trade_with_one_another():
    """One bids where the other would sell: the newest is canceled, and a print fills who was there."""
    bids = Scripted(lambda own, n, market, desk: n == 0 and desk.submit(Side.BUY, UNIT, 100 * UNIT))
    sells = Other(lambda own, n, market, desk: n == 1 and desk.submit(Side.SELL, UNIT, 100 * UNIT))
    moves = [levels(0, ("buy", 99, 5), ("sell", 101, 5)), levels(1, ("buy", 99, 6)), print_(2, 100, 1, "sell")]

    result = replay(moves, [bids, sells], replace(TEAM, strategies=(NONE, NONE)))

    assert result.orders[["strategy", "status", "reason"]].values.tolist() == [
        ["scripted@1", "filled", ""], ["other@1", "canceled", "self_trade"]
    ]  # fmt: skip
    # Each has heard of its own order, and of no other.
    assert {answer.id for answer in bids.answers} == {result.orders["order_id"][0]}
    assert {answer.id for answer in sells.answers} == {result.orders["order_id"][1]}


def test_one_alone_trades_as_it_does_without_the_other_that_never_orders():
    moves = market(3)
    quiet = ("twap", {"quantity": 1, "seconds": 1, "least": 100})
    alone = replay(moves, team(PAIR[:1]), replace(TEAM, strategies=()))
    beside = replay(moves, team([PAIR[0], quiet]), TEAM)

    mine = beside.orders[beside.orders["strategy"] == "touch_maker@1"]
    assert len(alone.orders) > 20
    assert mine["order_id"].tolist() == alone.orders["order_id"].tolist()


def test_limits_of_a_strategy_are_asked_also_where_compiled_code_would_be_quicker(monkeypatch):
    monkeypatch.setattr("tradepulse.backtest.book.LONG", 0)
    result = backtest_book(market(1), team(PAIR[:1]), replace(TERMS, strategies=(Limits(max_position=2 * UNIT),)))
    assert "strategy_max_position" in set(result.orders["reason"])


def test_a_book_is_traded_by_who_traded_it(tmp_path):
    def run(pairs, terms, folder="b"):
        exchange = Exchange(market(1, 60), tmp_path / "venue", speed=0.0, lots=(UNIT,))
        try:
            return Running(tmp_path / folder, spec(tmp_path, strategies=pairs, terms=terms)).until_ended(exchange)
        finally:
            exchange.close()

    assert run(PAIR, TEAM).error is None
    for pairs, terms in ((PAIR[::-1], TEAM), (PAIR[:1], TERMS)):
        error = run(pairs, terms).error
        assert isinstance(error, ConfigError)
        assert "trade" in str(error) or "strategies" in str(error)
    assert "twap@1 trades this desk twice" in str(run([("twap", {})] * 2, TEAM, "twice").error)
    assert "2 strategies trade, and the account's terms are of 0" in str(run(PAIR, TERMS, "none").error)


def test_a_desk_file_names_them_with_their_limits(tmp_path):
    said = {
        "book": "b", "place": "v", "strategy": "touch_maker", "tick": "1", "lot": "1",
        "strategies": [{"strategy": "twap", "params": {"quantity": 3}, "limits": {"max_position": "2"}}],
    }  # fmt: skip
    read = parse_desk(json.dumps(said))
    assert read.strategies == [("touch_maker", {}), ("twap", {"quantity": 3})]
    assert read.terms.strategies == (NONE, Limits(max_position=2 * UNIT))
    said["strategies"][0]["limits"] = {"max_daily_loss": "2"}
    with pytest.raises(ConfigError, match="limits have the unknown key 'max_daily_loss'; there are max_order_quantity"):
        parse_desk(json.dumps(said))
    said["strategies"][0] = {"name": "twap"}
    with pytest.raises(ConfigError, match="a strategy has the unknown key 'name'"):
        parse_desk(json.dumps(said))


def test_the_picture_has_a_line_for_each(tmp_path):
    desk = {
        "book": "b", "strategy": "touch_maker", "params": {"size": 3, "most": 12}, "tick": "1", "lot": "1",
        "cash": "1000",
        "strategies": [
            {"strategy": "twap", "params": {"quantity": 3, "seconds": 0.5}, "limits": {"max_position": "9"}}
        ],
    }  # fmt: skip
    outcome = run_paper(tmp_path / "b", desk, market(2, 120), speed=0)
    written = (tmp_path / "b" / "desk.json").read_text()
    with locked(tmp_path / "b", "desk.lock"), pytest.raises(BookLocked, match="another process trades this book"):
        run_paper(tmp_path / "b", {**desk, "cash": "5"}, market(2, 120), speed=0)
    assert (tmp_path / "b" / "desk.json").read_text() == written
    lines = Watched(tmp_path / "b", parse_desk((tmp_path / "b" / "desk.json").read_text()).terms).lines(40)

    assert outcome["ended"] == "closed"
    assert any(line.startswith("  touch_maker@1   position") and "(no limit)" in line for line in lines)
    assert any(line.startswith("  twap@1   position") and "of 9" in line for line in lines)
    assert any(line.endswith("  touch_maker@1") for line in lines)
    # Parts of a hundredth on a grid of whole units: it is said that they are refused, and why.
    assert outcome["refused"]["bad_quantity"] > outcome["refused"].get("post_only_would_take", 0)
    assert any(line.startswith("orders") and line.endswith("mostly bad_quantity") for line in lines)
