"""Changes that are not answered yet: an order counts with the larger of its totals, until it is known which it has."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.execution.desks import TERMS, Scripted, levels
from tradepulse.backtest.book import replay
from tradepulse.core.orders import UNIT, Side
from tradepulse.execution.journal import Journal
from tradepulse.execution.matching import Venue
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.terms import Limits, Terms
from tradepulse.execution.ticket import Event, OrderType, Ticket

AT_MOST_TEN = Terms(UNIT, UNIT, limits=Limits(max_position=10 * UNIT))


class Told:
    """An order path whose venue says what a test says."""

    def __init__(self, folder, terms=AT_MOST_TEN):
        self.file, self.terms, self.market = folder / "orders.journal", terms, Venue()
        self.market.display([(Side.BUY, 99 * UNIT, 100 * UNIT), (Side.SELL, 101 * UNIT, 100 * UNIT)])
        self.path = OrderPath(Journal(self.file, "os"), terms)
        self.fills = 0

    def again(self):
        """Open the journal as the process after a death does; it has to come to the same."""
        before = self.path.state
        self.path = OrderPath(Journal(self.file, "os"), self.terms)
        assert self.path.state == before

    def buy(self, id, quantity):
        """Send an order that rests; return why not, if it was refused."""
        ticket = Ticket(id, Side.BUY, OrderType.LIMIT, quantity * UNIT, 90 * UNIT)
        if not self.path.submit(ticket, self.market, 0):
            return self.path.state.orders[id].reason
        self.path.hear(Event("working", id, ticket=ticket))
        return ""

    def change(self, id, quantity):
        return self.path.replace(id, self.market, price=None, quantity=quantity * UNIT, stop_price=None)

    def changed(self, id, quantity):
        ticket = self.path.state.orders[id].ticket._replace(quantity=quantity * UNIT)
        self.path.hear(Event("changed", id, ticket=ticket))

    def refuse(self, id):
        self.path.hear(Event("not_changed", id, reason="halted"))

    def fill(self, id, quantity):
        self.fills += 1
        fill = ("", "", Side.BUY, 90 * UNIT, quantity * UNIT, "maker", f"V{self.fills}", None, self.fills)
        self.path.hear(Event("filled", id, *fill))

    @property
    def counts(self):
        return self.path.state.held[0].left[Side.BUY] // UNIT


@pytest.fixture
def told(tmp_path):
    return Told(tmp_path)


def test_more_counts_from_when_it_is_asked_for_and_less_from_when_it_is_answered(told):
    told.buy("a", 4)
    assert told.change("a", 8)
    assert told.counts == 8
    assert told.buy("b", 3) == "max_position"
    assert told.buy("c", 2) == ""
    told.again()

    told.refuse("a")
    assert told.counts == 6
    assert told.change("a", 8)
    told.changed("a", 8)
    assert told.counts == 10

    assert told.change("a", 5)
    assert told.counts == 10
    assert told.buy("d", 1) == "max_position"
    told.changed("a", 5)
    assert told.counts == 7
    assert told.buy("e", 3) == ""
    told.again()


def test_of_several_the_largest_counts_until_the_last_is_answered(told):
    told.buy("a", 4)
    assert told.change("a", 9)
    assert told.change("a", 6)
    told.changed("a", 9)
    assert told.counts == 9
    told.changed("a", 6)
    assert told.counts == 6

    # What another asked for already is not asked of risk again: it adds nothing.
    assert told.change("a", 10)
    assert told.change("a", 10)
    assert not told.change("a", 11)
    assert told.counts == 10


def test_what_fills_meanwhile_is_not_counted_twice_and_what_has_ended_not_at_all(told):
    told.buy("a", 4)
    told.buy("b", 1)
    assert told.change("a", 8)
    told.fill("a", 3)
    told.fill("b", 1)
    assert told.counts == 5
    assert told.path.state.position == 4 * UNIT
    told.again()
    told.path.hear(Event("ended", "a", "canceled", "requested"))
    assert told.counts == 0
    assert told.path.state.changing == {}
    told.again()


def test_after_the_line_was_lost_what_is_not_answered_never_arrived(told):
    told.buy("a", 4)
    told.change("a", 8)
    told.path.forget_changes()
    assert told.counts == 4
    told.again()
    records = told.path.written
    told.path.forget_changes()
    assert told.path.written == records


def test_a_snapshot_stands_for_them(told):
    told.buy("a", 4)
    told.change("a", 8)
    state = told.path.state
    with Journal(told.file, "os") as journal:
        journal.rotate(told.path.snapshot())
    told.path = OrderPath(Journal(told.file, "os"), told.terms)

    assert told.path.state == state
    assert told.counts == 8
    told.refuse("a")
    assert told.counts == 4


@given(steps=st.lists(st.tuples(st.sampled_from(["ask", "changed", "refuse", "fill", "new"]), st.integers(1, 9))))
def test_whatever_is_answered_no_more_is_held_than_is_allowed(tmp_path_factory, steps):
    told = Told(tmp_path_factory.mktemp("told"))
    told.buy("a", 2)
    asked, there, filled, others = [], 2, 0, 0
    for what, number in steps:
        if what == "ask" and number > filled and told.change("a", number):
            asked.append(number)
        elif what in {"changed", "refuse"} and asked:
            wanted = asked.pop(0)
            if what == "changed" and wanted > filled:
                there = wanted
                told.changed("a", wanted)
            else:
                told.refuse("a")
        elif what == "fill" and filled + 1 < there:
            filled += 1
            told.fill("a", 1)
        elif what == "new" and not told.buy(f"n{others}", 1):
            others += 1
        # Whichever of what was asked for comes to be, all of it may fill.
        most = max([there, *asked]) - filled + others
        assert most <= told.counts <= 10 - filled
        assert asked or told.counts == most
    told.again()


def test_a_desk_is_asked_about_both_before_either_has_arrived():
    def act(self, count, seen, desk):
        if count == 0:
            self.ids.append(desk.submit(Side.BUY, 4 * UNIT, 95 * UNIT))
        if count == 1:
            desk.replace(self.ids[0], quantity=8 * UNIT)
            desk.submit(Side.BUY, 3 * UNIT, 94 * UNIT)
        if count == 5:
            desk.submit(Side.BUY, 2 * UNIT, 94 * UNIT)

    book = [("buy", 99, 9), ("sell", 101, 9)]
    moves = [levels(1_000 * n, *book[: 1 + n % 2], ("buy", 98, 1 + n)) for n in range(1, 9)]
    terms = replace(TERMS, limits=AT_MOST_TEN.limits)
    result = replay(moves, Scripted(act), terms)

    assert result.orders["quantity"].tolist() == [8.0, 3.0, 2.0]
    assert result.orders["reason"].tolist()[1] == "max_position"
