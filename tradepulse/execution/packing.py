"""The order path's usual records in a few bytes, and back; what is not usual is JSON.

A function that packs returns None where a value does not fit (a number beyond 64 bits, a word that is not in the
table): the caller then writes JSON. The tables only grow at their end, for journals that are there already.
"""

import struct
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Any

from tradepulse.core.orders import Side
from tradepulse.execution.ticket import Event, OrderType, Ticket, TimeInForce

SENT, REFUSED, CANCELING, SAID, FILLED, ENDED, SENT_LIMIT = range(16, 23)

#: Side, type, time in force, flags, which of the numbers are there; quantity, the numbers, and when it was sent.
_TICKET = struct.Struct("<BBBBBqqqqqqq")
#: Of a limit order with nothing to it: side, time in force, flags, strategy; quantity, price, and when it was sent.
_LIMIT_TICKET = struct.Struct("<BBBBqqq")
_SHORT = struct.Struct("<IB")
_END = struct.Struct("<IBB")
_FILL = struct.Struct("<IBBqqQ")
_FILL_SIZE, _TICKET_SIZE, _LIMIT_SIZE = _FILL.size, _TICKET.size, _LIMIT_TICKET.size
_new = tuple.__new__

_LIMIT = OrderType.LIMIT
_SIDES = tuple(Side)
_TYPES = tuple(OrderType)
_TIFS = tuple(TimeInForce)
_SAID = ("working", "waiting", "changed")
_LIQUIDITY = ("maker", "taker")
_STATUS = ("filled", "canceled", "rejected", "expired")
_REASONS = (
    "", "requested", "killed", "expired", "no_liquidity", "ioc", "fok", "self_trade", "post_only_would_take",
    "reduce_only", "halted", "closed", "not_received", "bad_price", "bad_quantity", "bad_flags", "no_price",
    "max_order_quantity", "max_order_notional", "max_position", "price_collar_bp", "max_open_orders",
    "max_orders_per_second", "max_daily_loss", "stale_price", "clock_skew", "fenced", "strategy_max_order_quantity",
    "strategy_max_order_notional", "strategy_max_position", "strategy_max_open_orders", "rate_limited",
    "max_short", "max_leverage",
)  # fmt: skip
_SIDE = {name: number for number, name in enumerate(_SIDES)}
_TYPE = {name: number for number, name in enumerate(_TYPES)}
_TIF = {name: number for number, name in enumerate(_TIFS)}
_SAID_CODE = {name: number for number, name in enumerate(_SAID)}
_LIQUIDITY_CODE = {name: number for number, name in enumerate(_LIQUIDITY)}
_STATUS_CODE = {name: number for number, name in enumerate(_STATUS)}
_REASON_CODE = {name: number for number, name in enumerate(_REASONS)}


def sent_limit(ticket: Ticket, at_ms: int) -> bytes | None:
    """Pack what most orders are, a limit order with nothing to it, that is about to be sent."""
    (
        id, side, type, quantity, price, stop, tif, expire, display, trail, post_only, reduce_only, trigger, venue,
        strategy,
    ) = ticket  # fmt: skip
    if type is not _LIMIT or post_only or reduce_only or not stop is expire is display is trail is None:
        return None
    flags = venue << 1 | (trigger == "quote")
    try:
        return _LIMIT_TICKET.pack(_SIDE[side], _TIF[tif], flags, strategy, quantity, price, at_ms) + id.encode()
    except struct.error:
        return None


def sent(ticket: Ticket, at_ms: int) -> bytes | None:
    """Pack an order that is about to be sent, with all that it may have."""
    (
        id, side, type, quantity, price, stop, tif, expire, display, trail, post_only, reduce_only, trigger, venue,
        strategy,
    ) = ticket  # fmt: skip
    there = (
        (price is not None)
        | (stop is not None) << 1
        | (expire is not None) << 2
        | (display is not None) << 3
        | (trail is not None) << 4
        | strategy << 5
    )
    flags = post_only | reduce_only << 1 | (trigger == "quote") << 2 | venue << 3
    try:
        return _TICKET.pack(
            _SIDE[side], _TYPE[type], _TIF[tif], flags, there, quantity, price or 0, stop or 0, expire or 0,
            display or 0, trail or 0, at_ms,
        ) + id.encode()  # fmt: skip
    except struct.error:
        return None


def read_sent_limit(payload: bytes) -> tuple[Ticket, int]:
    """Return a limit order with nothing to it, and when it was sent."""
    side, tif, flags, strategy, quantity, price, at_ms = _LIMIT_TICKET.unpack_from(payload)
    # As Ticket(...) makes it, a quarter sooner: a journal of millions is read before a process may trade.
    usual = (
        payload[_LIMIT_SIZE:].decode(), _SIDES[side], _LIMIT, quantity, price, None, _TIFS[tif], None, None, None,
        False, False, "quote" if flags & 1 else "last", flags >> 1, strategy,
    )  # fmt: skip
    return _new(Ticket, usual), at_ms


def read_sent(payload: bytes) -> tuple[Ticket, int]:
    """Return the order and when it was sent."""
    side, type, tif, flags, there, quantity, price, stop, expire, display, trail, at_ms = _TICKET.unpack_from(payload)
    id, trigger = payload[_TICKET_SIZE:].decode(), "quote" if flags & 4 else "last"
    whole = (
        id, _SIDES[side], _TYPES[type], quantity, price if there & 1 else None, stop if there & 2 else None, _TIFS[tif],
        expire if there & 4 else None, display if there & 8 else None, trail if there & 16 else None, bool(flags & 1),
        bool(flags & 2), trigger, flags >> 3, there >> 5,
    )  # fmt: skip
    return _new(Ticket, whole), at_ms


def refused(ticket: Ticket, reason: str) -> bytes | None:
    """Pack an order that risk refused."""
    code = _REASON_CODE.get(reason)
    return None if code is None else sent(ticket, code)


#: How what was sent is read, by the code of its record.
READ_SENT = {SENT: read_sent, SENT_LIMIT: read_sent_limit}


def read_refused(payload: bytes) -> tuple[Ticket, str]:
    """Return the order and why it was refused."""
    ticket, code = read_sent(payload)
    return ticket, _REASONS[code]


def canceling(number: int, reason: str) -> bytes | None:
    """Pack the wish to end an order."""
    code = _REASON_CODE.get(reason)
    return None if code is None else _SHORT.pack(number, code)


def read_canceling(payload: bytes) -> tuple[int, str]:
    """Return the order's number and the reason."""
    number, code = _SHORT.unpack(payload)
    return number, _REASONS[code]


def filled(
    number: int, side: Side, price: int, quantity: int, liquidity: str, fill_id: str, moment: int
) -> bytes | None:
    """Pack a fill of an order whose fee is at the rate that is known."""
    try:
        return _FILL.pack(number, _SIDE[side], _LIQUIDITY_CODE[liquidity], price, quantity, moment) + fill_id.encode()
    except (struct.error, KeyError):
        return None


def working(number: int) -> bytes:
    """Pack that an order works, as it was sent."""
    return _SHORT.pack(number, 0)


def heard(number: int, known: Ticket, event: Event) -> tuple[int, bytes] | None:
    """Pack what the venue said about an order, with the code of its record."""
    kind, _, status, reason, side, price, quantity, liquidity, fill_id, ticket, moment, fee, fee_units, _ = event
    if kind == "filled":
        if fee is not None or fee_units:
            return None
        body = filled(number, side, price, quantity, liquidity, fill_id, moment)
        return None if body is None else (FILLED, body)
    if kind == "ended":
        how, why = _STATUS_CODE.get(status), _REASON_CODE.get(reason)
        return None if how is None or why is None else (ENDED, _END.pack(number, how, why))
    said = _SAID_CODE.get(kind)
    if said is None or reason or (ticket is not known and ticket != known):
        return None
    return SAID, _SHORT.pack(number, said)


def read_filled(payload: bytes) -> tuple[int, Side, int, int, str, int, str]:
    """Return the order's number and its fill: side, price, quantity, liquidity, moment and id."""
    number, side, liquidity, price, quantity, moment = _FILL.unpack_from(payload)
    return number, _SIDES[side], price, quantity, _LIQUIDITY[liquidity], moment, payload[_FILL_SIZE:].decode()


def read_said(code: int, payload: bytes) -> tuple[int, str, str, str]:
    """Return the order's number and what was said of it: kind, status and reason, the latter two where it has ended."""
    if code == ENDED:
        number, status, reason = _END.unpack(payload)
        return number, "ended", _STATUS[status], _REASONS[reason]
    number, said = _SHORT.unpack(payload)
    return number, _SAID[said], "", ""


def plain(ticket: Ticket) -> dict[str, Any]:
    """Return an order as JSON values, without what it does not have."""
    said = {key: value for key, value in ticket._asdict().items() if value is not None and value is not False}
    for key in ("venue", "strategy"):
        if not said[key]:
            del said[key]
    return said


def ticket_of(body: Mapping[str, Any]) -> Ticket:
    """Return an order from its JSON values."""
    return Ticket(
        **{
            **body,
            "side": Side(body["side"]),
            "type": OrderType(body["type"]),
            "tif": TimeInForce(body.get("tif", "gtc")),
        }
    )


def packed_text(ticket: Ticket) -> str | dict[str, Any]:
    """Return an order as text of its packed bytes, or as JSON values where it does not fit."""
    record = sent(ticket, 0)
    return plain(ticket) if record is None else b2a_base64(record, newline=False).decode()


def ticket_of_text(text: str | Mapping[str, Any]) -> Ticket:
    """Return an order from what :func:`packed_text` made of it."""
    return read_sent(a2b_base64(text))[0] if isinstance(text, str) else ticket_of(text)


def plain_event(event: Event) -> dict[str, Any]:
    """Return what the venue said as JSON values."""
    said = {**event._asdict(), "ticket": plain(event.ticket) if event.ticket else None}
    if event.fee is None:
        del said["fee"]
    for key in ("fee_units", "venue"):
        if not said[key]:
            del said[key]
    return said


def event_of(body: Mapping[str, Any]) -> Event:
    """Return what the venue said from its JSON values."""
    ticket = ticket_of(body["ticket"]) if body.get("ticket") else None
    return Event(**{**body, "side": Side(body["side"]), "ticket": ticket})
