"""The broker contract, and Alpaca's SDK against an exchange of our own on loopback that fails in every way it can."""

import json
import re
import socket
import time
from urllib.parse import parse_qs

import pytest
from werkzeug import Response

from tests.execution.orders import order, request_text
from tradepulse.core.orders import Approved, OrderStatus, Side
from tradepulse.errors import BrokerRejected, ConfigError, Unanswered, UnknownName
from tradepulse.execution.book import Book
from tradepulse.execution.brokers import alpaca, asking, open_broker
from tradepulse.execution.brokers.simulated import Fees, SimulatedVenue
from tradepulse.execution.journal import read_journal
from tradepulse.execution.request import parse_request
from tradepulse.execution.session import run_session

KEY, SECRET = "PK-TEST-KEY-1234567890", "very-secret-value-0987654321"


class Exchange:
    """What Alpaca does, as far as a daily session asks; ``faults`` come first, one a request."""

    def __init__(self, server):
        self.orders, self.activities, self.faults, self.asked = {}, [], [], []
        self.server = server
        #: What becomes of an order whose end is asked for.
        self.ends_as = "canceled"
        server.expect_request("/v2/orders", method="POST").respond_with_handler(self.place)
        server.expect_request("/v2/orders:by_client_order_id").respond_with_handler(self.by_ours)
        server.expect_request("/v2/account/activities/FILL").respond_with_handler(self.fills)
        server.expect_request(re.compile("^/v2/orders/")).respond_with_handler(self.by_theirs)

    def answer(self, request, body, status=200):
        self.asked.append((request.method, request.path))
        if (request.headers.get("APCA-API-KEY-ID"), request.headers.get("APCA-API-SECRET-KEY")) != (KEY, SECRET):
            return Response(json.dumps({"code": 40110000, "message": "request is not authorized"}), 401)
        if self.faults:
            fault = self.faults.pop(0)
            if fault == "half open":
                time.sleep(0.5)
            elif fault is not None:
                return fault
        return Response(json.dumps(body), status, content_type="application/json")

    def place(self, request):
        body = request.get_json()
        # What arrives is taken, also when the answer is lost on its way back.
        refused = self.faults and isinstance(self.faults[0], Response) and self.faults[0].status_code in {403, 422, 429}
        if refused:
            return self.answer(request, {})
        if body["client_order_id"] in self.orders:
            return self.answer(request, {"code": 40010001, "message": "client_order_id must be unique"}, 422)
        self.orders[body["client_order_id"]] = {**body, "id": f"their-{len(self.orders)}", "status": "accepted"}
        return self.answer(request, self.orders[body["client_order_id"]])

    def by_ours(self, request):
        found = self.orders.get(request.args["client_order_id"])
        return self.answer(request, found or {"code": 40410000, "message": "order not found"}, 200 if found else 404)

    def by_theirs(self, request):
        found = [one for one in self.orders.values() if request.path.endswith("/" + one["id"])]
        if request.method == "DELETE":
            if found[0]["status"] != "accepted":
                return self.answer(request, {"code": 42210000, "message": "order is not cancelable"}, 422)
            found[0]["status"] = self.ends_as
            return self.answer(request, {}, 204)
        return self.answer(request, found[0] if found else {"code": 40410000}, 200 if found else 404)

    def fills(self, request):
        args = {key: values[0] for key, values in parse_qs(request.query_string.decode()).items()}
        ids = [one["id"] for one in self.activities]
        start = ids.index(args["page_token"]) + 1 if "page_token" in args else 0
        return self.answer(request, self.activities[start : start + int(args["page_size"])])

    def fill(self, client_order_id, quantity, price, at, id=None):
        placed = self.orders[client_order_id]
        self.activities.append(
            {"id": id or f"{at}::{len(self.activities)}", "activity_type": "FILL", "order_id": placed["id"],
             "symbol": placed["symbol"], "side": placed["side"], "qty": str(quantity), "price": price,
             "transaction_time": at}
        )  # fmt: skip

    def open(self, session, price):
        """Hold the opening auction: what was accepted fills, in two parts."""
        for id, placed in self.orders.items():
            if placed["status"] == "accepted":
                placed["status"] = "filled"
                whole = int(placed["qty"])
                for part in (whole // 3, whole - whole // 3):
                    if part:
                        self.fill(id, part, str(price), f"{session}T13:30:00.5Z")


@pytest.fixture
def exchange(httpserver, monkeypatch):
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    monkeypatch.setenv("APCA_API_BASE_URL", httpserver.url_for("").rstrip("/"))
    monkeypatch.setattr(alpaca, "TIMEOUT", 0.2)
    monkeypatch.setattr(asking, "_LOOKS", (0.0, 0.1, 0.1, 0.1))
    return Exchange(httpserver)


@pytest.fixture
def waits(monkeypatch):
    """Seconds that were waited, without waiting."""
    found = []
    monkeypatch.setattr(alpaca.AlpacaBroker.__init__, "__defaults__", (found.append,))
    return found


# -- the contract: every broker keeps it -------------------------------------------------------------------------------


@pytest.fixture(params=["simulated", "alpaca"])
def broker(request, tmp_path):
    """A broker, how it holds an auction, and how another process would open it."""
    if request.param == "simulated":
        made = []

        def again():
            for one in made:
                one.close()
            made[:] = [SimulatedVenue(tmp_path / "venue.journal", Fees(0, 0))]
            return made[0]

        yield again(), lambda: made[0].auction("2018-10-02", {"AAA": 50_000_000}), again
        made[0].close()
        return
    there = request.getfixturevalue("exchange")
    yield open_broker("alpaca"), lambda: there.open("2018-10-02", 50), lambda: open_broker("alpaca")


def test_a_broker_knows_what_has_arrived_and_places_an_id_once(broker):
    the_contract(*broker, order, "AAA")


def the_contract(one, auction, again, order, symbol):
    """What every broker keeps: an id is placed once and remembered, a fill is told once, and both outlive who asks."""
    one.submit(Approved(order("o1", quantity=9)))
    one.submit(Approved(order("o1", quantity=9)))
    one.submit(Approved(order("o2", Side.SELL, 4)))

    assert [one.knows(order(id)) for id in ("o1", "o2", "o3")] == [True, True, False]
    assert list(one.fills({symbol}, "")) == []
    auction()
    filled = {}
    found = list(one.fills({symbol}, ""))
    for fill in found:
        filled[fill.client_order_id] = filled.get(fill.client_order_id, 0) + fill.side.sign * fill.quantity
        assert (fill.symbol, fill.price_micros, fill.session) == (symbol, 50_000_000, "2018-10-02")
    assert filled == {"o1": 9, "o2": -4}
    assert len({fill.fill_id for fill in found}) == len(found)

    other = again()
    assert other.knows(order("o1"))
    assert list(other.fills({symbol}, "")) == found
    # What has filled has; what rests ends, once; what has never arrived does not any more.
    other.submit(Approved(order("o4", quantity=3)))
    assert other.cancel(order("o1")) is OrderStatus.FILLED
    assert [other.cancel(order("o4")) for _ in range(2)] == [OrderStatus.CANCELED] * 2
    assert other.cancel(order("o5")) is OrderStatus.CANCELED
    auction()
    assert list(again().fills({symbol}, "")) == found


def test_an_end_that_is_not_proven_is_none(exchange, waits):
    exchange.ends_as = "pending_cancel"
    broker = open_broker("alpaca")
    broker.submit(Approved(order("o1")))

    assert broker.cancel(order("o1")) is None
    assert [method for method, _ in exchange.asked].count("DELETE") == 1
    assert waits == [0.0, 0.1, 0.1, 0.1]


# -- Alpaca, when it fails ---------------------------------------------------------------------------------------------


def busy(after):
    return Response(
        json.dumps({"code": 42910000, "message": "rate limit exceeded"}), 429, headers={"Retry-After": after}
    )


def down(status=503):
    return Response(json.dumps({"code": 50010000, "message": "maintenance"}), status)


def test_where_the_rate_is_exceeded_it_waits_as_long_as_it_is_told_and_sends_once(exchange, waits):
    exchange.faults = [busy("7"), busy("soon")]
    open_broker("alpaca").submit(Approved(order("o1")))

    assert waits == [7.0, 2.0]
    assert list(exchange.orders) == ["o1"]


@pytest.mark.parametrize("fault", [down(), down(500), "half open"])
def test_an_answer_that_is_lost_after_acceptance_is_unanswered_and_not_sent_again(exchange, waits, fault):
    exchange.faults = [fault]
    broker = open_broker("alpaca")

    with pytest.raises(Unanswered, match="whether it arrived is asked later"):
        broker.submit(Approved(order("o1")))
    assert [method for method, _ in exchange.asked] == ["POST"]
    assert waits == []
    assert broker.knows(order("o1"))


def test_what_only_reads_is_asked_again_through_maintenance_and_gives_up(exchange, waits):
    broker = open_broker("alpaca")
    exchange.faults = [down(), "half open", down(502)]
    assert list(broker.fills({"AAA"}, "")) == []
    assert waits == [1.0, 2.0, 4.0]

    exchange.faults = [down()] * 10
    with pytest.raises(Unanswered, match="alpaca says 503"):
        broker.fills({"AAA"}, "")


def test_nobody_there_is_unanswered(exchange, waits, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("APCA_API_BASE_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(Unanswered, match="alpaca did not answer"):
        open_broker("alpaca").submit(Approved(order("o1")))


def test_a_no_is_a_rejection_with_the_brokers_words(exchange):
    exchange.faults = [Response(json.dumps({"code": 40310000, "message": "insufficient buying power"}), 403)]
    with pytest.raises(BrokerRejected, match=r"403: .*insufficient buying power"):
        open_broker("alpaca").submit(Approved(order("o1")))


def test_fills_told_twice_out_of_order_and_over_pages_are_each_there_once_oldest_first(exchange, monkeypatch):
    monkeypatch.setattr(alpaca, "_PAGE", 3)
    broker = open_broker("alpaca")
    broker.submit(Approved(order("o1", quantity=100)))
    for second, id in ((5, "c"), (1, "a"), (3, "b"), (1, "a"), (9, "d"), (3, "b"), (9, "d")):
        exchange.fill("o1", 1, "50.25", f"2018-10-02T13:30:0{second}Z", id)
    found = broker.fills({"AAA"}, "")
    pages = [path for _, path in exchange.asked if "FILL" in path]

    assert [fill.fill_id for fill in found] == ["a", "b", "c", "d"]
    assert len(pages) >= 2
    assert found[0].price_micros == 50_250_000


def test_a_fill_late_at_night_in_london_belongs_to_the_session_of_new_york(exchange):
    broker = open_broker("alpaca")
    broker.submit(Approved(order("o1")))
    exchange.fill("o1", 1, "50", "2018-10-03T00:30:00Z")

    assert broker.fills({"AAA"}, "")[0].session == "2018-10-02"


def test_a_part_of_a_unit_is_refused_by_a_book_of_whole_ones(exchange):
    broker = open_broker("alpaca")
    broker.submit(Approved(order("o1")))
    exchange.fill("o1", 0.5, "50", "2018-10-02T13:30:00Z")

    with pytest.raises(ConfigError, match=r"is of 0\.5 AAA; this book holds whole units"):
        broker.fills({"AAA"}, "")


# -- credentials -------------------------------------------------------------------------------------------------------


def test_credentials_come_from_the_environment_and_are_nowhere_else(exchange, monkeypatch, tmp_path):
    broker = open_broker("alpaca")
    assert SECRET not in repr(broker)
    monkeypatch.setenv("APCA_API_SECRET_KEY", "wrong-" + SECRET)
    with pytest.raises(ConfigError, match="set APCA_API_KEY_ID and APCA_API_SECRET_KEY") as told:
        open_broker("alpaca").knows(order("o1"))
    assert SECRET not in str(told.value)
    monkeypatch.delenv("APCA_API_KEY_ID")
    with pytest.raises(ConfigError, match="lacks APCA_API_KEY_ID"):
        open_broker("alpaca")
    with pytest.raises(UnknownName, match="alpacca"):
        open_broker("alpacca")


# -- the session through it --------------------------------------------------------------------------------------------


def session(folder, day, said, **changes):
    return run_session(folder, parse_request(request_text(day, **changes, broker="alpaca")), said.append)


def test_a_session_whose_answer_was_lost_goes_on_at_the_next_run_and_sends_nothing_twice(exchange, waits, tmp_path):
    said = []
    exchange.faults = [None, down()]  # the fills are read, then the submit's answer is lost
    session(tmp_path, "2018-10-01", said)
    assert any(line.startswith("unknown: buy 100 AAA") for line in said)
    [known] = Book.of(read_journal(tmp_path / "orders.journal")[0]).orders.values()
    assert known.status is OrderStatus.UNKNOWN

    exchange.open("2018-10-02", 50)
    report = session(tmp_path, "2018-10-02", said)
    book = Book.of(read_journal(tmp_path / "orders.journal")[0])
    assert len(exchange.orders) == 1
    assert (report.filled, book.positions) == (2, {"AAA": 100})
    assert book.orders[known.order.client_order_id].status is OrderStatus.FILLED
    assert not any(SECRET in path.read_text(errors="replace") for path in tmp_path.iterdir())


def test_an_order_that_never_arrived_is_sent_again_under_its_id(exchange, waits, tmp_path, monkeypatch):
    said = []
    with monkeypatch.context() as patch:
        patch.setattr(alpaca.AlpacaBroker, "submit", lambda *given: (_ for _ in ()).throw(Unanswered("lost")))
        session(tmp_path, "2018-10-01", said)
    assert exchange.orders == {}
    session(tmp_path, "2018-10-02", said)

    assert len(exchange.orders) == 1
    assert any("was decided and never arrived; sending it again" in line for line in said)


def test_a_rejection_is_in_the_journal_with_its_reason(exchange, tmp_path):
    said = []
    exchange.faults = [None, Response(json.dumps({"code": 40310000, "message": "insufficient buying power"}), 403)]
    session(tmp_path, "2018-10-01", said)

    [state] = Book.of(read_journal(tmp_path / "orders.journal")[0]).orders.values()
    assert state.status is OrderStatus.REJECTED
    assert "insufficient buying power" in state.reason
    assert state.known.left == 0
