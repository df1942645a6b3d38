"""The order path of nautilus_trader on one work: an order at every quote, filled at once. In an environment of its own.

``python scripts/nautilus_orders.py ORDERS flat|never_flat|none`` prints JSON: CPU seconds of the run, orders and fills.
"""

import json
import sys
import time
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy


class EveryQuote(Strategy):
    """Buys and sells in turn, or twice as often buys as sells, so that the position is never flat."""

    def __init__(self, instrument: Any, how: str, orders: int) -> None:
        super().__init__()
        self.instrument, self.how, self.left, self.fills, self.sent = instrument, how, orders, 0, 0

    def on_start(self) -> None:
        """Listen to quotes."""
        self.subscribe_quote_ticks(self.instrument.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """Send one market order."""
        if self.how == "none" or self.sent >= self.left:
            return
        buys = self.sent % 2 == 0
        quantity = 2 if self.how == "never_flat" and self.sent == 0 else 1
        side = OrderSide.BUY if buys else OrderSide.SELL
        self.sent += 1
        self.submit_order(self.order_factory.market(self.instrument.id, side, self.instrument.make_qty(quantity)))

    def on_order_filled(self, event: Any) -> None:
        """Count."""
        self.fills += 1


def main() -> None:
    """Run and print what it took."""
    orders, how = int(sys.argv[1]), sys.argv[2]
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(log_level="OFF"), run_analysis=False))
    instrument = TestInstrumentProvider.btcusdt_perp_binance()
    engine.add_venue(
        Venue("BINANCE"),
        OmsType.NETTING,
        AccountType.MARGIN,
        starting_balances=[Money(1_000_000, instrument.quote_currency)],
        use_message_queue=False,
    )
    engine.add_instrument(instrument)
    # Fifty a second: its risk engine, which is on, takes a hundred. At the epoch itself it does not run.
    stamps = [1_600_000_000_000_000_000 + n * 20_000_000 for n in range(orders)]
    size = Quantity(1000, 3)
    engine.add_data(
        [
            QuoteTick(instrument.id, Price(99.0 + n % 2, 1), Price(101.0 + n % 2, 1), size, size, ns, ns)
            for n, ns in enumerate(stamps)
        ]
    )
    strategy = EveryQuote(instrument, how, orders)
    engine.add_strategy(strategy)
    begin = time.process_time()
    engine.run()
    print(json.dumps({"cpu_s": time.process_time() - begin, "orders": strategy.sent, "fills": strategy.fills}))


if __name__ == "__main__":
    main()
