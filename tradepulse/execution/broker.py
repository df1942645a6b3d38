"""What the order path asks of a broker or venue."""

from collections.abc import Collection, Sequence
from typing import Protocol

from tradepulse.core.orders import Approved, Fill, Order, OrderStatus


class Broker(Protocol):
    """A counterparty that outlives us: it remembers our orders when we have died."""

    def submit(self, approved: Approved) -> None:
        """Send an order; the same client order id sent again is acknowledged again and not placed again.

        Raises
        ------
        Unanswered
            If it is not known whether the order arrived.
        BrokerRejected
            If the broker does not want it.
        """
        ...

    def knows(self, order: Order) -> bool:
        """Whether an order has arrived there."""
        ...

    def cancel(self, order: Order) -> OrderStatus | None:
        """Ask for the end of an order, and return how it ended there, or None while that is not proven.

        One that has never arrived is canceled too; the broker takes its id no more, or is asked in time.

        Raises
        ------
        Unanswered
            If there is no answer.
        """
        ...

    def fills(self, symbols: Collection[str], since: str) -> Sequence[Fill]:
        """Return our fills, oldest first: at least those in some symbols from a session on, ISO or empty for all."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...
