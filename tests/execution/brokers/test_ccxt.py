"""Binance as its server answers through ccxt, by an exchange of our own on loopback that fails in every way it can."""

import json
import time

import pytest
from werkzeug import Response

from tests.execution.binance import INFO, KEY, PAIR, SECRET, busy, down, fault
from tests.execution.brokers.test_alpaca import the_contract
from tests.execution.orders import order, request_text
from tradepulse.core.orders import Approved, OrderStatus, Side
from tradepulse.errors import BrokerRejected, ConfigError, Unanswered
from tradepulse.execution.book import Book
from tradepulse.execution.brokers import asking, open_broker
from tradepulse.execution.brokers import ccxt as broker_of
from tradepulse.execution.journal import read_journal
from tradepulse.execution.request import parse_request
from tradepulse.execution.session import run_session

pytest.importorskip("ccxt")


def ms(text):
    return int(time.mktime(time.strptime(text + " UTC", "%Y-%m-%d %H:%M:%S %Z")) - time.timezone) * 1000


class Exchange:
    """What Binance does, as far as a daily session asks; ``faults`` come first, one a signed request."""

    def __init__(self, server):
        self.orders, self.trades, self.faults, self.asked = {}, [], [], []
        self.skew, self.has_clock = 0, True
        server.expect_request("/exchangeInfo").respond_with_json(INFO)
        server.expect_request("/time").respond_with_handler(
            lambda request: (
                Response(json.dumps({"serverTime": int(time.time() * 1000) + self.skew})) if self.has_clock else down()
            )
        )
        server.expect_request("/order", method="POST").respond_with_handler(self.place)
        server.expect_request("/allOrders").respond_with_handler(
            lambda request: self.answer(request, list(self.orders.values()))
        )
        server.expect_request("/order", method="DELETE").respond_with_handler(self.cancel)
        server.expect_request("/myTrades").respond_with_handler(self.mine)

    def answer(self, request, body, status=200):
        self.asked.append((request.method, request.path))
        if request.headers.get("X-MBX-APIKEY") != KEY:
            return Response(json.dumps({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}), 401)
        sent = int(dict(pair.split("=") for pair in self.signed(request).split("&"))["timestamp"])
        if abs(sent - (time.time() * 1000 + self.skew)) > 5_000:
            return Response(
                json.dumps({"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}), 400
            )
        if self.faults:
            fault = self.faults.pop(0)
            if fault == "half open":
                time.sleep(0.6)
            elif fault is not None:
                return fault
        return Response(json.dumps(body), status, content_type="application/json")

    @staticmethod
    def signed(request):
        return request.get_data().decode() or request.query_string.decode()

    def place(self, request):
        body = dict(pair.split("=") for pair in self.signed(request).split("&"))
        sent = int(body["timestamp"])
        refused = self.faults and isinstance(self.faults[0], Response) and self.faults[0].status_code in {400, 418, 429}
        if refused or abs(sent - (time.time() * 1000 + self.skew)) > 5_000:
            return self.answer(request, {})
        id = body["newClientOrderId"]
        if id in self.orders:
            return self.answer(request, {"code": -2010, "msg": "Duplicate order sent."}, 400)
        self.orders[id] = {
            "symbol": "BTCUSDT", "orderId": 100 + len(self.orders), "clientOrderId": id, "price": "0", "type": "MARKET",
            "origQty": body["quantity"], "executedQty": "0", "cummulativeQuoteQty": "0", "status": "NEW",
            "timeInForce": "GTC", "side": body["side"], "time": ms("2018-10-02 00:00:01"),
            "updateTime": ms("2018-10-02 00:00:01"), "transactTime": ms("2018-10-02 00:00:01"), "fills": [],
        }  # fmt: skip
        return self.answer(request, self.orders[id])

    def cancel(self, request):
        body = dict(pair.split("=") for pair in self.signed(request).split("&"))
        one = next(one for one in self.orders.values() if str(one["orderId"]) == body["orderId"])
        if one["status"] != "NEW":
            return self.answer(request, {"code": -2011, "msg": "Unknown order sent."}, 400)
        one["status"] = "CANCELED"
        return self.answer(request, one)

    def mine(self, request):
        since, limit = int(request.args.get("startTime", 0)), int(request.args.get("limit", 500))
        return self.answer(request, [one for one in self.trades if one["time"] >= since][:limit])

    def fill(self, id, quantity, price, at, trade=None, fee=("0", "USDT")):
        placed, trade = self.orders[id], trade or len(self.trades) + 1
        self.trades.append(
            {"symbol": "BTCUSDT", "id": trade, "orderId": placed["orderId"], "price": str(price),
             "qty": str(quantity), "quoteQty": "0", "commission": fee[0], "commissionAsset": fee[1], "time": ms(at),
             "isBuyer": placed["side"] == "BUY", "isMaker": False, "isBestMatch": True}
        )  # fmt: skip

    def open(self, price=50):
        for id, placed in self.orders.items():
            if placed["status"] == "NEW":
                placed["status"] = "FILLED"
                whole = int(float(placed["origQty"]))
                for part in (whole // 3, whole - whole // 3):
                    if part:
                        self.fill(id, part, price, "2018-10-02 00:00:02")


@pytest.fixture
def exchange(httpserver, monkeypatch):
    monkeypatch.setenv("TRADEPULSE_CCXT_EXCHANGE", "binance")
    monkeypatch.setenv("TRADEPULSE_CCXT_KEY", KEY)
    monkeypatch.setenv("TRADEPULSE_CCXT_SECRET", SECRET)
    monkeypatch.setenv("TRADEPULSE_CCXT_URL", httpserver.url_for("").rstrip("/"))
    monkeypatch.setattr(broker_of, "TIMEOUT", 0.3)
    monkeypatch.setattr(asking, "_LOOKS", (0.0, 0.1, 0.1, 0.1))
    return Exchange(httpserver)


@pytest.fixture
def waits(monkeypatch):
    """Seconds that were waited, without waiting."""
    found = []
    monkeypatch.setattr(broker_of.CcxtBroker.__init__, "__defaults__", (found.append,))
    return found


def btc(id, side=Side.BUY, quantity=100):
    return order(id, side, quantity, symbol=PAIR)


def test_it_keeps_the_contract_of_brokers(exchange):
    the_contract(open_broker("ccxt"), exchange.open, lambda: open_broker("ccxt"), btc, PAIR)


def test_where_the_rate_is_exceeded_it_waits_as_long_as_it_is_told_and_sends_once(exchange, waits):
    exchange.faults = [busy("7"), busy("soon")]
    open_broker("ccxt").submit(Approved(btc("o1")))

    assert waits == [7.0, 2.0]
    assert list(exchange.orders) == ["o1"]


@pytest.mark.parametrize("lost", [down(), fault(502, -1, "bad gateway"), "half open"])
def test_an_answer_that_is_lost_after_acceptance_is_unanswered_and_not_sent_again(exchange, waits, lost):
    broker = open_broker("ccxt")
    broker.knows(btc("o0"))
    exchange.faults = [lost]

    with pytest.raises(Unanswered, match="whether it arrived is asked later") as told:
        broker.submit(Approved(btc("o1")))
    assert [method for method, _ in exchange.asked].count("POST") == 1
    assert waits == []
    assert "signature" not in str(told.value)
    assert broker.knows(btc("o1"))


def test_what_only_reads_is_asked_again_through_maintenance_and_gives_up(exchange, waits):
    broker = open_broker("ccxt")
    exchange.faults = [down(), "half open", down()]
    assert list(broker.fills({PAIR}, "2018-10-01")) == []
    assert waits == [1.0, 2.0, 4.0]

    exchange.faults = [down()] * 10
    with pytest.raises(Unanswered, match="binance did not answer"):
        broker.fills({PAIR}, "2018-10-01")


def test_a_clock_that_is_off_is_set_by_the_exchanges_and_the_order_sent_once(exchange, waits):
    exchange.skew = 60_000
    broker = open_broker("ccxt")
    broker.submit(Approved(btc("o1")))

    assert list(exchange.orders) == ["o1"]
    assert waits == [0.0]


def test_a_clock_that_nobody_tells_leaves_the_order_unanswered_and_not_placed(exchange, waits):
    exchange.skew, exchange.has_clock = 60_000, False

    with pytest.raises(Unanswered, match="binance does not accept our clock"):
        open_broker("ccxt").submit(Approved(btc("o1")))
    assert exchange.orders == {}


def test_a_no_is_a_rejection_with_the_exchanges_words(exchange):
    broker = open_broker("ccxt")
    broker.knows(btc("o0"))
    exchange.faults = [fault(400, -2010, "Account has insufficient balance for requested action.")]

    with pytest.raises(BrokerRejected, match=r"binance says: .*insufficient balance"):
        broker.submit(Approved(btc("o1")))


def test_fills_told_twice_out_of_order_and_over_pages_are_each_there_once_oldest_first(exchange, monkeypatch):
    monkeypatch.setattr(broker_of, "_PAGE", 3)
    broker = open_broker("ccxt")
    broker.submit(Approved(btc("o1")))
    for second, id in ((1, 11), (3, 12), (1, 11), (5, 13), (3, 12), (9, 14), (9, 14)):
        exchange.fill("o1", 1, "50.25", f"2018-10-02 00:00:0{second}", id)
    exchange.trades.sort(key=lambda one: one["time"])

    found = broker.fills({PAIR}, "2018-10-02")
    assert [fill.fill_id for fill in found] == [f"binance-{PAIR}-{id}" for id in (11, 12, 13, 14)]
    assert [path for _, path in exchange.asked].count("/myTrades") >= 2
    assert {fill.client_order_id for fill in found} == {"o1"}
    assert found[0].price_micros == 50_250_000
    assert broker.fills({PAIR}, "2018-10-03") == []


def test_a_fee_is_counted_in_the_quote_currency_and_one_in_a_third_is_refused(exchange):
    broker = open_broker("ccxt")
    broker.submit(Approved(btc("o1")))
    exchange.fill("o1", 2, "50", "2018-10-02 00:00:01", fee=("0.1", "USDT"))
    exchange.fill("o1", 2, "50", "2018-10-02 00:00:02", fee=("0.002", "BTC"))

    assert [fill.commission_micros for fill in broker.fills({PAIR}, "")] == [100_000, 100_000]
    exchange.fill("o1", 2, "50", "2018-10-02 00:00:03", fee=("0.001", "BNB"))
    with pytest.raises(ConfigError, match="paid its fee in BNB; this book counts in USDT"):
        broker.fills({PAIR}, "")


def test_a_part_of_a_unit_is_refused_by_a_book_of_whole_ones(exchange):
    broker = open_broker("ccxt")
    broker.submit(Approved(btc("o1")))
    exchange.fill("o1", 0.5, "50", "2018-10-02 00:00:01")

    with pytest.raises(ConfigError, match=r"is of 0\.5 BTC/USDT; this book holds whole units"):
        broker.fills({PAIR}, "")


def test_what_the_environment_lacks_is_named_and_secrets_are_nowhere(exchange, monkeypatch):
    broker = open_broker("ccxt")
    assert SECRET not in repr(broker)
    monkeypatch.setenv("TRADEPULSE_CCXT_KEY", "wrong-" + KEY)
    with pytest.raises(ConfigError, match="set TRADEPULSE_CCXT_KEY and TRADEPULSE_CCXT_SECRET") as told:
        open_broker("ccxt").knows(btc("o1"))
    assert KEY not in str(told.value)
    monkeypatch.delenv("TRADEPULSE_CCXT_KEY")
    with pytest.raises(ConfigError, match="lacks TRADEPULSE_CCXT_KEY"):
        open_broker("ccxt")
    monkeypatch.setenv("TRADEPULSE_CCXT_KEY", KEY)
    monkeypatch.setenv("TRADEPULSE_CCXT_EXCHANGE", "binnance")
    with pytest.raises(ConfigError, match="binnance: ccxt knows no such exchange"):
        open_broker("ccxt")


def test_real_money_is_never_traded_by_default(exchange, monkeypatch):
    monkeypatch.delenv("TRADEPULSE_CCXT_URL")
    assert "testnet" in open_broker("ccxt")._exchange.urls["api"]["private"]
    monkeypatch.setenv("TRADEPULSE_CCXT_LIVE", "yes")
    assert "testnet" not in open_broker("ccxt")._exchange.urls["api"]["private"]
    monkeypatch.delenv("TRADEPULSE_CCXT_LIVE")
    monkeypatch.setenv("TRADEPULSE_CCXT_EXCHANGE", "kraken")
    with pytest.raises(ConfigError, match="kraken has no sandbox; to trade real money there, set TRADEPULSE_CCXT_LIVE"):
        open_broker("ccxt")


def session(folder, day, said, **changes):
    text = request_text(day, **changes, broker="ccxt").replace("AAA", PAIR)
    return run_session(folder, parse_request(text), said.append)


def test_a_session_whose_answer_was_lost_goes_on_at_the_next_run_and_sends_nothing_twice(exchange, waits, tmp_path):
    said = []
    exchange.faults = [down()]  # a new book has nothing to ask for: the submit is the first that is signed
    session(tmp_path, "2018-10-01", said)
    assert any(line.startswith("unknown: buy 100 BTC/USDT") for line in said)

    exchange.open(50)
    report = session(tmp_path, "2018-10-02", said)
    book = Book.of(read_journal(tmp_path / "orders.journal")[0])
    assert len(exchange.orders) == 1
    assert (report.filled, book.positions) == (2, {PAIR: 100})
    assert [state.status for state in book.orders.values()] == [OrderStatus.FILLED]
    assert not any(SECRET in path.read_text(errors="replace") for path in tmp_path.iterdir())
