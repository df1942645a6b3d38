"""Binance on loopback: its HTTP and its streams as its documentation says them, over our own matching of a book.

It answers real requests of a real client, and fails in every way that it can: what is asked for is refused, or done and
not answered; streams break, fall silent, say things twice and late.
"""

import json
import random
import threading
import time
from contextlib import contextmanager, suppress
from decimal import Decimal

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve
from werkzeug import Response

from tradepulse.core.orders import UNIT, Side
from tradepulse.execution.matching import Venue
from tradepulse.execution.orderpath import MONEY
from tradepulse.execution.ticket import OrderType, Ticket, TimeInForce

KEY, SECRET, PAIR = "test-key-1234567890", "very-secret-value-0987654321", "BTC/USDT"
MARKET = {
    "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "baseAssetPrecision": 8,
    "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
    "permissions": ["SPOT"], "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
    "permissionSets": [["SPOT"]], "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "9000", "stepSize": "0"},
        {"filterType": "NOTIONAL", "minNotional": "5"},
    ],
}  # fmt: skip
INFO = {"timezone": "UTC", "serverTime": 0, "rateLimits": [], "exchangeFilters": [], "symbols": [MARKET]}


def fault(status, code, words, **headers):
    return Response(json.dumps({"code": code, "msg": words}), status, headers=headers, content_type="application/json")


def busy(after):
    return fault(429, -1003, "Too many requests.", **{"Retry-After": after})


def down():
    return fault(503, -1, "Service unavailable from a restricted maintenance.")


def units(text):
    return int(Decimal(text) * UNIT)


def text(number):
    return f"{Decimal(number) / UNIT:f}"


def now():
    return int(time.time() * 1000)


class Binance:
    """The exchange. ``refused`` and ``lost`` are faults by method and path: before anything is done, and after."""

    def __init__(self, http):
        self.venue = Venue(lot=units("0.00001"))
        #: Share that a fill costs, and the currency that it is taken in; by default what is bought or paid.
        self.share, self.currency = "0.001", None
        #: Milliseconds that the clock here is ahead.
        self.ahead = 0
        self.placed, self.trades, self.reports = {}, [], []
        self.refused, self.lost, self.asked = {}, {}, []
        #: Of the streams of an account: whether they are silent, and how often they say everything.
        self.silent, self.times = False, 1
        self._heard, self._shown, self._update = 0, {}, 100
        self._streams = {}
        self._lock = threading.RLock()
        for method, path, answer in (
            ("GET", "/exchangeInfo", lambda given: INFO),
            ("GET", "/time", lambda given: {"serverTime": now() + self.ahead}),
            ("GET", "/depth", self._depth), ("POST", "/order", self._place), ("DELETE", "/order", self._cancel),
            ("GET", "/order", lambda given: self._of(given["orderId"])),
            ("GET", "/allOrders", lambda given: list(self.placed.values())),
            ("GET", "/openOrders", lambda given: [one for one in self.placed.values() if one["status"] in _OPEN]),
            ("GET", "/myTrades", lambda given: [t for t in self.trades if t["time"] >= int(given.get("startTime", 0))]),
        ):  # fmt: skip
            http.expect_request(path, method=method).respond_with_handler(self._handler(method, path, answer))
        self._server = serve(self._stream, "127.0.0.1", 0)
        self.streams = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/stream"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()

    # -- what others do ---------------------------------------------------------------------------------------------

    def display(self, **sides):
        """Others display these levels: ``buy={"99": "5"}``."""
        with self._lock:
            self.venue.display(
                [(Side(s), units(p), units(q)) for s, levels in sides.items() for p, q in levels.items()]
            )
            self._news()

    def trade(self, price, quantity, aggressor):
        """Others trade."""
        with self._lock:
            self.venue.trade(units(price), units(quantity), Side(aggressor))
            self._say(
                "btcusdt@trade",
                {"e": "trade", "E": now(), "s": "BTCUSDT", "t": now(), "p": price, "q": quantity, "T": now(),
                 "m": aggressor == "sell", "M": True},
            )  # fmt: skip
            self._news()

    def by_hand(self, id, side, quantity, price):
        """The owner of the account orders, beside the desk."""
        with self._lock:
            self._place(
                {"newClientOrderId": id, "side": side.upper(), "type": "LIMIT", "quantity": quantity, "price": price}
            )

    @property
    def is_followed(self):
        """Whether somebody hears what happens in the account."""
        return bool(self._streams.get("account"))

    @contextmanager
    def moving(self, seed=1):
        """Others trade and display anew, fifty times a second."""
        chance, ends = random.Random(seed), threading.Event()

        def market():
            while not ends.wait(0.02):
                price, quantity = chance.choice(["99.00", "101.00"]), f"{chance.randint(1, 9)}"
                self.trade(price, quantity, chance.choice(["buy", "sell"]))
                self.display(buy={"99.00": "5", "98.50": "3"}, sell={"101.00": "4", "101.50": "6"})

        moves = threading.Thread(target=market)
        moves.start()
        try:
            yield
        finally:
            ends.set()
            moves.join()

    def ledger(self):
        """Position and cash as the trades of the account come to, in units of the order path."""
        position = cash = Decimal(0)
        for one in self.trades:
            sign, fee = Decimal(1 if one["isBuyer"] else -1), Decimal(one["commission"])
            position += sign * Decimal(one["qty"]) - (fee if one["commissionAsset"] == "BTC" else 0)
            cash -= sign * Decimal(one["qty"]) * Decimal(one["price"]) + (
                fee if one["commissionAsset"] == "USDT" else 0
            )
        return int(position * UNIT), int(cash * MONEY)

    def repeat(self):
        """Everything that the account's streams have said is said again."""
        with self._lock:
            for report in self.reports:
                self._say("account", {"subscriptionId": 0, "event": report})

    def cut(self):
        """Every stream breaks."""
        with self._lock:
            for stream in {stream for streams in self._streams.values() for stream in streams}:
                stream.close()

    # -- HTTP --------------------------------------------------------------------------------------------------------

    def _handler(self, method, path, answer):
        def handle(request):
            with self._lock:
                self.asked.append(f"{method} {path}")
                if waiting := self.refused.get(f"{method} {path}"):
                    return waiting.pop(0)
                given = dict(pair.split("=") for pair in _signed(request).split("&") if pair)
                if "signature" in given and request.headers.get("X-MBX-APIKEY") != KEY:
                    return fault(401, -2015, "Invalid API-key, IP, or permissions for action.")
                if abs(int(given.get("timestamp", now() + self.ahead)) - now() - self.ahead) > 5_000:
                    return fault(400, -1021, "Timestamp for this request is outside of the recvWindow.")
                found = answer(given)
                self._news()
                waiting = self.lost.get(f"{method} {path}")
            if waiting:
                return waiting.pop(0)
            return found if isinstance(found, Response) else Response(json.dumps(found))

        return handle

    def _depth(self, given):
        return {"lastUpdateId": self._update, **self._levels(self._display())}

    def _place(self, given):
        id = given["newClientOrderId"]
        if id in self.placed:
            return fault(400, -2010, "Duplicate order sent.")
        side, kind, market = Side(given["side"].lower()), given["type"], given["type"] == "MARKET"
        self.placed[id] = {
            "symbol": "BTCUSDT", "orderId": 100 + len(self.placed), "clientOrderId": id, "type": kind,
            "price": given.get("price", "0"), "origQty": given["quantity"], "executedQty": "0", "status": "NEW",
            "cummulativeQuoteQty": "0", "timeInForce": given.get("timeInForce", "GTC"), "side": given["side"],
            "time": now(), "updateTime": now(), "transactTime": now(), "fills": [],
        }  # fmt: skip
        self.venue.submit(
            Ticket(
                id, side, OrderType.MARKET if market else OrderType.LIMIT, units(given["quantity"]),
                None if market else units(given["price"]), tif=TimeInForce(given.get("timeInForce", "GTC").lower()),
                post_only=kind == "LIMIT_MAKER",
            )
        )  # fmt: skip
        self._news()
        if self.placed[id]["status"] == "REJECTED":
            return fault(400, -2010, "Order would immediately match and take.")
        return self.placed[id]

    def _cancel(self, given):
        one = self._of(given["orderId"])
        if isinstance(one, Response) or one["status"] not in _OPEN:
            return fault(400, -2011, "Unknown order sent.")
        self.venue.cancel(one["clientOrderId"])
        self._news()
        return one

    def _of(self, number):
        found = [one for one in self.placed.values() if str(one["orderId"]) == number]
        return found[0] if found else fault(400, -2013, "Order does not exist.")

    # -- streams -----------------------------------------------------------------------------------------------------

    def _stream(self, stream):
        with suppress(ConnectionClosed):
            for message in stream:
                said = json.loads(message)
                if said.get("method") == "SUBSCRIBE":
                    names, answer = said["params"], {"result": None, "id": said["id"]}
                else:
                    names, answer = ["account"], {"id": said["id"], "status": 200, "result": {"subscriptionId": 0}}
                with self._lock:
                    for name in names:
                        self._streams.setdefault(name, set()).add(stream)
                    stream.send(json.dumps(answer))
        with self._lock:
            for streams in self._streams.values():
                streams.discard(stream)

    def _say(self, name, message):
        for stream in list(self._streams.get(name, ())):
            with suppress(ConnectionClosed):
                stream.send(json.dumps(message))

    def _display(self):
        """All that is displayed, ours too."""
        shown = {side: dict(self.venue.others[side]) for side in Side}
        for id in self.venue.open_ids():
            one = self.placed[id]
            side, price = Side(one["side"].lower()), units(one["price"])
            shown[side][price] = shown[side].get(price, 0) + units(one["origQty"]) - units(one["executedQty"])
        return shown

    @staticmethod
    def _levels(shown):
        return {
            name: [[text(p), text(q)] for p, q in sorted(shown[side].items(), reverse=side is Side.BUY)]
            for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
        }

    def _news(self):
        """Say what has happened since."""
        for event in self.venue.events[self._heard :]:
            self._report(event)
        self._heard = len(self.venue.events)
        shown, before = self._display(), self._shown or {side: {} for side in Side}
        changed = {
            side: {
                price: shown[side].get(price, 0)
                for price in {**before[side], **shown[side]}
                if before[side].get(price) != shown[side].get(price)
            }
            for side in Side
        }
        self._shown = shown
        if any(changed.values()):
            first, self._update = self._update + 1, self._update + 2
            levels = self._levels(changed)
            self._say(
                "btcusdt@depth@100ms",
                {"e": "depthUpdate", "E": now(), "s": "BTCUSDT", "U": first, "u": self._update, "b": levels["bids"],
                 "a": levels["asks"]},
            )  # fmt: skip

    def _report(self, event):
        one, last = self.placed[event.id], ("0", "0", "0", None, -1, False)
        if event.kind == "working":
            said = "NEW"
        elif event.kind == "filled":
            whole = units(one["executedQty"]) + event.quantity
            one["executedQty"] = text(whole)
            one["status"] = "FILLED" if whole == units(one["origQty"]) else "PARTIALLY_FILLED"
            said, quantity = "TRADE", text(event.quantity)
            currency = self.currency or ("BTC" if one["side"] == "BUY" else "USDT")
            of = event.quantity if currency == "BTC" else event.quantity * event.price // UNIT
            fee, maker = f"{Decimal(self.share) * of / UNIT:f}", event.liquidity == "maker"
            self.trades.append(
                {"symbol": "BTCUSDT", "id": 1 + len(self.trades), "orderId": one["orderId"], "qty": quantity,
                 "price": text(event.price), "quoteQty": "0", "commission": fee, "commissionAsset": currency,
                 "time": now(), "isBuyer": one["side"] == "BUY", "isMaker": maker, "isBestMatch": True}
            )  # fmt: skip
            last = (quantity, text(event.price), fee, currency, len(self.trades), maker)
        elif event.kind == "ended":
            said = one["status"] = {"ioc": "EXPIRED", "fok": "EXPIRED", "no_liquidity": "EXPIRED"}.get(
                event.reason, event.status.upper()
            )
            if said == "REJECTED":
                return  # an answer says so, no stream does
        else:
            return
        quantity, price, fee, currency, trade, maker = last
        report = {
            "e": "executionReport", "E": now(), "s": "BTCUSDT", "c": event.id, "S": one["side"], "o": one["type"],
            "f": one["timeInForce"], "q": one["origQty"], "p": one["price"], "P": "0", "F": "0", "g": -1, "C": "",
            "x": said, "X": one["status"], "r": "NONE", "i": one["orderId"], "l": quantity, "z": one["executedQty"],
            "L": price, "n": fee, "N": currency, "T": now(), "t": trade, "w": True, "m": maker, "M": False,
            "O": one["time"], "Z": "0", "Y": "0", "Q": "0",
        }  # fmt: skip
        self.reports.append(report)
        if not self.silent:
            for _ in range(self.times):
                self._say("account", {"subscriptionId": 0, "event": report})


_OPEN = {"NEW", "PARTIALLY_FILLED"}


def _signed(request):
    return request.get_data().decode() or request.query_string.decode()
