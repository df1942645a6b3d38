"""Crypto exchanges as the counterparty of a desk: orders over HTTP, books, prints and what happens to ours as streams.

The account is the one of :mod:`tradepulse.execution.brokers.ccxt`, by the same variables of the environment.
"""

import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from decimal import Decimal
from functools import partial
from typing import Any

from tradepulse.core.orders import Side, from_units, to_units
from tradepulse.errors import BrokerRejected, ConfigError
from tradepulse.execution.brokers.asking import Failure, ask_async
from tradepulse.execution.brokers.ccxt import account, judge, statuses_of
from tradepulse.execution.dealing import Said, Trade
from tradepulse.execution.terms import FEE, MONEY, Place
from tradepulse.execution.ticket import Ticket, TimeInForce

#: Levels of each side that a desk is shown.
DEPTH = 50
_PAGE = 500
#: Whether what is being asked changes what we have at the exchange, and is not a look at it.
_acting = ContextVar("acting", default=False)


class OrdersFirst(deque[Any]):
    """Requests that wait for the exchange's rate limit: orders and cancels in their order, then looks in theirs.

    ccxt sends what is at the left; what it adds, it adds at the right.
    """

    _acts = 0

    def append(self, request: Any) -> None:
        """Add a request behind those that go before it."""
        if _acting.get():
            self.insert(self._acts, request)
            self._acts += 1
        else:
            super().append(request)

    def popleft(self) -> Any:
        """Return the next request, which no longer waits."""
        self._acts = max(0, self._acts - 1)
        return super().popleft()


class CcxtCounterparty:
    """One pair at an exchange that ccxt streams.

    Parameters
    ----------
    exchange : ccxt's, of ``ccxt.pro``; pairs of one account share it, and with it the exchange's rate limit
    symbol : ccxt's name of the pair, for instance ``BTC/USDT``
    take_status : of :func:`tradepulse.execution.brokers.ccxt.statuses_of`
    """

    def __init__(self, exchange: Any, symbol: str, take_status: Callable[[], int]) -> None:
        self._exchange, self._symbol = exchange, symbol
        self.name = f"{exchange.id} {symbol}"
        self._numbers: dict[str, str] = {}
        self._take_status = take_status
        self._seen_ms = 0

    def __repr__(self) -> str:
        return f"CcxtCounterparty({self.name})"

    async def open(self) -> Place:
        """Return what may be traded there, and on what terms."""
        await self._ask(self._exchange.load_markets, again=True)
        markets = self._exchange.markets
        if self._symbol not in markets:
            near = [name for name in sorted(markets) if name.startswith(self._symbol.partition("/")[0] + "/")][:3]
            raise ConfigError(
                f"{self._exchange.id} has no {self._symbol}; "
                f"{'for instance ' + ', '.join(near) if near else 'name a pair as BTC/USDT'}"
            )
        market = markets[self._symbol]
        if market.get("contract"):
            raise ConfigError(
                f"{self.name} is a contract, of which a unit is something else; a live desk trades spot pairs"
            )
        step = market["precision"]
        return Place(
            self.name, to_units(step["price"]), to_units(step["amount"]), _fee(market["maker"]), _fee(market["taker"])
        )

    def day_end(self, at: float) -> float:
        """Return the midnight after a moment, of UTC."""
        return (at // 86_400 + 1) * 86_400

    async def place(self, leg: str, ticket: Ticket, quantity: int, wanted: Callable[[], bool]) -> Said:
        """Send an order."""
        params: dict[str, Any] = {"clientOrderId": leg}
        if ticket.price is not None:
            params["timeInForce"] = "PO" if ticket.post_only else ticket.tif.upper()
        elif ticket.tif is TimeInForce.FOK:
            params["timeInForce"] = "FOK"
        price = None if ticket.price is None else f"{from_units(ticket.price):f}"
        kind = "market" if price is None else "limit"
        send = partial(
            self._exchange.create_order,
            self._symbol,
            kind,
            ticket.side.value,
            f"{from_units(quantity):f}",
            price,
            params,
        )
        return self._said(await self._ask(send, again=False, acts=True, wanted=wanted), leg)

    async def cancel(self, leg: str) -> None:
        """Ask for the end of an order."""
        if leg not in self._numbers and await self.find(leg) is None:
            raise BrokerRejected(f"{self.name} does not know {leg}")
        await self._ask(partial(self._exchange.cancel_order, self._numbers[leg], self._symbol), again=True, acts=True)

    async def find(self, leg: str) -> Said | None:
        """Return an order as it is there."""
        exchange = self._exchange
        if leg in self._numbers:
            ask = partial(exchange.fetch_order, self._numbers[leg], self._symbol)
            try:
                return self._said(await self._ask(ask, again=True), leg)
            except BrokerRejected:
                return None
        ways = ["fetch_orders"] if exchange.has.get("fetchOrders") else ["fetch_open_orders", "fetch_closed_orders"]
        for way in ways:
            for one in await self._ask(partial(getattr(exchange, way), self._symbol), again=True):
                if one.get("clientOrderId") == leg:
                    return self._said(one, leg)
        return None

    async def open_orders(self) -> list[Said]:
        """Return what rests there."""
        found = await self._ask(partial(self._exchange.fetch_open_orders, self._symbol), again=True)
        return [self._said(one) for one in found]

    async def trades(self, since_ns: int) -> list[Trade]:
        """Return the account's trades since a moment, oldest first; each once."""
        found: dict[str, Trade] = {}
        at = since_ns // 1_000_000
        while True:
            page = await self._ask(partial(self._exchange.fetch_my_trades, self._symbol, at, _PAGE), again=True)
            known = len(found)
            found |= {one["id"]: self._trade(one) for one in page}
            # A page that brings nothing new would come for ever.
            if len(page) < _PAGE or len(found) == known:
                return sorted(found.values(), key=lambda one: (one.ns, one.id))
            at = max(one["timestamp"] for one in page)

    async def books(self) -> AsyncIterator[tuple[int, dict[Side, dict[int, int]]]]:
        """Yield what is displayed, ours too, whenever it changes."""
        while True:
            book = await self._ask(partial(self._exchange.watch_order_book, self._symbol), again=False)
            sides = ((Side.BUY, book["bids"]), (Side.SELL, book["asks"]))
            yield (
                self._ns(book["timestamp"]),
                {side: {to_units(level[0]): to_units(level[1]) for level in levels[:DEPTH]} for side, levels in sides},
            )

    async def prints(self) -> AsyncIterator[tuple[int, int, int, Side]]:
        """Yield trades, ours too: when, price, quantity and who took."""
        while True:
            for one in await self._ask(partial(self._exchange.watch_trades, self._symbol), again=False):
                yield self._ns(one["timestamp"]), to_units(one["price"]), to_units(one["amount"]), Side(one["side"])

    async def orders(self) -> AsyncIterator[Said]:
        """Yield our orders as they change."""
        while True:
            for one in await self._ask(partial(self._exchange.watch_orders, self._symbol), again=False):
                yield self._said(one)

    async def fills(self) -> AsyncIterator[Trade]:
        """Yield our trades."""
        while True:
            for one in await self._ask(partial(self._exchange.watch_my_trades, self._symbol), again=False):
                yield self._trade(one)

    async def close(self) -> None:
        """Close the connections."""
        await self._exchange.close()

    def _said(self, one: dict[str, Any], leg: str = "") -> Said:
        leg = leg or one.get("clientOrderId") or ""
        if leg:
            self._numbers[leg] = one["id"]
        status = one.get("status") or "open"
        return Said(leg, one["id"], "canceled" if status == "canceling" else status, to_units(one.get("filled") or 0))

    def _trade(self, one: dict[str, Any]) -> Trade:
        price, fee = Decimal(str(one["price"])), one.get("fee") or {}
        cost, currency = Decimal(str(fee.get("cost") or 0)), fee.get("currency")
        base, _, quote = one["symbol"].partition("/")
        money: int | None = 0
        units = 0
        if cost and currency == base:
            units = to_units(cost)
        elif cost and currency == quote.partition(":")[0]:
            money = int(cost * MONEY)
        elif cost:
            money = None  # in a third currency: what it is worth in ours, nobody has said
        return Trade(
            str(one["id"]), str(one["order"]), Side(one["side"]), to_units(price), to_units(one["amount"]),
            "maker" if one.get("takerOrMaker") == "maker" else "taker", one["timestamp"] * 1_000_000, money, units,
        )  # fmt: skip

    def _ns(self, ms: int | None) -> int:
        """Return a time of the exchange; what has none is as late as what came before it."""
        self._seen_ms = max(self._seen_ms, ms or 0)
        return (self._seen_ms or int(time.time() * 1000)) * 1_000_000

    async def _ask(
        self,
        call: Callable[[], Awaitable[Any]],
        *,
        again: bool,
        acts: bool = False,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Any:
        self._take_status()
        _acting.set(acts)
        return await ask_async(call, self._judge, again=again, mend=self._set_clock, wanted=wanted)

    def _judge(self, exc: Exception) -> Failure:
        import ccxt

        if isinstance(exc, ccxt.OrderImmediatelyFillable):
            raise BrokerRejected("post_only_would_take") from None
        if isinstance(exc, ccxt.InsufficientFunds):
            raise BrokerRejected("insufficient_funds") from None
        return judge(self._exchange, self._take_status(), exc)

    async def _set_clock(self) -> None:
        import ccxt

        with suppress(ccxt.BaseError):
            await self._exchange.load_time_difference()


def from_environment(symbols: Sequence[str], beside: Sequence[str] = ()) -> list[CcxtCounterparty]:
    """Return pairs of the account that the environment names, and the first of them at other exchanges too.

    Each is in the exchange's sandbox unless the environment says otherwise.
    """
    first = account("ccxt.pro")
    if twice := [name for name in {first.id, *beside} if [first.id, *beside].count(name) > 1]:
        raise ConfigError(f"--beside {twice[0]}: is traded at already; name each exchange once")
    found: list[CcxtCounterparty] = []
    for exchange, its in ((first, symbols), *((account("ccxt.pro", name), symbols[:1]) for name in beside)):
        exchange.throttler.queue = OrdersFirst()
        take_status = statuses_of(exchange)
        found += [CcxtCounterparty(exchange, symbol, take_status) for symbol in its]
    return found


def _fee(share: float | None) -> int:
    """Return a fee rate from a share of the notional; ccxt has no figure for some exchanges."""
    return round(Decimal(str(share or 0)) * 10_000 * FEE)
