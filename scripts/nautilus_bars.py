"""nautilus_trader on the work of ``scripts.bench_backtest``, at the close that a signal was made on, without slippage.

``python scripts/nautilus_bars.py BARS.npz ROUNDS`` prints JSON: CPU seconds, orders and final equity. It fills a market
order of a bar's close at that close; its money is counted to the eighth decimal here.
"""

import json
import sys
import time
from collections import deque
from decimal import Decimal
from typing import Any

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

FAST, SLOW, UNITS, CASH, COMMISSION = 20, 50, 100, 1_000_000, "0.0005"
DECIMALS = 8


class Cross(Strategy):
    """Long while the mean of the fast window is above that of the slow one, out below."""

    def __init__(self, instrument: Any, bar_type: Any) -> None:
        super().__init__()
        self.instrument, self.bar_type = instrument, bar_type
        # Whole numbers, whose sums do not drift.
        self.closes = deque([0] * SLOW, maxlen=SLOW)
        self.seen = self.fast = self.slow = 0
        self.above: bool | None = None
        self.held, self.fills = False, 0

    def on_start(self) -> None:
        """Listen to bars."""
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Trade where the means cross."""
        close, closes = bar.close.raw, self.closes
        self.fast += close - closes[-FAST]
        self.slow += close - closes[0]
        closes.append(close)
        self.seen += 1
        if self.seen < SLOW:
            return
        above = self.fast * SLOW > self.slow * FAST
        if self.above is not None and above != self.above and above != self.held:
            self.held = above
            side = OrderSide.BUY if above else OrderSide.SELL
            self.submit_order(self.order_factory.market(self.instrument.id, side, self.instrument.make_qty(UNITS)))
        self.above = above

    def on_order_filled(self, event: Any) -> None:
        """Count."""
        self.fills += 1


def main() -> None:
    """Run and print what it took."""
    values, rounds = np.load(sys.argv[1]), int(sys.argv[2])
    place = Venue("HERE")
    fee, one = Decimal(COMMISSION), 10.0**-DECIMALS
    instrument = CurrencyPair(
        InstrumentId(Symbol("BTCUSDT"), place), Symbol("BTCUSDT"), BTC, USDT, DECIMALS, 0, Price(one, DECIMALS),
        Quantity(1, 0), 0, 0, maker_fee=fee, taker_fee=fee, margin_init=Decimal(0), margin_maint=Decimal(0),
    )  # fmt: skip
    bar_type = BarType.from_str("BTCUSDT.HERE-1-MINUTE-LAST-EXTERNAL")
    names = ("open", "high", "low", "close")
    bars = [
        Bar(bar_type, *(Price(value, DECIMALS) for value in prices), Quantity(1e6, 0), ns, ns)
        for ns, *prices in zip(values["ns"].tolist(), *(values[name].tolist() for name in names), strict=True)
    ]
    best, found = float("inf"), {}
    for _ in range(rounds):
        engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(log_level="OFF"), run_analysis=False))
        engine.add_venue(
            place, OmsType.NETTING, AccountType.MARGIN, starting_balances=[Money(CASH, USDT)], bar_execution=True,
            use_message_queue=False,
        )  # fmt: skip
        engine.add_instrument(instrument)
        engine.add_data(bars)
        strategy = Cross(instrument, bar_type)
        engine.add_strategy(strategy)
        begin = time.process_time()
        engine.run()
        best = min(best, time.process_time() - begin)
        account = engine.portfolio.account(place)
        equity = float(account.balance_total(USDT))
        if strategy.held:
            worth = engine.portfolio.unrealized_pnl(instrument.id)
            equity += float(worth) if worth is not None else 0.0
        found = {"orders": strategy.fills, "equity": equity, "cpu_s": best}
        engine.dispose()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
