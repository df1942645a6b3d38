"""What the order path asks of a broker or venue."""

from collections.abc import Collection, Sequence
from typing import Protocol

from tradepulse.core.orders import Approved, Fill, Order


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

    def fills(self, symbols: Collection[str], since: str) -> Sequence[Fill]:
        """Return our fills, oldest first: at least those in some symbols from a session on, ISO or empty for all."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...
