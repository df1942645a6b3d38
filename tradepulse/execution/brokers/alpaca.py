"""Alpaca as a broker of the daily session, by its official SDK: ``pip install tradepulse[alpaca]``.

Orders are market orders for the opening auction. Credentials come from the environment, under the names that Alpaca's
own tools use: ``APCA_API_KEY_ID`` and ``APCA_API_SECRET_KEY``. Without ``APCA_API_BASE_URL`` it is the paper account:
real money is never traded by default.
"""

import os
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from tradepulse.core.orders import Approved, Fill, Order, OrderStatus, Side, to_micros
from tradepulse.errors import BrokerRejected, ConfigError, ToolMissing
from tradepulse.execution.broker import Broker
from tradepulse.execution.brokers.asking import Failure, ask, proven, seconds_of

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient

#: Seconds that an answer may take; a connection that is open on our side only ends with it.
TIMEOUT = 10.0
_ENDED = {
    "filled": OrderStatus.FILLED, "canceled": OrderStatus.CANCELED, "expired": OrderStatus.CANCELED,
    "rejected": OrderStatus.CANCELED, "replaced": OrderStatus.CANCELED,
}  # fmt: skip
_PAGE = 100


class AlpacaBroker(Broker):
    """An account at Alpaca.

    Parameters
    ----------
    client : the SDK's
    sleep : waits; a test passes its own
    """

    def __init__(self, client: "TradingClient", sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self._sleep = client, sleep
        self._ours: dict[str, dict[str, Any]] = {}

    def __repr__(self) -> str:
        return "AlpacaBroker()"

    def submit(self, approved: Approved) -> None:
        """Send a market order for the next opening auction."""
        order = approved.order
        body = {
            "symbol": order.symbol, "qty": str(order.quantity), "side": order.side.value, "type": "market",
            "time_in_force": "opg", "client_order_id": order.client_order_id,
        }  # fmt: skip
        try:
            self._ask(lambda: self._client.post("/orders", body), again=False)
        except BrokerRejected as exc:
            # Sent before, and placed then: it is not placed again.
            if "client_order_id must be unique" not in str(exc):
                raise

    def knows(self, order: Order) -> bool:
        """Whether an order has arrived there."""
        return self._find(order) is not None

    def cancel(self, order: Order) -> OrderStatus | None:
        """End an order that rests, and say whether that is so there."""
        theirs = ""

        def look() -> OrderStatus:
            nonlocal theirs
            if (found := self._find(order)) is None:
                return OrderStatus.UNKNOWN
            theirs = found["id"]
            return _ENDED.get(found["status"], OrderStatus.WORKING)

        return proven(
            lambda: self._ask(lambda: self._client.delete(f"/orders/{theirs}"), again=True), look, self._sleep
        )

    def _find(self, order: Order) -> dict[str, Any] | None:
        wanted = {"client_order_id": order.client_order_id}
        try:
            found: dict[str, Any] = self._ask(
                lambda: self._client.get("/orders:by_client_order_id", wanted), again=True
            )
        except BrokerRejected as exc:
            if "404" in str(exc):
                return None
            raise
        return found

    def fills(self, symbols: Collection[str], since: str) -> Sequence[Fill]:
        """Return every fill of the account so far, oldest first; each once, however often it is told."""
        found: dict[str, dict[str, Any]] = {}
        token = ""
        while True:
            wanted = {"page_size": _PAGE, "direction": "asc", **({"page_token": token} if token else {})}
            page: list[dict[str, Any]] = self._ask(
                lambda wanted=wanted: self._client.get("/account/activities/FILL", wanted),  # type: ignore[misc]
                again=True,
            )
            known = len(found)
            found |= {one["id"]: one for one in page}
            # A page that brings nothing new would come for ever.
            if len(page) < _PAGE or len(found) == known:
                break
            token = page[-1]["id"]
        return [self._fill(one) for one in sorted(found.values(), key=lambda one: (one["transaction_time"], one["id"]))]

    def close(self) -> None:
        """Close the connections."""
        self._client._session.close()  # the SDK has no way of its own

    def _fill(self, one: dict[str, Any]) -> Fill:
        quantity = Decimal(one["qty"])
        if quantity != quantity.to_integral_value():
            raise ConfigError(f"alpaca: fill {one['id']} is of {quantity} {one['symbol']}; this book holds whole units")
        at = datetime.fromisoformat(one["transaction_time"])
        return Fill(
            fill_id=one["id"],
            client_order_id=self._order(one["order_id"])["client_order_id"],
            symbol=one["symbol"],
            side=Side.BUY if one["side"] == "buy" else Side.SELL,
            quantity=int(quantity),
            price_micros=to_micros(one["price"]),
            slippage_micros=0,
            commission_micros=0,
            session=at.astimezone(ZoneInfo("America/New_York")).date().isoformat(),
            evidence=f"alpaca activity {one['id']} at {one['transaction_time']}",
        )

    def _order(self, id: str) -> dict[str, Any]:
        if id not in self._ours:
            self._ours[id] = self._ask(lambda: self._client.get(f"/orders/{id}"), again=True)
        return self._ours[id]

    def _ask(self, call: Callable[[], Any], *, again: bool) -> Any:
        return ask(call, judge, again=again, sleep=self._sleep)


def judge(exc: Exception) -> Failure:
    """Return what it means that the SDK raised something.

    Raises
    ------
    BrokerRejected
        If Alpaca has said no.
    ConfigError
        If it does not know the account.
    """
    from alpaca.common.exceptions import APIError
    from requests import RequestException

    if isinstance(exc, APIError):
        status, words = exc.status_code or 0, " ".join(str(exc).split())[:200]
        if status == 401:
            raise ConfigError("alpaca: the account is not known; set APCA_API_KEY_ID and APCA_API_SECRET_KEY") from None
        if status != 429 and status < 500:
            raise BrokerRejected(f"alpaca says {status}: {words}") from None
        told = exc.response.headers.get("Retry-After") if exc.response is not None else None
        # What was refused for our rate never arrived.
        return Failure(f"alpaca says {status}: {words}", arrived=status != 429, wait=seconds_of(told))
    if isinstance(exc, RequestException | ValueError):
        return Failure(f"alpaca did not answer ({type(exc).__name__})", arrived=True)
    raise exc


def from_environment() -> AlpacaBroker:
    """Return the account that the environment names, as a broker of the daily session."""
    return AlpacaBroker(client_from_environment())


class Account(NamedTuple):
    """What the environment says of an account.

    Parameters
    ----------
    key, secret : of it
    url : where it is; None for paper money
    orders_url, data_url : of its streams; None where the SDK knows them
    feed : of the market data, ``iex`` or ``sip``
    """

    key: str
    secret: str
    url: str | None
    orders_url: str | None
    data_url: str | None
    feed: str

    def __repr__(self) -> str:
        return "Account()"


def trades_money() -> bool:
    """Whether the environment names an account that may be of real money: any but Alpaca's paper one."""
    url = os.environ.get("APCA_API_BASE_URL")
    return bool(url) and urlsplit(url).hostname != "paper-api.alpaca.markets"


def account() -> Account:
    """Return the account that the environment names.

    Raises
    ------
    ConfigError
        If the credentials are not there, or the feed is none.
    """
    key, secret, url, orders_url, data_url, feed = (
        os.environ.get(f"APCA_API_{name}")
        for name in ("KEY_ID", "SECRET_KEY", "BASE_URL", "STREAM_URL", "DATA_STREAM_URL", "DATA_FEED")
    )
    if not key or not secret:
        raise ConfigError("alpaca: the environment lacks APCA_API_KEY_ID or APCA_API_SECRET_KEY")
    if feed not in {None, "iex", "sip"}:
        raise ConfigError(f"APCA_API_DATA_FEED={feed}: it is iex or sip")
    if url and not orders_url:
        orders_url = f"ws{url.removeprefix('http')}/stream"
    return Account(key, secret, url, orders_url, data_url, feed or "iex")


def client_from_environment() -> "TradingClient":
    """Return the account that the environment names; paper money unless ``APCA_API_BASE_URL`` says otherwise.

    Raises
    ------
    ToolMissing
        If the SDK is not installed.
    ConfigError
        If the credentials are not there.
    """
    try:
        from alpaca.trading.client import TradingClient
        from requests.adapters import HTTPAdapter
    except ImportError as exc:
        raise ToolMissing("alpaca-py is not installed; pip install tradepulse[alpaca]") from exc
    named = account()

    class Impatient(HTTPAdapter):
        """Ends what is not answered in time; the SDK waits for ever."""

        def send(self, request: Any, *given: Any, **options: Any) -> Any:
            options["timeout"] = TIMEOUT
            return super().send(request, *given, **options)

    client = TradingClient(named.key, named.secret, paper=True, raw_data=True, url_override=named.url)
    for scheme in ("http://", "https://"):
        client._session.mount(scheme, Impatient())
    client._retry = 0  # its retries do not tell what is safe from what is not; ours do
    return client
