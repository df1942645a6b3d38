"""A venue simulated from daily bars: orders rest until the next opening auction of their symbol and fill at its price.

The venue keeps a journal of its own beside ours, because it must remember what we sent it when we have died: whether
an order arrived is asked of the venue, not of our memory.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tradepulse.core.orders import BP, Approved, Fill, Order, OrderStatus, after_split, share_of
from tradepulse.errors import ConfigError
from tradepulse.execution.book import fill_from, order_from
from tradepulse.execution.broker import Broker
from tradepulse.execution.journal import Journal

# Costs are taken to a hundredth of a bp.
_CENTI = 100


@dataclass(frozen=True, slots=True)
class Fees:
    """What a fill costs at the venue.

    Parameters
    ----------
    commission_bp : bp of the fill's notional, slippage included
    slippage_bp : adverse distance of the fill from the auction price in bp of it
    """

    commission_bp: float
    slippage_bp: float

    def __post_init__(self) -> None:
        for name in ("commission_bp", "slippage_bp"):
            value = getattr(self, name)
            if not 0 <= value <= BP or round(value * _CENTI) != value * _CENTI:
                raise ConfigError(f"{name} must lie between 0 and {BP} in steps of 0.01, not {value}")


class SimulatedVenue(Broker):
    """An opening-auction venue with memory.

    Parameters
    ----------
    path : the venue's own journal
    fees : commission and slippage of every fill
    """

    def __init__(self, path: Path, fees: Fees) -> None:
        self._journal = Journal(path)
        self._fees = fees
        self._orders: dict[str, Order] = {}
        self._fills: list[Fill] = []
        self._filled: set[str] = set()
        self._canceled: set[str] = set()
        self._splits: set[tuple[str, str]] = set()
        for record in self._journal.read():
            if record.kind == "accepted":
                order = order_from(record.body)
                self._orders[order.client_order_id] = order
            elif record.kind == "split":
                self._adjust(record.body)
            elif record.kind == "canceled":
                self._canceled.add(record.body["client_order_id"])
            else:
                self._remember(fill_from(record.body))

    def submit(self, approved: Approved) -> None:
        """Accept an order for the next opening auction of its symbol."""
        order = approved.order
        if order.client_order_id not in self._orders and order.client_order_id not in self._canceled:
            self._journal.append("accepted", **asdict(order))
            self._orders[order.client_order_id] = order

    def knows(self, order: Order) -> bool:
        """Whether an order has arrived."""
        return order.client_order_id in self._orders

    def cancel(self, order: Order) -> OrderStatus | None:
        """End an order that rests; one that has not arrived is not taken any more."""
        id = order.client_order_id
        if id in self._filled:
            return OrderStatus.FILLED
        if id not in self._canceled:
            self._journal.append("canceled", client_order_id=id)
            self._canceled.add(id)
        return OrderStatus.CANCELED

    def fills(self, symbols: Collection[str] = (), since: str = "") -> Sequence[Fill]:
        """Return every fill so far, oldest first."""
        return tuple(self._fills)

    def auction(self, session: str, open_micros: Mapping[str, int]) -> None:
        """Open a session: each resting order decided before it fills whole at its symbol's opening price.

        Parameters
        ----------
        session : trading date, ISO
        open_micros : opening price of each symbol that trades; orders in other symbols rest on
        """
        for order in self._orders.values():
            price = open_micros.get(order.symbol)
            id = order.client_order_id
            done = id in self._filled or id in self._canceled or not order.quantity
            if price is None or done or order.decided_session >= session:
                continue
            fill = self._fill(order, session, price)
            self._journal.append("traded", **asdict(fill))
            self._remember(fill)

    def split(self, symbol: str, ex_date: str, numerator: int, denominator: int) -> None:
        """Adjust what rests in a symbol to its split, down to whole units; once per date."""
        if (symbol, ex_date) not in self._splits:
            body = {"symbol": symbol, "ex_date": ex_date, "numerator": numerator, "denominator": denominator}
            self._journal.append("split", **body)
            self._adjust(body)

    def close(self) -> None:
        """Close the venue's journal."""
        self._journal.close()

    def _fill(self, order: Order, session: str, open_micros: int) -> Fill:
        slip = share_of(open_micros, round(self._fees.slippage_bp * _CENTI), BP * _CENTI)
        price = open_micros + order.side.sign * slip
        commission = share_of(order.quantity * price, round(self._fees.commission_bp * _CENTI), BP * _CENTI)
        return Fill(
            fill_id=f"V{len(self._fills) + 1}-{order.client_order_id[:8]}",
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            quantity=order.quantity,
            price_micros=price,
            slippage_micros=slip,
            commission_micros=commission,
            session=session,
            evidence=f"opening auction of {session} at {open_micros} micros",
        )

    def _adjust(self, body: Mapping[str, Any]) -> None:
        self._splits.add((body["symbol"], body["ex_date"]))
        for id, order in list(self._orders.items()):
            if order.symbol == body["symbol"] and id not in self._filled and order.quantity:
                left, _ = after_split(order.quantity, body["numerator"], body["denominator"])
                self._orders[id] = replace(order, quantity=left)

    def _remember(self, fill: Fill) -> None:
        self._fills.append(fill)
        self._filled.add(fill.client_order_id)
