"""A commission that falls with the size of the order."""

from dataclasses import dataclass

from tradepulse.backtest.frictions import Costs

TRADEPULSE_API = 1


@dataclass(frozen=True, slots=True)
class LargeOrders(Costs):
    """The usual costs, with half of the commission on what an order has above 100,000 in its currency."""

    name = "large_orders"
    version = "1"

    def commission(self, notional: float) -> float:
        """Return the commission on a notional, in its currency."""
        full = min(notional, 100_000.0)
        return Costs.commission(self, full) + Costs.commission(self, notional - full) / 2
