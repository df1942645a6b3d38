"""Alpaca as the counterparty of a desk: US equities, whole shares, by the streams of its official SDK.

The account is the one of :mod:`tradepulse.execution.brokers.alpaca`, by the same variables of the environment;
``APCA_API_DATA_FEED`` may be ``sip`` for who has subscribed to it, and is ``iex`` otherwise.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from tradepulse.core.orders import UNIT, Side, from_units, to_units
from tradepulse.core.sessions import calendar
from tradepulse.errors import BrokerRejected, ConfigError, Unanswered
from tradepulse.execution.brokers.alpaca import account, client_from_environment, judge
from tradepulse.execution.brokers.asking import ask_async
from tradepulse.execution.dealing import Said, Trade
from tradepulse.execution.terms import Place
from tradepulse.execution.ticket import Ticket

_PAGE = 100
#: Seconds until a stream that was lost is begun anew, at least.
_PAUSE = 0.5
#: How often the trades of a fill that was streamed are asked for, and the seconds between.
_ASKS, _BETWEEN = 5, 0.2
_ENDED = {
    "filled": "closed", "canceled": "canceled", "expired": "expired", "rejected": "rejected", "replaced": "canceled",
}  # fmt: skip

#: Makes a stream, of one of the SDK's classes as it is given back.
_Make = Callable[[Callable[[type], type]], Any]


class AlpacaCounterparty:
    """One share at Alpaca.

    Parameters
    ----------
    client : the SDK's, for orders
    symbol : for instance ``AAPL``
    trading, data : streams of the account and of the market, which the shares of one account share
    """

    def __init__(self, client: Any, symbol: str, trading: "_Stream", data: "_Stream") -> None:
        self._client, self._symbol = client, symbol
        self.name = f"alpaca {symbol}"
        self._account, self._market = trading, data
        self._quote: dict[Side, int] = {}

    def __repr__(self) -> str:
        return f"AlpacaCounterparty({self.name})"

    async def open(self) -> Place:
        """Return what may be traded there, and on what terms: no fee that is known beforehand."""
        try:
            asset = await self._ask(f"/assets/{self._symbol}")
        except BrokerRejected as exc:
            raise ConfigError(f"alpaca has no {self._symbol}; name a share as AAPL ({exc})") from None
        if not asset.get("tradable"):
            raise ConfigError(f"alpaca does not trade {self._symbol} now")
        return Place(self.name, UNIT // 100, UNIT)

    def day_end(self, at: float) -> float:
        """Return the close of the session that a moment is in, or before."""
        exchange, moment = calendar(), datetime.fromtimestamp(at, UTC)
        session = exchange.next(moment.date() - timedelta(days=1))
        if exchange.close_at(session) <= moment:
            session = exchange.next(session)
        return exchange.close_at(session).timestamp()

    async def place(self, leg: str, ticket: Ticket, quantity: int, wanted: Callable[[], bool]) -> Said:
        """Send an order."""
        if ticket.post_only:
            raise BrokerRejected("not_supported")
        body = {
            "symbol": self._symbol, "client_order_id": leg, "side": ticket.side.value,
            "qty": f"{from_units(quantity):f}",
            "type": "market" if ticket.price is None else "limit", "time_in_force": ticket.tif.value,
            **({} if ticket.price is None else {"limit_price": f"{from_units(ticket.price):f}"}),
        }  # fmt: skip
        return self._said(await self._ask(partial(self._client.post, "/orders", body), again=False, wanted=wanted))

    async def cancel(self, leg: str) -> None:
        """Ask for the end of an order."""
        found = await self.find(leg)
        if found is None:
            raise BrokerRejected(f"alpaca does not know {leg}")
        await self._ask(partial(self._client.delete, f"/orders/{found.number}"))

    async def find(self, leg: str) -> Said | None:
        """Return an order as it is there."""
        try:
            return self._said(await self._ask("/orders:by_client_order_id", client_order_id=leg))
        except BrokerRejected as exc:
            if "404" in str(exc):
                return None
            raise

    async def open_orders(self) -> list[Said]:
        """Return what rests there."""
        return [self._said(one) for one in await self._ask("/orders", status="open", symbols=self._symbol, limit=500)]

    async def trades(self, since_ns: int) -> list[Trade]:
        """Return the account's trades since a moment, oldest first; each once."""
        after = datetime.fromtimestamp(since_ns / 1e9, UTC).isoformat()
        found: dict[str, Trade] = {}
        token: dict[str, Any] = {}
        while True:
            page = await self._ask("/account/activities/FILL", after=after, page_size=_PAGE, direction="asc", **token)
            known = len(found)
            found |= {one["id"]: self._trade(one) for one in page if one["symbol"] == self._symbol}
            # A page that brings nothing new would come for ever.
            if len(page) < _PAGE or (len(found) == known and page[-1]["id"] == token.get("page_token")):
                return sorted(found.values(), key=lambda one: (one.ns, one.id))
            token = {"page_token": page[-1]["id"]}

    async def books(self) -> AsyncIterator[tuple[int, dict[Side, dict[int, int]]]]:
        """Yield the best that is displayed, ours too, whenever it changes."""
        async for one in self._market.said("quotes", self._symbol):
            ends = ((Side.BUY, one["bp"], one["bs"]), (Side.SELL, one["ap"], one["as"]))
            levels = {side: {to_units(price): to_units(size)} if price and size else {} for side, price, size in ends}
            self._quote = {side: next(iter(level)) for side, level in levels.items() if level}
            yield _ns(one["t"]), levels

    async def prints(self) -> AsyncIterator[tuple[int, int, int, Side]]:
        """Yield trades, ours too; at or above the middle a buyer took (Lee and Ready, 1991), and no one has said."""
        async for one in self._market.said("trades", self._symbol):
            price = to_units(one["p"])
            if len(self._quote) == 2:
                took = Side.BUY if 2 * price >= sum(self._quote.values()) else Side.SELL
                yield _ns(one["t"]), price, to_units(one["s"]), took

    async def orders(self) -> AsyncIterator[Said]:
        """Yield our orders as they change."""
        async for one in self._account.said("orders", self._symbol):
            yield self._said(one["order"])

    async def fills(self) -> AsyncIterator[Trade]:
        """Yield our trades: a stream says that there is one, the account's activities which, under one id for ever."""
        async for one in self._account.said("fills", self._symbol):
            if one["event"] not in {"fill", "partial_fill"}:
                continue
            number, whole = one["order"]["id"], to_units(one["order"]["filled_qty"])
            for _ in range(_ASKS):
                found = [
                    trade for trade in await self.trades(_ns(one["timestamp"]) - 60 * 10**9) if trade.number == number
                ]
                for trade in found:
                    yield trade
                if sum(trade.quantity for trade in found) >= whole:
                    break
                await asyncio.sleep(_BETWEEN)

    async def close(self) -> None:
        """Close the connections."""
        self._account.stop()
        self._market.stop()
        self._client._session.close()  # the SDK has no way of its own

    def _said(self, one: dict[str, Any]) -> Said:
        return Said(
            one["client_order_id"], one["id"], _ENDED.get(one["status"], "open"), to_units(one.get("filled_qty") or 0)
        )

    def _trade(self, one: dict[str, Any]) -> Trade:
        return Trade(
            one["id"], one["order_id"], Side.BUY if one["side"] == "buy" else Side.SELL, to_units(one["price"]),
            to_units(one["qty"]), "taker", _ns(one["transaction_time"]),
        )  # fmt: skip

    async def _ask(
        self, what: str | Callable[[], Any], *, again: bool = True, wanted: Callable[[], bool] = lambda: True,
        **asked: Any,
    ) -> Any:  # fmt: skip
        """Ask in a thread, which is how the SDK asks; what is asked for by name is read."""
        call = partial(self._client.get, what, asked) if isinstance(what, str) else what
        return await ask_async(lambda: asyncio.to_thread(call), judge, again=again, mend=_nothing, wanted=wanted)


class _Stream:
    """One of the SDK's streams, in a thread of its own; what it says is heard in the loop that asks.

    It connects anew by itself; that it was lost is said all the same, since what was missed has to be asked for.

    Parameters
    ----------
    make : makes the SDK's
    symbols : what is followed
    """

    def __init__(self, make: _Make, symbols: Sequence[str]) -> None:
        self._make, self._symbols = make, symbols
        self._stream: Any = None
        #: By kind and symbol.
        self._heard: dict[tuple[str, str], asyncio.Queue[Any]] = {}
        self._lost: set[tuple[str, str]] = set()  # those of which the last that was queued is that they were lost
        self._loop: asyncio.AbstractEventLoop | None = None

    async def said(self, kind: str, symbol: str) -> AsyncIterator[dict[str, Any]]:
        """Yield what it says of a kind; raise ``Unanswered`` each time that it was lost."""
        if (kind, symbol) not in self._heard:
            self._heard[kind, symbol] = asyncio.Queue()
        if self._stream is None:
            self._begin()
        while True:
            one = await self._heard[kind, symbol].get()
            if isinstance(one, Exception):
                raise Unanswered(f"alpaca: {' '.join(str(one).split())[:120] or type(one).__name__}")
            yield one

    def stop(self) -> None:
        """Ask it to end; its thread does within the seconds that the SDK takes to look."""
        self._loop = None
        if self._stream is not None and self._stream._loop is not None:
            ending = self._stream.stop_ws()
            try:
                asyncio.run_coroutine_threadsafe(ending, self._stream._loop)
            except RuntimeError:
                ending.close()  # it has ended

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        stream = self._stream = self._make(self._told_of_loss)
        if hasattr(stream, "subscribe_trade_updates"):

            async def update(message: dict[str, Any]) -> None:
                self._pass_on(message["data"], message["data"]["order"]["symbol"], "orders", "fills")

            stream.subscribe_trade_updates(update)
        else:

            async def quote(message: dict[str, Any]) -> None:
                self._pass_on(message, message["S"], "quotes")

            async def trade(message: dict[str, Any]) -> None:
                self._pass_on(message, message["S"], "trades")

            stream.subscribe_quotes(quote, *self._symbols)
            stream.subscribe_trades(trade, *self._symbols)
        threading.Thread(target=stream.run, name=f"alpaca {' '.join(self._symbols)}", daemon=True).start()

    def _told_of_loss(self, base: type) -> type:
        """Return one of the SDK's classes that also tells us when its connection is lost; it tells only its log."""

        def lost(exc: Exception) -> None:
            for symbol in self._symbols:
                self._pass_on(exc, symbol, "orders", "fills", "quotes", "trades")

        class Told(base):  # type: ignore[misc]
            async def _start_ws(self) -> None:
                try:
                    await super()._start_ws()
                except Exception as exc:
                    lost(exc)
                    raise

            async def _consume(self) -> Any:
                try:
                    return await super()._consume()
                except Exception as exc:
                    lost(exc)
                    # Else some of them are met again and again without a pause, on a connection that is gone.
                    await self.close()
                    await asyncio.sleep(_PAUSE)
                    raise

        return Told

    def _pass_on(self, message: Any, symbol: str, *kinds: str) -> None:
        loop = self._loop
        for kind in kinds:
            if loop is not None and (queue := self._heard.get((kind, symbol))) is not None:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._put, (kind, symbol), queue, message)

    def _put(self, kind: tuple[str, str], queue: asyncio.Queue[Any], message: Any) -> None:
        """Queue what was said; that it was lost once more, before anyone has heard it, is not said again."""
        is_loss = isinstance(message, Exception)
        if not (is_loss and kind in self._lost and not queue.empty()):
            queue.put_nowait(message)
        self._lost = self._lost | {kind} if is_loss else self._lost - {kind}


def from_environment(symbols: Sequence[str], beside: Sequence[str] = ()) -> list[AlpacaCounterparty]:
    """Return shares of the account that the environment names; paper money unless it says otherwise.

    Raises
    ------
    ToolMissing
        If the SDK is not installed.
    ConfigError
        If the credentials are not there, the feed is none, or another exchange is asked for.
    """
    if beside:
        raise ConfigError(
            f"--beside {beside[0]}: no exchange is beside Alpaca; name crypto exchanges, with --broker ccxt"
        )
    client = client_from_environment()
    import logging

    from alpaca.data.enums import DataFeed
    from alpaca.data.live import StockDataStream
    from alpaca.trading.stream import TradingStream

    # It logs whole tracebacks of what it then mends itself; what is lost is said in a line.
    logging.getLogger("alpaca").addHandler(logging.NullHandler())
    logging.getLogger("alpaca").propagate = False
    named = account()
    trading = _Stream(
        lambda told: told(TradingStream)(
            named.key, named.secret, paper=True, raw_data=True, url_override=named.orders_url
        ),
        symbols,
    )
    data = _Stream(
        lambda told: told(StockDataStream)(
            named.key, named.secret, raw_data=True, feed=DataFeed(named.feed), url_override=named.data_url
        ),
        symbols,
    )
    return [AlpacaCounterparty(client, symbol, trading, data) for symbol in symbols]


async def _nothing() -> None:
    """There is no clock to set: requests are not signed by time."""


def _ns(stamp: Any) -> int:
    """Return the nanoseconds of one of the SDK's times: msgpack's, or text."""
    if hasattr(stamp, "to_unix_nano"):
        return int(stamp.to_unix_nano())
    return int(datetime.fromisoformat(str(stamp)).timestamp() * 1_000_000) * 1000
