"""A desk at real exchanges' interfaces: Binance and Alpaca on loopback, over HTTP and streams that fail."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest

from tests.execution import alpaca as alpaca_of
from tests.execution.binance import KEY, PAIR, SECRET, busy
from tests.execution.loopback import text, units
from tradepulse.core.orders import UNIT, Side
from tradepulse.errors import BookLocked, ConfigError
from tradepulse.execution import dealing as dealing_of
from tradepulse.execution import gateway as gateway_of
from tradepulse.execution.brokers import asking, open_counterparties
from tradepulse.execution.brokers.ccxt_live import from_environment
from tradepulse.execution.exchange import connect, logon
from tradepulse.execution.gateway import Gateway
from tradepulse.execution.journal import Journal, older_files, verify_journal
from tradepulse.execution.lease import locked
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.packing import event_of, plain, plain_event
from tradepulse.execution.supervision import run_live, run_paper
from tradepulse.execution.terms import MONEY, Terms
from tradepulse.execution.ticket import OrderType, Ticket, TimeInForce

pytest.importorskip("ccxt")


class Open:
    """A gateway that runs, and what it has said to the desk that is logged on."""

    def __init__(self, folder, exchange, totals, epoch=1, heard=0, open_ids=()):
        self.lines, self.place, self._totals = [], folder / "venue", totals
        there = open_counterparties(exchange.broker, exchange.symbols)
        if exchange.broker == "ccxt":
            # Its client asks Binance so rarely that most orders of a test would never leave.
            there[0]._exchange.enableRateLimit = False
        self.gateway = Gateway(there, folder, self.place, self.lines.append)
        self._ends = threading.Event()
        self._failed = None
        self._runs = threading.Thread(target=self._run, daemon=True)
        self._runs.start()
        self.line, self.said = connect(self.place, 5), []
        logon(self.line, epoch, heard, list(open_ids))
        self.until(lambda: self.of("welcome"))

    def _run(self):
        try:
            while not self._ends.is_set():
                self.gateway.serve(0.02)
        except Exception as exc:
            self._failed = exc

    def until(self, condition, seconds=10.0):
        end = time.monotonic() + seconds
        while not condition():
            if self._failed is not None:
                raise self._failed
            assert time.monotonic() < end, "\n".join(map(str, [*self.of("event"), *self.said[-3:], *self.lines]))
            self.said += self.line.receive(0.05)

    def of(self, kind):
        return [message for message in self.said if message[0] == kind]

    @property
    def events(self):
        """Events as they were numbered."""
        found = {}
        for _, number, _, body in self.of("event"):
            assert found.setdefault(number, event_of(body)) == event_of(body)
        assert sorted(found) == list(range(len(found)))
        return [found[number] for number in sorted(found)]

    def told(self, id):
        return [
            (event.kind, event.status or text(event.quantity), event.reason) for event in self.events if event.id == id
        ]

    @property
    def others(self):
        """What the desk takes others to display."""
        return self.shown_at(0)

    def shown_at(self, venue):
        """The same at a venue."""
        shown = {}
        for message in self.said:
            if message[0] in {"move", "book"} and (message[7] if len(message) > 7 else 0) == venue:
                for side, price, quantity in message[2]:
                    shown[side, text(price)] = text(quantity)
        return {level: quantity for level, quantity in shown.items() if Decimal(quantity)}

    def left(self, id):
        """Units that can still fill."""
        told = [event for event in self.events if event.id == id]
        if any(event.kind == "ended" for event in told):
            return 0
        total = self._totals[id] if not (new := [e.ticket for e in told if e.kind == "changed"]) else new[-1].quantity
        return max(0, total - sum(event.quantity for event in told if event.kind == "filled"))

    def change(self, id, price=None, quantity=None, stop_price=None):
        given = {"price": price, "quantity": quantity, "stop_price": stop_price}
        change = {name: value and units(value) for name, value in given.items()}
        self.line.send(["replace", id, change])

    def order(self, id, *given, **more):
        """Submit, and wait until something is said of it."""
        self.submit(id, *given, **more)
        self.until(lambda: self.told(id))

    def submit(self, id, side, quantity, price=None, kind=None, **more):
        kind = kind or (OrderType.MARKET if price is None else OrderType.LIMIT)
        self._totals[id] = units(quantity)
        ticket = Ticket(id, Side(side), kind, units(quantity), None if price is None else units(price), **more)
        self.line.send(["submit", plain(ticket)])

    def heard(self, price):
        """Whether a trade at a price was told."""
        return any(message[0] == "move" and message[3] == units(price) for message in self.said)

    def hears(self, exchange):
        """Wait until trades are heard: others trade where nothing is displayed."""
        self.until(lambda: ("buy", "99") in self.others)
        self.until(lambda: exchange.trade("100.00", "1", "buy") or self.heard("100.00"))

    def close(self):
        self._ends.set()
        self._runs.join(5)
        self.line.close()
        self.gateway.close()


@pytest.fixture
def opening(tmp_path):
    """Opens gateways on one folder, and closes what is still open."""
    made, totals = [], {}

    def make(exchange, **given):
        if made:
            made[-1].close()
        made.append(Open(tmp_path, exchange, totals, **given))
        return made[-1]

    yield make
    made[-1].close()


@pytest.fixture
def opened(binance, opening):
    return partial(opening, binance)


@pytest.fixture(params=["binance", "alpaca"])
def there(request):
    """An exchange; what holds at one holds at every."""
    return request.getfixturevalue(request.param)


def test_an_order_rests_fills_and_is_canceled_and_what_is_ours_is_not_others(there, opening):
    desk = opening(there)
    desk.until(lambda: ("buy", "99") in desk.others)
    desk.order("a1", "buy", "4", "99.00")
    there.display(buy={"98.00": "1"}, sell={"100.00": "3"})
    desk.until(lambda: ("sell", "100") in desk.others)
    assert desk.others["buy", "99"] == "5"

    there.trade("99.00", "7", "sell")
    desk.until(lambda: len(desk.told("a1")) == 2)
    # Two of the print are ours: five stood ahead.
    assert (desk.events[-1].price, desk.events[-1].quantity) == (units("99"), units("2"))

    desk.line.send(["cancel", "a1", "requested"])
    desk.until(lambda: len(desk.told("a1")) == 3)
    assert desk.told("a1") == [("working", "0", ""), ("filled", "2", ""), ("ended", "canceled", "requested")]


def test_a_fee_is_what_was_taken_in_what_was_bought_or_in_money(binance, opened):
    desk = opened()
    assert desk.gateway.terms[0][1:3] == (units("0.01"), units("0.00001"))
    desk.order("a1", "buy", "0.5", "99.00")
    binance.trade("99.00", "5.5", "sell")
    desk.until(lambda: len(desk.told("a1")) == 2)
    filled = desk.events[-1]
    assert (filled.liquidity, filled.fill_id, filled.fee, filled.fee_units) == ("maker", "1", 0, units("0.0005"))
    desk.submit("a2", "sell", "1", "98.50")
    desk.until(lambda: desk.left("a2") == 0)
    # The display has nothing left at 99 but what is at 98.50: a thousandth of it.
    assert [(e.price, e.fee, e.fee_units) for e in desk.events if e.id == "a2" and e.kind == "filled"] == [
        (units("98.50"), 985 * MONEY // 10_000, 0)
    ]


def test_what_takes_ends_as_the_contract_says(binance, opened):
    desk = opened()
    for id, *order in (
        ("m1", "buy", "5"), ("i1", "sell", "9", "98.50", "ioc"), ("f1", "buy", "9", "101.50", "fok"),
        ("p1", "buy", "1", "101.50", "gtc"),
    ):  # fmt: skip
        side, quantity, price, tif = [*order, None, "gtc"][:4] if len(order) == 2 else order
        desk.submit(id, side, quantity, price, tif=TimeInForce(tif), post_only=id == "p1")
        desk.until(lambda id=id: desk.left(id) == 0)

    # Of what takes it hangs on which stream is first whether it is said to work before it fills.
    told = {id: [one for one in desk.told(id) if one != ("working", "0", "")] for id in ("m1", "i1", "f1")}
    assert told["m1"] == [("filled", "4", ""), ("filled", "1", "")]
    assert told["i1"] == [("filled", "5", ""), ("filled", "3", ""), ("ended", "canceled", "ioc")]
    assert told["f1"] == [("ended", "canceled", "fok")]
    assert desk.told("p1") == [("ended", "rejected", "post_only_would_take")]
    # Of what was sold the fee is taken in money: a thousandth of 5 at 99 and 3 at 98.5.
    assert [event.fee for event in desk.events if event.id == "i1" and event.kind == "filled"] == [
        495 * MONEY // 1000, 2955 * MONEY // 10_000
    ]  # fmt: skip


STOP, STOP_LIMIT, TOUCH, TRAIL = (
    OrderType.STOP, OrderType.STOP_LIMIT, OrderType.MARKET_IF_TOUCHED, OrderType.TRAILING_STOP
)  # fmt: skip


def test_what_waits_for_a_price_is_sent_when_that_is_there(there, opening):
    desk = opening(there)
    desk.hears(there)
    desk.order("s1", "buy", "1", kind=STOP, stop_price=units("101.00"))
    desk.order("s2", "sell", "1", "98.00", kind=STOP_LIMIT, stop_price=units("98.50"))
    desk.order("s3", "sell", "2", kind=TOUCH, stop_price=units("99.50"), trigger="quote")
    assert not there.placed

    there.trade("101.00", "1", "buy")
    desk.until(lambda: desk.left("s1") == 0)
    there.display(buy={"99.50": "2"})
    desk.until(lambda: desk.left("s3") == 0)

    assert desk.told("s1") == [("waiting", "0", ""), ("working", "0", ""), ("filled", "1", "")]
    assert desk.told("s3") == [("waiting", "0", ""), ("working", "0", ""), ("filled", "2", "")]
    assert [event.price for event in desk.events if event.kind == "filled"] == [units("101"), units("99.5")]
    assert list(there.placed) == ["s1", "s3"]
    desk.line.send(["cancel", "s2", "requested"])
    desk.until(lambda: desk.left("s2") == 0)
    assert desk.told("s2") == [("waiting", "0", ""), ("ended", "canceled", "requested")]
    assert "s2" not in there.placed


def test_what_waits_is_changed_here(there, opening):
    desk = opening(there)
    desk.hears(there)
    desk.order("s1", "buy", "1", "102.00", kind=STOP_LIMIT, stop_price=units("101.00"))
    desk.change("s1", stop_price="101.50", quantity="2")
    desk.until(lambda: len(desk.told("s1")) == 2)
    there.trade("101.00", "1", "buy")
    there.trade("101.50", "1", "buy")
    desk.until(lambda: desk.left("s1") == 0)

    assert [kind for kind, _, _ in desk.told("s1")][:3] == ["waiting", "changed", "working"]
    assert sum(event.quantity for event in desk.events if event.kind == "filled") == units("2")
    desk.order("s2", "buy", "1", kind=STOP, stop_price=units("110.00"))
    desk.change("s2", quantity="0")
    desk.until(lambda: desk.left("s2") == 0)
    assert desk.told("s2")[-1] == ("ended", "canceled", "requested")


def test_what_waits_and_what_it_follows_outlive_the_gateway(there, opening):
    desk = opening(there)
    desk.hears(there)
    desk.order("t1", "sell", "1", kind=TRAIL, trail_offset=units("2.00"))
    desk.order("e1", "buy", "1", "98.00", tif=TimeInForce.GTD, expire_at_ms=int(time.time() * 1000) + 2_000)
    there.trade("101.00", "1", "buy")
    desk.until(lambda: desk.heard("101.00"))

    desk = opening(there, epoch=2, heard=0, open_ids=["t1", "e1"])
    desk.until(lambda: ("buy", "99") in desk.others)
    desk.until(lambda: there.trade("100.50", "1", "buy") or desk.heard("100.50"))
    assert desk.told("t1") == [("waiting", "0", "")]
    # From 101 on it is at 99.
    there.trade("99.00", "1", "sell")
    desk.until(lambda: desk.left("t1") == 0)
    assert [event.price for event in desk.events if event.kind == "filled"] == [units("99")]
    desk.until(lambda: desk.left("e1") == 0)
    assert desk.told("e1") == [("working", "0", ""), ("ended", "expired", "expired")]
    assert not there.venue.open_ids()


def test_what_has_been_over_before_it_came_and_what_is_not_known_here_is_turned_away(there, opening):
    desk = opening(there)
    desk.order("e1", "buy", "1", "98.00", tif=TimeInForce.GTD, expire_at_ms=1)
    desk.order("r1", "buy", "1", "98.00", reduce_only=True)

    assert [desk.told(id) for id in ("e1", "r1")] == [
        [("ended", "rejected", "expired")], [("ended", "rejected", "not_supported")]
    ]  # fmt: skip
    assert not there.placed


# -- icebergs, and orders of a day -------------------------------------------------------------------------------------


def test_an_iceberg_shows_a_part_at_a_time_and_is_one_order_to_the_desk(there, opening):
    desk = opening(there)
    desk.order("a1", "buy", "5", "99.50", display_quantity=units("2"))
    for parts in (1, 2):
        desk.until(lambda parts=parts: len(there.placed) == parts and there.venue.open_ids())
        assert there.shown()[Side.BUY][units("99.50")] == units("2")
        # What is ours is not taken for others', once its answer is there: a quote may come before it.
        desk.until(lambda: ("sell", "101") in desk.others and ("buy", "99.5") not in desk.others)
        there.trade("99.50", "2", "sell")
    desk.until(lambda: len(there.placed) == 3 and there.venue.open_ids())
    assert there.shown()[Side.BUY][units("99.50")] == units("1")
    there.trade("99.50", "7", "sell")
    desk.until(lambda: desk.left("a1") == 0)

    assert desk.told("a1") == [("working", "0", ""), *[("filled", "2", "")] * 2, ("filled", "1", "")]
    assert list(there.placed) == ["a1", "a1-1", "a1-2"]
    assert not there.venue.open_ids()


def test_an_iceberg_takes_part_after_part_and_rests_with_what_is_left(there, opening):
    desk = opening(there)
    # Of four at 101 it takes all, two at a time, and shows the rest so.
    desk.order("a1", "buy", "7", "101.00", display_quantity=units("2"))
    desk.until(lambda: there.venue.open_ids())
    desk.until(lambda: sum(e.quantity for e in desk.events if e.kind == "filled") == units("4"))
    assert there.shown()[Side.BUY][units("101")] == units("2")

    # Two of the three that are left: a change, and an end between two parts.
    desk.change("a1", price="100.00", quantity="8")
    desk.until(lambda: any(kind == "changed" for kind, *_ in desk.told("a1")))
    desk.until(lambda: there.shown()[Side.BUY].get(units("100")) == units("2"))
    desk.line.send(["cancel", "a1", "requested"])
    desk.until(lambda: desk.left("a1") == 0)
    assert desk.told("a1")[-1] == ("ended", "canceled", "requested")
    assert not there.venue.open_ids()


def test_what_takes_at_once_hides_nothing(there, opening):
    desk = opening(there)
    desk.submit("i1", "buy", "3", "101.00", tif=TimeInForce.IOC, display_quantity=units("1"))
    desk.until(lambda: desk.left("i1") == 0)
    assert list(there.placed) == ["i1"]
    assert sum(event.quantity for event in desk.events) == units("3")


def test_an_iceberg_outlives_the_gateway_between_two_parts(there, opening):
    desk = opening(there)
    desk.order("a1", "buy", "5", "99.50", display_quantity=units("2"))
    desk.until(lambda: there.venue.open_ids())
    desk.close()
    there.trade("99.50", "2", "sell")

    heard = desk.of("event")
    desk = opening(there, epoch=2, heard=len(heard), open_ids=["a1"])
    desk.said[:0] = heard
    desk.until(lambda: len(there.placed) == 2 and there.venue.open_ids())
    assert desk.told("a1") == [("working", "0", ""), ("filled", "2", "")]
    assert there.shown()[Side.BUY][units("99.50")] == units("2")
    # Asked to end when a part has just filled, it ends, and no other part is sent.
    there.trade("99.50", "2", "sell")
    desk.line.send(["cancel", "a1", "requested"])
    desk.until(lambda: desk.left("a1") == 0)
    assert desk.told("a1")[-1] in {("ended", "canceled", "requested"), ("filled", "1", "")}
    desk.until(lambda: not there.venue.open_ids())


def test_an_iceberg_goes_on_where_the_gateway_died_before_the_next_part(there, opening, monkeypatch):
    desk = opening(there)
    desk.order("a1", "buy", "5", "99.50", display_quantity=units("2"))
    desk.until(lambda: there.venue.open_ids())

    async def dies(self, order):
        pass

    with monkeypatch.context() as patched:
        patched.setattr(dealing_of.Dealing, "_send_more", dies)
        there.trade("99.50", "2", "sell")
        desk.until(lambda: ("filled", "2", "") in desk.told("a1"))
        desk.close()
    assert list(there.placed) == ["a1"]
    heard = desk.of("event")
    desk = opening(there, epoch=2, heard=len(heard), open_ids=["a1"])
    desk.until(lambda: there.venue.open_ids())
    assert list(there.placed) == ["a1", "a1-1"]


def test_a_later_part_of_an_iceberg_that_rests_only_may_take(binance, opened):
    desk = opened()
    desk.order("a1", "buy", "4", "99.50", display_quantity=units("2"), post_only=True)
    desk.until(lambda: binance.venue.open_ids())
    # It is run over by an offer that then stands at its price: what it does not show yet takes of that.
    binance.display(sell={"99.50": "3"})
    desk.until(lambda: desk.left("a1") <= units("1"))
    assert [one["type"] for one in binance.placed.values()] == ["LIMIT_MAKER", "LIMIT"]
    assert sum(event.quantity for event in desk.events if event.kind == "filled") == units("3")


def test_a_part_of_an_iceberg_that_is_not_wanted_ends_it(there, opening):
    desk = opening(there)
    desk.order("a1", "buy", "5", "99.50", display_quantity=units("2"))
    desk.until(lambda: there.venue.open_ids())
    there.refused[there.places] = [there.poor()]
    there.trade("99.50", "2", "sell")
    desk.until(lambda: desk.left("a1") == 0)
    filled, (kind, status, reason) = desk.told("a1")[1:]
    assert (filled, kind, status) == (("filled", "2", ""), "ended", "canceled")
    assert "insufficient" in reason
    assert not there.venue.open_ids()


def test_an_order_of_a_day_ends_with_it(there, opening, monkeypatch):
    desk = opening(there)
    for counterparty in desk.gateway._there:
        monkeypatch.setattr(type(counterparty), "day_end", lambda self, at: at + 0.5)
    desk.order("d1", "buy", "1", "98.00", tif=TimeInForce.DAY)
    desk.order("d2", "sell", "1", kind=STOP, stop_price=units("90.00"), tif=TimeInForce.DAY)
    desk.until(lambda: desk.left("d1") == desk.left("d2") == 0)

    assert desk.told("d1") == [("working", "0", ""), ("ended", "expired", "expired")]
    assert desk.told("d2") == [("waiting", "0", ""), ("ended", "expired", "expired")]
    assert not there.venue.open_ids()


def test_the_end_of_a_day_outlives_the_gateway(there, opening, monkeypatch):
    desk = opening(there)
    for counterparty in desk.gateway._there:
        monkeypatch.setattr(type(counterparty), "day_end", lambda self, at: at + 2.0)
    desk.order("d1", "buy", "1", "98.00", tif=TimeInForce.DAY)
    desk.order("d2", "sell", "1", kind=STOP, stop_price=units("90.00"), tif=TimeInForce.DAY)
    desk.until(lambda: there.venue.open_ids())
    heard = desk.of("event")
    for counterparty in desk.gateway._there:
        monkeypatch.setattr(type(counterparty), "day_end", lambda self, at: at + 3_600)
    desk = opening(there, epoch=2, heard=len(heard), open_ids=["d1", "d2"])
    desk.said[:0] = heard
    desk.until(lambda: desk.left("d1") == desk.left("d2") == 0)
    assert desk.told("d1")[-1] == desk.told("d2")[-1] == ("ended", "expired", "expired")


@pytest.mark.parametrize(
    ("at", "crypto", "shares"),
    [
        ("2024-11-29T15:00:00+00:00", "2024-11-30T00:00:00+00:00", "2024-11-29T18:00:00+00:00"),  # a half day
        ("2024-11-29T18:00:00+00:00", "2024-11-30T00:00:00+00:00", "2024-12-02T21:00:00+00:00"),
        ("2024-11-30T03:00:00+00:00", "2024-12-01T00:00:00+00:00", "2024-12-02T21:00:00+00:00"),
        ("2024-07-01T23:59:59+00:00", "2024-07-02T00:00:00+00:00", "2024-07-02T20:00:00+00:00"),  # in summer
    ],
)
def test_when_a_day_ends(binance, alpaca, at, crypto, shares):
    moment = datetime.fromisoformat(at).timestamp()
    for exchange, end in ((binance, crypto), (alpaca, shares)):
        [there] = open_counterparties(exchange.broker, exchange.symbols)
        assert datetime.fromtimestamp(there.day_end(moment), UTC).isoformat() == end


def test_what_was_triggered_does_not_meet_our_own(there, opening):
    desk = opening(there)
    desk.hears(there)
    desk.order("o1", "sell", "1", "101.00")
    desk.order("s1", "buy", "9", kind=STOP, stop_price=units("101.00"))
    desk.order("s2", "sell", "1", "90.00", kind=STOP_LIMIT, stop_price=units("80.00"))
    there.trade("101.00", "1", "buy")
    desk.until(lambda: desk.left("s1") == 0)

    assert desk.told("s1")[-1] == ("ended", "canceled", "self_trade")
    # What only waits is in nobody's way.
    desk.order("b1", "buy", "1", "95.00")
    assert desk.told("b1") == [("working", "0", "")]


def test_several_instruments_are_one_account(binance, opened):
    other = binance.beside()
    other.display(buy={"9.00": "50"}, sell={"11.00": "40"})
    desk = opened()
    assert [place.name for place in desk.gateway.terms] == ["binance BTC/USDT", "binance ETH/USDT"]
    desk.until(lambda: ("buy", "9") in desk.shown_at(1))
    assert ("buy", "9") not in desk.shown_at(0)
    desk.order("a1", "buy", "1", "99.00")
    desk.order("a2", "sell", "2", "11.00", venue=1)
    desk.order("s2", "buy", "1", kind=STOP, stop_price=units("10.00"), venue=1)
    assert (list(binance.placed), list(other.placed)) == (["a1"], ["a2"])
    # The same numbers of orders and trades, which are of each pair.
    binance.trade("99.00", "6", "sell")
    other.trade("11.00", "41", "buy")
    desk.until(lambda: desk.left("a1") == 0 and len(desk.told("s2")) == 3 and len(desk.told("a2")) > 1)

    # The market order of the stop would have met our own offer.
    assert desk.told("s2") == [("waiting", "0", ""), ("working", "0", ""), ("ended", "canceled", "self_trade")]
    fills = [(event.fill_id, event.venue, event.quantity) for event in desk.events if event.kind == "filled"]
    assert sorted(fills) == [("1", 0, units("1")), ("1.1", 1, units("1"))]

    desk.change("a2", price="11.50")
    desk.until(lambda: "a2-1" in other.placed)
    heard = len(desk.events)
    desk = opened(epoch=2, heard=0, open_ids=["a2", "never"])
    assert desk.of("welcome") == [["welcome", ["never"], ["a2"]]]
    assert len(desk.events) >= heard
    other.by_hand("x1", "sell", "3", "9.00")
    desk.until(lambda: any(event.id.startswith("binance ETH/USDT") for event in desk.events))
    assert {event.venue for event in desk.events if event.id.startswith("binance")} == {1}
    desk.line.send(["cancel", "a2", "requested"])
    desk.until(lambda: desk.left("a2") == 0)
    assert not binance.venue.open_ids()
    desk.line.send(["copy"])
    desk.until(lambda: desk.of("copy"))
    assert len(desk.of("copy")[0][1]) == len(binance.trades) + len(other.trades)


def test_where_the_rate_is_exceeded_the_order_waits_as_long_as_it_is_told_and_is_sent_once(there, opening):
    desk = opening(there)
    there.refused[there.places] = [there.busy("0.2"), there.busy("0.2")]
    desk.order("a1", "buy", "1", "99.00")

    assert list(there.placed) == ["a1"]
    assert there.asked.count(there.places) == 3


def test_an_order_that_waits_for_the_rate_is_not_sent_once_its_end_is_asked_for(binance, opened, monkeypatch):
    monkeypatch.setattr(asking, "LONGEST", 60.0)
    desk = opened()
    binance.refused["POST /order"] = [busy("2")]
    desk.submit("a1", "buy", "1", "99.00")
    desk.until(lambda: binance.asked.count("POST /order") == 1)
    desk.line.send(["cancel", "a1", "killed"])
    desk.until(lambda: desk.told("a1"))
    assert desk.told("a1") == [("ended", "canceled", "killed")]
    assert not binance.placed


def test_an_order_that_was_taken_and_answered_as_if_it_was_not_is_found(there, opening):
    desk = opening(there)
    there.lost[there.places] = [there.busy("0.1")]
    desk.order("a1", "buy", "1", "99.00")
    desk.line.send(["open"])
    desk.until(lambda: desk.of("open"))
    assert desk.told("a1") == [("working", "0", "")]
    assert desk.of("open") == [["open", ["a1"]]]


def test_a_clock_that_is_off_is_set_by_the_exchanges(binance, opened):
    desk = opened()
    binance.ahead = 60_000
    desk.order("a1", "buy", "1", "99.00")
    assert desk.told("a1") == [("working", "0", "")]


@pytest.mark.parametrize("silent", [False, True])
def test_an_answer_that_is_lost_after_acceptance_is_found_and_the_order_not_sent_again(there, opening, silent):
    desk = opening(there)
    there.silent = silent
    there.lost[there.places] = [there.down()]
    desk.order("a1", "buy", "1", "99.00")

    assert desk.told("a1") == [("working", "0", "")]
    assert there.asked.count(there.places) == 1
    desk.until(lambda: any("unknown" in line for line in desk.lines))  # the stream may have told it before


def test_an_order_that_never_arrived_ends_only_when_it_can_no_longer_arrive(there, opening):
    desk = opening(there)
    there.refused[there.places] = [there.down()]
    began = time.monotonic()
    desk.order("a1", "buy", "1", "99.00")

    assert desk.told("a1") == [("ended", "rejected", "not_received")]
    assert time.monotonic() - began > dealing_of.SETTLED


def test_an_order_that_arrives_when_it_was_taken_for_lost_is_canceled_and_its_fills_are_booked(there, opening):
    desk = opening(there)
    desk.until(lambda: there.is_followed)
    there.refused[there.places] = [there.down()]
    desk.order("a1", "buy", "4", "99.00")
    there.refused.clear()
    there.by_hand("a1", "buy", "4", "101.00")  # four are offered there
    there.by_hand("a1-1", "buy", "2", "99.00")
    desk.until(lambda: not there.venue.open_ids())
    desk.until(lambda: len(desk.told("a1")) > 1)

    assert desk.told("a1") == [("ended", "rejected", "not_received"), ("filled", "4", "")]
    assert any("has arrived after all" in line for line in desk.lines)


def test_what_a_stream_does_not_say_is_asked_for_and_what_it_says_twice_counts_once(there, opening):
    desk = opening(there)
    there.times = 2
    desk.order("a1", "buy", "4", "99.00")
    there.trade("99.00", "6", "sell")
    desk.until(lambda: len(desk.told("a1")) == 2)
    there.silent = True
    there.trade("99.00", "2", "sell")
    desk.until(lambda: len(desk.told("a1")) == 3)
    there.trade("99.00", "7", "sell")
    desk.until(lambda: desk.left("a1") == 0)

    assert [event.quantity for event in desk.events if event.kind == "filled"] == [
        units("1"), units("2"), units("1")
    ]  # fmt: skip
    assert len({event.fill_id for event in desk.events if event.kind == "filled"}) == 3


def test_an_end_is_told_only_after_every_fill_before_it(there, opening, monkeypatch):
    monkeypatch.setattr(dealing_of, "LOOK", 60.0)  # only what was noticed is asked for
    desk = opening(there)
    desk.until(lambda: there.is_followed)
    desk.order("a1", "buy", "2", "99.00")
    there.silent = True
    there.trade("99.00", "6", "sell")
    there.silent = False
    desk.line.send(["cancel", "a1", "requested"])
    desk.until(lambda: desk.left("a1") == 0)
    assert desk.told("a1")[1:] == [("filled", "1", ""), ("ended", "canceled", "requested")]


def test_an_end_waits_for_its_fills_also_of_an_order_that_was_changed(there, opening, monkeypatch):
    desk = opening(there)
    desk.until(lambda: there.is_followed)
    desk.order("a1", "buy", "4", "99.00")
    there.trade("99.00", "6", "sell")
    desk.until(lambda: len(desk.told("a1")) == 2)
    desk.change("a1", price="100.00")
    desk.until(lambda: len(desk.told("a1")) == 3)
    monkeypatch.setattr(dealing_of, "LOOK", 60.0)
    there.silent = True
    there.trade("100.00", "1", "sell")
    there.silent = False
    desk.line.send(["cancel", "a1", "requested"])
    desk.until(lambda: desk.left("a1") == 0)
    assert desk.told("a1")[3:] == [("filled", "1", ""), ("ended", "canceled", "requested")]


def test_what_is_said_late_of_what_an_order_was_before_its_change_ends_nothing(binance, opened):
    desk = opened()
    desk.order("a1", "buy", "1", "99.00")
    desk.change("a1", price="98.00")
    desk.until(lambda: len(desk.told("a1")) == 2)
    binance.repeat()
    binance.display(buy={"90.00": "7"})
    desk.until(lambda: ("buy", "90") in desk.others)
    assert [kind for kind, *_ in desk.told("a1")] == ["working", "changed"]
    desk.line.send(["open"])
    desk.until(lambda: desk.of("open"))
    assert desk.of("open") == [["open", ["a1"]]]


def test_streams_that_break_begin_anew_and_nothing_is_missed(there, opening):
    desk = opening(there)
    desk.submit("a1", "buy", "4", "99.00")
    desk.until(lambda: desk.told("a1") and there.is_followed)
    there.cut()
    there.trade("99.00", "6", "sell")
    there.display(sell={"100.00": "2"})
    desk.until(lambda: len(desk.told("a1")) == 2)
    desk.until(lambda: ("sell", "100") in desk.others)

    assert desk.told("a1")[-1] == ("filled", "1", "")
    desk.until(lambda: any("the stream of" in line for line in desk.lines))
    # Ours, three units, is not among what others display.
    assert ("buy", "99") not in desk.others


def test_a_gateway_that_died_asks_what_became_of_its_orders_and_turns_older_processes_away(there, opening):
    desk = opening(there, epoch=4)
    desk.submit("a1", "buy", "2", "99.00")
    desk.submit("a2", "sell", "1", "101.00")
    desk.until(lambda: desk.told("a1") and desk.told("a2"))
    before = desk.events
    desk.close()
    there.trade("99.00", "6", "sell")

    desk = opening(there, epoch=5, heard=len(before), open_ids=["a1", "a2", "never"])
    desk.said[:0] = [["event", number, 0, plain_event(event)] for number, event in enumerate(before)]
    desk.until(lambda: len(desk.told("a1")) == 2)
    assert desk.told("a1")[-1] == ("filled", "1", "")
    assert desk.of("welcome") == [["welcome", ["never"], ["a1", "a2"]]]

    old = connect(desk.place, 5)
    logon(old, 4, 0, [])
    assert old.receive(5) == [["fenced", 5]]
    old.send(["submit", plain(Ticket("a3", Side.BUY, OrderType.MARKET, units("1")))])
    assert old.receive(5) == [["fenced", 5]]
    assert "a3" not in there.placed
    old.close()
    desk.line.send(["open"])
    desk.until(lambda: desk.of("open"))
    assert desk.of("open") == [["open", ["a1", "a2"]]]


def test_a_journal_of_another_gateway_or_pair_is_refused(binance, opened, tmp_path, monkeypatch):
    desk = opened()
    logon(desk.line, 1, 7, [])
    with pytest.raises(ConfigError, match="the desk has heard 7 events, and this says 0"):
        desk.until(lambda: False)
    desk.close()
    with pytest.raises(ConfigError, match="binance has no ETH/USDT; name a pair as BTC/USDT"):
        Gateway(from_environment(["ETH/USDT"]), tmp_path / "eth", tmp_path / "venue")
    monkeypatch.setenv("TRADEPULSE_CCXT_EXCHANGE", "binanceus")
    with pytest.raises(ConfigError, match="this book trades binance BTC/USDT, not binanceus BTC/USDT"):
        Gateway(from_environment([PAIR]), tmp_path, tmp_path / "venue")


def test_what_the_desk_has_heard_is_let_go_in_a_new_file_and_what_may_matter_is_kept(
    there, opening, monkeypatch, tmp_path
):
    desk = opening(there)
    desk.hears(there)
    desk.order("old", "buy", "1", "98.00")
    desk.line.send(["cancel", "old", "requested"])
    desk.order("rest", "buy", "4", "99.00")
    desk.order("stop", "buy", "1", kind=STOP, stop_price=units("105.00"))
    desk.order("trail", "sell", "1", kind=TRAIL, trail_offset=units("30.00"))
    there.trade("101.00", "1", "buy")
    there.trade("99.00", "6", "sell")
    desk.until(lambda: len(desk.told("rest")) == 2 and desk.left("old") == 0 and desk.heard("101.00"))
    heard, before = len(desk.events), [desk.told(id) for id in ("old", "rest")]

    # Who has not heard everything is told it before anything is let go.
    monkeypatch.setattr(gateway_of, "ROTATE", 0)
    path = tmp_path / "gateway.journal"
    desk = opening(there, epoch=2, heard=heard - 1, open_ids=["rest", "stop", "trail"])
    assert len(desk.of("event")) == 1
    assert not older_files(path)
    for epoch in (3, 4):  # from the file of before, and from a snapshot
        desk = opening(there, epoch=epoch, heard=heard, open_ids=["rest", "stop", "trail", "never"])
        assert desk.of("event") == []
        assert desk.of("welcome") == [["welcome", ["never"], ["rest", "stop", "trail"]]]
        assert len(older_files(path)) == epoch - 2
    assert verify_journal(path).records
    there.display(buy={"99.00": "5"}, sell={"110.00": "5"})
    desk.hears(there)
    there.trade("105.00", "1", "buy")
    there.trade("99.00", "9", "sell")
    desk.until(lambda: len(desk.of("event")) >= 3 and desk.gateway.told == heard + len(desk.of("event")))
    assert {number for _, number, *_ in desk.of("event")} == set(range(heard, desk.gateway.told))
    told = [event_of(body) for *_, body in desk.of("event")]
    assert [(event.kind, event.quantity) for event in told if event.id == "rest"] == [("filled", units("3"))]
    assert [event.kind for event in told if event.id == "stop"] == ["working", "filled"]
    assert before[0][-1] == ("ended", "canceled", "requested")
    desk.line.send(["cancel", "trail", "requested"])
    desk.until(lambda: any(event_of(body).kind == "ended" for *_, body in desk.of("event")))

    logon(desk.line, 4, heard - 1, [])
    with pytest.raises(
        ConfigError, match=f"heard {heard - 1} events, and this says .* has let go of the first {heard};"
    ):
        desk.until(lambda: False)


def test_a_contract_is_refused_since_a_unit_of_it_is_something_else(binance):
    [there] = from_environment(["BTC/USDT:USDT"])

    async def opened():
        spot = (await there._exchange.load_markets())[PAIR]
        swap = {"id": "BTCUSDT_PERP", "symbol": "BTC/USDT:USDT", "contract": True, "swap": True, "spot": False}
        there._exchange.set_markets([spot, {**spot, **swap, "contractSize": 0.001, "settle": "USDT"}])
        try:
            await there.open()
        finally:
            await there.close()

    with pytest.raises(ConfigError, match="is a contract, of which a unit is something else; a live desk trades spot"):
        asyncio.run(opened())


def test_an_order_leaves_before_the_looks_that_wait_for_the_rate_limit_and_does_not_pay_for_the_last_one(binance):
    [there] = from_environment([PAIR])
    asked = there._exchange.fetch  # every request, once the limit has let it go
    left = []

    async def fetch(url, method="GET", headers=None, body=None):
        left.append(method)
        return await asked(url, method, headers, body)

    async def one_after_another():
        there._exchange.fetch = fetch
        try:
            await there.open()
            # Ten looks of weight 4 in a second: the eleventh waits.
            there._exchange.throttler.config |= {"windowSize": 1_000.0, "maxWeight": 40.0}
            order = Ticket("ord-1", Side.BUY, OrderType.LIMIT, units("1"), units("99"))
            looks = [asyncio.ensure_future(there.trades(0)) for _ in range(15)]
            await asyncio.sleep(0.1)
            assert left.count("GET") < 15
            await asyncio.gather(
                there.place("ord-1", order, order.quantity, lambda: True),
                there.place("ord-2", order._replace(id="ord-2"), order.quantity, lambda: True),
            )
            assert left[-2:] == ["POST", "POST"]
            assert len(left) < 15
            assert list(binance.placed) == ["ord-1", "ord-2"]
            await asyncio.gather(*looks)
            assert left.count("GET") >= 15
            # With room in the window an order leaves at once, however dear the look before it was.
            await asyncio.sleep(1.0)
            await there.trades(0)
            began = time.monotonic()
            await there.cancel("ord-1")
            assert time.monotonic() - began < 0.5
        finally:
            await there.close()

    asyncio.run(one_after_another())


def test_a_fill_of_an_order_that_we_did_not_send_is_told_all_the_same(there, opening):
    desk = opening(there)
    desk.until(lambda: there.is_followed)
    there.by_hand("hand", "buy", "1", "101.00")
    desk.until(lambda: desk.events)
    assert [(event.kind, event.id, event.quantity) for event in desk.events] == [
        ("filled", f"{there.name} {there.number('hand')}", units("1"))
    ]


def test_a_change_is_a_new_order_for_what_is_left(there, opening):
    desk = opening(there)
    desk.order("a1", "buy", "4", "99.00")
    there.trade("99.00", "6", "sell")
    desk.until(lambda: len(desk.told("a1")) == 2)
    desk.change("a1", price="100.00")
    desk.until(lambda: len(desk.told("a1")) == 3)
    changed = desk.events[-1]
    assert (changed.kind, changed.ticket.price, changed.ticket.quantity) == ("changed", units("100"), units("4"))
    assert {id: there.status(id) for id in there.placed} == {"a1": ("4", "canceled"), "a1-1": ("3", "new")}
    there.trade("100.00", "2", "sell")
    desk.until(lambda: len(desk.told("a1")) == 4)
    desk.change("a1", quantity="3")  # which has filled
    desk.until(lambda: desk.left("a1") == 0)
    assert desk.told("a1")[-2:] == [("filled", "2", ""), ("ended", "filled", "")]
    assert not there.venue.open_ids()


def test_two_of_our_orders_never_trade_with_one_another(there, opening):
    desk = opening(there)
    desk.until(lambda: ("buy", "99") in desk.others)
    desk.order("a1", "buy", "4", "99.00")
    own = [("ended", "canceled", "self_trade")]

    # At or through ours, and at the market where others bid no more than we do: nothing of it is sent.
    for id, price in (("b1", "99.00"), ("b2", "98.00"), ("b3", None)):
        desk.order(id, "sell", "1", price)
        desk.until(lambda id=id: desk.told(id))
        assert desk.told(id) == own
    desk.order("c1", "sell", "2", "100.00")
    desk.change("c1", price="99.00")
    desk.until(lambda: desk.left("c1") == 0)
    assert desk.told("c1")[-1] == own[0]
    assert set(there.placed) == {"a1", "c1"}
    # Where others bid more, a market order that they have enough for meets them alone.
    there.display(buy={"100.00": "2"})
    desk.until(lambda: ("buy", "100") in desk.others)
    desk.order("d1", "sell", "2", None)
    desk.until(lambda: desk.left("d1") == 0)
    assert desk.told("d1")[-1] == ("ended", "filled", "") or desk.told("d1")[-1][0] == "filled"
    desk.order("d2", "sell", "9", None)
    desk.until(lambda: desk.told("d2"))
    assert desk.told("d2") == own
    assert desk.left("a1") == units("4")


def test_a_change_to_what_the_exchange_does_not_want_ends_the_order(binance, opened):
    desk = opened()
    desk.order("a1", "buy", "2", "99.00", post_only=True)
    desk.change("a1", price="101.00")
    desk.until(lambda: desk.left("a1") == 0)
    assert desk.told("a1") == [("working", "0", ""), ("ended", "canceled", "post_only_would_take")]


def test_nothing_is_proven_while_the_exchange_does_not_answer(there, opening, monkeypatch):
    monkeypatch.setattr("tradepulse.execution.brokers.asking.TRIES", 1)
    desk = opening(there)
    desk.order("a1", "buy", "2", "99.00")
    there.refused[there.lists] = [there.down() for _ in range(50)]
    desk.line.send(["cancel", "a1", "killed"])
    desk.line.send(["open"])
    desk.until(lambda: any("what is open there is not known" in line for line in desk.lines))
    assert not desk.of("open")
    there.refused.clear()
    desk.until(lambda: desk.left("a1") == 0)
    desk.line.send(["open"])
    desk.until(lambda: desk.of("open"))
    assert desk.of("open") == [["open", []]]


def test_what_nobody_watches_is_canceled(there, opening, monkeypatch):
    monkeypatch.setattr(gateway_of, "ALONE", 0.3)
    desk = opening(there)
    desk.order("a1", "buy", "2", "99.00")
    desk.line.close()
    end = time.monotonic() + 10
    while there.venue.open_ids() and time.monotonic() < end:
        time.sleep(0.05)
    assert not there.venue.open_ids()
    assert "nobody is at the desk; canceling what is open" in desk.lines


def test_a_fee_in_a_third_currency_is_booked_at_the_desks_rate_and_said(binance, opened):
    desk = opened()
    binance.currency = "BNB"
    desk.submit("m1", "buy", "1")
    desk.until(lambda: desk.left("m1") == 0)
    assert [(event.fee, event.fee_units) for event in desk.events if event.kind == "filled"] == [(None, 0)]
    assert any("paid its fee in a third currency" in line for line in desk.lines)


@pytest.mark.parametrize("seed", range(int(os.environ.get("GATEWAY_RUNS", "2"))))
def test_whatever_fails_the_books_end_as_the_exchanges(there, opening, tmp_path, seed):
    """Orders, cancels and changes through faults of every kind, gateways that die too: the ledger is the exchange's."""
    chance = random.Random(seed)
    desk, sent, heard, epoch = opening(there), [], [], 1
    for step in range(60):
        what = chance.choice(
            ["submit"] * 4 + ["cancel", "change", "trade", "trade", "display", "fault", "stream", "die"]
        )
        price = f"{chance.randint(98, 102)}.00"
        if what == "submit":
            id = f"o{step}"
            sent.append(id)
            tif = TimeInForce(chance.choice(["gtc", "gtc", "day", "ioc", "fok"]))
            shown = {"display_quantity": units("1")} if chance.random() < 0.3 else {}
            desk.submit(id, chance.choice(["buy", "sell"]), f"{chance.randint(1, 4)}", price, tif=tif, **shown)
        elif what == "cancel" and sent:
            desk.line.send(["cancel", chance.choice(sent), "requested"])
        elif what == "change" and sent:
            desk.change(chance.choice(sent), price=price, quantity=f"{chance.randint(1, 4)}")
        elif what == "trade":
            there.trade(price, f"{chance.randint(1, 8)}", chance.choice(["buy", "sell"]))
        elif what == "display":
            buys = {f"{chance.randint(95, 99)}.00": f"{chance.randint(0, 5)}"}
            there.display(buy=buys, sell={f"{chance.randint(101, 105)}.00": f"{chance.randint(0, 5)}"})
        elif what == "fault":
            way = chance.choice([there.places, there.cancels, there.lists, there.fills])
            chance.choice([there.refused, there.lost])[way] = [chance.choice([there.down(), there.busy("0")])]
        elif what == "stream":
            there.silent, there.times = chance.random() < 0.3, chance.choice([1, 2])
            if chance.random() < 0.5:
                there.cut()
        elif what == "die":
            desk.close()
            heard, epoch = desk.of("event"), epoch + 1
            desk = opening(there, epoch=epoch, heard=len(heard), open_ids=sent)
            lost = desk.of("welcome")[0][1]
            assert not set(lost) & set(there.placed)
            sent = [id for id in sent if id not in lost]
            desk.said[:0] = heard
        desk.until(lambda: True)
        time.sleep(chance.random() * 0.05)
    there.refused.clear()
    there.lost.clear()
    there.silent = False
    for id in sent:
        desk.line.send(["cancel", id, "requested"])
    desk.until(lambda: all(desk.left(id) == 0 for id in sent), 30)

    with Journal(tmp_path / "path.journal") as journal:
        path = OrderPath(journal, Terms(1, 1))
        for event in desk.events:
            path.hear(event)
    assert (path.state.position, path.state.cash) == there.ledger()
    assert len(path.state.fills) == len(there.trades) > 0
    ended = [event.id for event in desk.events if event.kind == "ended"]
    last = {event.id: event.kind for event in desk.events}
    assert len(ended) == len(set(ended))
    assert {last[id] for id in ended} <= {"ended"}
    assert not there.venue.open_ids()


def test_a_live_desk_survives_the_death_of_its_engine_and_its_book_is_the_exchanges(there, tmp_path):
    """The engine as a process, a quoting strategy, a market that moves; killed by SIGKILL, then by its switch."""
    folder, lines, ends = tmp_path / "live", [], threading.Event()
    strategy, params = {
        "ccxt": ("touch_maker", {"size": 1, "most": 3}),
        "alpaca": ("imbalance_taker", {"size": 1, "most": 3, "lean": 0.5}),  # no order of it is post-only
    }[there.broker]

    def killer():
        while not ends.wait(0.05):
            if there.trades:
                os.kill(json.loads((folder / "status.json").read_text())["pid"], signal.SIGKILL)
                return

    desk = {
        "book": "live", "strategy": strategy, "params": params, "cash": "0", "limits": {"max_position": "5"},
        "reconnect_s": 20, "deadline_s": 10,
    }  # fmt: skip
    kills = threading.Thread(target=killer)
    kills.start()
    try:
        with there.moving():
            outcome = run_live(
                folder,
                desk,
                open_counterparties(there.broker, there.symbols), until=4, say=lines.append,
            )  # fmt: skip
    finally:
        ends.set()
        kills.join()

    assert (outcome["ended"], outcome["starts"]) == ("killed", 2)
    assert "the engine died (signal 9); starting it again" in lines
    assert outcome["fills"] == len(there.trades) > 1
    assert (outcome["position"], outcome["cash"]) == there.ledger()
    assert not there.venue.open_ids()
    assert verify_journal(folder / "orders.journal").records
    assert verify_journal(folder / "gateway.journal").records
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()) + str(lines).encode()
    assert not any(secret.encode() in everything for secret in (SECRET, KEY, alpaca_of.SECRET, alpaca_of.KEY))
    with locked(folder, "desk.lock"), pytest.raises(BookLocked, match="another process trades this book"):
        run_live(folder, desk, open_counterparties(there.broker, there.symbols))
    with pytest.raises(ConfigError, match="this book trades live; name another"):
        run_paper(folder, {**desk, "tick": "1", "lot": "1"}, [])


def test_a_desk_that_is_killed_whole_goes_on_where_the_exchange_is(binance, tmp_path):
    """SIGKILL of the gateway's process and of the engine's, while orders rest and fill; then the command again."""
    code = (
        "import sys; from tradepulse.execution import dealing; dealing.SETTLED, dealing.LOOK = 2.0, 0.5; "
        "from tradepulse.interfaces.cli.main import run; sys.exit(run(sys.argv[1:]))"
    )
    given = ("--home", str(tmp_path), "execution", "live", "--symbol", PAIR, "--strategy", "touch_maker", "--param",
             "size=1", "--param", "most=3", "--limit", "max_position=5", "--json")  # fmt: skip
    folder = tmp_path / "execution" / "desks" / "desk"
    with binance.moving():
        first = subprocess.Popen([sys.executable, "-c", code, *given])
        end = time.monotonic() + 30
        while len(binance.trades) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        engine = json.loads((folder / "status.json").read_text())["pid"]
        for pid in (first.pid, engine):
            os.kill(pid, signal.SIGKILL)
        first.wait()
        time.sleep(0.5)  # what rests goes on filling, and nobody hears it
        again = subprocess.run(
            [sys.executable, "-c", code, *given, "--until", "3"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert again.stdout, again.stderr
    outcome = json.loads(again.stdout)

    assert (again.returncode, outcome["ended"], outcome["epoch"]) == (1, "killed", 2), again.stderr
    position, cash = binance.ledger()
    assert outcome["fills"] == len(binance.trades)
    assert outcome["position"] == position / UNIT
    assert outcome["cash"] == pytest.approx(10_000 + cash / MONEY, abs=1e-9)
    assert not binance.venue.open_ids()
