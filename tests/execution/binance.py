"""Binance on loopback."""

import json
from decimal import Decimal

from werkzeug import Response

from tests.execution.loopback import Loopback, now, text, units
from tradepulse.core.orders import UNIT, Side
from tradepulse.execution.matching import Venue
from tradepulse.execution.terms import MONEY
from tradepulse.execution.ticket import OrderType, Ticket, TimeInForce

KEY, SECRET, PAIR = "test-key-1234567890", "very-secret-value-0987654321", "BTC/USDT"


def market(base):
    """A pair as Binance describes it."""
    return {
        "symbol": f"{base}USDT", "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT", "baseAssetPrecision": 8,
        "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "permissions": ["SPOT"], "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
        "permissionSets": [["SPOT"]], "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "9000", "stepSize": "0"},
            {"filterType": "NOTIONAL", "minNotional": "5"},
        ],
    }  # fmt: skip


def info(*bases):
    """What Binance says of itself."""
    return {
        "timezone": "UTC", "serverTime": 0, "rateLimits": [], "exchangeFilters": [],
        "symbols": [market(base) for base in bases],
    }  # fmt: skip


INFO = info("BTC")


def fault(status, code, words, **headers):
    return Response(json.dumps({"code": code, "msg": words}), status, headers=headers, content_type="application/json")


def busy(after):
    return fault(429, -1003, "Too many requests.", **{"Retry-After": after})


def down():
    return fault(503, -1, "Service unavailable from a restricted maintenance.")


class Binance(Loopback):
    """One pair, and another one :meth:`beside` it."""

    broker, symbol, name = "ccxt", PAIR, f"binance {PAIR}"
    places, cancels, lists, fills = "POST /order", "DELETE /order", "GET /openOrders", "GET /myTrades"

    base, also = "BTC", None

    def __init__(self, http):
        #: Share that a fill costs, and the currency that it is taken in; by default what is bought or paid.
        self.share, self.currency = "0.001", None
        #: Milliseconds that the clock here is ahead.
        self.ahead = 0
        self._update = 100
        super().__init__(http, "0.00001")
        self.streams = f"ws://127.0.0.1:{self.port}/stream"

    def routes(self):
        at = self._at
        return (
            ("GET", "/exchangeInfo", lambda given: info("BTC", *(["ETH"] if self.also else []))),
            *(("GET", f"/margin/{pairs}", lambda given: []) for pairs in ("allPairs", "isolated/allPairs")),
            ("GET", "/time", lambda given: {"serverTime": now() + self.ahead}),
            ("GET", "/depth", lambda given: at(given).depth()),
            ("POST", "/order", lambda given: at(given)._place(given)),
            ("DELETE", "/order", lambda given: at(given)._cancel(given)),
            ("GET", "/order", lambda given: at(given)._of(given["orderId"])),
            ("GET", "/allOrders", lambda given: list(at(given).placed.values())),
            ("GET", "/openOrders", lambda given: [o for o in at(given).placed.values() if o["status"] in _OPEN]),
            ("GET", "/myTrades", lambda given: at(given).trades_since(int(given.get("startTime", 0)))),
        )

    def beside(self):
        """Return another pair of the same exchange."""
        self.also = Beside(self)
        return self.also

    @property
    def symbols(self):
        return [PAIR, *(["ETH/USDT"] if self.also else [])]

    def _at(self, given):
        return self.also if self.also and given.get("symbol") == self.also.code else self

    @property
    def code(self):
        """Binance's name of the pair."""
        return f"{self.base}USDT"

    def depth(self):
        return {"lastUpdateId": self._update, **self._levels(self.shown())}

    def trades_since(self, ms):
        return [one for one in self.trades if one["time"] >= ms]

    def news(self):
        super().news()
        if self.also:
            self.also.news()

    def given(self, request):
        said = request.get_data().decode() or request.query_string.decode()
        given = dict(pair.split("=") for pair in said.split("&") if pair)
        if "signature" in given and request.headers.get("X-MBX-APIKEY") != KEY:
            return fault(401, -2015, "Invalid API-key, IP, or permissions for action.")
        if abs(int(given.get("timestamp", now() + self.ahead)) - now() - self.ahead) > 5_000:
            return fault(400, -1021, "Timestamp for this request is outside of the recvWindow.")
        return given

    def hear(self, stream, message):
        said = json.loads(message)
        if said.get("method") == "SUBSCRIBE":
            stream.send(json.dumps({"result": None, "id": said["id"]}))
            return said["params"]
        stream.send(json.dumps({"id": said["id"], "status": 200, "result": {"subscriptionId": 0}}))
        return ["account"]

    def say_trade(self, price, quantity, aggressor):
        said = {"e": "trade", "E": now(), "s": self.code, "t": now(), "p": price, "q": quantity, "T": now()}
        self.say(f"{self.code.lower()}@trade", {**said, "m": aggressor == "sell", "M": True})

    def say_book(self, shown, before):
        changed = {
            side: {
                price: shown[side].get(price, 0)
                for price in {**before[side], **shown[side]}
                if before[side].get(price) != shown[side].get(price)
            }
            for side in Side
        }
        first, self._update = self._update + 1, self._update + 2
        levels = self._levels(changed)
        said = {"e": "depthUpdate", "E": now(), "s": self.code, "U": first, "u": self._update}
        self.say(f"{self.code.lower()}@depth@100ms", {**said, "b": levels["bids"], "a": levels["asks"]})

    def busy(self, after):
        return busy(after)

    def down(self):
        return down()

    def poor(self):
        """No money for it."""
        return fault(400, -2010, "Account has insufficient balance for requested action.")

    def by_hand(self, id, side, quantity, price):
        with self._lock:
            order = {
                "newClientOrderId": id,
                "side": side.upper(),
                "type": "LIMIT",
                "quantity": quantity,
                "price": price,
            }
            self._place(order)

    def ledger(self):
        position = cash = Decimal(0)
        for one in self.trades:
            sign, fee = Decimal(1 if one["isBuyer"] else -1), Decimal(one["commission"])
            position += sign * Decimal(one["qty"]) - (fee if one["commissionAsset"] == self.base else 0)
            paid = fee if one["commissionAsset"] == "USDT" else 0
            cash -= sign * Decimal(one["qty"]) * Decimal(one["price"]) + paid
        return int(position * UNIT), int(cash * MONEY)

    def number(self, id):
        return str(self.placed[id]["orderId"])

    def status(self, id):
        return text(units(self.placed[id]["origQty"])), self.placed[id]["status"].lower()

    def resting(self, id):
        one = self.placed[id]
        left = units(one["origQty"]) - units(one["executedQty"])
        return Side(one["side"].lower()), units(one["price"]), left

    def _place(self, given):
        id = given["newClientOrderId"]
        if id in self.placed:
            return fault(400, -2010, "Duplicate order sent.")
        side, kind, market = Side(given["side"].lower()), given["type"], given["type"] == "MARKET"
        self.placed[id] = {
            "symbol": self.code, "orderId": 100 + len(self.placed), "clientOrderId": id, "type": kind,
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
        self.news()
        if self.placed[id]["status"] == "REJECTED":
            return fault(400, -2010, "Order would immediately match and take.")
        return self.placed[id]

    def _cancel(self, given):
        one = self._of(given["orderId"])
        if isinstance(one, Response) or one["status"] not in _OPEN:
            return fault(400, -2011, "Unknown order sent.")
        self.venue.cancel(one["clientOrderId"])
        self.news()
        return one

    def _of(self, number):
        found = [one for one in self.placed.values() if str(one["orderId"]) == number]
        return found[0] if found else fault(400, -2013, "Order does not exist.")

    @staticmethod
    def _levels(shown):
        return {
            name: [[text(p), text(q)] for p, q in sorted(shown[side].items(), reverse=side is Side.BUY)]
            for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
        }

    def report(self, event):
        one, last = self.placed[event.id], ("0", "0", "0", None, -1, False)
        if event.kind == "working":
            said = "NEW"
        elif event.kind == "filled":
            whole = units(one["executedQty"]) + event.quantity
            one["executedQty"] = text(whole)
            one["status"] = "FILLED" if whole == units(one["origQty"]) else "PARTIALLY_FILLED"
            said, quantity = "TRADE", text(event.quantity)
            currency = self.currency or (self.base if one["side"] == "BUY" else "USDT")
            of = event.quantity if currency == self.base else event.quantity * event.price // UNIT
            fee, maker = f"{Decimal(self.share) * of / UNIT:f}", event.liquidity == "maker"
            self.trades.append(
                {"symbol": self.code, "id": 1 + len(self.trades), "orderId": one["orderId"], "qty": quantity,
                 "price": text(event.price), "quoteQty": "0", "commission": fee, "commissionAsset": currency,
                 "time": now(), "isBuyer": one["side"] == "BUY", "isMaker": maker, "isBestMatch": True}
            )  # fmt: skip
            last = (quantity, text(event.price), fee, currency, len(self.trades), maker)
        elif event.kind == "ended":
            said = one["status"] = {"ioc": "EXPIRED", "fok": "EXPIRED", "no_liquidity": "EXPIRED"}.get(
                event.reason, event.status.upper()
            )
            if said == "REJECTED":
                return None  # an answer says so, no stream does
        else:
            return None
        quantity, price, fee, currency, trade, maker = last
        said = {
            "e": "executionReport", "E": now(), "s": self.code, "c": event.id, "S": one["side"], "o": one["type"],
            "f": one["timeInForce"], "q": one["origQty"], "p": one["price"], "P": "0", "F": "0", "g": -1, "C": "",
            "x": said, "X": one["status"], "r": "NONE", "i": one["orderId"], "l": quantity, "z": one["executedQty"],
            "L": price, "n": fee, "N": currency, "T": now(), "t": trade, "w": True, "m": maker, "M": False,
            "O": one["time"], "Z": "0", "Y": "0", "Q": "0",
        }  # fmt: skip
        return {"subscriptionId": 0, "event": said}


_OPEN = {"NEW", "PARTIALLY_FILLED"}


class Beside(Binance):
    """Another pair of an exchange: orders, trades and books of its own, over the other's server and streams."""

    base, symbol, name = "ETH", "ETH/USDT", "binance ETH/USDT"

    def __init__(self, first):
        self.share, self.currency, self._update = first.share, None, 100
        self.venue = Venue(lot=units("0.00001"))
        self.placed, self.trades, self.reports = {}, [], []
        self.silent, self.times = False, 1
        self._heard, self._shown = 0, {side: {} for side in Side}
        self._streams, self._lock = first._streams, first._lock
