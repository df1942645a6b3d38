"""hftbacktest on the market of ``scripts.bench_books``: the same two strategies, for an environment that has it.

``python scripts/hftbacktest_books.py FEED.npz STRATEGY ROUNDS`` prints a line of JSON.
"""

import json
import sys
import time
from typing import Any

import numpy as np
from hftbacktest import (
    BUY,
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit

NEW, IOC, NOTHING = 1, 3, 2**31 - 1


def events(feed: Any, delay_ns: int, tick: float) -> Any:
    """Return the feed as hftbacktest has it."""
    made = np.zeros(len(feed["ns"]), dtype=event_dtype)
    kind = np.where(feed["trade"], TRADE_EVENT, DEPTH_EVENT)
    side = np.where(feed["buy"], BUY_EVENT, SELL_EVENT)
    made["ev"] = kind | side | EXCH_EVENT | LOCAL_EVENT
    made["exch_ts"], made["local_ts"] = feed["ns"], feed["ns"] + delay_ns
    made["px"], made["qty"] = feed["price"] * tick, feed["quantity"]
    return made


@njit
def quote(hbt: Any, most: float) -> int:
    """Keep one bid and one offer at the best prices of others."""
    made, ending, asked = 0, np.zeros(64, np.int64), 0
    while hbt.wait_next_feed(False, 10**17) != 1:
        depth = hbt.depth(0)
        position, bid, ask = hbt.position(0), depth.best_bid_tick, depth.best_ask_tick
        bids = asks = asked = 0
        orders = hbt.orders(0).values()
        while orders.has_next():
            order = orders.get()
            if order.status != NEW and order.req == 0:
                continue
            if order.side == BUY:
                bids += 1
            else:
                asks += 1
            if order.price_tick != (bid if order.side == BUY else ask) and order.cancellable:
                ending[asked] = order.order_id
                asked += 1
        for at in range(asked):
            hbt.cancel(0, ending[at], False)
        tick = depth.tick_size
        if not bids and bid > 0 and most - position >= 1:
            hbt.submit_buy_order(0, made, bid * tick, 1.0, GTX, LIMIT, False)
            made += 1
        if not asks and ask < NOTHING and most + position >= 1:
            hbt.submit_sell_order(0, made, ask * tick, 1.0, GTX, LIMIT, False)
            made += 1
        hbt.clear_inactive_orders(0)
    return made


@njit
def take(hbt: Any, most: float, lean: float) -> int:
    """Take a lot where the best of the book leans."""
    made = 0
    while hbt.wait_next_feed(False, 10**17) != 1:
        depth = hbt.depth(0)
        hbt.clear_inactive_orders(0)
        waiting = hbt.orders(0).values()
        if waiting.has_next() or depth.best_bid_tick <= 0 or depth.best_ask_tick >= NOTHING:
            continue
        # best_bid_qty of 2.4.2 is the price.
        bid, ask = depth.bid_qty_at_tick(depth.best_bid_tick), depth.ask_qty_at_tick(depth.best_ask_tick)
        position = hbt.position(0)
        share = bid / (bid + ask)
        if share >= lean and position + 1 <= most:
            hbt.submit_buy_order(0, made, depth.best_ask, 1.0, IOC, LIMIT, False)
            made += 1
        elif share <= 1 - lean and position - 1 >= -most:
            hbt.submit_sell_order(0, made, depth.best_bid, 1.0, IOC, LIMIT, False)
            made += 1
    return made


@njit
def sweep(hbt: Any) -> int:
    """Buy ten over three levels, and wait."""
    hbt.elapse(1_000_000)
    hbt.submit_buy_order(0, 1, 100.02, 10.0, IOC, LIMIT, False)
    hbt.elapse(1_000_000_000)
    return 1


def three_levels() -> Any:
    """Return offers of 3, 4 and 3 at 100.00, 100.01 and 100.02."""
    made = np.zeros(5, dtype=event_dtype)
    rows = [(SELL_EVENT, 100.00, 3.0), (SELL_EVENT, 100.01, 4.0), (SELL_EVENT, 100.02, 3.0), (BUY_EVENT, 99.0, 9.0)]
    for at, (side, price, quantity) in enumerate([*rows, rows[-1]]):
        made[at]["ev"] = DEPTH_EVENT | side | EXCH_EVENT | LOCAL_EVENT
        made[at]["exch_ts"] = made[at]["local_ts"] = 10**9 if at < len(rows) else 10**11
        made[at]["px"], made[at]["qty"] = price, quantity
    return made


def main() -> None:
    """Run one strategy over a file, and print its CPU seconds, orders, fills, position and balance."""
    path, strategy, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    feed, about = np.load(path), json.loads(sys.argv[4])
    data = three_levels() if strategy == "sweep" else events(feed, about["feed_ns"], about["tick"])
    best, found = float("inf"), {}
    for _ in range(rounds + 1):  # the first compiles
        asset = (
            BacktestAsset().data(data).linear_asset(1.0).constant_order_latency(about["order_ns"], about["answer_ns"])
            .risk_adverse_queue_model()
            .trading_value_fee_model(about["maker"], about["taker"]).tick_size(about["tick"]).lot_size(1.0)
            .roi_lb(0.0).roi_ub(2 * about["highest"])
        )  # fmt: skip
        asset = asset.partial_fill_exchange() if strategy == "sweep" else asset.no_partial_fill_exchange()
        hbt = ROIVectorMarketDepthBacktest([asset])
        begin = time.process_time()
        made = {
            "quote": lambda: quote(hbt, about["most"]),  # noqa: B023 - called at once
            "take": lambda: take(hbt, about["most"], about["lean"]),  # noqa: B023
            "sweep": lambda: sweep(hbt),  # noqa: B023
        }[strategy]()
        took = time.process_time() - begin
        best = min(best, took) if found else best
        state = hbt.state_values(0)
        found = {
            "orders": int(made), "fills": int(state.num_trades), "position": float(state.position),
            "cash": float(state.balance - state.fee),
        }  # fmt: skip
        hbt.close()
    print(json.dumps({**found, "cpu_s": best}))


if __name__ == "__main__":
    main()
