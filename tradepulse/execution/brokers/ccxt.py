"""Crypto exchanges as brokers, by their common client: ``pip install tradepulse[ccxt]``.

In a daily session orders are market orders, sent at once: these markets never close, and a session is a day in UTC. For
a desk that trades continuously see :mod:`tradepulse.execution.brokers.ccxt_live`. The environment says which account:
``TRADEPULSE_CCXT_EXCHANGE`` (ccxt's name, for instance ``binance``), ``TRADEPULSE_CCXT_KEY``,
``TRADEPULSE_CCXT_SECRET`` and, where the exchange wants one, ``TRADEPULSE_CCXT_PASSWORD``. It is the exchange's sandbox
unless ``TRADEPULSE_CCXT_LIVE`` is ``yes``: real money is never traded by default.
"""

import os
import re
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from importlib import import_module
from typing import Any

from tradepulse.core.orders import Approved, Fill, Order, OrderStatus, Side, to_micros
from tradepulse.errors import BrokerRejected, ConfigError, ToolMissing
from tradepulse.execution.broker import Broker
from tradepulse.execution.brokers.asking import Failure, ask, proven, seconds_of

#: Seconds that an answer may take.
TIMEOUT = 10.0
_ENDED = {
    "closed": OrderStatus.FILLED, "canceled": OrderStatus.CANCELED, "expired": OrderStatus.CANCELED,
    "rejected": OrderStatus.CANCELED,
}  # fmt: skip
_PAGE = 500
_EXCHANGE = "TRADEPULSE_CCXT_EXCHANGE"


class CcxtBroker(Broker):
    """An account at an exchange that ccxt knows.

    Parameters
    ----------
    exchange : ccxt's
    sleep : waits; a test passes its own
    """

    def __init__(self, exchange: Any, sleep: Callable[[float], None] = time.sleep) -> None:
        self._exchange, self._sleep = exchange, sleep
        self._ours: dict[str, str] = {}
        self._take_status = statuses_of(exchange)

    def __repr__(self) -> str:
        return f"CcxtBroker({self._exchange.id})"

    def submit(self, approved: Approved) -> None:
        """Send a market order."""
        order = approved.order
        send = partial(
            self._exchange.create_order, order.symbol, "market", order.side.value, order.quantity, None,
            {"clientOrderId": order.client_order_id},
        )  # fmt: skip
        try:
            self._ask(send, again=False)
        except BrokerRejected as exc:
            # Sent before, and placed then: it is not placed again.
            if "duplicate" not in str(exc).lower() or not self.knows(order):
                raise

    def knows(self, order: Order) -> bool:
        """Whether an order has arrived there."""
        return any(one.get("clientOrderId") == order.client_order_id for one in self._orders(order.symbol))

    def cancel(self, order: Order) -> OrderStatus | None:
        """End an order that rests, and say whether that is so there."""
        theirs = ""

        def look() -> OrderStatus:
            nonlocal theirs
            for one in self._orders(order.symbol):
                if one.get("clientOrderId") == order.client_order_id:
                    theirs = one["id"]
                    return _ENDED.get(one.get("status") or "open", OrderStatus.WORKING)
            return OrderStatus.UNKNOWN

        return proven(
            lambda: self._ask(partial(self._exchange.cancel_order, theirs, order.symbol), again=True),
            look, self._sleep,
        )  # fmt: skip

    def fills(self, symbols: Collection[str], since: str) -> Sequence[Fill]:
        """Return every fill of the account in some symbols from a day on, oldest first; each once."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for symbol in sorted(symbols):
            at = int(datetime.fromisoformat(since or "2017-01-01").replace(tzinfo=UTC).timestamp() * 1000)
            while True:
                page = self._ask(partial(self._exchange.fetch_my_trades, symbol, at, _PAGE), again=True)
                known = len(found)
                found |= {(symbol, one["id"]): one for one in page}
                # A page that brings nothing new would come for ever.
                if len(page) < _PAGE or len(found) == known:
                    break
                at = max(one["timestamp"] for one in page)
        ordered = sorted(found.values(), key=lambda one: (one["timestamp"], one["id"]))
        return [self._fill(one) for one in ordered]

    def close(self) -> None:
        """Close the connections."""
        self._exchange.session.close()

    def _orders(self, symbol: str) -> list[dict[str, Any]]:
        ways = (
            ["fetch_orders"] if self._exchange.has.get("fetchOrders") else ["fetch_open_orders", "fetch_closed_orders"]
        )
        found: list[dict[str, Any]] = []
        for way in ways:
            found += self._ask(partial(getattr(self._exchange, way), symbol), again=True)
        return found

    def _client_id(self, order: str, symbol: str) -> str:
        if order not in self._ours:
            self._ours |= {one["id"]: one.get("clientOrderId") or one["id"] for one in self._orders(symbol)}
        return self._ours.get(order, order)

    def _fill(self, one: dict[str, Any]) -> Fill:
        name, quantity, price = self._exchange.id, Decimal(str(one["amount"])), Decimal(str(one["price"]))
        if quantity != quantity.to_integral_value():
            raise ConfigError(f"{name}: fill {one['id']} is of {quantity} {one['symbol']}; this book holds whole units")
        fee = one.get("fee") or {}
        cost, currency = Decimal(str(fee.get("cost") or 0)), fee.get("currency")
        base, _, quote = one["symbol"].partition("/")
        if cost and currency not in (base, quote.partition(":")[0]):
            raise ConfigError(
                f"{name}: fill {one['id']} paid its fee in {currency}; this book counts in {quote}: "
                "have the exchange take fees from the traded pair"
            )
        at = datetime.fromtimestamp(one["timestamp"] / 1000, UTC)
        return Fill(
            fill_id=f"{name}-{one['symbol']}-{one['id']}",
            client_order_id=self._client_id(one["order"], one["symbol"]),
            symbol=one["symbol"],
            side=Side.BUY if one["side"] == "buy" else Side.SELL,
            quantity=int(quantity),
            price_micros=to_micros(price),
            slippage_micros=0,
            # A fee in the base currency is worth its units at the fill's price.
            commission_micros=to_micros(cost * price if currency == base else cost),
            session=at.date().isoformat(),
            evidence=f"{name} trade {one['id']} at {at.isoformat(timespec='milliseconds')}",
        )

    def _ask(self, call: Callable[[], Any], *, again: bool) -> Any:
        self._take_status()
        return ask(call, self._judge, again=again, sleep=self._sleep)

    def _judge(self, exc: Exception) -> Failure:
        import ccxt

        failure = judge(self._exchange, self._take_status(), exc)
        if failure.clock:  # ask what time it is there, and sign by that
            with suppress(ccxt.BaseError):
                self._exchange.load_time_difference()
        return failure


def statuses_of(exchange: Any) -> Callable[[], int]:
    """Return what takes the HTTP status of a client's last answer, once: 0 without one since. Its errors do not say."""
    last = [0]
    own = exchange.handle_errors

    def handle_errors(status: int, *given: Any) -> Any:
        last[0] = status
        return own(status, *given)

    def take() -> int:
        status, last[0] = last[0], 0
        return status

    exchange.handle_errors = handle_errors
    return take


def judge(exchange: Any, status: int, exc: Exception) -> Failure:
    """Return what it means that ccxt raised something; ``status`` is of the answer, 0 without one.

    Raises
    ------
    BrokerRejected
        If the exchange has said no.
    ConfigError
        If it does not know the account.
    """
    import ccxt

    name = exchange.id
    # What the client says names the address that it asked, with our signature in it.
    words = re.sub(r"\?\S*", "", " ".join(str(exc).split()))[:200]
    if status >= 500:
        # Whatever it says of itself: what was asked may have been done before it failed.
        return Failure(f"{name} did not answer ({status}): {words}", arrived=True)
    if isinstance(exc, ccxt.AuthenticationError):
        prefix = _prefix("" if name == os.environ.get(_EXCHANGE) else name)
        raise ConfigError(f"{name}: the account is not known; set {prefix}KEY and {prefix}SECRET") from None
    if isinstance(exc, ccxt.InvalidNonce):
        # Refused for our clock: it was not done.
        return Failure(f"{name} does not accept our clock: {words}", arrived=False, wait=0.0, clock=True)
    if isinstance(exc, ccxt.RateLimitExceeded | ccxt.DDoSProtection):
        told = (exchange.last_response_headers or {}).get("Retry-After")
        return Failure(f"{name} limits our rate: {words}", arrived=False, wait=seconds_of(told))
    if isinstance(exc, ccxt.NetworkError):
        return Failure(f"{name} did not answer ({type(exc).__name__}): {words}", arrived=True)
    if isinstance(exc, ccxt.ExchangeError):
        raise BrokerRejected(f"{name} says: {words}") from None
    return Failure(f"{name} answered what is no answer ({type(exc).__name__})", arrived=True)


def from_environment() -> CcxtBroker:
    """Return the account that the environment names, as a broker of the daily session."""
    return CcxtBroker(account("ccxt"))


def trades_money() -> bool:
    """Whether the environment names an account of real money."""
    return os.environ.get("TRADEPULSE_CCXT_LIVE") == "yes"


def _prefix(beside: str) -> str:
    """Return what the variables of an account begin with: of the first exchange, or of one beside it."""
    return f"TRADEPULSE_CCXT_{beside.upper()}_" if beside else "TRADEPULSE_CCXT_"


def account(client: str, beside: str = "") -> Any:
    """Return the account that the environment names, in the exchange's sandbox unless it says otherwise.

    Parameters
    ----------
    client : which of ccxt's: ``ccxt``, or ``ccxt.pro`` which streams
    beside : another exchange, whose account has variables of its own: ``TRADEPULSE_CCXT_KRAKEN_KEY`` and so on

    Raises
    ------
    ToolMissing
        If ccxt is not installed.
    ConfigError
        If the exchange or the credentials are not there, or it has no sandbox.
    """
    try:
        import ccxt
    except ImportError as exc:
        raise ToolMissing("ccxt is not installed; pip install tradepulse[ccxt]") from exc
    prefix = _prefix(beside)
    said = {name: os.environ.get(f"{prefix}{name}", "") for name in ("KEY", "SECRET", "PASSWORD", "URL", "WS_URL")}
    exchange, named = beside or os.environ.get(_EXCHANGE, ""), "--beside " if beside else f"{_EXCHANGE}="
    if exchange and exchange not in ccxt.exchanges:
        raise ConfigError(f"{named}{exchange}: ccxt knows no such exchange; for instance binance")
    if exchange and client == "ccxt.pro" and exchange not in import_module(client).exchanges:
        raise ConfigError(f"{named}{exchange}: ccxt has no streams of it; for instance binance")
    lacks = [*([] if exchange else [_EXCHANGE]), *(f"{prefix}{name}" for name in ("KEY", "SECRET") if not said[name])]
    if lacks:
        raise ConfigError(f"ccxt: the environment lacks {', '.join(lacks)}")
    made = getattr(import_module(client), exchange)(
        {
            "apiKey": said["KEY"], "secret": said["SECRET"], "password": said["PASSWORD"],
            "enableRateLimit": True, "timeout": int(1000 * TIMEOUT),
            # Where an exchange counts requests in a window, so do we: one request does not wait for the price of
            # the one before it.
            "rateLimiterAlgorithm": "rollingWindow",
            # Only what is traded here; its own retries do not tell what is safe from what is not, ours do.
            "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "maxRetriesOnFailure": 0},
        }
    )  # fmt: skip
    made.has["fetchCurrencies"] = False  # asks for rights that trading does not need
    if not trades_money():
        if not made.urls.get("test"):
            raise ConfigError(f"{exchange} has no sandbox; to trade real money there, set TRADEPULSE_CCXT_LIVE=yes")
        made.set_sandbox_mode(True)
    if url := said["URL"]:
        streams = made.urls["api"].get("ws")
        made.urls["api"] = dict.fromkeys(made.urls["api"], url) | ({"ws": streams} if streams else {})
    if url := said["WS_URL"]:
        made.urls["api"]["ws"] = _at(made.urls["api"]["ws"], url)
    return made


def _at(urls: Any, url: str) -> Any:
    """Return addresses of streams, one in the other, with another host."""
    if isinstance(urls, dict):
        return {name: _at(inner, url) for name, inner in urls.items()}
    return re.sub(r"^wss?://[^/]+", url, urls)
