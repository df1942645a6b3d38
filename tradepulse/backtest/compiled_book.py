"""Backtests on books at machine speed: :func:`tradepulse.backtest.book.replay` over again for compiled strategies.

Fill for fill and bit for bit what the event engine does with the order path and the venue of paper trading, said again
in integers that a compiler keeps in registers; property tests hold the two together. It takes quoting strategies that
have a loop (:meth:`~tradepulse.core.quoting.base.QuotingStrategy.compiled`) and the limits that look at an order and at
the position; :func:`replay` says None to the rest, which is the event engine's.

Prices are counted in the largest step that all of them are multiples of, quantities too. The two books (the venue's,
and ours, which lags behind) are arrays over the ladder of all prices that occur. Each way (market data, orders,
answers) delivers in order, so that three rings are the queue of events.

Importing this module imports numba: it is imported where it is used.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import exp, gcd, sqrt
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from tradepulse.backtest.book import MARK_NS, BookResult, Ways, checked_share, evidence_of, result_of
from tradepulse.core.orders import BP, UNIT, Side, client_order_id
from tradepulse.core.quoting.base import ASKS, Compiled, QuotingStrategy
from tradepulse.core.series.kernels import lean_numba
from tradepulse.errors import ConfigError, DataError
from tradepulse.execution.desk import Move
from tradepulse.execution.matching import crossed
from tradepulse.execution.terms import FEE, WHOLE_BP, Terms

numba = lean_numba()
Integers = NDArray[np.int64]

#: Of a loop: what is seen, our open orders, how many, the position, sizes, numbers, memory, and what it asks for.
SIGNATURE = "int64(int64[::1],int64[:,::1],int64,int64,int64[::1],float64[::1],int64[::1],int64[:,::1])"
_HUGE = 1 << 61

# Columns of an order.
_SIGN, _QUANTITY, _PRICE, _FLAGS, _DECIDED, _ARRIVED, _STATUS, _REASON, _FILLED, _CANCELING = range(10)
#: What only the venue knows: its state (0 away, 1 resting, 2 gone), filled there, what stands ahead, place in the
#: queue, what was displayed there before the step, and its rung of the ladder, -1 between two.
_THERE, _TAKEN, _AHEAD, _PLACE, _BEFORE, _RUNG = range(10, 16)
_COLUMNS = 16
_POST_ONLY, _IOC = 1, 2

_STATUSES = ("unknown", "working", "partially_filled", "filled", "canceled", "rejected", "refused")
_UNKNOWN, _WORKING, _PARTLY, _DONE, _CANCELED, _REJECTED, _REFUSED = range(7)
_REASONS = (
    "", "requested", "no_liquidity", "ioc", "self_trade", "post_only_would_take", "bad_price", "bad_quantity",
    "bad_flags", "no_price", "max_order_quantity", "max_order_notional", "price_collar_bp", "max_position",
    "max_open_orders",
)  # fmt: skip
(_NONE, _REQUESTED, _NO_LIQUIDITY, _TOO_LATE, _SELF_TRADE, _WOULD_TAKE, _BAD_PRICE, _BAD_QUANTITY, _BAD_FLAGS,
 _NO_PRICE, _TOO_MANY, _TOO_MUCH, _OFF_COLLAR, _POSITION, _OPEN_ORDERS) = range(15)  # fmt: skip
_SAID_WORKING, _SAID_FILLED, _SAID_ENDED = range(3)

#: Why the loop stopped before the end: what had no room, or a figure that 64 bits do not hold, or a crossed book.
_FULL_ORDERS, _FULL_REQUESTS, _FULL_ANSWERS, _FULL_SEEN, _FULL_FILLS, _FULL_CURVE, _FULL_OPEN, _FULL_DRAWS = range(1, 9)
_OVERFLOW, _CROSSED = 9, 10
#: How much may be on each way at once, at first; a power of two.
_ON_THE_WAY = 1 << 12


class Market(NamedTuple):
    """What others did, laid out for the loop.

    Parameters
    ----------
    ns : of each move, shape (n,)
    first : its first level, shape (n + 1,); of a trade there is one, which is the trade
    aggressor : -1 where levels changed; 0 or 1 where a buyer or a seller took, shape (n,)
    side, rung, quantity : of each level, in the order in which the venue takes them
    ladder : every price that occurs, in steps, ascending
    price_step, quantity_step : in units
    """

    ns: Integers
    first: Integers
    aggressor: Integers
    side: Integers
    rung: Integers
    quantity: Integers
    ladder: Integers
    price_step: int
    quantity_step: int


def lay_out(moves: Sequence[Move], terms: Terms, sizes: Sequence[int] = ()) -> Market | None:
    """Lay out what others did; None where a price is not above zero.

    Parameters
    ----------
    moves : by time
    terms, sizes : whose steps and quantities are counted in the same steps

    Raises
    ------
    DataError
        If there is nothing, or it is not in order.
    """
    if not moves:
        raise DataError("there is nothing to run on: no quote, level or trade")
    ns = np.array([move.ns for move in moves], dtype=np.int64)
    if (late := np.flatnonzero(np.diff(ns) < 0)).size:
        move = moves[late[0] + 1]
        raise DataError(f"{move.what} at {move.ns} ns comes after one at {ns[late[0]]} ns; sort the moves by time")
    rows: list[tuple[int, int, int]] = []
    first, aggressor = [0], []
    for move in moves:
        if move.aggressor is None:
            # As the venue takes them: away from the middle last.
            for side, price, quantity in sorted(move.levels, key=lambda level: -level[0].sign * level[1]):
                rows.append((0 if side is Side.BUY else 1, price, quantity))
            aggressor.append(-1)
        else:
            aggressor.append(0 if move.aggressor is Side.BUY else 1)
            rows.append((1 - aggressor[-1], move.price, move.quantity))
        first.append(len(rows))
    try:
        sides, prices, quantities = np.array(rows, dtype=np.int64).reshape(-1, 3).T.copy()
    except OverflowError:
        return None
    price_step = gcd(terms.tick, int(np.gcd.reduce(prices)) if len(prices) else 0)
    quantity_step = gcd(terms.lot, *sizes, int(np.gcd.reduce(quantities)) if len(quantities) else 0)
    ladder, rung = np.unique(prices // price_step, return_inverse=True)
    if len(ladder) and ladder[0] <= 0:
        return None
    return Market(
        ns, np.array(first, dtype=np.int64), np.array(aggressor, dtype=np.int64), sides, rung.astype(np.int64),
        np.maximum(quantities // quantity_step, 0), ladder, price_step, quantity_step,
    )  # fmt: skip


def replay(
    moves: Sequence[Move], strategy: QuotingStrategy, terms: Terms, *, ways: Ways | None = None, book: str = "book",
    cancels_ahead: float = 0.0,
) -> BookResult | None:  # fmt: skip
    """Run a quoting strategy as :func:`tradepulse.backtest.book.replay` does, or return None where only that will do.

    Parameters and errors are those of :func:`tradepulse.backtest.book.replay`.
    """
    ways, plan, limits = ways or Ways(), strategy.compiled(), terms.limits
    not_here = (
        limits.max_daily_loss, limits.max_orders_per_second, limits.max_price_age_ms, limits.max_clock_skew_ms,
        limits.max_short, limits.max_leverage,
    )  # fmt: skip
    if (
        plan is None
        or strategy.instrument
        or terms.venues
        or terms.strategies
        or ways.cancel is not None
        or any(limit is not None for limit in not_here)
    ):
        return None
    market = lay_out(moves, terms, plan.sizes)
    if market is None:
        return None
    ran = run(market, plan, terms, ways, checked_share(cancels_ahead))
    if ran is None:
        return None
    return _tables(ran, market, moves, strategy, terms, book)


class Ran(NamedTuple):
    """What the loop leaves: a row of each order, fill and point of the curve."""

    orders: Integers
    fills: Integers
    curve: Integers


def run(market: Market, plan: Compiled, terms: Terms, ways: Ways, cancels_ahead: float = 0.0) -> Ran | None:
    """Run the loop over a market; None where a figure is beyond 64 bits.

    Raises
    ------
    ConfigError
        If others' own book is crossed.
    """
    price_step, quantity_step, limits = market.price_step, market.quantity_step, terms.limits
    notional = None if limits.max_order_notional is None else limits.max_order_notional // WHOLE_BP
    bounds = np.array(
        [
            -1 if limits.max_order_quantity is None else limits.max_order_quantity // quantity_step,
            -1 if notional is None else min(notional // (price_step * quantity_step), _HUGE),
            -1 if limits.max_position is None else limits.max_position // quantity_step,
            -1 if limits.price_collar_bp is None else limits.price_collar_bp,
            -1 if limits.max_open_orders is None else limits.max_open_orders,
        ]
    )  # fmt: skip
    highest = 2 * int(market.ladder[-1]) if len(market.ladder) else 0
    if bounds.dtype != np.int64 or highest * max(int(bounds[3]), WHOLE_BP) >= _HUGE or terms.position % quantity_step:
        return None
    three = (ways.feed, ways.order, ways.answer)
    delays = np.array([[one.median_us, one.deviation, one.correlation] for one in three])
    fixed = np.array([round(one.median_us * 1000) for one in three], dtype=np.int64)
    sizes = np.array([size // quantity_step for size in plan.sizes], dtype=np.int64)
    numbers = np.array(plan.numbers, dtype=np.float64)
    n, decide = len(market.ns), _decide(plan.loop)
    # Memory that is never written to is never there. Who needs more gets more, and begins again.
    some = n + (1 << 12)
    room = {
        _FULL_ORDERS: some, _FULL_REQUESTS: _ON_THE_WAY, _FULL_ANSWERS: _ON_THE_WAY, _FULL_SEEN: _ON_THE_WAY,
        _FULL_FILLS: some, _FULL_CURVE: 2 * some, _FULL_OPEN: 16, _FULL_DRAWS: 2 * some,
    }  # fmt: skip
    while True:
        orders = np.zeros((room[_FULL_ORDERS], _COLUMNS), np.int64)
        requests = np.empty((room[_FULL_REQUESTS], 4), np.int64)
        answers = np.empty((room[_FULL_ANSWERS], 7), np.int64)
        fills = np.empty((room[_FULL_FILLS], 10), np.int64)
        curve = np.empty((room[_FULL_CURVE], 6), np.int64)
        draws = _draws(tuple(bool(one.deviation) for one in three), ways.seed, room[_FULL_DRAWS])
        books = tuple(np.zeros((2, len(market.ladder)), np.int64) for _ in range(2))
        code, n_orders, n_fills, n_curve = _run(
            (market.ns, market.first, market.aggressor, market.side, market.rung, market.quantity), market.ladder,
            terms.tick // price_step, terms.lot // quantity_step, terms.position // quantity_step, bounds, delays,
            fixed, draws, decide, sizes, numbers, np.zeros(plan.memory, np.int64), books, orders, requests, answers,
            fills, curve, (np.zeros(3), np.zeros(3, np.int64), np.zeros(3, np.int64)), float(cancels_ahead),
            _working_room(room[_FULL_SEEN], room[_FULL_OPEN]),
        )  # fmt: skip
        if not code:
            return Ran(orders[:n_orders], fills[:n_fills], curve[:n_curve])
        if code == _OVERFLOW:
            return None
        if code == _CROSSED:
            bid, ask = (int(market.ladder[rung]) * price_step / UNIT for rung in (n_orders, n_fills))
            raise crossed(bid, ask, int(market.ns[n_curve]) // 1_000_000)
        room[code] *= 4 if code != _FULL_OPEN else 2


def _tables(
    ran: Ran, market: Market, moves: Sequence[Move], strategy: QuotingStrategy, terms: Terms, book: str
) -> BookResult:
    """Return the tables that the event engine makes, from the same whole numbers."""
    price_step, quantity_step = market.price_step, market.quantity_step
    ids = [client_order_id(book, strategy.id, str(number)) for number in range(len(ran.orders))]
    rows = ran.orders.tolist()
    side = [(Side.BUY if row[_SIGN] > 0 else Side.SELL).value for row in rows]
    fee = (terms.maker_fee / FEE / BP, terms.taker_fee / FEE / BP)
    fills = []
    for ns, heard, order, quantity, price, taker, move, before, after, _ in ran.fills.tolist():
        size, at = quantity * quantity_step / UNIT, price * price_step / UNIT
        fills.append(
            {
                "ts": ns, "heard_ts": heard, "order_id": ids[order], "side": side[order], "quantity": size, "price": at,
                "liquidity": "taker" if taker else "maker",
                "commission": at * (quantity * quantity_step) / UNIT * fee[taker], "decided_ts": rows[order][_DECIDED],
                "arrived_ts": rows[order][_ARRIVED], "evidence": evidence_of(moves[move] if move >= 0 else None),
                "displayed_before": before * quantity_step / UNIT, "displayed_after": after * quantity_step / UNIT,
                "venue": "", "symbol": "",
            }
        )  # fmt: skip
    orders = [
        {
            "order_id": id, "decided_ts": row[_DECIDED] if row[_STATUS] != _REFUSED else None,
            "arrived_ts": row[_ARRIVED] if row[_THERE] else None, "triggered_ts": None, "side": of,
            "type": "limit" if row[_PRICE] else "market", "quantity": row[_QUANTITY] * quantity_step / UNIT,
            "price": row[_PRICE] * price_step / UNIT if row[_PRICE] else None, "stop_price": None,
            "trail_offset": None, "trigger": "", "display_quantity": None,
            "tif": "ioc" if row[_FLAGS] & _IOC else "gtc", "expire_ts": None,
            "post_only": bool(row[_FLAGS] & _POST_ONLY), "reduce_only": False, "status": _STATUSES[row[_STATUS]],
            "reason": _REASONS[row[_REASON]], "filled": row[_FILLED] * quantity_step / UNIT, "venue": "", "routed": "",
            "strategy": "", "symbol": "", "changed": False,
        }
        for id, row, of in zip(ids, rows, side, strict=True)
    ]  # fmt: skip
    unit, curve = price_step * quantity_step, []
    for ns, net, makers, takers, position, middle in ran.curve.tolist():
        cash = terms.cash - (net * WHOLE_BP + makers * terms.maker_fee + takers * terms.taker_fee) * unit
        mid = middle * price_step // 2 if middle > 0 else -middle * price_step
        curve.append((ns, cash, position * quantity_step, mid))
    return result_of(fills, orders, curve, terms, len(moves))


def _working_room(on_the_way: int, most_open: int) -> tuple[Integers, ...]:
    """Return what the loop works in: best prices, counters, what strategies are shown and ask for, and the queues."""
    shapes = (7, 2, 7, (most_open, 6), (most_open + ASKS, 5), most_open, most_open, most_open, on_the_way, on_the_way)
    return np.full(2, -1), np.full(2, -1), *(np.zeros(shape, np.int64) for shape in shapes)


#: Nothing in the loop allocates, so that arrays need not be counted: counting them took half of the time.
_OPTIONS: Any = {"error_model": "numpy", "_nrt": False}


@cache
def _decide(loop: Any) -> Any:
    try:
        return numba.cfunc(SIGNATURE, cache=True, **_OPTIONS)(loop)
    except numba.core.errors.NumbaError as exc:
        why = next((line.strip() for line in str(exc).splitlines() if line.strip() and "pipeline" not in line), "")
        raise ConfigError(f"the loop {loop.__name__} cannot be compiled: {why[:200]}") from exc


def _draws(wanted: tuple[bool, ...], seed: int, n: int) -> tuple[NDArray[np.float64], ...]:
    """Return the numbers that each way's latencies are drawn from, the same that :class:`Way` draws one by one."""
    return tuple(
        np.random.default_rng(seed * 3 + way).standard_normal(n if draws else 0) for way, draws in enumerate(wanted)
    )


# -- the loop ----------------------------------------------------------------------------------------------------------


Loop = TypeVar("Loop", bound=Callable[..., Any])


def _quick(source: Loop) -> Loop:
    """Compile a part of the loop. All of it is in this file, whose age numba looks at."""
    return cast(Loop, numba.njit(cache=True, **_OPTIONS)(source))


def _inline(source: Loop) -> Loop:
    """Compile it into who calls it: it has a dozen arrays, of which each is seven numbers to pass."""
    return cast(Loop, numba.njit(cache=True, forceinline=True, **_OPTIONS)(source))


@_inline
def _set(book: Any, tops: Any, side: int, at: int, quantity: int) -> None:
    """Let a level display a quantity, and keep the best price; 0 is the lowest, -1 none."""
    top = tops[side]
    if quantity > 0:
        book[side, at] = quantity
        if top < 0 or (at > top if side == 0 else at < top):
            tops[side] = at
    elif book[side, at] > 0:
        book[side, at] = 0
        if at == top:
            step, end = (-1, -1) if side == 0 else (1, book.shape[1])
            at += step
            while at != end and book[side, at] == 0:
                at += step
            tops[side] = -1 if at == end else at


@_inline
def _arrival(ns: int, way: int, delays: Any, fixed: Any, draws: Any, levels: Any, last: Any, used: Any) -> int:
    """Return when what is sent on a way at a moment arrives; -1 where numbers to draw from have run out."""
    delay = fixed[way]
    if delays[way, 1] != 0.0:
        if used[way] >= len(draws):
            return -1
        rho = delays[way, 2]
        levels[way] = rho * levels[way] + sqrt(1 - rho * rho) * draws[used[way]]
        used[way] += 1
        delay = np.int64(np.rint(delays[way, 0] * 1000 * exp(delays[way, 1] * levels[way])))
    if ns + delay > last[way]:
        last[way] = ns + delay
    landed: int = last[way]
    return landed


@_inline
def _gather(resting: Any, n: int, orders: Any, sign: int, mine: Any) -> int:
    """Put our resting orders of one side into ``mine``, best price first, then by their place; return how many."""
    found = 0
    for at in range(n):
        order = resting[at]
        if orders[order, _SIGN] != sign:
            continue
        place = found
        while place > 0:
            other = mine[place - 1]
            better = sign * (orders[order, _PRICE] - orders[other, _PRICE])
            if better < 0 or (better == 0 and orders[order, _PLACE] > orders[other, _PLACE]):
                break
            mine[place] = other
            place -= 1
        mine[place] = order
        found += 1
    return found


@_inline
def _objection(
    orders: Any, order: int, tick: int, lot: int, position: int, waiting: Any, n_open: int, bounds: Any, view: Any,
    tops: Any, ladder: Any,
) -> int:  # fmt: skip
    """Return the first rule of risk that objects to a new order, as the order path asks them, or 0."""
    row = orders[order]
    sign, quantity, price, flags = row[_SIGN], row[_QUANTITY], row[_PRICE], row[_FLAGS]
    limited = price != 0
    # A division takes as long as all the rest.
    if limited and (price < 0 or (tick > 1 and price % tick)):
        return _BAD_PRICE
    if quantity <= 0 or (lot > 1 and quantity % lot):
        return _BAD_QUANTITY
    if flags & _POST_ONLY and (flags & _IOC or not limited):
        return _BAD_FLAGS
    side = 0 if sign > 0 else 1
    held = -sign * position
    if held > 0 and quantity + waiting[side] <= held:
        return _NONE
    value = price * quantity
    if not limited:
        facing, at = 1 - side, tops[1 - side]
        if at < 0:
            return _NO_PRICE
        worst, left = at, quantity
        step = 1 if facing == 1 else -1
        while 0 <= at < view.shape[1]:
            if view[facing, at] > 0:
                worst = at
                left -= view[facing, at]
                if left <= 0:
                    break
            at += step
        value = ladder[worst] * quantity
    if bounds[0] >= 0 and quantity > bounds[0]:
        return _TOO_MANY
    if bounds[1] >= 0 and value > bounds[1]:
        return _TOO_MUCH
    if bounds[3] >= 0 and limited:
        if tops[0] < 0 or tops[1] < 0:
            return _NO_PRICE
        twice = ladder[tops[0]] + ladder[tops[1]]
        if abs(2 * price - twice) * WHOLE_BP > twice * bounds[3]:
            return _OFF_COLLAR
    if bounds[2] >= 0 and abs(position + sign * (waiting[side] + quantity)) > bounds[2]:
        return _POSITION
    if bounds[4] >= 0 and n_open >= bounds[4]:
        return _OPEN_ORDERS
    return _NONE


# Counters of a run.
_N_FILLS, _N_ANSWERS, _N_HEARD, _COUNT, _N_RESTING, _CLOCK, _FAIL = range(7)


@_quick
def _say(
    kind: int, order: int, first: int, second: int, third: int, ns: int, n: Any, answers: Any, line: Any, draws: Any
) -> int:
    """Send an answer on its way; return when it will be heard."""
    if n[_N_ANSWERS] - n[_N_HEARD] >= len(answers):
        n[_FAIL] = _FULL_ANSWERS
        return 0
    heard = _arrival(ns, 2, line[0], line[1], draws, line[2], line[3], line[4])
    if heard < 0:
        n[_FAIL] = _FULL_DRAWS
        return 0
    row = answers[n[_N_ANSWERS] & (len(answers) - 1)]
    n[_COUNT] += 1
    n[_N_ANSWERS] += 1
    row[0], row[1], row[2], row[3], row[4], row[5], row[6] = heard, n[_COUNT], kind, order, first, second, third
    return heard


@_quick
def _leave(order: int, n: Any, orders: Any, resting: Any) -> None:
    """Take an order of ours out of the venue's book, if it is there."""
    orders[order, _THERE] = 2
    for at in range(n[_N_RESTING]):
        if resting[at] == order:
            n[_N_RESTING] -= 1
            for after in range(at, n[_N_RESTING]):
                resting[after] = resting[after + 1]
            return


@_quick
def _fill(
    order: int, quantity: int, price: int, rung: int, taker: int, before: int, ns: int, move: int, n: Any,
    orders: Any, resting: Any, fills: Any, answers: Any, line: Any, draws: Any,
) -> None:  # fmt: skip
    """Fill a part of an order of ours."""
    orders[order, _TAKEN] += quantity
    at = n[_N_FILLS]
    if at >= len(fills):
        n[_FAIL] = _FULL_FILLS
        return
    heard = _say(_SAID_FILLED, order, price, quantity, taker, ns, n, answers, line, draws)
    n[_N_FILLS] += 1
    row = fills[at]
    row[0], row[1], row[2], row[3], row[4] = ns, heard, order, quantity, price
    row[5], row[6], row[7], row[8], row[9] = taker, move, before, 0, rung
    if orders[order, _TAKEN] == orders[order, _QUANTITY]:
        _leave(order, n, orders, resting)


@_inline
def _take_displayed(book: Any, tops: Any, side: int, at: int, quantity: int, n: Any, orders: Any, resting: Any) -> None:
    """Remove what others displayed, from the front of their queue."""
    had = book[side, at]
    gone = min(had, quantity)
    _set(book, tops, side, at, had - gone)
    sign = 1 - 2 * side
    for place in range(n[_N_RESTING]):
        own = resting[place]
        if orders[own, _SIGN] == sign and orders[own, _RUNG] == at:
            orders[own, _AHEAD] = max(0, orders[own, _AHEAD] - gone)


@_inline
def _display(
    begin: int, end: int, levels: Any, ladder: Any, ns: int, move: int, book: Any, tops: Any, n: Any, orders: Any,
    resting: Any, mine: Any, fills: Any, answers: Any, line: Any, draws: Any, cancels_ahead: float, lot: int,
) -> None:  # fmt: skip
    """Others now display other quantities; what they display through our orders trades with them."""
    side_of, rung_of, quantity_of = levels
    for place in range(n[_N_RESTING]):
        own = resting[place]
        orders[own, _BEFORE] = 0
        for at in range(begin, end):
            if rung_of[at] == orders[own, _RUNG] and 1 - 2 * side_of[at] == orders[own, _SIGN]:
                orders[own, _BEFORE] = book[side_of[at], rung_of[at]]
    for at in range(begin, end):
        side, rung, left = side_of[at], rung_of[at], quantity_of[at]
        sign = 1 - 2 * side
        if n[_N_RESTING]:
            for place in range(_gather(resting, n[_N_RESTING], orders, -sign, mine)):
                own = mine[place]
                if sign * orders[own, _PRICE] > sign * ladder[rung]:
                    continue
                part = min(left, orders[own, _QUANTITY] - orders[own, _TAKEN])
                if part > 0:
                    left -= part
                    _fill(own, part, orders[own, _PRICE], orders[own, _RUNG], 0, orders[own, _BEFORE], ns, move, n,
                          orders, resting, fills, answers, line, draws)  # fmt: skip
        had = book[side, rung]
        _set(book, tops, side, rung, left)
        for place in range(n[_N_RESTING]):
            own = resting[place]
            if orders[own, _SIGN] == sign and orders[own, _RUNG] == rung:
                # What others took back stood behind us, but for the part of it that is said to have stood ahead.
                gone = had - book[side, rung]
                if cancels_ahead and gone > 0:
                    orders[own, _AHEAD] -= np.int64(cancels_ahead * (orders[own, _AHEAD] / lot) * (gone / had)) * lot
                orders[own, _AHEAD] = min(orders[own, _AHEAD], book[side, rung])


@_inline
def _trade(
    side: int, rung: int, quantity: int, ladder: Any, ns: int, move: int, book: Any, tops: Any, n: Any, orders: Any,
    resting: Any, mine: Any, fills: Any, answers: Any, line: Any, draws: Any,
) -> None:  # fmt: skip
    """Others have traded with the orders of a side: what stands ahead of us first, then us, then what stands behind."""
    sign, price, left = 1 - 2 * side, ladder[rung], quantity
    for place in range(n[_N_RESTING]):
        own = resting[place]
        if orders[own, _SIGN] == sign:
            orders[own, _BEFORE] = book[side, orders[own, _RUNG]] if orders[own, _RUNG] >= 0 else 0
    while tops[side] >= 0 and sign * tops[side] > sign * rung:
        _set(book, tops, side, tops[side], 0)
    if n[_N_RESTING]:
        for place in range(_gather(resting, n[_N_RESTING], orders, sign, mine)):
            own = mine[place]
            its = orders[own, _PRICE]
            if sign * its < sign * price:
                break
            if its == price:
                before = min(orders[own, _AHEAD], book[side, rung], left)
                if before > 0:
                    _take_displayed(book, tops, side, rung, before, n, orders, resting)
                    left -= before
            else:
                orders[own, _AHEAD] = 0
            part = min(left, orders[own, _QUANTITY] - orders[own, _TAKEN])
            if part > 0:
                left -= part
                _fill(own, part, its, orders[own, _RUNG], 0, orders[own, _BEFORE], ns, move, n, orders, resting, fills,
                      answers, line, draws)  # fmt: skip
    if left > 0:
        _take_displayed(book, tops, side, rung, left, n, orders, resting)


@_inline
def _arrive(
    order: int, ladder: Any, ns: int, book: Any, tops: Any, n: Any, orders: Any, resting: Any, mine: Any, fills: Any,
    answers: Any, line: Any, draws: Any,
) -> None:  # fmt: skip
    """Let an order take what it may, and rest with what is left."""
    row = orders[order]
    row[_ARRIVED], row[_THERE] = ns, 1
    sign, price, flags = row[_SIGN], row[_PRICE], row[_FLAGS]
    limited, other = price != 0, 1 if sign > 0 else 0
    if flags & _POST_ONLY and tops[other] >= 0 and sign * ladder[tops[other]] <= sign * price:
        row[_THERE] = 2
        _say(_SAID_ENDED, order, _REJECTED, _WOULD_TAKE, 0, ns, n, answers, line, draws)
        return
    _say(_SAID_WORKING, order, 0, 0, 0, ns, n, answers, line, draws)
    first = -1  # of our own orders that are in the way
    facing = _gather(resting, n[_N_RESTING], orders, -sign, mine)
    if facing and (not limited or sign * orders[mine[0], _PRICE] <= sign * price):
        first = mine[0]
    left = row[_QUANTITY]
    while left > 0:
        rung = tops[other]
        if rung < 0 or (limited and sign * ladder[rung] > sign * price):
            break
        if first >= 0 and sign * ladder[rung] >= sign * orders[first, _PRICE]:
            break
        had = book[other, rung]
        part = min(had, left)
        _set(book, tops, other, rung, had - part)
        left -= part
        _fill(order, part, ladder[rung], rung, 1, had, ns, -1, n, orders, resting, fills, answers, line, draws)
    if left > 0 and first >= 0:
        # At the price of the first of our own: others who stand ahead of it, then it is in the way.
        rung = orders[first, _RUNG]
        had = book[other, rung] if rung >= 0 else 0
        part = min(orders[first, _AHEAD], had, left)
        if part > 0:
            _take_displayed(book, tops, other, rung, part, n, orders, resting)
            left -= part
            _fill(order, part, ladder[rung], rung, 1, had, ns, -1, n, orders, resting, fills, answers, line, draws)
        if left > 0:
            row[_THERE] = 2
            _say(_SAID_ENDED, order, _CANCELED, _SELF_TRADE, 0, ns, n, answers, line, draws)
            return
    if left == 0:
        return
    if not limited or flags & _IOC:
        row[_THERE] = 2
        _say(_SAID_ENDED, order, _CANCELED, _TOO_LATE if limited else _NO_LIQUIDITY, 0, ns, n, answers, line, draws)
        return
    n[_CLOCK] += 1
    row[_PLACE] = n[_CLOCK]
    rung = tops[1 - other]
    if rung < 0 or ladder[rung] != price:
        rung = np.searchsorted(ladder, price)
    row[_RUNG] = rung if rung < len(ladder) and ladder[rung] == price else -1
    row[_AHEAD] = book[1 - other, row[_RUNG]] if row[_RUNG] >= 0 else 0
    if n[_N_RESTING] >= len(resting):
        n[_FAIL] = _FULL_OPEN
        return
    resting[n[_N_RESTING]] = order
    n[_N_RESTING] += 1


@_quick
def _run(
    moves: Any, ladder: Any, tick: int, lot: int, position: int, bounds: Any, delays: Any, fixed: Any, draws: Any,
    decide: Any, sizes: Any, numbers: Any, memory: Any, books: Any, orders: Any, requests: Any, answers: Any,
    fills: Any, curve: Any, ways: Any, cancels_ahead: float, room: Any,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Run over all moves; return why it stopped (0 at the end), and how many orders, fills and points there are."""
    move_ns, first, aggressor, side_of, rung_of, quantity_of = moves
    levels = (side_of, rung_of, quantity_of)
    feed_draws, order_draws, answer_draws = draws
    line = (delays, fixed, *ways)
    book, view = books
    tops, seen_tops, n, waiting, see, ours, asks, resting, mine, opened, seen_ns, seen_count = room
    total, most_open, n_open, changed = len(move_ns), len(opened), 0, True
    at_move = at_seen = at_request = n_requests = n_orders = n_curve = 0
    on_the_way, on_answers, on_seen = len(requests) - 1, len(answers) - 1, len(seen_ns) - 1
    last_price = traded = marked = net = makers = takers = 0
    never: Any = np.int64(1) << 62
    while True:
        seen = seen_ns[at_seen & on_seen] if at_seen < at_move else never
        asked = requests[at_request & on_the_way, 0] if at_request < n_requests else never
        told = answers[n[_N_HEARD] & on_answers, 0] if n[_N_HEARD] < n[_N_ANSWERS] else never
        soonest = min(seen, asked, told)
        if at_move < total and move_ns[at_move] <= soonest:
            ns, begin, end = move_ns[at_move], first[at_move], first[at_move + 1]
            # Most moves touch no order of ours, and are done here and now.
            ours_too = False
            for at in range(begin, end):
                side, rung = side_of[at], rung_of[at]
                for place in range(n[_N_RESTING]):
                    own = resting[place]
                    sign = orders[own, _SIGN]
                    # Of a trade it is our side that is met, of what is displayed the other one.
                    if orders[own, _RUNG] == rung or (
                        (sign == 1 - 2 * side) == (aggressor[at_move] >= 0)
                        and sign * orders[own, _PRICE] >= sign * ladder[rung]
                    ):
                        ours_too = True
            before = n[_N_FILLS]
            if aggressor[at_move] < 0:
                if ours_too:
                    _display(begin, end, levels, ladder, ns, at_move, book, tops, n, orders, resting, mine, fills,
                             answers, line, answer_draws, cancels_ahead, lot)  # fmt: skip
                else:
                    for at in range(begin, end):
                        _set(book, tops, side_of[at], rung_of[at], quantity_of[at])
                if tops[0] >= 0 and tops[1] >= 0 and tops[0] >= tops[1]:
                    return _CROSSED, tops[0], tops[1], at_move
            elif ours_too:
                _trade(side_of[begin], rung_of[begin], quantity_of[begin], ladder, ns, at_move, book, tops, n, orders,
                       resting, mine, fills, answers, line, answer_draws)  # fmt: skip
            else:
                side, rung = side_of[begin], rung_of[begin]
                sign = 1 - 2 * side
                while tops[side] >= 0 and sign * tops[side] > sign * rung:
                    _set(book, tops, side, tops[side], 0)
                _set(book, tops, side, rung, max(0, book[side, rung] - quantity_of[begin]))
            for at in range(before, n[_N_FILLS]):
                if fills[at, 9] >= 0:
                    fills[at, 8] = book[0 if orders[fills[at, 2], _SIGN] > 0 else 1, fills[at, 9]]
            seen = _arrival(ns, 0, delays, fixed, feed_draws, line[2], line[3], line[4])
            if seen < 0:
                return _FULL_DRAWS, 0, 0, 0
            n[_COUNT] += 1
            if at_move - at_seen > on_seen:
                return _FULL_SEEN, 0, 0, 0
            seen_ns[at_move & on_seen], seen_count[at_move & on_seen] = seen, n[_COUNT]
            at_move += 1
        elif soonest == never:
            break
        else:
            # Of what comes at once, what was sent first comes first.
            count, which = never, 0
            if seen == soonest:
                count, which = seen_count[at_seen & on_seen], 0
            if asked == soonest and requests[at_request & on_the_way, 1] < count:
                count, which = requests[at_request & on_the_way, 1], 1
            if told == soonest and answers[n[_N_HEARD] & on_answers, 1] < count:
                which = 2
            ns = soonest
            if which == 0:
                begin, end = first[at_seen], first[at_seen + 1]
                if aggressor[at_seen] < 0:
                    for at in range(begin, end):
                        _set(view, seen_tops, side_of[at], rung_of[at], quantity_of[at])
                else:
                    last_price = ladder[rung_of[begin]]
                    traded += quantity_of[begin]
                at_seen += 1
                bid, ask = seen_tops[0], seen_tops[1]
                see[0], see[5], see[6] = ns, last_price, traded
                see[1], see[2] = (ladder[bid], view[0, bid]) if bid >= 0 else (0, 0)
                see[3], see[4] = (ladder[ask], view[1, ask]) if ask >= 0 else (0, 0)
                if ns >= marked and ((bid >= 0 and ask >= 0) or last_price):
                    if n_curve >= len(curve):
                        return _FULL_CURVE, 0, 0, 0
                    _mark(curve, n_curve, ns, net, makers, takers, position, see)
                    n_curve += 1
                    marked = ns + MARK_NS
                if changed:
                    for at in range(n_open):
                        row, order = ours[at], opened[at]
                        row[0], row[1], row[2] = order, orders[order, _SIGN], orders[order, _PRICE]
                        row[3] = max(0, orders[order, _QUANTITY] - orders[order, _FILLED])
                        row[4], row[5] = orders[order, _CANCELING], orders[order, _STATUS] != _UNKNOWN
                wishes = decide(see, ours, n_open, position, sizes, numbers, memory, asks)
                changed = wishes > 0
                for at in range(wishes):
                    wish = asks[at]
                    if wish[0] == 1:
                        order = wish[1]
                        if orders[order, _STATUS] > _PARTLY:
                            wish[1] = -1
                            continue
                        orders[order, _CANCELING] = 1
                    else:
                        order = n_orders
                        if order >= len(orders):
                            return _FULL_ORDERS, 0, 0, 0
                        if abs(float(wish[2]) * float(wish[3])) > _HUGE:
                            return _OVERFLOW, 0, 0, 0
                        n_orders += 1
                        row = orders[order]
                        row[_SIGN], row[_QUANTITY], row[_PRICE], row[_FLAGS] = wish[1], wish[2], wish[3], wish[4]
                        row[_DECIDED] = ns
                        reason = _objection(orders, order, tick, lot, position, waiting, n_open, bounds, view,
                                            seen_tops, ladder)  # fmt: skip
                        if reason:
                            row[_STATUS], row[_REASON] = _REFUSED, reason
                            wish[1] = -1
                            continue
                        if n_open >= most_open:
                            return _FULL_OPEN, 0, 0, 0
                        opened[n_open] = order
                        n_open += 1
                        waiting[0 if wish[1] > 0 else 1] += wish[2]
                        wish[1] = order
                # Of what was decided at once, cancels leave first.
                for turn in range(2 if wishes else 0):
                    for at in range(wishes):
                        wish = asks[at]
                        if wish[1] < 0 or wish[0] == turn:
                            continue
                        if n_requests - at_request > on_the_way:
                            return _FULL_REQUESTS, 0, 0, 0
                        there = _arrival(ns, 1, delays, fixed, order_draws, line[2], line[3], line[4])
                        if there < 0:
                            return _FULL_DRAWS, 0, 0, 0
                        n[_COUNT] += 1
                        sent = requests[n_requests & on_the_way]
                        sent[0], sent[1], sent[2], sent[3] = there, n[_COUNT], wish[0], wish[1]
                        n_requests += 1
            elif which == 1:
                kind, order = requests[at_request & on_the_way, 2], requests[at_request & on_the_way, 3]
                at_request += 1
                before = n[_N_FILLS]
                if kind == 0:
                    _arrive(order, ladder, ns, book, tops, n, orders, resting, mine, fills, answers, line, answer_draws)
                elif orders[order, _THERE] == 1:
                    _leave(order, n, orders, resting)
                    _say(_SAID_ENDED, order, _CANCELED, _REQUESTED, 0, ns, n, answers, line, answer_draws)
                for at in range(before, n[_N_FILLS]):
                    fills[at, 8] = book[1 if orders[fills[at, 2], _SIGN] > 0 else 0, fills[at, 9]]
            else:
                said = answers[n[_N_HEARD] & on_answers]
                n[_N_HEARD] += 1
                changed = True
                row = orders[said[3]]
                side = 0 if row[_SIGN] > 0 else 1
                live = row[_STATUS] <= _PARTLY
                was = max(0, row[_QUANTITY] - row[_FILLED]) if live else 0
                if said[2] == _SAID_FILLED:
                    row[_FILLED] += said[5]
                    position += row[_SIGN] * said[5]
                    worth = said[4] * said[5]
                    net += row[_SIGN] * worth
                    if said[6]:
                        takers += worth
                    else:
                        makers += worth
                    if max(abs(net), makers, takers) > _HUGE:
                        return _OVERFLOW, 0, 0, 0
                    if live:
                        row[_STATUS] = _DONE if row[_FILLED] >= row[_QUANTITY] else _PARTLY
                elif live and said[2] == _SAID_WORKING:
                    row[_STATUS] = _PARTLY if row[_FILLED] else _WORKING
                elif live:
                    row[_STATUS], row[_REASON], row[_CANCELING] = said[4], said[5], 0
                now = max(0, row[_QUANTITY] - row[_FILLED]) if row[_STATUS] <= _PARTLY else 0
                waiting[side] += now - was
                if live and row[_STATUS] > _PARTLY:
                    at = 0
                    while opened[at] != said[3]:
                        at += 1
                    n_open -= 1
                    for after in range(at, n_open):
                        opened[after] = opened[after + 1]
                if said[2] == _SAID_FILLED:
                    if n_curve >= len(curve):
                        return _FULL_CURVE, 0, 0, 0
                    _mark(curve, n_curve, ns, net, makers, takers, position, see)
                    n_curve += 1
        if n[_FAIL]:
            return n[_FAIL], 0, 0, 0
    if n_curve >= len(curve):
        return _FULL_CURVE, 0, 0, 0
    _mark(curve, n_curve, move_ns[total - 1], net, makers, takers, position, see)
    return 0, n_orders, n[_N_FILLS], n_curve + 1


@_inline
def _mark(curve: Any, at: int, ns: int, net: int, makers: int, takers: int, position: int, see: Any) -> None:
    """Write down the account: the middle is twice what it is, or below zero where it is the last price."""
    row = curve[at]
    row[0], row[1], row[2], row[3], row[4] = ns, net, makers, takers, position
    row[5] = see[1] + see[3] if see[1] and see[3] else -see[5]
