"""Exchanges on loopback: their HTTP and their streams as their documentation says them, over our own matching.

They answer real requests of real clients, and fail in every way that they can: what is asked for is refused, or done
and not answered; streams break, fall silent, say things twice and late.
"""

import itertools
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


def units(text):
    return int(Decimal(text) * UNIT)


def text(number):
    return f"{(Decimal(number) / UNIT).normalize():f}"


def now():
    return int(time.time() * 1000)


class Loopback:
    """What exchanges have in common.

    ``refused`` and ``lost`` are faults by method and path: before anything is done, and after. ``placed`` are the
    orders by our id, as the exchange writes them; ``trades`` those of the account.
    """

    #: Name of the broker, what is traded, how the gateway calls it; and the requests by what they are for.
    broker = symbol = name = ""
    places = cancels = lists = fills = ""

    def __init__(self, http, lot):
        self.venue = Venue(lot=units(lot))
        self.placed, self.trades, self.reports = {}, [], []
        self.refused, self.lost, self.asked = {}, {}, []
        #: Of the streams of an account: whether they are silent, and how often they say everything.
        self.silent, self.times = False, 1
        self._heard, self._shown = 0, {side: {} for side in Side}
        self._streams = {}
        self._lock = threading.RLock()
        for method, path, answer in self.routes():
            http.expect_request(path, method=method).respond_with_handler(self._handler(method, path, answer))
        self._server = serve(self._stream, "127.0.0.1", 0)
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def symbols(self):
        """What is traded here."""
        return [self.symbol]

    def close(self):
        self._server.shutdown()

    # -- what an exchange is: each has its own ----------------------------------------------------------------------

    def routes(self):
        """Return method, path and answer of each request."""
        raise NotImplementedError

    def given(self, request):
        """Return what a request says; a response where it is not let in."""
        raise NotImplementedError

    def hear(self, stream, message):
        """Answer what is said on a stream; say to what it subscribes."""
        raise NotImplementedError

    def encode(self, name, message):
        """Return a message of a stream as it goes over the line."""
        return json.dumps(message)

    def say_trade(self, price, quantity, aggressor):
        """Tell the streams of a trade."""
        raise NotImplementedError

    def say_book(self, shown, before):
        """Tell the streams what is displayed now, ours too."""
        raise NotImplementedError

    def report(self, event):
        """Book what happened to an order of ours; return what the account's stream says of it, None for nothing."""
        raise NotImplementedError

    def busy(self, after):
        """Return the answer that the rate is exceeded."""
        raise NotImplementedError

    def down(self):
        """Return the answer of an exchange in maintenance."""
        raise NotImplementedError

    def by_hand(self, id, side, quantity, price):
        """The owner of the account orders, beside the desk."""
        raise NotImplementedError

    def ledger(self):
        """Position and cash as the trades of the account come to, in units of the order path."""
        raise NotImplementedError

    def number(self, id):
        """Return the exchange's own id of an order."""
        raise NotImplementedError

    def resting(self, id):
        """Return side, price and what is left of an order that rests."""
        raise NotImplementedError

    def status(self, id):
        """Return the quantity of an order as it was sent, and how it stands, in lower case."""
        raise NotImplementedError

    # -- what others do ---------------------------------------------------------------------------------------------

    def display(self, **sides):
        """Others display these levels: ``buy={"99": "5"}``."""
        with self._lock:
            self.venue.display(
                [(Side(s), units(p), units(q)) for s, levels in sides.items() for p, q in levels.items()]
            )
            self.news()

    def trade(self, price, quantity, aggressor):
        """Others trade."""
        with self._lock:
            self.venue.trade(units(price), units(quantity), Side(aggressor))
            self.say_trade(price, quantity, aggressor)
            self.news()

    @contextmanager
    def moving(self, seed=1, swing=0):
        """Others trade and display anew, fifty times a second; up and down again by a swing within a hundred times."""
        chance, ends = random.Random(seed), threading.Event()

        def market():
            gone = {"buy": {}, "sell": {}}
            for count in itertools.count():
                if ends.wait(0.02):
                    return
                far = swing * (50 - abs(count % 100 - 50)) / 50
                low, bid, ask, high = (f"{price + far:.2f}" for price in (98.5, 99, 101, 101.5))
                price, quantity = chance.choice([bid, ask]), f"{chance.randint(1, 9)}"
                self.trade(price, quantity, chance.choice(["buy", "sell"]))
                there = {"buy": {bid: "5", low: "3"}, "sell": {ask: "4", high: "6"}}
                self.display(**{side: dict.fromkeys(gone[side], "0") | there[side] for side in there})
                gone = there

        moves = threading.Thread(target=market)
        moves.start()
        try:
            yield
        finally:
            ends.set()
            moves.join()

    # -- streams -----------------------------------------------------------------------------------------------------

    @property
    def is_followed(self):
        """Whether somebody hears what happens in the account."""
        return bool(self._streams.get("account"))

    def repeat(self):
        """Everything that the account's stream has said is said again."""
        with self._lock:
            for report in self.reports:
                self.say("account", report)

    def cut(self):
        """Every stream breaks."""
        with self._lock:
            for stream in {stream for streams in self._streams.values() for stream in streams}:
                stream.close()

    def say(self, name, message):
        for stream in list(self._streams.get(name, ())):
            with suppress(ConnectionClosed):
                stream.send(self.encode(name, message))

    def _stream(self, stream):
        with suppress(ConnectionClosed):
            self.greet(stream)
            for message in stream:
                with self._lock:
                    for name in self.hear(stream, message):
                        self._streams.setdefault(name, set()).add(stream)
        with self._lock:
            for streams in self._streams.values():
                streams.discard(stream)

    def greet(self, stream):
        """Say what is said to who connects."""

    # -- inside ------------------------------------------------------------------------------------------------------

    def _handler(self, method, path, answer):
        name = f"{method} {getattr(path, 'pattern', path)}"

        def handle(request):
            with self._lock:
                self.asked.append(name)
                if waiting := self.refused.get(name):
                    return waiting.pop(0)
                given = self.given(request)
                found = given if isinstance(given, Response) else answer(given)
                self.news()
                waiting = self.lost.get(name)
            if waiting:
                return waiting.pop(0)
            return found if isinstance(found, Response) else Response(json.dumps(found))

        return handle

    def shown(self):
        """All that is displayed, ours too."""
        shown = {side: dict(self.venue.others[side]) for side in Side}
        for id in self.venue.open_ids():
            side, price, left = self.resting(id)
            shown[side][price] = shown[side].get(price, 0) + left
        return shown

    def news(self):
        """Say what has happened since."""
        for event in self.venue.events[self._heard :]:
            report = self.report(event)
            if report is not None:
                self.reports.append(report)
                for _ in range(0 if self.silent else self.times):
                    self.say("account", report)
        self._heard = len(self.venue.events)
        shown, before = self.shown(), self._shown
        if shown != before:
            self._shown = shown
            self.say_book(shown, before)
