"""Alpaca on loopback: orders and activities over HTTP, the account's stream in JSON, the market's in msgpack."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import msgpack
from werkzeug import Response

from tests.execution.loopback import Loopback, now, text, units
from tradepulse.core.orders import UNIT, Side
from tradepulse.execution.terms import MONEY
from tradepulse.execution.ticket import OrderType, Ticket, TimeInForce

KEY, SECRET = "PK-TEST-KEY-1234567890", "very-secret-value-0987654321"


def fault(status, code, words, **headers):
    return Response(json.dumps({"code": code, "message": words}), status, headers=headers)


def at():
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Alpaca(Loopback):
    """One share."""

    broker, symbol, name = "alpaca", "AAPL", "alpaca AAPL"
    places, cancels, lists = "POST /v2/orders", "DELETE ^/v2/orders/", "GET /v2/orders"
    fills = "GET /v2/account/activities/FILL"

    def __init__(self, http):
        super().__init__(http, "1")
        self.streams = f"ws://127.0.0.1:{self.port}/market"

    def routes(self):
        return (
            ("GET", "/v2/assets/AAPL", lambda given: {"symbol": "AAPL", "tradable": True}),
            ("GET", "/v2/assets/XXXX", lambda given: fault(404, 40410000, "asset not found for XXXX")),
            ("POST", "/v2/orders", self._place),
            ("GET", "/v2/orders", lambda given: [one for one in self.placed.values() if one["status"] in _OPEN]),
            ("GET", "/v2/orders:by_client_order_id", self._of),
            ("DELETE", re.compile("^/v2/orders/"), self._cancel),
            ("GET", "/v2/account/activities/FILL", self._fills),
        )

    def given(self, request):
        if (request.headers.get("APCA-API-KEY-ID"), request.headers.get("APCA-API-SECRET-KEY")) != (KEY, SECRET):
            return fault(401, 40110000, "request is not authorized")
        return request.get_json() if request.method == "POST" else {**request.args, "path": request.path}

    def greet(self, stream):
        if stream.request.path == "/market":
            stream.send(msgpack.packb([{"T": "success", "msg": "connected"}]))

    def hear(self, stream, message):
        if stream.request.path == "/market":
            said = msgpack.unpackb(message)
            if said["action"] == "auth":
                good = (said["key"], said["secret"]) == (KEY, SECRET)
                told = (
                    {"T": "success", "msg": "authenticated"}
                    if good
                    else {"T": "error", "code": 402, "msg": "auth failed"}
                )
                stream.send(msgpack.packb([told]))
                return []
            stream.send(msgpack.packb([{"T": "subscription", "trades": ["AAPL"], "quotes": ["AAPL"]}]))
            self._streams.setdefault("market", set()).add(stream)
            self._say_quote()  # what is displayed is said at once
            return ["market"]
        said = json.loads(message)
        if said["action"] == "authenticate":
            good = (said["data"]["key_id"], said["data"]["secret_key"]) == (KEY, SECRET)
            told = {"action": "authenticate", "status": "authorized" if good else "unauthorized"}
            stream.send(json.dumps({"stream": "authorization", "data": told}))
            return []
        stream.send(json.dumps({"stream": "listening", "data": {"streams": ["trade_updates"]}}))
        return ["account"]

    def encode(self, name, message):
        # The account's stream sends bytes, as Alpaca's does.
        return msgpack.packb([message]) if name == "market" else json.dumps(message).encode()

    def say_trade(self, price, quantity, aggressor):
        stamp = msgpack.Timestamp.from_unix_nano(now() * 1_000_000)
        self.say("market", {"T": "t", "S": "AAPL", "i": 1, "x": "V", "p": float(price), "s": int(quantity), "t": stamp})

    def say_book(self, shown, before):
        self._say_quote()

    def _say_quote(self):
        best = {
            side: max(levels.items(), key=lambda one: side.sign * one[0], default=(0, 0))
            for side, levels in self.shown().items()
        }
        (bid, bid_size), (ask, ask_size) = best[Side.BUY], best[Side.SELL]
        self.say(
            "market",
            {"T": "q", "S": "AAPL", "bx": "V", "ax": "V", "bp": bid / UNIT, "bs": bid_size / UNIT, "ap": ask / UNIT,
             "as": ask_size / UNIT, "t": msgpack.Timestamp.from_unix_nano(now() * 1_000_000)},
        )  # fmt: skip

    def busy(self, after):
        return fault(429, 42910000, "rate limit exceeded", **{"Retry-After": after})

    def down(self):
        return fault(503, 50010000, "maintenance")

    def poor(self):
        """No money for it."""
        return fault(403, 40310000, "insufficient buying power")

    def by_hand(self, id, side, quantity, price):
        with self._lock:
            order = {"client_order_id": id, "side": side, "type": "limit", "qty": quantity, "limit_price": price}
            self._place({**order, "time_in_force": "day", "symbol": "AAPL"})

    def ledger(self):
        signed = [
            (1 if one["side"] == "buy" else -1, Decimal(one["qty"]), Decimal(one["price"])) for one in self.trades
        ]
        return int(sum(s * q for s, q, _ in signed) * UNIT), int(-sum(s * q * p for s, q, p in signed) * MONEY)

    def number(self, id):
        return self.placed[id]["id"]

    def status(self, id):
        return self.placed[id]["qty"], self.placed[id]["status"]

    def resting(self, id):
        one = self.placed[id]
        return Side(one["side"]), units(one["limit_price"]), units(one["qty"]) - units(one["filled_qty"])

    def _place(self, given):
        id = given["client_order_id"]
        if id in self.placed:
            return fault(422, 40010001, "client_order_id must be unique")
        price = given.get("limit_price")
        self.placed[id] = {
            **given, "id": f"their-{len(self.placed)}", "status": "new", "filled_qty": "0", "created_at": at(),
        }  # fmt: skip
        tif = given["time_in_force"] if given["time_in_force"] != "day" else "gtc"
        self.venue.submit(
            Ticket(
                id, Side(given["side"]), OrderType.LIMIT if price else OrderType.MARKET, units(given["qty"]),
                units(price) if price else None, tif=TimeInForce(tif),
            )
        )  # fmt: skip
        self.news()
        return self.placed[id]

    def _cancel(self, given):
        number = given["path"].rpartition("/")[2]
        one = next((one for one in self.placed.values() if one["id"] == number), None)
        if one is None or one["status"] not in _OPEN:
            return fault(422, 42210000, "order is not cancelable")
        self.venue.cancel(one["client_order_id"])
        self.news()
        return Response("", 204)

    def _of(self, given):
        return self.placed.get(given["client_order_id"]) or fault(404, 40410000, "order not found")

    def _fills(self, given):
        found = [
            one
            for one in self.trades
            if datetime.fromisoformat(one["transaction_time"]) >= datetime.fromisoformat(given["after"])
        ]
        ids = [one["id"] for one in found]
        start = ids.index(given["page_token"]) + 1 if "page_token" in given else 0
        return found[start : start + int(given["page_size"])]

    def report(self, event):
        one = self.placed[event.id]
        more = {}
        if event.kind == "working":
            said = "new"
        elif event.kind == "filled":
            whole = units(one["filled_qty"]) + event.quantity
            one["filled_qty"] = text(whole)
            one["status"], said = (
                ("filled", "fill") if whole == units(one["qty"]) else ("partially_filled", "partial_fill")
            )
            more = {"qty": text(event.quantity), "price": text(event.price), "execution_id": f"run-{len(self.trades)}"}
            self.trades.append(
                {"id": f"act-{len(self.trades) + 1}", "activity_type": "FILL", "order_id": one["id"], "symbol": "AAPL",
                 "side": one["side"], "qty": text(event.quantity), "price": text(event.price), "transaction_time": at()}
            )  # fmt: skip
        elif event.kind == "ended":
            said = one["status"] = event.status
        else:
            return None
        return {"stream": "trade_updates", "data": {"event": said, "timestamp": at(), "order": {**one}, **more}}


_OPEN = {"new", "accepted", "partially_filled"}
