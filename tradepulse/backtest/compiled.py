"""The compiled engine: the event engine over again for decisions that are known beforehand, at machine speed.

Fill for fill and bit for bit what :mod:`tradepulse.backtest.engine` does, said again in the few types that a compiler
keeps in registers; property tests hold the two together. It takes strategies that do not look at what they hold, plain
costs and venues; :func:`replay` says None to the rest, which is the event engine's.
"""

from collections.abc import Callable, Iterator, Sequence
from math import exp, log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradepulse.backtest.engine import prepared
from tradepulse.backtest.feed import Feed
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.result import FillRule, Result, Tape
from tradepulse.backtest.terms import Holding, Terms, holding_of, units_of
from tradepulse.backtest.venue import ACTIVITY_FEE, SECTION_31, Venue, rates
from tradepulse.core.series.kernels import loop
from tradepulse.core.strategies.base import HOLD, Strategy
from tradepulse.core.strategies.paths import decisions

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_BP = 10_000
_MONTH = 30 * 86_400 * 1_000_000_000


class Fees(NamedTuple):
    """A venue in numbers, as the loop reads it. ``participation`` is below zero where fills have no limit."""

    participation: float
    lot: int
    bp: float
    per_share: float
    minimum: float
    maximum_bp: float
    slippage_bp: float
    half_spread_bp: float
    impact_bp: float
    more_commission_bp: float
    more_slippage_bp: float
    temporary_bp: float = 0.0
    permanent_bp: float = 0.0
    decay: float = 0.0


class _Plan(NamedTuple):
    """Costs laid out on a feed: fees, tiers (thresholds and bp), and regulators' rates of each row, or of none."""

    fees: Fees
    thresholds: Floats
    tiers: Floats
    regulators: tuple[Floats, Floats, Floats]


def _plan(feed: Feed, costs: Costs) -> _Plan | None:
    nothing = np.zeros(0)
    regulators = (nothing, nothing, nothing)
    if type(costs) is Costs:
        more = float(costs.commission_bp), float(costs.slippage_bp)
        fees = Fees(-1.0, 1, 0.0, 0.0, 0.0, float(_BP), 0.0, 0.0, 0.0, *more)
        return _Plan(fees, nothing, nothing, regulators)
    if type(costs) is not Venue or costs.grid:
        return None  # a plug-in's own rule, or a venue that takes not everything at any time
    own, worse, depth, impact = costs.fees, costs.worse, costs.depth, costs.impact
    fees = Fees(
        float(depth.participation), int(depth.lot),
        *map(float, (own.bp, own.per_share, own.minimum, own.maximum_bp, worse.bp, worse.half_spread_bp,
                     worse.impact_bp, costs.commission_bp, costs.slippage_bp, impact.temporary_bp, impact.permanent_bp,
                     log(2) / impact.half_life_s if impact.half_life_s else 0.0)),
    )  # fmt: skip
    if own.sec_section_31 or own.trading_activity_fee:
        days = feed.days
        zero = np.zeros(len(days))
        [section] = rates(SECTION_31, days) if own.sec_section_31 else [zero]
        activity, most = rates(ACTIVITY_FEE, days) if own.trading_activity_fee else [zero, zero]
        if np.isnan(section).any() or np.isnan(activity).any():
            return None  # a day without a known rate is refused where it is traded on, in the event engine's words
        regulators = (section, activity, most)
    tiers = np.array(own.tiers, dtype=float).reshape(-1, 2)
    return _Plan(fees, np.ascontiguousarray(tiers[:, 0]), np.ascontiguousarray(tiers[:, 1]), regulators)


def replay(
    bars: "Feed | Any",
    strategy: Callable[[], Strategy],
    *,
    cash: float,
    costs: Costs | None = None,
    fill: FillRule = "next_open",
    book: str = "backtest",
    terms: Terms | None = None,
    holding: Holding | None = None,
) -> Result | None:
    """Run a strategy as :func:`tradepulse.backtest.engine.backtest` does, or return None where only that will do.

    Parameters and errors are those of :func:`tradepulse.backtest.engine.backtest`.
    """
    feed, costs, terms = prepared(bars, cash, fill), costs or Costs(), terms or Terms()
    if fill == "next_close":
        return None
    held = holding or holding_of(feed, terms)
    units = units_of(feed, held)
    plan, wanted = _plan(feed, costs), wanted_on(feed if units is None else feed.in_units_of(units), strategy)
    if plan is None or wanted is None:
        return None
    if units is not None:
        wanted, said = wanted.copy(), wanted != HOLD
        wanted[said] = np.trunc(wanted[said] * units[said]).astype(np.int64)
    tape = _tape(feed, wanted, float(cash), plan, fill == "same_close", terms, held)
    return Result(feed, tape, cash=float(cash), costs=costs, fill=fill, book=book, strategy_id=strategy().id)


def wanted_on(feed: Feed, strategy: Callable[[], Strategy]) -> Integers | None:
    """Return what a strategy wants after each row of a feed; None if it looks at what it holds."""
    columns = feed.columns if len(feed.symbols) == 1 else None
    made: Integers | None = decisions(lambda: feed.groups, strategy, columns)
    return made


class Outcome(NamedTuple):
    """How one trial of a sweep ends.

    Parameters
    ----------
    final_equity : marked at the last close
    n_fills : fills made
    max_drawdown : largest fraction that equity fell below its highest value so far
    sharpe : per bar, not annualised, ddof 1; NaN where returns never vary
    """

    final_equity: float
    n_fills: int
    max_drawdown: float
    sharpe: float


def sweep(feed: Feed, makes: Sequence[Callable[[], Strategy]], *, cash: float, costs: Costs) -> list[Outcome | None]:
    """Return how each of many strategies ends; None for one that only the event engine can run.

    Keeps figures and no curves, so that memory does not grow with the number of trials.

    Parameters
    ----------
    feed : the bars of all of them
    makes : each makes a fresh strategy
    cash, costs : as of :func:`tradepulse.backtest.engine.backtest`
    """
    outcomes: list[Outcome | None] = []
    for run in _one_after_another(feed, makes, cash, costs):
        if run is None:
            outcomes.append(None)
            continue
        fills, room = run
        last = float(room.cash[-1] + room.value[-1])
        outcomes.append(Outcome(last, fills, *_figures(room.cash, room.value)))
    return outcomes


def equities(feed: Feed, makes: Sequence[Callable[[], Strategy]], *, cash: float, costs: Costs) -> list[Floats | None]:
    """Return the equity of each of many strategies at every close; None for one that only the event engine can run.

    Parameters
    ----------
    feed, makes, cash, costs : as of :func:`sweep`
    """
    return [None if run is None else run[1].cash + run[1].value for run in _one_after_another(feed, makes, cash, costs)]


def _one_after_another(
    feed: Feed, makes: Sequence[Callable[[], Strategy]], cash: float, costs: Costs
) -> "Iterator[tuple[int, _Room] | None]":
    """Yield the fills of each strategy, and the room that its curves are in until the next one; None where none can."""
    plan = _plan(feed, costs)
    room, terms = _room(feed, None), Terms()
    for make in makes:
        wanted = None if plan is None else wanted_on(feed, make)
        if plan is None or wanted is None:
            yield None
        else:
            yield _filled(feed, wanted, cash, plan, False, terms, None, room)[0], room


@loop
def _figures(cash: Floats, value: Floats) -> tuple[float, float]:
    """Return the largest drawdown, and the Sharpe ratio per bar, of an account."""
    n = len(cash) - 1
    before = peak = cash[0] + value[0]
    floor, fallen, total, squares = peak, 0.0, 0.0, 0.0  # below the floor, a drawdown is the largest so far
    for t in range(1, n + 1):
        equity = cash[t] + value[t]
        if equity == before:
            continue  # flat, as on many bars, and a division takes as long as all the rest
        if equity > peak:
            peak = equity
            floor = peak * (1 - fallen)
        elif equity < floor:
            fallen = (peak - equity) / peak
            floor = equity
        change = equity / before - 1
        total += change
        squares += change * change
        before = equity
    if n < 2:
        return fallen, np.nan
    mean = total / n
    varied = squares - n * mean * mean
    if varied < 1e-4 * squares:
        # Returns that are all about the same: what is left of the difference above is rounding.
        varied, before = 0.0, cash[0] + value[0]
        for t in range(1, n + 1):
            equity = cash[t] + value[t]
            varied += (equity / before - 1 - mean) ** 2
            before = equity
    return fallen, mean / np.sqrt(varied / (n - 1)) if varied > 0 else np.nan


class _Room(NamedTuple):
    """Where the loop writes: the most that a run can fill, made once for many runs."""

    fills: tuple[Any, ...]
    cash: Floats
    value: Floats
    flows: tuple[Any, ...]
    splits: Floats


def _room(feed: Feed, holding: Holding | None, most: int | None = None) -> _Room:
    """Return room for a run that fills no more than ``most`` times; by default for any."""
    n, m, k = len(feed.ns), len(feed.firsts), len(feed.symbols)
    if most is None:
        most = 3 * n + k  # a bar fills at most an order, an exit and, looking ahead, a decision
    kinds = (np.int64, np.int64, np.float64, np.float64, np.float64, np.int64, np.int64)
    flows = 4 * n + m if holding is not None else 0
    return _Room(
        tuple(np.empty(most, dtype=kind) for kind in kinds), np.empty(m), np.empty(m),
        (np.empty(flows, np.int64), np.empty(flows, np.int64), np.empty(flows)),
        np.empty((n if holding is not None else 0, 3)),
    )  # fmt: skip


def _tape(
    feed: Feed, wanted: Integers, cash: float, plan: _Plan, same_close: bool, terms: Terms, holding: Holding | None
) -> Tape:
    # There is a fill for a decision at most where orders fill whole and nothing else makes one. More room would cost as
    # much as the run: memory is slow when it is met for the first time.
    whole = holding is None and plan.fees.participation < 0 and terms.stop_bp == terms.take_bp == terms.maintenance == 0
    room = _room(feed, holding, int(np.count_nonzero(wanted != HOLD)) if whole else None)
    fills, flows, splits, unclear, cut, *ends = _filled(feed, wanted, cash, plan, same_close, terms, holding, room)
    return Tape._make(
        [
            *(column[:fills].copy() for column in room.fills), room.cash, room.value,
            *(column[:flows].copy() for column in room.flows), *ends, room.splits[:splits].copy(), unclear, cut, 0,
        ]
    )  # fmt: skip


def _filled(
    feed: Feed, wanted: Integers, cash: float, plan: _Plan, same_close: bool, terms: Terms, holding: Holding | None,
    room: _Room,
) -> Any:  # fmt: skip
    """Run the loop; return fills, flows and splits made, unclear bars, orders cut, and how each symbol ends."""
    k = len(feed.symbols)
    position, mark, waiting = np.zeros(k, np.int64), np.zeros(k), np.zeros(k, np.int64)
    exits = float(terms.stop_bp), float(terms.take_bp), terms.path == "worst"
    margin = float(terms.leverage), 1 - terms.reserve_bp / _BP, float(terms.maintenance)
    nothing, none = np.zeros(0), np.zeros(0, np.int64)
    held = holding or Holding(nothing, nothing, nothing, nothing, none, nothing, nothing, nothing)
    columns = feed.columns
    counts = _run(
        feed.starts, feed.codes, feed.ns, columns["open"], columns["high"], columns["low"], columns["close"],
        columns["volume"], wanted, cash, tuple(plan.fees), plan.thresholds, plan.tiers, plan.regulators, exits, margin,
        tuple(held), same_close, position, mark, waiting, room.fills, (room.cash, room.value), room.flows, room.splits,
    )  # fmt: skip
    return *counts, position, mark, waiting


@loop
def _run(
    starts: Integers, codes: Integers, ns: Integers, opens: Floats, highs: Floats, lows: Floats, closes: Floats,
    volumes: Floats, wanted: Integers, cash: float, fees: Any, thresholds: Floats, tiers: Floats, regulators: Any,
    exits: Any, margin: Any, holding: Any, same_close: bool, position: Any, mark: Any, waiting: Integers, fills: Any,
    curves: Any, flows: Any, splits: Any,
) -> tuple[int, int, int, int, int]:  # fmt: skip
    (participation, lot, own_bp, per_share, minimum, maximum_bp, slip_bp, spread_bp, impact_bp, more_bp,
     more_slip_bp, temporary_bp, permanent_bp, decay) = fees  # fmt: skip
    f_row, f_change, f_price, f_fee, f_quoted, f_decided, f_kind = fills
    cash_curve, value_curve = curves
    k = len(position)
    lasting, pushed, pushed_at = temporary_bp > 0 or permanent_bp > 0, np.zeros(k), np.zeros(k, np.int64)
    entry, opened = np.zeros(k), np.zeros(k, np.int64)
    order, order_at, order_kind = np.zeros(k, np.int64), np.zeros(k, np.int64), np.zeros(k, np.int64)
    n_fills = n_flows = n_splits = unclear = cut = oldest = 0
    month = 0.0
    stop_bp, take_bp, worst = exits
    leverage, usable, maintenance = margin
    section, activity, most_activity = regulators
    h_split, h_dividend, h_borrow, h_funding, h_available, h_delisted, h_debit, h_credit = holding
    holds, armed = len(h_split) > 0, stop_bp > 0 or take_bp > 0
    # Of one symbol a row is an instant, and what a run need not look at costs it nothing: a bar that is met after many
    # that were passed over is in no cache.
    alone, counted = k == 1, participation >= 0 or impact_bp > 0 or lasting
    plain = alone and not holds and not armed and maintenance == 0
    total, number = len(starts) - 1, -1
    while number < total - 1:
        number += 1
        if plain and order[0] == 0 and wanted[number] == HOLD:  # most bars of most strategies
            held, until = position[0], number + 1
            while until < total and wanted[until] == HOLD:
                until += 1
            seen, cash_then, value_then = closes[number:until], cash_curve[number:until], value_curve[number:until]
            for at in range(len(seen)):
                cash_then[at], value_then[at] = cash, held * seen[at]
            mark[0] = closes[until - 1]
            number = until - 1
            continue
        first, end = (number, number + 1) if alone else (starts[number], starts[number + 1])
        if holds:
            if number:
                amount = 0.0
                if cash < 0 and h_debit[number] != 0.0:
                    amount = cash * h_debit[number]
                    flows[1][n_flows] = 4
                elif cash > 0 and h_credit[number] != 0.0:
                    amount = cash * h_credit[number]
                    flows[1][n_flows] = 5
                if (cash < 0 and h_debit[number] != 0.0) or (cash > 0 and h_credit[number] != 0.0):
                    flows[0][n_flows] = first
                    flows[2][n_flows] = amount
                    cash += amount
                    n_flows += 1
            for row in range(first, end):
                s = 0 if alone else codes[row]
                ratio = h_split[row]
                if order[s] != 0 and ratio != 1.0:
                    order[s] = np.int64(order[s] * ratio)
                held = position[s]
                if held != 0:
                    if ratio != 1.0:
                        whole = np.int64(np.floor(held * ratio)) if held > 0 else -np.int64(np.floor(-held * ratio))
                        broken = held * ratio - whole
                        if broken != 0.0:
                            amount = broken * (mark[s] / ratio)
                            cash += amount
                            flows[0][n_flows] = row
                            flows[1][n_flows] = 3
                            flows[2][n_flows] = amount
                            n_flows += 1
                        mark[s] /= ratio
                        entry[s] /= ratio
                        position[s] = held = whole
                        splits[n_splits, 0] = n_fills
                        splits[n_splits, 1] = s
                        splits[n_splits, 2] = ratio
                        n_splits += 1
                    for kind in range(3):
                        if kind == 0 and h_dividend[row] != 0.0:
                            amount = held * h_dividend[row]
                        elif kind == 1 and held < 0 and h_borrow[row] != 0.0:
                            amount = held * mark[s] * h_borrow[row]
                        elif kind == 2 and h_funding[row] != 0.0:
                            amount = -(held * mark[s] * h_funding[row])
                        else:
                            continue
                        cash += amount
                        flows[0][n_flows] = row
                        flows[1][n_flows] = kind
                        flows[2][n_flows] = amount
                        n_flows += 1
                    paid = h_delisted[row]
                    if held != 0 and paid == paid:
                        cash += held * paid
                        position[s] = 0
                        f_row[n_fills], f_change[n_fills], f_price[n_fills], f_fee[n_fills] = row, -held, paid, 0.0
                        f_quoted[n_fills], f_decided[n_fills], f_kind[n_fills] = paid, number - 1, 6
                        n_fills += 1
                if h_delisted[row] == h_delisted[row]:
                    order[s] = 0
                elif position[s] < -h_available[row]:
                    order[s], order_at[s], order_kind[s] = -h_available[row] - position[s], number - 1, 5
        # Twice over the bars of the instant: once at the open and in the range, and once, looking ahead, at the close.
        for turn in range(2):
            if turn == 1:
                for row in range(first, end):
                    mark[0 if alone else codes[row]] = closes[row]
                call = False
                if maintenance > 0:
                    equity, gross = cash, 0.0
                    for s in range(k):
                        worth = position[s] * mark[s]
                        equity += worth
                        gross += abs(worth)
                    call = gross > 0 and equity < maintenance * gross
                    if call:
                        for s in range(k):
                            if position[s] != 0:
                                order[s], order_at[s], order_kind[s] = -position[s], number, 4
            for row in range(first, end):
                s = 0 if alone else codes[row]
                taken = 0
                if turn == 1:
                    target = wanted[row]
                    if target == HOLD or (call and order[s] != 0):
                        continue
                    order[s] = target - position[s]
                    order_at[s], order_kind[s] = number, 0
                    if order[s] == 0 or not same_close:
                        continue
                    for back in range(n_fills - 1, -1, -1):
                        if f_row[back] < first:
                            break
                        if f_row[back] == row and f_kind[back] != 6:
                            taken += abs(f_change[back])
                quoted = opens[row] if turn == 0 else closes[row]
                # An order at the open; and after it, in the same bar, an exit.
                for part in range(2):
                    if part == 0:
                        change, decided = order[s], order_at[s]
                        kind = order_kind[s] if turn == 0 else 1
                        if change == 0:
                            continue
                        held = position[s]
                        after = held + change
                        if holds and after < min(held, -h_available[row]):
                            after = min(held, -h_available[row])
                        if leverage > 0 and (abs(after) > abs(held) or after * held < 0):
                            equity, others = cash, 0.0
                            for other in range(k):
                                worth = position[other] * (quoted if other == s else mark[other])
                                equity += worth
                                if other != s:
                                    others += abs(worth)
                            most: Any = max(np.int64(np.floor((equity * leverage * usable - others) / quoted)), 0)
                            if after * held > 0:
                                most = max(most, abs(held))
                            if abs(after) > most:
                                after = most if after > 0 else 0 - most
                        if after - held != change:
                            cut += 1
                            change = after - held
                        order[s] = 0
                        if change == 0:
                            continue
                    else:
                        held = position[s]
                        if not armed or turn == 1 or held == 0 or (order[s] != 0 and order_kind[s] != 0):
                            continue
                        sign = 1 if held > 0 else -1
                        stop = entry[s] * (1 - sign * stop_bp / 10_000)
                        take = entry[s] * (1 + sign * take_bp / 10_000)
                        against, favourable = (lows[row], highs[row]) if held > 0 else (highs[row], lows[row])
                        stopped = stop_bp > 0 and sign * (against - stop) <= 0
                        taking = take_bp > 0 and sign * (favourable - take) > 0
                        if not stopped and not taking:
                            continue
                        if stop_bp > 0 and sign * (opens[row] - stop) <= 0:
                            kind, quoted = 2, opens[row]
                        elif take_bp > 0 and sign * (opens[row] - take) >= 0:
                            kind, quoted = 3, opens[row]
                        else:
                            if stopped and taking:
                                unclear += 1
                                stopped = worst
                            kind, quoted = (2, stop) if stopped else (3, take)
                        change, decided = -held, opened[s]
                    sign = 1 if change > 0 else -1
                    units, volume = abs(change), volumes[row] if counted else 0.0
                    if participation >= 0:
                        room = max(np.int64(np.floor(volume * participation)) - taken, 0)
                        if units > room:
                            units = room // lot * lot
                    if units > 0:
                        moved = slip_bp + spread_bp
                        if impact_bp > 0:
                            share = min(units / volume, 1.0) if volume > 0 else 1.0
                            moved = moved + impact_bp * np.sqrt(share)
                        moved = min(moved, 9990.0) + more_slip_bp
                        if lasting:
                            share = min(units / volume, 1.0) if volume > 0 else 1.0
                            push = pushed[s]
                            if decay > 0 and push != 0:
                                push = push * exp(-((ns[row] - pushed_at[s]) / 1e9) * decay)
                            moved = moved + (temporary_bp * share + permanent_bp * share / 2) + max(0.0, sign * push)
                            moved = min(moved, 9990.0)
                            pushed[s], pushed_at[s] = push + sign * permanent_bp * share, ns[row]
                        price = quoted * (1 + sign * moved / 10_000)
                        notional = units * price
                        bp = own_bp
                        if len(tiers) > 0:
                            while oldest < n_fills and (f_kind[oldest] == 6 or ns[row] - ns[f_row[oldest]] > _MONTH):
                                if f_kind[oldest] != 6:
                                    month -= abs(f_change[oldest]) * f_price[oldest]
                                oldest += 1
                            traded = month if oldest < n_fills else 0.0
                            for tier in range(len(tiers)):
                                if traded >= thresholds[tier]:
                                    bp = tiers[tier]
                            month += notional
                        fee = notional * bp / 10_000 + units * per_share
                        fee = min(max(fee, minimum), notional * maximum_bp / 10_000)
                        if sign < 0 and len(section) > 0:
                            fee += notional / 1e6 * section[row]
                            fee += min(units * activity[row], most_activity[row])
                        fee = fee + notional * more_bp / 10_000
                        cash -= sign * notional + fee
                        held = position[s]
                        after = held + sign * units
                        position[s] = after
                        if held == 0 or (held > 0) != (after > 0):
                            entry[s], opened[s] = price, decided
                        elif abs(after) > abs(held):
                            entry[s] = (entry[s] * abs(held) + price * units) / abs(after)
                        f_row[n_fills], f_change[n_fills] = row, sign * units
                        f_price[n_fills], f_fee[n_fills] = price, fee
                        f_quoted[n_fills], f_decided[n_fills], f_kind[n_fills] = quoted, decided, kind
                        n_fills += 1
                        taken += units
                    left = change - sign * units
                    if part == 0:
                        order[s], order_at[s], order_kind[s] = left, decided, kind if turn == 0 else 0
                    elif kind == 2 and left != 0:
                        order[s], order_at[s], order_kind[s] = -position[s], opened[s], 2
                    elif units > 0:
                        order[s] = 0
        value = 0.0
        for s in range(k):
            value += position[s] * mark[s]
        cash_curve[number], value_curve[number] = cash, value
    for s in range(k):
        waiting[s] = order[s] if order_at[s] != len(starts) - 2 else 0
    return n_fills, n_flows, n_splits, unclear, cut
