"""Pre-trade risk: every order is asked every rule, and the first that objects gives the reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

from tradepulse.core.orders import Approved, Order, Refused, from_micros
from tradepulse.errors import ConfigError
from tradepulse.execution.book import Book


@dataclass(frozen=True, slots=True)
class Limits:
    """What an order may do, to the account or to what one strategy has of it. Equal to a limit passes; None is none.

    Parameters
    ----------
    max_order_quantity : units in one order
    max_order_notional_micros : value of one order at its reference price
    max_position : absolute units held after everything open has filled
    max_open_orders : orders that can still fill, this one included
    max_daily_loss_micros : equity lost since the close of the session before; of an account only
    """

    max_order_quantity: int | None = None
    max_order_notional_micros: int | None = None
    max_position: int | None = None
    max_open_orders: int | None = None
    max_daily_loss_micros: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                raise ConfigError(f"limit {field.name} must be a whole number not below zero, not {value!r}")


class Scope(NamedTuple):
    """What a limit is held against: the whole account, or what one strategy has of it.

    Parameters
    ----------
    limits : that hold in it
    exposure : units of the order's symbol once everything open has filled
    open_orders : that can still fill
    loss : equity lost since the last close, micros; None if something held has no price now
    whose : added to the reason
    """

    limits: Limits
    exposure: int
    open_orders: int
    loss: int | None = 0
    whose: str = ""


Rule = Callable[[Order, Scope], str | None]


def review(
    order: Order,
    book: Book,
    limits: Limits,
    *,
    strategies: Mapping[str, Limits] | None = None,
    closes: Mapping[str, int] | None = None,
) -> Approved | Refused:
    """Return the order approved, or refused in the words of the first rule that objects.

    An order that only reduces the position is asked whether it makes sense at all, and no limit, nor the kill switch:
    refusing it would keep on the risk that they are there to bound.

    Parameters
    ----------
    order : not yet known to the book
    book : open orders count as if they had filled
    limits : of the account
    strategies : limits of each strategy on what it has of the account: its own fills and open orders
    closes : what a unit of each symbol held is worth now, micros; asked for where a daily loss is limited
    """
    if not _whole(order.quantity):
        return Refused(order, "bad_quantity", f"quantity {order.quantity!r} is not a whole number above zero")
    if not _whole(order.reference_micros):
        return Refused(order, "bad_price", f"reference price {order.reference_micros!r} is no price")
    if order.client_order_id in book.orders:
        return Refused(order, "duplicate_id", f"{order.client_order_id} was used before")
    exposure = book.exposure(order.symbol)
    after = exposure + order.side.sign * order.quantity
    if exposure * after >= 0 and abs(after) < abs(exposure):
        return Approved(order)
    if book.killed:
        return Refused(order, "killed", f"the kill switch is pulled: {book.killed}")
    waiting = [state.order.strategy for state in book.orders.values() if state.status.is_open]
    loss = book.loss(closes or {}) if limits.max_daily_loss_micros is not None else 0
    scopes = [Scope(limits, exposure, len(waiting), loss)]
    if own := (strategies or {}).get(order.strategy):
        exposure = book.exposure(order.symbol, order.strategy)
        scopes.append(Scope(own, exposure, waiting.count(order.strategy), whose=f" for {order.strategy}"))
    for scope in scopes:
        for name, rule in _LIMITS.items():
            if (objection := rule(order, scope)) is not None:
                return Refused(order, name, objection + scope.whose)
    return Approved(order)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _max_order_quantity(order: Order, scope: Scope) -> str | None:
    most = scope.limits.max_order_quantity
    return None if most is None or order.quantity <= most else f"{order.quantity} units, at most {most}"


def _max_order_notional(order: Order, scope: Scope) -> str | None:
    most, notional = scope.limits.max_order_notional_micros, order.quantity * order.reference_micros
    if most is None or notional <= most:
        return None
    return f"{from_micros(notional):,.2f}, at most {from_micros(most):,.2f}"


def _max_position(order: Order, scope: Scope) -> str | None:
    most, after = scope.limits.max_position, scope.exposure + order.side.sign * order.quantity
    return None if most is None or abs(after) <= most else f"position would be {after}, at most {most}"


def _max_open_orders(order: Order, scope: Scope) -> str | None:
    most = scope.limits.max_open_orders
    return None if most is None or scope.open_orders < most else f"{scope.open_orders} are open, at most {most}"


def _max_daily_loss(order: Order, scope: Scope) -> str | None:
    most = scope.limits.max_daily_loss_micros
    if most is None:
        return None
    if scope.loss is None:  # what cannot be marked may have lost anything
        return "something that is held has no price"
    if scope.loss <= most:
        return None
    return f"lost {from_micros(scope.loss):,.2f} since the last close, at most {from_micros(most):,.2f}"


_LIMITS: dict[str, Rule] = {
    "max_order_quantity": _max_order_quantity,
    "max_order_notional": _max_order_notional,
    "max_position": _max_position,
    "max_open_orders": _max_open_orders,
    "max_daily_loss": _max_daily_loss,
}
