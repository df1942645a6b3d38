"""The smart order router: where an order that takes should go, venue by venue, and why.

What a unit costs is its price and the venue's fee together; what is displayed may be gone when an order arrives. Taking
the cheapest units first is the cheapest way to take a quantity, because a unit's cost does not depend on the others.
"""

from collections.abc import Mapping, Sequence
from math import exp
from typing import NamedTuple

from tradepulse.core.orders import UNIT, Side
from tradepulse.errors import ConfigError
from tradepulse.execution.terms import FEE, WHOLE_BP


class Offered(NamedTuple):
    """What a venue displays on the side that an order meets.

    Parameters
    ----------
    venue : its name
    levels : quantity by price, in units
    taker_fee : in units of :data:`~tradepulse.execution.terms.FEE`; below zero a rebate
    latency_us : until an order of ours is there
    half_life_us : after which half of what is displayed is gone; 0 if it waits for us
    lot : step of quantity, in units
    """

    venue: str
    levels: Mapping[int, int]
    taker_fee: int = 0
    latency_us: float = 0.0
    half_life_us: float = 0.0
    lot: int = 1


class Leg(NamedTuple):
    """An order to one venue: how much, its limit, what it is expected to cost in all, and why it goes there."""

    venue: str
    quantity: int
    price: int
    cost: int
    reason: str


class Route(NamedTuple):
    """Where an order goes: its legs, best first, and what none of the venues offers within the limit."""

    legs: tuple[Leg, ...]
    left: int


def route(side: Side, quantity: int, offers: Sequence[Offered], limit: int | None = None) -> Route:
    """Split an order that takes over venues, at the least expected cost.

    Parameters
    ----------
    side, quantity : of the order, in units
    offers : of each venue
    limit : worst price, before fees; None for any

    Returns
    -------
    Route
        One leg for each venue that is used, limited at the worst price that it takes there. Among equal costs the
        faster venue is first, then the name decides. ``cost`` is price times quantity, fee included (for a sale the
        proceeds after fees), in units of money of the order path.

    Raises
    ------
    ConfigError
        If the quantity is not above zero, a venue comes twice, or a number of one makes no sense.
    """
    if quantity <= 0:
        raise ConfigError(f"quantity is {quantity}; it is above zero")
    if len({offer.venue for offer in offers}) != len(offers):
        raise ConfigError("a venue comes twice; merge what it displays")
    units: list[tuple[int, float, str, int, int, Offered]] = []
    for offer in offers:
        if offer.lot <= 0 or not 0 <= offer.latency_us < 1e9 or not 0 <= offer.half_life_us < 1e12:
            raise ConfigError(f"{offer.venue}: lot is above zero, latency and half-life are not below it")
        stays = exp(-0.6931471805599453 * offer.latency_us / offer.half_life_us) if offer.half_life_us else 1.0
        for price, shown in offer.levels.items():
            if limit is not None and side.sign * price > side.sign * limit:
                continue
            expected = int(shown * stays) // offer.lot * offer.lot
            if expected > 0:
                all_in = price * (WHOLE_BP + side.sign * offer.taker_fee)
                units.append((side.sign * all_in, offer.latency_us, offer.venue, price, expected, offer))
    units.sort(key=lambda unit: unit[:3])
    left = quantity
    taken: dict[str, list[tuple[int, int, int]]] = {}
    used: dict[str, Offered] = {}
    for all_in, _, venue, price, expected, offer in units:
        part = min(expected, left // offer.lot * offer.lot)
        if part:
            taken.setdefault(venue, []).append((price, part, abs(all_in)))
            used[venue] = offer
            left -= part
    legs = tuple(_leg(side, used[venue], parts) for venue, parts in taken.items())
    return Route(legs, left)


def _leg(side: Side, offer: Offered, parts: Sequence[tuple[int, int, int]]) -> Leg:
    quantity = sum(part for _, part, _ in parts)
    worst = max((price for price, _, _ in parts), key=lambda price: side.sign * price)
    all_in = sum(part * cost for _, part, cost in parts)
    shown = sum(offer.levels[price] for price, _, _ in parts)
    mean = all_in / quantity / WHOLE_BP / UNIT
    reason = f"{mean:.8g} a unit with {offer.taker_fee / FEE:g} bp of fee; {shown / UNIT:g} displayed"
    if offer.half_life_us:
        reason += f", half of it gone after {offer.half_life_us:g} us, and it is {offer.latency_us:g} us away"
    return Leg(offer.venue, quantity, worst, all_in, reason)
