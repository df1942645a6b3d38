"""Backtests on books: what a quoting strategy would have traded, through the order path and the venue of paper trading.

Four things happen, each at its own time: the market moves at the venue; we see it; what we send arrives; what the venue
answers is heard. Between them lie the latencies. Risk, journal and fills are those of :mod:`tradepulse.execution`; the
venue's rules (queue, trade-through, liquidity sold once) are those of its cards.
"""

import heapq
import json
import tempfile
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tradepulse.backtest.grid import Grid, Rate
from tradepulse.backtest.latency import NONE, Latency, Way
from tradepulse.core.book import OrderBook
from tradepulse.core.orders import BP, UNIT, Side
from tradepulse.core.quoting.base import QuotingStrategy
from tradepulse.errors import ConfigError, DataError
from tradepulse.execution.desk import DAY_NS, Desks, Move, begin_with, books_of
from tradepulse.execution.journal import Journal
from tradepulse.execution.matching import Venue, venues_of
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.terms import FEE, MONEY, Instrument, Terms
from tradepulse.execution.ticket import Ticket
from tradepulse.ingestion.recording import Recording


@dataclass(frozen=True, slots=True)
class Ways:
    """The latencies of a run, and the seed that their draws begin with.

    Cancels go the way of orders where they have none of their own; on one of their own they may overtake other orders,
    never the one that they end. What waits for a price waits at the venue, or at the desk as with the gateway of a live
    one: then it is an order once the price has come to us, and gone the way of an order.
    """

    feed: Latency = NONE
    order: Latency = NONE
    answer: Latency = NONE
    seed: int = 0
    cancel: Latency | None = None
    stops_at_desk: bool = False


@dataclass(frozen=True)
class BookResult:
    """What a run on a book did.

    Parameters
    ----------
    fills : one row per fill: when it happened, when it was heard, order, side, quantity, price, liquidity, commission,
        when the order was decided and when it arrived, what made the fill possible, what was displayed before and
        after, and where, of several venues; of several instruments the symbol
    orders : one row per order: id, decided, arrived, triggered, side, type, quantity, price, the price or distance that
        it waits for and of what, what is shown of it, time in force and when that ends, status, reason, filled, and
        whether a change of it has arrived; of several venues which, and why the router chose it; of several strategies
        whose it is; of several instruments the symbol
    equity : cash, position, mid, equity and drawdown at each fill, once a second between them and at the end, marked at
        the mid that we saw, else the last trade, else the mid before; of instruments beside the first ``position`` and
        ``mid`` with its symbol behind
    summary : figures of the run
    """

    fills: pd.DataFrame
    orders: pd.DataFrame
    equity: pd.DataFrame
    summary: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BookQuestion:
    """What a run on a book asks; the same question has the same id for ever.

    Parameters
    ----------
    strategy_id : ``name@version``
    params : of the strategy
    symbol : what is traded
    source_hash : SHA-256 of the recording, or of the quotes
    numbers : account and latencies: everything else that decides the answer
    """

    strategy_id: str
    params: Mapping[str, float]
    symbol: str
    source_hash: str
    numbers: Mapping[str, float]

    @property
    def params_json(self) -> str:
        """Parameters as JSON with sorted keys."""
        return json.dumps(dict(self.params), sort_keys=True)

    @property
    def trial_id(self) -> str:
        """Hash of everything that decides the answer."""
        parts = (self.strategy_id, self.params_json, self.symbol, self.source_hash, dict(self.numbers))
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def row(self, moves: Sequence[Move], result: BookResult | None, run_id: str) -> pd.DataFrame:
        """Return its row of the trial ledger; without a result it counts as failed.

        It has no Sharpe ratio: hours are no sample of daily returns.
        """
        earned, figures = float("nan"), {"max_drawdown": float("nan"), "n_fills": 0}
        if result is not None:
            figures, begin = result.summary, result.summary["first_equity"]
            earned = figures["final_equity"] / begin - 1 if begin > 0 else earned
        return pd.DataFrame(
            [
                {
                    "trial_id": self.trial_id, "run_id": run_id, "strategy": self.strategy_id,
                    "params": self.params_json, "symbol": self.symbol, "data_version": self.source_hash,
                    "first_session": pd.Timestamp(moves[0].ns).normalize(),
                    "last_session": pd.Timestamp(moves[-1].ns).normalize(),
                    "status": "failed" if result is None else "done", "sharpe": float("nan"),
                    "total_return": earned, "max_drawdown": figures["max_drawdown"],
                    "n_orders": figures["n_fills"], "mlflow_run_id": "",
                }
            ]
        )  # fmt: skip


#: Moves from which on compiled code is worth loading, which takes about a second.
LONG = 20_000
#: Nanoseconds between two marks of the account where nothing fills.
MARK_NS = 1_000_000_000


def moves_of_recording(recording: Recording) -> list[Move]:
    """Return what others did in a level-2 recording, by the venue's own clock, from its first snapshot on.

    Raises
    ------
    DataError
        If it has no snapshot to begin with.
    """
    # The snapshot is asked for while differences already come in: those received before it and not in it still count.
    found = next((item for item in recording.book if isinstance(item, OrderBook)), None)
    if found is None:
        raise DataError(
            f"{recording.path}: holds no snapshot, so the book at its begin is not known; name another part"
        )
    book = replace(found, bids=dict(found.bids), asks=dict(found.asks))
    moves = [Move(0, _levels(book.bids.items(), book.asks.items()), what=f"snapshot {book.last_id}")]
    for item, (_, event_ns, _received) in zip(recording.book, recording.book_times, strict=True):
        if not isinstance(item, OrderBook) and book.apply(item):
            moves.append(Move(event_ns, _levels(item.bids, item.asks), what=f"update {item.last_id}"))
    first = moves[1].ns if len(moves) > 1 else recording.book_times[0][2]
    moves[0] = moves[0]._replace(ns=first)
    for number, one in enumerate(recording.prints):
        if one.event_ns >= first:
            side = Side.SELL if one.buyer_rested else Side.BUY
            moves.append(Move(one.event_ns, (), _units(one.price), _units(one.size), side, f"trade {number}"))
    return sorted(moves, key=lambda move: move.ns)


def moves_of_quotes(quotes: pd.DataFrame, trades: pd.DataFrame | None = None) -> list[Move]:
    """Return what others did in best bids and offers, and trades.

    A trade is taken to have been made by a buyer at or above the middle of the quote before it, else by a seller (Lee
    and Ready, 1991, without their delay).

    Parameters
    ----------
    quotes : rows of ``quotes`` of one symbol
    trades : rows of ``trades`` of the same
    """
    rows: list[tuple[int, int, int, Any]] = []
    for order, table in ((0, quotes), (1, trades)):
        if table is not None:
            stamps = table["ts"].to_numpy("datetime64[ns]").astype(np.int64).tolist()
            rows += [(ns, order, at, row) for at, (ns, row) in enumerate(zip(stamps, table.itertuples(), strict=True))]
    rows.sort(key=lambda row: row[:3])
    moves: list[Move] = []
    shown: dict[Side, int] = {}
    for ns, order, number, row in rows:
        if order:
            middle = sum(shown.values()) / 2 if len(shown) == 2 else None
            if middle is not None:
                price = _units(row.price)
                aggressor = Side.BUY if price >= middle else Side.SELL
                moves.append(Move(ns, (), price, _units(row.size), aggressor, f"trade {number}"))
            continue
        levels: list[tuple[Side, int, int]] = []
        for side, price, size in ((Side.BUY, row.bid, row.bid_size), (Side.SELL, row.ask, row.ask_size)):
            if side in shown and shown[side] != _units(price):
                levels.append((side, shown[side], 0))
            shown[side] = _units(price)
            levels.append((side, shown[side], _units(size)))
        moves.append(Move(ns, tuple(levels), what=f"quote {number}"))
    return moves


def _levels(
    bids: Iterable[tuple[float, float]], asks: Iterable[tuple[float, float]]
) -> tuple[tuple[Side, int, int], ...]:
    return tuple(
        (side, _units(price), _units(size))
        for side, book in ((Side.BUY, bids), (Side.SELL, asks))
        for price, size in book
    )


def _units(value: float) -> int:
    return round(value * UNIT)


def checked_share(cancels_ahead: float) -> float:
    """Return the parameter of a venue's queue, or raise ConfigError where it makes no sense."""
    if not 0 <= cancels_ahead <= 1:
        raise ConfigError(f"cancels_ahead must lie between 0 and 1, not {cancels_ahead}")
    return cancels_ahead


def replay(
    moves: Iterable[Move], strategies: QuotingStrategy | Sequence[QuotingStrategy], terms: Terms, *,
    ways: Ways | None = None, book: str = "book", cancels_ahead: float = 0.0, grid: Grid | None = None,
    history: Sequence[Sequence[Any]] = (),
) -> BookResult:  # fmt: skip
    """Run one or several quoting strategies over what others did.

    Parameters
    ----------
    moves : by time
    strategies : fresh instances; several in the order in which they are asked, and the terms have limits of each
    terms : grid, fees, limits, cash and position of the account
    ways : latencies; none by default
    book : name that order ids are made from
    cancels_ahead : of the venue's queue (:class:`tradepulse.execution.matching.Venue`); 0 is the venue of the cards
    grid : when the first venue halts, and how many new orders it takes; its steps are those of the terms
    history : bars that the first strategy begins with (:class:`tradepulse.execution.engine.Spec`)

    Raises
    ------
    DataError
        If there is nothing to run on, or it is not in order.
    ConfigError
        If ``cancels_ahead`` does not lie between 0 and 1.
    """
    ways = ways or Ways()
    strategies = [strategies] if isinstance(strategies, QuotingStrategy) else strategies
    feed, orders, answers = (
        Way(latency, ways.seed * 3 + n) for n, latency in enumerate((ways.feed, ways.order, ways.answer))
    )
    cancels_way = orders if ways.cancel is None else Way(ways.cancel, ways.seed * 3 + 3)
    there: dict[str, int] = {}  # when each order arrives
    several = terms.venues
    released: set[str] = set()  # what was triggered at the desk, and is on its way
    held = [0] * max(1, len(several))
    for number, one in enumerate(terms.instruments or (Instrument("", position=terms.position),)):
        held[terms.home_of(number)] = one.position
    lots = [place.lot for place in several] or [terms.lot]
    venues = venues_of(held, lots, checked_share(cancels_ahead), stops_elsewhere=ways.stops_at_desk)
    view = books_of(terms)
    # A venue is as far away as it is said to be, if that is another way than to the first one.
    apart = {
        number: Way(Latency(place.latency_us), ways.seed * 3 + 3 + number)
        for number, place in enumerate(several) if number and place.latency_us not in (0, ways.order.median_us)
    }  # fmt: skip
    queue: list[tuple[int, int, str, Any]] = []
    count = 0

    def push(ns: int, kind: str, body: Any) -> None:
        nonlocal count
        count += 1
        heapq.heappush(queue, (ns, count, kind, body))

    spans = grid.shut if grid else ()
    #: When the first venue halts and goes on, the last of it first.
    turns = sorted(((_ns_of(at), halts) for span in spans for at, halts in zip(span, (True, False), strict=True)),
                   reverse=True)  # fmt: skip
    rate = grid.rate if grid else None
    taken: deque[int] = deque(maxlen=rate.orders if rate else 0)

    leaving: list[tuple[int, str, Any]] = []

    def send(ns: int, kind: str, body: Any) -> None:
        leaving.append((ns, kind, body))

    def leave() -> None:
        """Let what was decided at once leave as the engine lets it: cancels first, but none before its order."""
        cancels = deque(one for one in leaving if one[1] == "cancel")
        others = deque(one for one in leaving if one[1] != "cancel")
        leaving.clear()
        while cancels or others:
            waits = cancels and any(kind == "submit" and body.id == cancels[0][2] for _, kind, body in others)
            ns, kind, body = (others if waits or not cancels else cancels).popleft()
            if kind == "cancel":
                push(max(apart.get(venue_of(kind, body), cancels_way).arrival(ns), there.get(body, 0)), kind, body)
                continue
            arrival = apart.get(venue_of(kind, body), orders).arrival(ns)
            if kind == "submit":
                there[body.id] = arrival
            push(arrival, kind, body)

    def venue_of(kind: str, body: Any) -> int:
        if not several:
            return 0
        number: int = (
            body.venue if kind == "submit" else path.state.orders[body if kind == "cancel" else body[0]].ticket.venue
        )
        return number

    ordered = iter(moves)
    ahead = next(ordered, None)
    if ahead is None:
        raise DataError("there is nothing to run on: no quote, level or trade")
    fills: list[dict[str, Any]] = []
    curve: list[tuple[int, ...]] = []
    arrived: dict[str, int] = {}
    triggered: dict[str, int] = {}
    changed: set[str] = set()
    marked = 0  # when the account is to be marked next
    told = [0] * len(venues)  # events of each venue that are on their way to us
    n_moves = 0
    with tempfile.TemporaryDirectory(prefix="tradepulse-book-") as folder:
        journal = Journal(Path(folder) / "orders.journal", "os")
        try:
            path = OrderPath(journal, terms)
            begin_with(path, strategies[0], history)
            desks = Desks(path, view, send, book, strategies)

            def mid_of(instrument: int) -> int:
                return (view.doubled(instrument) or 0) // 2

            def mark(ns: int) -> None:
                """Note what the account has, and what it is worth."""
                worth = [(held.position, mid_of(number)) for number, held in enumerate(path.state.held)]
                curve.append((ns, path.state.cash, *(number for pair in worth for number in pair)))

            def tell(
                number: int, ns: int, rested: str, took: str, before: Mapping[tuple[Side, int], int], mine: str = ""
            ) -> None:
                """Send on what a venue has said, and keep the evidence of what it has filled.

                ``rested`` is that of what rested and of the order ``mine``, which has arrived; ``took`` of what was
                triggered.
                """
                venue = venues[number]
                news = venue.events[told[number] :]
                told[number] = len(venue.events)
                # What is displayed where something was taken is known when all is over, and what was there before.
                left: dict[tuple[Side, int], int] = {}
                shown = []
                for event in reversed(news):
                    if event.kind == "filled" and event.liquidity == "taker":
                        level = (Side.SELL if event.side is Side.BUY else Side.BUY, event.price)
                        after = left.get(level, venue.others[level[0]].get(event.price, 0))
                        left[level] = after + event.quantity
                        shown.append((left[level], after))
                for event in news:
                    heard = answers.arrival(ns)
                    if event.kind == "working" and event.ticket is not None and event.ticket.type.waits:
                        triggered[event.id] = ns
                    if event.kind == "filled":
                        takes, level = event.liquidity == "taker", (event.side, event.price)
                        was, now = (
                            shown.pop() if takes else (before.get(level, 0), venue.others[level[0]].get(level[1], 0))
                        )
                        fills.append(
                            {"ns": ns, "heard": heard, "event": event, "before": was, "after": now,
                             "what": took if takes and event.id != mine else rested}
                        )  # fmt: skip
                    push(heard, "answer", event)

            def release(number: int, ns: int, seen: int | None = None) -> None:
                """Let what was triggered at a moment leave from the desk, once that is seen there."""
                for id in venues[number].elsewhere:
                    if id not in released:
                        released.add(id)
                        seen = feed.arrival(ns) if seen is None else seen
                        push(seen, "triggered", id)

            last = ahead.ns
            while ahead is not None or queue:
                # Of what happens at once, halts come first, then others: nobody acts on what has not happened yet.
                while turns and turns[-1][0] <= min(([ahead.ns] if ahead else []) + [ns for ns, *_ in queue[:1]]):
                    at, halts = turns.pop()
                    venues[0].advance(at // 1_000_000)
                    if halts:
                        venues[0].halt()
                    else:
                        venues[0].resume()
                        tell(0, at, RESUMED, "triggered as trading went on", {})
                        release(0, at)
                if ahead is not None and (not queue or ahead.ns <= queue[0][0]):
                    move, ahead = ahead, next(ordered, None)
                    if move.ns < last:
                        raise DataError(
                            f"{move.what} at {move.ns} ns comes after one at {last} ns; sort the moves by time"
                        )
                    last, n_moves = move.ns, n_moves + 1
                    if move.venue >= len(venues):
                        raise DataError(f"{move.what} is at venue {move.venue}, of {len(venues)}")
                    venue = venues[move.venue]
                    venue.advance(move.ns // 1_000_000)
                    before = {(side, price): venue.others[side].get(price, 0) for side, price, _ in move.levels}
                    if move.aggressor is None:
                        venue.display(move.levels)
                    else:
                        met = Side.SELL if move.aggressor is Side.BUY else Side.BUY
                        before = {(met, p): q for p, q in _near(venue, met, move.price)}
                        venue.trade(move.price, move.quantity, move.aggressor)
                    tell(move.venue, move.ns, evidence_of(move), f"triggered after {move.what}", before)
                    seen = feed.arrival(move.ns)
                    push(seen, "seen", move)
                    release(move.venue, move.ns, seen)
                    continue
                ns, _, kind, body = heapq.heappop(queue)
                if kind == "seen":
                    view.see(body)
                    path.mark(view, ns // DAY_NS)
                    if ns >= marked and all(map(mid_of, range(len(path.state.held)))):
                        mark(ns)
                        marked = ns + MARK_NS
                    desks.on_market(ns, ns, body.venue)
                    if leaving:
                        leave()
                elif kind == "answer":
                    path.hear(body)
                    if body.kind == "filled":
                        mark(ns)
                    desks.on_answer(body, ns)
                    if leaving:
                        leave()
                elif kind == "triggered":
                    there[body] = apart.get(venue_of("cancel", body), orders).arrival(ns)
                    push(there[body], "let_in", body)
                elif kind == "let_in":
                    venue = venues[number := venue_of("cancel", body)]
                    venue.advance(ns // 1_000_000)
                    venue.let_in(body)
                    tell(number, ns, evidence_of(None), f"triggered as {body} arrived", {}, body)
                    release(number, ns)
                else:
                    venue = venues[number := venue_of(kind, body)]
                    venue.advance(ns // 1_000_000)
                    id = body.id if kind == "submit" else body if kind == "cancel" else body[0]
                    if kind == "submit":
                        arrived[id] = ns
                        if rate and number == 0 and not _takes(taken, rate, ns):
                            venue.refuse(body.id, "rate_limited")
                        else:
                            venue.submit(body)
                    elif kind == "cancel":
                        venue.cancel(body)
                    else:
                        changed.add(id)
                        venue.replace(id, **body[1])
                    waits = path.state.orders[id].ticket.type.waits
                    tell(number, ns, evidence_of(None), f"triggered as {id} arrived", {}, "" if waits else id)
                    release(number, ns)
            mark(last)
            rows = _fill_rows(fills, desks, arrived, path), _order_rows(desks, arrived, triggered, changed, path)
            return result_of(*rows, curve, terms, n_moves)
        finally:
            journal.close()


def backtest_book(
    moves: Sequence[Move], strategies: QuotingStrategy | Sequence[QuotingStrategy], terms: Terms, *,
    ways: Ways | None = None, book: str = "book", runs: int = 1, cancels_ahead: float = 0.0, grid: Grid | None = None,
    history: Sequence[Sequence[Any]] = (),
) -> BookResult:  # fmt: skip
    """Run as :func:`replay` does, by the compiled engine where that can and where loading it pays.

    Parameters and errors are those of :func:`replay`; ``runs`` says how many such runs there will be.
    """
    strategies = [strategies] if isinstance(strategies, QuotingStrategy) else strategies
    if len(moves) * runs >= LONG and len(strategies) == 1 and not grid:
        from tradepulse.backtest import compiled_book

        found = compiled_book.replay(moves, strategies[0], terms, ways=ways, book=book, cancels_ahead=cancels_ahead)
        if found is not None:
            return found
    return replay(
        moves, strategies, terms, ways=ways, book=book, cancels_ahead=cancels_ahead, grid=grid, history=history
    )


#: Evidence of a fill by what was displayed in a halt, as the venue goes on.
RESUMED = "displayed as trading went on"


def _ns_of(at: datetime) -> int:
    return pd.Timestamp(at).value


def _takes(taken: deque[int], rate: Rate, ns: int) -> bool:
    """Say whether a venue takes another new order, and count it if so."""
    if len(taken) == rate.orders and ns - taken[0] < rate.seconds * 1e9:
        return False
    taken.append(ns)
    return True


def evidence_of(move: Move | None) -> str:
    """Return in words what made a fill possible: what others did, or None for what an order met when it arrived."""
    if move is None:
        return "displayed when it arrived"
    if move.aggressor is None:
        return f"{move.what} displayed through it"
    return f"{move.what}: {move.quantity / UNIT:g} at {move.price / UNIT:g} by a {move.aggressor.value}er"


def _near(venue: Venue, side: Side, price: int | None) -> list[tuple[int, int]]:
    """Return the levels of a side that an order at ``price`` could meet; all of them for a market order."""
    top = venue.best(side)
    if top is None or (price is not None and side.sign * top < side.sign * price):
        return []
    if top == price:
        return [(top, venue.others[side][top])]
    return [(p, q) for p, q in venue.others[side].items() if price is None or side.sign * p >= side.sign * price]


def _fill_rows(
    fills: list[dict[str, Any]], desks: Desks, arrived: dict[str, int], path: OrderPath
) -> list[dict[str, Any]]:
    terms, decided = path.terms, desks.decided
    rates = [(place.maker_fee, place.taker_fee) for place in terms.venues] or [(terms.maker_fee, terms.taker_fee)]
    fees = [{"maker": maker / FEE / BP, "taker": taker / FEE / BP} for maker, taker in rates]
    known = path.state.orders
    rows = []
    for fill in fills:
        event = fill["event"]
        number = known[event.id].ticket.venue
        notional = event.price / UNIT * event.quantity / UNIT
        rows.append(
            {
                "ts": fill["ns"], "heard_ts": fill["heard"], "order_id": event.id, "side": event.side.value,
                "quantity": event.quantity / UNIT, "price": event.price / UNIT, "liquidity": event.liquidity,
                "commission": notional * fees[number][event.liquidity], "decided_ts": decided[event.id],
                "arrived_ts": arrived[event.id], "evidence": fill["what"],
                "displayed_before": fill["before"] / UNIT, "displayed_after": fill["after"] / UNIT,
                "venue": _name(terms, number), "symbol": terms.symbol_of(number),
            }
        )  # fmt: skip
    return rows


def _order_rows(
    desks: Desks, arrived: dict[str, int], triggered: dict[str, int], changed: Collection[str], path: OrderPath
) -> list[dict[str, Any]]:
    decided, several = desks.decided, len(desks.each) > 1
    return [
        {
            "order_id": id, "decided_ts": decided.get(id), "arrived_ts": arrived.get(id),
            "triggered_ts": triggered.get(id), **_as_sent(known.ticket), "status": known.status,
            "reason": known.reason, "filled": known.filled / UNIT,
            "venue": _name(path.terms, known.ticket.venue),
            "routed": path.state.routed.get(id, ""),
            "strategy": desks.each[known.ticket.strategy].name if several else "",
            "symbol": path.terms.symbol_of(known.ticket.venue), "changed": id in changed,
        }
        for id, known in path.state.orders.items()
    ]  # fmt: skip


def _as_sent(ticket: Ticket) -> dict[str, Any]:
    """Return what an order says of itself, as columns; what it does not have is missing."""
    there = {name: getattr(ticket, name) for name in ("price", "stop_price", "trail_offset", "display_quantity")}
    return {
        "side": ticket.side.value, "type": ticket.type.value, "quantity": ticket.quantity / UNIT,
        **{name: None if units is None else units / UNIT for name, units in there.items()},
        "trigger": ticket.trigger if ticket.type.waits else "", "tif": ticket.tif.value,
        "expire_ts": None if ticket.expire_at_ms is None else ticket.expire_at_ms * 1_000_000,
        "post_only": ticket.post_only, "reduce_only": ticket.reduce_only,
    }  # fmt: skip


def _name(terms: Terms, venue: int) -> str:
    return terms.venues[venue].name if terms.venues else ""


def result_of(
    fills: list[dict[str, Any]], orders: list[dict[str, Any]], curve: Sequence[tuple[int, ...]], terms: Terms,
    n_moves: int,
) -> BookResult:  # fmt: skip
    """Return the tables and the figures of a run.

    Parameters
    ----------
    fills, orders : rows of :class:`BookResult`'s tables, times in ns
    curve : time, cash, and position and middle of each instrument at each point, whole numbers as the order path has
        them
    terms : of the account
    n_moves : things that others did
    """
    suffixes = ["", *(f" {one.symbol}" for one in terms.instruments[1:])]
    pairs = [(f"position{suffix}", f"mid{suffix}") for suffix in suffixes]
    equity = pd.DataFrame(curve, columns=["ts", "cash", *(name for pair in pairs for name in pair)])
    equity["cash"] = equity["cash"].map(lambda cash: cash / MONEY)
    worth = equity["cash"]
    for position, mid in pairs:
        for name in (position, mid):
            equity[name] = equity[name].map(lambda units: units / UNIT)
        # Where nothing is displayed any more, and nothing was ever traded, the middle of before stands.
        equity[mid] = equity[mid].where(equity[mid] != 0).ffill().fillna(0.0)
        worth = worth + equity[position] * equity[mid]
    equity["equity"] = worth
    peak = equity["equity"].cummax()
    equity["drawdown"] = ((peak - equity["equity"]) / peak).where(peak > 0, 0.0)
    equity["ts"] = pd.to_datetime(equity["ts"], unit="ns", utc=True).dt.as_unit("ns")
    fills_frame, orders_frame = _frame(fills, _BOOK_FILLS), _frame(orders, _BOOK_ORDERS)
    final = float(equity["equity"].iloc[-1])
    ended = orders_frame["status"].value_counts()
    summary = {
        "initial_cash": terms.cash / MONEY,
        "first_equity": float(equity["equity"].iloc[0]),
        "final_equity": final,
        "max_drawdown": float(equity["drawdown"].max()),
        "final_position": curve[-1][2] / UNIT,
        "n_moves": n_moves,
        "n_orders": len(orders_frame),
        "orders": {str(status): int(n) for status, n in ended.items()},
        "n_fills": len(fills_frame),
        "maker_fills": int((fills_frame["liquidity"] == "maker").sum()),
        "total_commission": float(fills_frame["commission"].sum()) if len(fills_frame) else 0.0,
        "traded": float((fills_frame["price"] * fills_frame["quantity"]).sum()) if len(fills_frame) else 0.0,
    }
    symbols = [one.symbol for one in terms.instruments] or [""]
    marks = dict(zip(symbols, (float(equity[mid].iloc[-1]) for _, mid in pairs), strict=True))
    if terms.instruments:
        positions = dict(zip(symbols, (units / UNIT for units in curve[-1][2::2]), strict=True))
        summary["instruments"] = {
            symbol: {
                "mark": marks[symbol], "position": positions[symbol],
                "n_fills": int((fills_frame["symbol"] == symbol).sum()),
            }
            for symbol in symbols
        }  # fmt: skip
    if orders_frame["strategy"].any():
        summary["strategies"] = _each(fills_frame, orders_frame, marks)
    return BookResult(fills_frame, orders_frame, equity, summary)


def _each(fills: pd.DataFrame, orders: pd.DataFrame, marks: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return what each of several strategies did, and earned by the last middles."""
    whose = fills["order_id"].map(orders.set_index("order_id")["strategy"])
    found = {}
    for id, own in orders.groupby("strategy", sort=False):
        mine = fills[whose == id]
        signed = mine["quantity"].where(mine["side"] == "buy", -mine["quantity"])
        earned = float((signed * (mine["symbol"].map(marks).astype(float) - mine["price"])).sum())
        commission = float(mine["commission"].sum())
        found[str(id)] = {
            "n_orders": len(own), "n_fills": len(mine), "profit": earned - commission, "total_commission": commission,
            **{f"position {symbol}".strip(): float(signed[mine["symbol"] == symbol].sum()) for symbol in marks},
        }  # fmt: skip
    return found


_BOOK_FILLS = {
    "ts": "time", "heard_ts": "time", "order_id": "str", "side": "str", "quantity": "float64", "price": "float64",
    "liquidity": "str", "commission": "float64", "decided_ts": "time", "arrived_ts": "time", "evidence": "str",
    "displayed_before": "float64", "displayed_after": "float64", "venue": "str", "symbol": "str",
}  # fmt: skip
_BOOK_ORDERS = {
    "order_id": "str", "decided_ts": "time", "arrived_ts": "time", "triggered_ts": "time", "side": "str", "type": "str",
    "quantity": "float64", "price": "float64", "stop_price": "float64", "trail_offset": "float64", "trigger": "str",
    "display_quantity": "float64", "tif": "str", "expire_ts": "time", "post_only": "bool", "reduce_only": "bool",
    "status": "str", "reason": "str", "filled": "float64", "venue": "str", "routed": "str", "strategy": "str",
    "symbol": "str", "changed": "bool",
}  # fmt: skip


def _frame(rows: list[dict[str, Any]], columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return rows as a table whose columns have their types even when there are none; times are nanoseconds."""
    made = pd.DataFrame(rows, columns=[name for name, kind in columns.items() if kind != "time"])
    return pd.DataFrame(
        {
            name: _stamps(row[name] for row in rows) if kind == "time" else made[name].astype(kind)
            for name, kind in columns.items()
        }
    )


def _stamps(values: Iterable[int | None]) -> pd.DatetimeIndex:
    """Return instants in UTC from ns since 1970; beside a None pandas would make floats of them, which are coarser."""
    whole = np.array([pd.NaT.value if ns is None else ns for ns in values], dtype=np.int64)
    return pd.DatetimeIndex(whole.view("datetime64[ns]"), tz="UTC")
