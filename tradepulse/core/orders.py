"""Orders, what becomes of them, and what they cost.

Amounts that change hands are integers: prices and cash in millionths of the currency (micros), quantities in whole
units. Floats become micros in one place, :func:`to_micros`.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from hashlib import sha256

MICROS = 1_000_000
BP = 10_000
#: One unit of price or quantity as books, quoting strategies and the continuous order path hold it: 10**9 parts.
UNIT = 10**9


class Side(StrEnum):
    """Direction of an order or a fill; the quantity beside it is always positive."""

    BUY = "buy"
    SELL = "sell"

    def __init__(self, name: str) -> None:
        #: +1 for a buy, -1 for a sell.
        self.sign = 1 if name == "buy" else -1


class OrderStatus(StrEnum):
    """Where an order stands, as far as we know."""

    UNKNOWN = "unknown"  # sent, not answered; its risk stays reserved
    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"  # by the venue
    REFUSED = "refused"  # by our own risk rules

    @property
    def is_open(self) -> bool:
        """Whether the order can still fill."""
        return self in {OrderStatus.UNKNOWN, OrderStatus.WORKING, OrderStatus.PARTIALLY_FILLED}


@dataclass(frozen=True, slots=True)
class Order:
    """A wish to trade at the next open, with the ids that say why.

    Parameters
    ----------
    client_order_id : :func:`client_order_id` of book, strategy and decision
    symbol : our spelling of the ticker
    side : buy or sell
    quantity : whole units, positive
    reference_micros : last close, in micros; what risk values the order at before it has a price
    strategy : ``name@version`` that decided it
    trial_id : trial that the strategy's parameters come from
    decided_session : trading date at whose close it was decided, ISO
    """

    client_order_id: str
    symbol: str
    side: Side
    quantity: int
    reference_micros: int
    strategy: str
    trial_id: str
    decided_session: str


@dataclass(frozen=True, slots=True)
class Approved:
    """An order that passed every risk rule. Brokers accept nothing else."""

    order: Order


@dataclass(frozen=True, slots=True)
class Refused:
    """An order that a risk rule turned down, and that rule's own words for why."""

    order: Order
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade of ours at the venue.

    Parameters
    ----------
    fill_id : the venue's id; heard twice, it is booked once
    client_order_id : the order it belongs to
    session : trading date of the fill, ISO
    price_micros : price in micros, slippage included
    slippage_micros : part of the price that is slippage, per unit, always >= 0
    commission_micros : commission in micros for the whole fill
    evidence : what at the venue made the fill possible
    """

    fill_id: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: int
    price_micros: int
    slippage_micros: int
    commission_micros: int
    session: str
    evidence: str

    @property
    def cash_micros(self) -> int:
        """Change in cash: negative for a buy, commission taken off either way."""
        return -self.side.sign * self.quantity * self.price_micros - self.commission_micros


def to_micros(value: float | Decimal | str) -> int:
    """Return an amount of currency in micros, the one place where floats become money.

    Parameters
    ----------
    value : amount in currency units; a float counts as the decimal that it prints as

    Raises
    ------
    ValueError
        If the value is NaN or infinite.
    """
    amount = Decimal(str(value))
    if not amount.is_finite():
        raise ValueError(f"{value} is no amount of money")
    return int((amount * MICROS).to_integral_value(ROUND_HALF_EVEN))


def from_micros(micros: int) -> Decimal:
    """Return an exact amount in currency units."""
    return Decimal(micros) / MICROS


def to_units(value: float | Decimal | str) -> int:
    """Return a price or quantity in :data:`UNIT`; a float counts as the decimal that it prints as."""
    return int((Decimal(str(value)) * UNIT).to_integral_value(ROUND_HALF_EVEN))


def from_units(units: int, unit: int = UNIT) -> Decimal:
    """Return what is held in whole parts of a unit as an exact number."""
    return Decimal(units) / unit


def share_of(amount: int, numerator: int, denominator: int) -> int:
    """Return ``amount * numerator / denominator`` rounded half to even, in integers throughout."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, remainder = divmod(amount * numerator, denominator)
    twice = 2 * remainder
    return quotient + (twice > denominator or (twice == denominator and quotient % 2 == 1))


def after_split(units: int, numerator: int, denominator: int) -> tuple[int, int]:
    """Return what units become in a split of ``numerator`` for ``denominator``, and the fraction that is left over.

    Returns
    -------
    tuple of int
        whole units, rounded toward zero, and what is left of a unit in parts of the denominator, signed like the units
    """
    whole = (1 if units >= 0 else -1) * (abs(units) * numerator // denominator)
    return whole, units * numerator - whole * denominator


def client_order_id(book: str, strategy: str, decision: str) -> str:
    """Return the id of an order: the same decision has the same id in every process and after every crash."""
    return sha256(f"{book}|{strategy}|{decision}".encode()).hexdigest()[:20]
