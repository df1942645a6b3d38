"""The order path's usual records in a few bytes, and back; what is not usual is JSON.

What packs makes a record with its head, for :meth:`~tradepulse.execution.journal.Journal.put`; ``after`` is the CRC of
the record before it. What reads is given the payload. A function that packs returns None where a value does not fit (a
number beyond 64 bits, a word that is not in the table): the caller then writes JSON. The tables only grow at their end,
for journals that are there already.
"""

import struct
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Any, Final

from tradepulse.core.orders import Side
from tradepulse.execution.journal import HEAD
from tradepulse.execution.ticket import Event, OrderType, Ticket, TimeInForce

SENT: Final = 16
REFUSED: Final = 17
CANCELING: Final = 18
SAID: Final = 19
FILLED: Final = 20
ENDED: Final = 21
SENT_LIMIT: Final = 22

#: Side, type, time in force, flags, which of the numbers are there; quantity, the numbers, and when it was sent.
_TICKET: Final = struct.Struct("<BBBBBqqqqqqq")
#: Of a limit order with nothing to it: side, time in force, flags, strategy; quantity, price, and when it was sent.
_LIMIT_TICKET: Final = struct.Struct("<BBBBqqq")
_SHORT: Final = struct.Struct("<IB")
_END: Final = struct.Struct("<IBB")
_FILL: Final = struct.Struct("<IBBqqQ")
_FILL_SIZE: Final = _FILL.size
_TICKET_SIZE: Final = _TICKET.size
_LIMIT_SIZE: Final = _LIMIT_TICKET.size
_SHORT_SIZE: Final = _SHORT.size
_END_SIZE: Final = _END.size
#: The same after a record's head, as they are written.
_PUT_TICKET: Final = struct.Struct(HEAD + _TICKET.format[1:])
_PUT_LIMIT_TICKET: Final = struct.Struct(HEAD + _LIMIT_TICKET.format[1:])
_PUT_SHORT: Final = struct.Struct(HEAD + _SHORT.format[1:])
_PUT_END: Final = struct.Struct(HEAD + _END.format[1:])
_PUT_FILL: Final = struct.Struct(HEAD + _FILL.format[1:])
_HEAD_SIZE: Final = struct.calcsize(HEAD)
_new: Final = tuple.__new__

_LIMIT: Final = OrderType.LIMIT
_SIDES: Final = tuple(Side)
_TYPES: Final = tuple(OrderType)
_TIFS: Final = tuple(TimeInForce)
_SAID: Final = ("working", "waiting", "changed")
_LIQUIDITY: Final = ("maker", "taker")
_STATUS: Final = ("filled", "canceled", "rejected", "expired")
_REASONS: Final = (
    "", "requested", "killed", "expired", "no_liquidity", "ioc", "fok", "self_trade", "post_only_would_take",
    "reduce_only", "halted", "closed", "not_received", "bad_price", "bad_quantity", "bad_flags", "no_price",
    "max_order_quantity", "max_order_notional", "max_position", "price_collar_bp", "max_open_orders",
    "max_orders_per_second", "max_daily_loss", "stale_price", "clock_skew", "fenced", "strategy_max_order_quantity",
    "strategy_max_order_notional", "strategy_max_position", "strategy_max_open_orders", "rate_limited",
    "max_short", "max_leverage",
)  # fmt: skip
_SIDE: Final = {name: number for number, name in enumerate(_SIDES)}
_TYPE: Final = {name: number for number, name in enumerate(_TYPES)}
_TIF: Final = {name: number for number, name in enumerate(_TIFS)}
_SAID_CODE: Final = {name: number for number, name in enumerate(_SAID)}
_LIQUIDITY_CODE: Final = {name: number for number, name in enumerate(_LIQUIDITY)}
_STATUS_CODE: Final = {name: number for number, name in enumerate(_STATUS)}
_REASON_CODE: Final = {name: number for number, name in enumerate(_REASONS)}


def sent(after: int, ticket: Ticket, at_ms: int) -> bytes | None:
    """Pack an order that is about to be sent: shorter where it is what most are, a limit order with nothing to it."""
    (
        id, side, type, quantity, price, stop, tif, expire, display, trail, post_only, reduce_only, trigger, venue,
        strategy,
    ) = ticket  # fmt: skip
    if type is not _LIMIT or post_only or reduce_only or not stop is expire is display is trail is None:
        return _whole(after, SENT, ticket, at_ms)
    try:
        name = id.encode()
        return _PUT_LIMIT_TICKET.pack(
            _LIMIT_SIZE + len(name), after, 0, SENT_LIMIT,
            _SIDE[side], _TIF[tif], venue << 1 | (trigger == "quote"), strategy, quantity, price, at_ms,
        ) + name  # fmt: skip
    except struct.error:
        return None


def _whole(after: int, code: int, ticket: Ticket, at_ms: int) -> bytes | None:
    """Pack an order with all that it may have."""
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
        name = id.encode()
        return _PUT_TICKET.pack(
            _TICKET_SIZE + len(name), after, 0, code, _SIDE[side], _TYPE[type], _TIF[tif], flags, there, quantity,
            price or 0, stop or 0, expire or 0, display or 0, trail or 0, at_ms,
        ) + name  # fmt: skip
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


def refused(after: int, ticket: Ticket, reason: str) -> bytes | None:
    """Pack an order that risk refused."""
    why = _REASON_CODE.get(reason)
    return None if why is None else _whole(after, REFUSED, ticket, why)


#: How what was sent is read, by the code of its record.
READ_SENT = {SENT: read_sent, SENT_LIMIT: read_sent_limit}


def read_refused(payload: bytes) -> tuple[Ticket, str]:
    """Return the order and why it was refused."""
    ticket, code = read_sent(payload)
    return ticket, _REASONS[code]


def canceling(after: int, number: int, reason: str) -> bytes | None:
    """Pack the wish to end an order."""
    why = _REASON_CODE.get(reason)
    return None if why is None else _PUT_SHORT.pack(_SHORT_SIZE, after, 0, CANCELING, number, why)


def read_canceling(payload: bytes) -> tuple[int, str]:
    """Return the order's number and the reason."""
    number, code = _SHORT.unpack(payload)
    return number, _REASONS[code]


def filled(
    after: int, number: int, side: Side, price: int, quantity: int, liquidity: str, fill_id: str, moment: int
) -> bytes | None:
    """Pack a fill of an order whose fee is at the rate that is known."""
    try:
        name = fill_id.encode()
        return _PUT_FILL.pack(
            _FILL_SIZE + len(name), after, 0, FILLED, number, _SIDE[side], _LIQUIDITY_CODE[liquidity], price, quantity,
            moment,
        ) + name  # fmt: skip
    except (struct.error, KeyError):
        return None


def working(after: int, number: int) -> bytes:
    """Pack that an order works, as it was sent."""
    return _PUT_SHORT.pack(_SHORT_SIZE, after, 0, SAID, number, 0)


def heard(after: int, number: int, known: Ticket, event: Event) -> bytes | None:
    """Pack what the venue said about an order."""
    kind, _, status, reason, side, price, quantity, liquidity, fill_id, ticket, moment, fee, fee_units, _ = event
    if kind == "filled":
        if fee is not None or fee_units:
            return None
        return filled(after, number, side, price, quantity, liquidity, fill_id, moment)
    if kind == "ended":
        how, why = _STATUS_CODE.get(status), _REASON_CODE.get(reason)
        return None if how is None or why is None else _PUT_END.pack(_END_SIZE, after, 0, ENDED, number, how, why)
    said = _SAID_CODE.get(kind)
    if said is None or reason or (ticket is not known and ticket != known):
        return None
    return _PUT_SHORT.pack(_SHORT_SIZE, after, 0, SAID, number, said)


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
    record = _whole(0, SENT, ticket, 0)
    return plain(ticket) if record is None else b2a_base64(record[_HEAD_SIZE:], newline=False).decode()


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
