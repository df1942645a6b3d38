"""Pre-trade risk: every order is asked every rule, and the first that objects gives the reason."""

from collections.abc import Callable
from dataclasses import dataclass

from tradepulse.core.orders import Approved, Order, Refused, from_micros
from tradepulse.errors import ConfigError
from tradepulse.execution.book import Book


@dataclass(frozen=True, slots=True)
class Limits:
    """What an order may do to the book. Equal to a limit passes.

    Parameters
    ----------
    max_order_quantity : units in one order
    max_order_notional_micros : value of one order at its reference price
    max_position : absolute units held after everything open has filled
    """

    max_order_quantity: int
    max_order_notional_micros: int
    max_position: int

    def __post_init__(self) -> None:
        for name in ("max_order_quantity", "max_order_notional_micros", "max_position"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ConfigError(f"limit {name} must be a whole number not below zero, not {value!r}")


Rule = Callable[[Order, Book, Limits], str | None]


def review(order: Order, book: Book, limits: Limits) -> Approved | Refused:
    """Return the order approved, or refused in the words of the first rule that objects.

    An order that only reduces the position is asked whether it makes sense at all, and no limit: refusing it would keep
    on the risk that the limit is there to bound.

    Parameters
    ----------
    order : not yet known to the book
    book : open orders count as if they had filled
    limits : of the book
    """
    rules = _SENSE if _only_reduces(order, book) else _SENSE | _LIMITS
    for name, rule in rules.items():
        if (objection := rule(order, book, limits)) is not None:
            return Refused(order, name, objection)
    return Approved(order)


def _only_reduces(order: Order, book: Book) -> bool:
    before = book.exposure(order.symbol)
    after = before + order.side.sign * order.quantity
    return before * after >= 0 and abs(after) < abs(before)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _bad_quantity(order: Order, book: Book, limits: Limits) -> str | None:
    return None if _whole(order.quantity) else f"quantity {order.quantity!r} is not a whole number above zero"


def _bad_price(order: Order, book: Book, limits: Limits) -> str | None:
    return None if _whole(order.reference_micros) else f"reference price {order.reference_micros!r} is no price"


def _duplicate_id(order: Order, book: Book, limits: Limits) -> str | None:
    return f"{order.client_order_id} was used before" if order.client_order_id in book.orders else None


def _max_order_quantity(order: Order, book: Book, limits: Limits) -> str | None:
    if order.quantity <= limits.max_order_quantity:
        return None
    return f"{order.quantity} units, at most {limits.max_order_quantity}"


def _max_order_notional(order: Order, book: Book, limits: Limits) -> str | None:
    notional = order.quantity * order.reference_micros
    if notional <= limits.max_order_notional_micros:
        return None
    return f"{from_micros(notional):,.2f}, at most {from_micros(limits.max_order_notional_micros):,.2f}"


def _max_position(order: Order, book: Book, limits: Limits) -> str | None:
    after = book.exposure(order.symbol) + order.side.sign * order.quantity
    return None if abs(after) <= limits.max_position else f"position would be {after}, at most {limits.max_position}"


_SENSE: dict[str, Rule] = {"bad_quantity": _bad_quantity, "bad_price": _bad_price, "duplicate_id": _duplicate_id}
_LIMITS: dict[str, Rule] = {
    "max_order_quantity": _max_order_quantity,
    "max_order_notional": _max_order_notional,
    "max_position": _max_position,
}
