"""Other engines on one work: a cross of two means, decided at the close, traded at the next open.

Tests hold ours against them, and ``scripts.bench_backtest`` times them, each in a process of its own and, where it
needs older packages than ours, in an environment of its own.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class Work(NamedTuple):
    """What to do: windows, units when long, cash, and costs as fractions.

    Parameters
    ----------
    fast, slow : bars of the two means
    units : held when long
    cash : at the start
    commission : fraction of a fill's notional
    slippage : fraction by which a fill is worse than the open
    """

    fast: int = 20
    slow: int = 50
    units: int = 100
    cash: float = 1_000_000.0
    commission: float = 5e-4
    slippage: float = 1e-4


class Outcome(NamedTuple):
    """What an engine made of it.

    Parameters
    ----------
    orders : fills
    equity : marked at the last close
    fills : gives the number of the bar, the units (negative if sold) and the price of each
    """

    orders: int
    equity: float
    fills: Callable[[], list[tuple[int, int, float]]]


Run = Callable[[], Outcome]


def _crosses(close: Any, work: Work) -> tuple[Any, Any]:
    fast, slow = (pd.Series(close).rolling(n).mean().to_numpy() for n in (work.fast, work.slow))
    up = np.concatenate([[False], (fast[1:] > slow[1:]) & (fast[:-1] <= slow[:-1])])
    down = np.concatenate([[False], (fast[1:] < slow[1:]) & (fast[:-1] >= slow[:-1])])
    return up, down


def backtrader(bars: pd.DataFrame, work: Work) -> Run:
    """Return a run of backtrader: run once, preloaded, market orders at the next open."""
    import backtrader as bt

    class Cross(bt.Strategy):  # type: ignore[misc]
        def __init__(self) -> None:
            self.cross = bt.ind.CrossOver(bt.ind.SMA(period=work.fast), bt.ind.SMA(period=work.slow))
            self.filled: list[Any] = []

        def notify_order(self, order: Any) -> None:
            if order.status == order.Completed:
                self.filled.append((len(self) - 1, order.executed))

        def next(self) -> None:
            if self.cross[0] > 0 and not self.position:
                self.buy(size=work.units)
            elif self.cross[0] < 0 and self.position:
                self.sell(size=work.units)

    def run() -> Outcome:
        engine = bt.Cerebro(stdstats=False)
        engine.adddata(bt.feeds.PandasData(dataname=bars))
        engine.addstrategy(Cross)
        engine.broker.setcash(work.cash)
        engine.broker.setcommission(commission=work.commission)
        engine.broker.set_slippage_perc(work.slippage, slip_open=True, slip_match=True, slip_out=True)
        [done] = engine.run()
        value = float(engine.broker.getvalue())
        return Outcome(len(done.filled), value, lambda: [(at, int(e.size), float(e.price)) for at, e in done.filled])

    return run


def backtesting(bars: pd.DataFrame, work: Work) -> Run:
    """Return a run of backtesting.py: its event loop, without its statistics; it takes no slippage on the way out."""
    from backtesting import Backtest, Strategy
    from backtesting.lib import crossover

    class Cross(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.fast = self.I(lambda c: pd.Series(c).rolling(work.fast).mean(), self.data.Close)
            self.slow = self.I(lambda c: pd.Series(c).rolling(work.slow).mean(), self.data.Close)

        def next(self) -> None:
            if crossover(self.fast, self.slow):
                self.buy(size=work.units)
            elif crossover(self.slow, self.fast) and self.position:
                self.position.close()

    frame = bars.rename(columns=str.capitalize)
    if work.slippage:
        raise ValueError("backtesting.py takes its spread from entries alone: ask it without slippage")
    engine = Backtest(frame, Cross, cash=work.cash, commission=work.commission, finalize_trades=False)

    def run() -> Outcome:
        import backtesting.backtesting as module

        kept: list[Outcome] = []

        def figures(trades: Any, equity: Any, **_: Any) -> pd.Series:  # type: ignore[type-arg]
            def fills() -> list[tuple[int, int, float]]:
                ends = [
                    fill
                    for trade in trades
                    for fill in (
                        (trade.entry_bar, trade.size, trade.entry_price),
                        (trade.exit_bar, -trade.size, trade.exit_price),
                    )
                ]  # fmt: skip
                return sorted((int(at), int(units), float(price)) for at, units, price in ends)

            kept.append(Outcome(2 * len(trades), float(equity[-1]), fills))
            return pd.Series(dtype=object)

        before, module.compute_stats = module.compute_stats, figures
        try:
            engine.run()
        finally:
            module.compute_stats = before
        return kept[0]

    return run


def vectorbt_signals(bars: pd.DataFrame, work: Work) -> Run:
    """Return a run of vectorbt's from_signals, the signals given."""
    import vectorbt as vbt

    up, down = _crosses(bars["close"].to_numpy(), work)
    buy, sell = np.roll(up, 1), np.roll(down, 1)  # decided at the close, traded at the next open
    buy[0] = sell[0] = False
    close, opened = bars["close"].to_numpy(), bars["open"].to_numpy()

    def run() -> Outcome:
        made = vbt.Portfolio.from_signals(
            close,
            buy,
            sell,
            size=float(work.units),
            price=opened,
            fees=work.commission,
            slippage=work.slippage,
            init_cash=work.cash,
        )

        def fills() -> list[tuple[int, int, float]]:
            signs = np.where(made.orders.values["side"] == 0, 1, -1)
            rows = made.orders.values
            return list(
                zip(
                    rows["idx"].tolist(),
                    (signs * rows["size"]).astype(int).tolist(),
                    rows["price"].tolist(),
                    strict=True,
                )
            )

        return Outcome(int(made.orders.count()), float(np.asarray(made.final_value())), fills)

    return run


def vectorbt_sweep(bars: pd.DataFrame, work: Work) -> Run:
    """Return a sweep of vectorbt over 100 x 100 windows, in the way of its documentation."""
    import vectorbt as vbt

    close, opened = bars["close"], bars["open"]

    def run() -> Outcome:
        fast, slow = (vbt.MA.run(close, list(windows)) for windows in (range(5, 105), range(105, 205)))
        pairs = [(a, b) for a in range(100) for b in range(100)]
        left = fast.ma.to_numpy()[:, [a for a, _ in pairs]]
        right = slow.ma.to_numpy()[:, [b for _, b in pairs]]
        up, down = (np.zeros(left.shape, dtype=bool) for _ in range(2))
        up[1:] = (left[1:] > right[1:]) & (left[:-1] <= right[:-1])
        down[1:] = (left[1:] < right[1:]) & (left[:-1] >= right[:-1])
        made = vbt.Portfolio.from_signals(
            close, np.roll(up, 1, axis=0), np.roll(down, 1, axis=0), size=float(work.units),
            price=opened.to_numpy()[:, None],
            fees=work.commission, slippage=work.slippage, init_cash=work.cash, freq="1D",
        )  # fmt: skip
        returns, _, _ = made.total_return(), made.max_drawdown(), made.sharpe_ratio()
        return Outcome(int(made.orders.count().sum()), float(returns.sum()), list)

    return run


ENGINES = {
    "backtrader": backtrader, "backtesting": backtesting, "vectorbt_signals": vectorbt_signals,
    "vectorbt_sweep": vectorbt_sweep,
}  # fmt: skip


def main() -> None:
    """Run one engine over a file of bars, and print its CPU seconds, orders, final equity and peak memory."""
    import resource

    engine, path, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    values = np.load(path)
    index = pd.to_datetime(values["ns"])
    bars = pd.DataFrame({name: values[name] for name in ("open", "high", "low", "close", "volume")}, index=index)
    # Of backtesting.py without slippage: see there.
    run = ENGINES[engine](bars, Work(slippage=0.0) if engine == "backtesting" else Work())
    best, outcome = float("inf"), None
    for _ in range(rounds):
        begin = time.process_time()
        outcome = run()
        best = min(best, time.process_time() - begin)
    if outcome is None:
        raise SystemExit("rounds must be at least 1")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": best, "orders": outcome.orders, "equity": outcome.equity, "peak_mib": peak}))


if __name__ == "__main__":
    main()
