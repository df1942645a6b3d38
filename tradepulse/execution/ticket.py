"""What is said between us and a venue: an order as it is sent, and what the venue tells of it."""

from enum import StrEnum
from typing import Literal, NamedTuple

from tradepulse.core.orders import Side
from tradepulse.core.quoting.base import How


class OrderType(StrEnum):
    """What an order does when it arrives, or when its trigger is reached."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    MARKET_IF_TOUCHED = "market_if_touched"
    LIMIT_IF_TOUCHED = "limit_if_touched"
    TRAILING_STOP = "trailing_stop"

    def __init__(self, name: str) -> None:
        # Worked out once: they are asked of every order.
        #: Whether it waits for a trigger before it is an order.
        self.waits = name not in {"market", "limit"}
        #: Whether it has a limit price.
        self.has_limit = name in {"limit", "stop_limit", "limit_if_touched"}
        #: Whether its trigger is reached from the other side: it buys when the price has fallen.
        self.touches = name.endswith("_if_touched")


def type_of(price: int | None, how: How) -> OrderType:
    """Return the type of an order that a strategy has described."""
    if how.get("trail_offset") is not None:
        return OrderType.TRAILING_STOP
    stop, touched = how.get("stop_price") is not None, how.get("if_touched", False)
    if price is None:
        return OrderType.MARKET_IF_TOUCHED if touched else OrderType.STOP if stop else OrderType.MARKET
    return OrderType.LIMIT_IF_TOUCHED if touched else OrderType.STOP_LIMIT if stop else OrderType.LIMIT


class TimeInForce(StrEnum):
    """How long an order lives."""

    GTC = "gtc"
    DAY = "day"
    IOC = "ioc"
    FOK = "fok"
    GTD = "gtd"


class Ticket(NamedTuple):
    """An order as it is sent.

    Parameters
    ----------
    id : ours; a venue takes each once
    quantity : total, in units
    price, stop_price, trail_offset : in units, where the type has them
    expire_at_ms : of a ``gtd`` order
    display_quantity : shown part of an iceberg
    trigger : ``last`` trade or opposite ``quote``
    venue : number of the venue that it goes to, where there are several
    strategy : number of the strategy whose it is, where there are several
    """

    id: str
    side: Side
    type: OrderType
    quantity: int
    price: int | None = None
    stop_price: int | None = None
    tif: TimeInForce = TimeInForce.GTC
    expire_at_ms: int | None = None
    display_quantity: int | None = None
    trail_offset: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    trigger: Literal["last", "quote"] = "last"
    venue: int = 0
    strategy: int = 0


def reached(ticket: Ticket, seen: int, best: int | None) -> tuple[bool, int | None]:
    """Return whether the price that an order waits for is there, and the best so far, which a trailing stop follows.

    Parameters
    ----------
    ticket : of an order that waits
    seen : the price that it waits for, as it is now
    best : what this returned when it was asked last
    """
    level = ticket.stop_price or 0
    if ticket.type is OrderType.TRAILING_STOP:
        sign = ticket.side.sign
        best = seen if best is None or sign * seen < sign * best else best
        level = best + sign * (ticket.trail_offset or 0)
    rising = ticket.side.sign * (-1 if ticket.type.touches else 1)
    return rising * seen >= rising * level, best


class Event(NamedTuple):
    """Something that the venue tells us.

    Parameters
    ----------
    kind : ``working``, ``waiting``, ``filled``, ``ended``, ``changed``, ``not_changed`` or ``reported``
    id : order
    status, reason : how an order ended
    side, price, quantity, liquidity, fill_id : of a fill
    ticket : the order as it is now, of ``working``, ``waiting`` and ``changed``
    moment : of a fill: what happens at the venue at once has the same
    fee : that the venue took for a fill, in units of :data:`~tradepulse.execution.terms.MONEY`; None where it is
        the rate that the account's terms say
    fee_units : that it took of what is traded
    venue : number of the venue, where there are several; of one of our orders it is the order's
    """

    kind: str
    id: str
    status: str = ""
    reason: str = ""
    side: Side = Side.BUY
    price: int = 0
    quantity: int = 0
    liquidity: str = ""
    fill_id: str = ""
    ticket: Ticket | None = None
    moment: int = 0
    fee: int | None = None
    fee_units: int = 0
    venue: int = 0
