"""How a venue's queue moves, read from fills of orders that rested and from what others did meanwhile.

Of what others take back, how much stood ahead of us? The more, the sooner an order is filled. Each fill is possible for
some values of the venue's ``cancels_ahead`` and not for others: those that would have filled it before or after. The
value that agrees with the most fills is the estimate.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradepulse.core.orders import UNIT, Side
from tradepulse.execution.desk import Move

#: Values that are tried.
VALUES: NDArray[np.float64] = np.arange(101) / 100
#: How far apart the log and the market may say that a fill was, ns: venues stamp in milliseconds.
_NEAR = 1_000_000
_NEVER = np.iinfo(np.int64).max


@dataclass(slots=True)
class _Rested:
    """An order that a print or a display filled, and when each value would have filled it first."""

    side: Side
    price: int
    arrived: int
    filled: int
    ahead: NDArray[np.int64] | None = None
    when: NDArray[np.int64] = field(default_factory=lambda: np.full(len(VALUES), _NEVER))

    def fill(self, ns: int, would: "NDArray[np.bool_] | bool" = True) -> None:
        self.when[would & (self.when == _NEVER)] = ns


def agreement(fills: pd.DataFrame, moves: Sequence[Move], *, lot: int) -> NDArray[np.bool_]:
    """Return which values of ``cancels_ahead`` would have filled each order when it was filled first.

    Parameters
    ----------
    fills : ``order_id``, ``side``, ``price``, ``quantity``, ``liquidity``, and ``ts`` and ``arrived_ts`` in ns
    moves : what others did, by time
    lot : step of quantities, in units

    Returns
    -------
    One row for each order that rested and was filled while the market is known, one column for each of :data:`VALUES`.
    """
    orders = _rested(fills, moves[0].ns, moves[-1].ns) if moves else []
    ours = _own_fills(fills)
    shown: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
    here: list[_Rested] = []
    following = 0
    for move in moves:
        while following < len(orders) and orders[following].arrived < move.ns:
            order = orders[following]
            order.ahead = np.full(len(VALUES), shown[order.side].get(order.price, 0))
            here.append(order)
            following += 1
        if move.aggressor is None:
            for side, price, quantity in move.levels:
                _display(here, shown, side, price, quantity, move.ns, lot)
        else:
            _trade(here, shown, move, ours)
        here = [order for order in here if order.filled + _NEAR >= move.ns]
    return np.array([abs(order.when - order.filled) <= _NEAR for order in orders]).reshape(-1, len(VALUES))


def best(agrees: NDArray[np.bool_], weights: "NDArray[np.int64] | None" = None) -> tuple[float, float]:
    """Return the lowest and the highest value that agree with the most orders, each counted so often."""
    score = agrees.sum(axis=0) if weights is None else weights @ agrees
    top = np.flatnonzero(score == score.max())
    return float(VALUES[top[0]]), float(VALUES[top[-1]])


def _display(
    here: list[_Rested], shown: dict[Side, dict[int, int]], side: Side, price: int, quantity: int, ns: int, lot: int
) -> None:
    had = shown[side].get(price, 0)
    shown[side][price] = quantity
    for order in here:
        if order.side is not side:
            if quantity and side.sign * order.price <= side.sign * price:
                order.fill(ns)  # others display through it
        elif order.price == price and order.ahead is not None:
            if quantity < had:
                # The same numbers in the same order as the venue has them.
                part = VALUES * (order.ahead / lot) * ((had - quantity) / had)
                order.ahead -= part.astype(np.int64) * lot
            np.minimum(order.ahead, quantity, out=order.ahead)


def _trade(
    here: list[_Rested],
    shown: dict[Side, dict[int, int]],
    move: Move,
    ours: dict[tuple[int, int], list[tuple[int, int]]],
) -> None:
    side = Side.SELL if move.aggressor is Side.BUY else Side.BUY
    for price in [price for price in shown[side] if side.sign * price > side.sign * move.price]:
        del shown[side][price]
    displayed = shown[side].get(move.price, 0)
    here_too = ours.get((move.ns, move.price), ())
    gone = min(displayed, move.quantity)
    for order in here:
        if order.side is not side or side.sign * order.price < side.sign * move.price or order.ahead is None:
            continue
        if order.price != move.price:
            order.fill(move.ns)  # traded through
            continue
        # What a print fills of our older orders is no longer there for this one.
        left = move.quantity - sum(quantity for arrived, quantity in here_too if arrived < order.arrived)
        order.fill(move.ns, order.ahead < left)
        np.maximum(order.ahead - gone, 0, out=order.ahead)
    if displayed:
        shown[side][move.price] = displayed - gone


def _rested(fills: pd.DataFrame, begin: int, end: int) -> list[_Rested]:
    makers = fills[fills["liquidity"] == "maker"].sort_values("ts", kind="stable").drop_duplicates("order_id")
    inside = makers[(makers["arrived_ts"] >= begin) & (makers["ts"] <= end)].sort_values("arrived_ts", kind="stable")
    columns = (inside[name].tolist() for name in ("side", "price", "arrived_ts", "ts"))
    return [
        _Rested(Side(side), round(price * UNIT), arrived, filled)
        for side, price, arrived, filled in zip(*columns, strict=True)
    ]


def _own_fills(fills: pd.DataFrame) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return when the order had arrived and how much it was, of each fill at a time and a price."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    makers = fills[fills["liquidity"] == "maker"]
    columns = (makers[name].tolist() for name in ("ts", "price", "arrived_ts", "quantity"))
    for ts, price, arrived, quantity in zip(*columns, strict=True):
        found[ts, round(price * UNIT)].append((arrived, round(quantity * UNIT)))
    return found
