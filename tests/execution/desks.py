"""Markets, exchanges and engines that the tests of the continuous path are written with."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import QuotingStrategy
from tradepulse.execution.desk import Move
from tradepulse.execution.engine import Spec, trade
from tradepulse.execution.terms import FEE, MONEY, Limits, Terms

MS = 1_000_000
TERMS = Terms(
    UNIT, UNIT, -1 * FEE, 4 * FEE, Limits(max_order_quantity=50 * UNIT, max_position=100 * UNIT), 100_000 * MONEY
)


def levels(ms, *rows):
    return Move(ms * MS, tuple((Side(side), price * UNIT, size * UNIT) for side, price, size in rows), what=f"at {ms}")


def print_(ms, price, size, aggressor):
    return Move(ms * MS, (), price * UNIT, size * UNIT, Side(aggressor), f"at {ms}")


def market(seed, count=400):
    """Return a random walk of a book of three levels a side, with prints, some of it at the same moment."""
    draw = np.random.default_rng(seed)
    mid, at, moves = 1_000, 1_000, []
    shown: dict[tuple[str, int], int] = {}
    for _ in range(count):
        at += int(draw.integers(0, 4))
        mid += int(draw.integers(-1, 2))
        if draw.random() < 0.4:
            side = "buy" if draw.random() < 0.5 else "sell"
            moves.append(print_(at, mid + (1 if side == "buy" else -1), int(draw.integers(1, 30)), side))
            continue
        wanted = {("buy", mid - 1 - n): int(draw.integers(1, 20)) for n in range(3)}
        wanted |= {("sell", mid + 1 + n): int(draw.integers(1, 20)) for n in range(3)}
        gone = [(*key, 0) for key in shown if key not in wanted]
        moves.append(levels(at, *gone, *((*key, size) for key, size in wanted.items())))
        shown = wanted
    return moves


class Scripted(QuotingStrategy):
    """Does at each of its moves what a function says."""

    name, version, params, ranges = "scripted", "1", {}, {}

    def __init__(self, act):
        super().__init__()
        self.act, self.seen, self.answers, self.ids = act, 0, [], []

    def on_market(self, market, desk):
        self.act(self, self.seen, market, desk)
        self.seen += 1

    def on_answer(self, answer, desk):
        self.answers.append(answer)


class EveryWay(QuotingStrategy):
    """Orders in every way that there is, cancels and changes, by a draw of its own: the same each time."""

    name, version = "every_way", "1"
    params, ranges = {"seed": 0, "changes": 1}, {"seed": (0, 1e9), "changes": (0, 1)}

    def __init__(self, **params):
        super().__init__(**params)
        self.draw = np.random.default_rng(int(self.settings["seed"]))

    def on_market(self, market, desk):
        draw, mine = self.draw, desk.open_orders()
        what = draw.random()
        if what < 0.2 and mine:
            desk.cancel(list(mine)[int(draw.integers(len(mine)))])
        if 0.2 <= what < 0.25 and mine and self.settings["changes"]:
            id = list(mine)[int(draw.integers(len(mine)))]
            stop = market.last if draw.random() < 0.5 else None
            desk.replace(id, quantity=int(draw.integers(1, 9)) * UNIT, stop_price=stop)
        if what < 0.4 or len(mine) > 9 or market.bid is None or market.ask is None:
            return
        side = Side.BUY if draw.random() < 0.5 else Side.SELL
        near, sign = (market.bid if side is Side.BUY else market.ask), side.sign
        quantity, away = int(draw.integers(1, 9)) * UNIT, int(draw.integers(-1, 4)) * UNIT
        trigger = ("last", "quote")[int(draw.integers(2))]
        match int(draw.integers(10)):
            case 0:
                desk.submit(side, quantity, near - sign * away, display_quantity=UNIT * int(draw.integers(1, 3)))
            case 1:
                desk.submit(side, quantity, near - sign * away, tif="gtd", expire_at_ms=market.ns // MS + 9)
            case 2:
                desk.submit(side, quantity, near + sign * away, tif=("fok", "ioc")[int(draw.integers(2))])
            case 3:
                desk.submit(side, quantity, stop_price=near + sign * away, trigger=trigger)
            case 4:
                desk.submit(side, quantity, near + sign * away, stop_price=near + sign * away, trigger=trigger)
            case 5:
                desk.submit(side, quantity, stop_price=near - sign * away, if_touched=True, trigger=trigger)
            case 6:
                desk.submit(side, quantity, near, stop_price=near - sign * away, if_touched=True, trigger=trigger)
            case 7:
                desk.submit(side, quantity, trail_offset=UNIT * int(draw.integers(1, 5)), trigger=trigger)
            case 8:
                desk.submit(side, quantity, near + sign * away, post_only=True)
            case _:
                side = Side.SELL if desk.position > 0 else Side.BUY
                stop = {} if draw.random() < 0.5 else {"stop_price": near}
                desk.submit(side, quantity, near if draw.random() < 0.5 else None, reduce_only=True, **stop)


def spec(tmp_path, **changes):
    made = Spec("book", tmp_path / "venue", [("touch_maker", {"size": 3, "most": 12})], TERMS, "os", reconnect_s=2.0)
    return replace(made, **changes)


class Running:
    """An engine in a thread of this process; what it said and how it ended."""

    def __init__(self, folder, wanted, strategy=None):
        self.said, self.outcome, self.error = [], None, None

        def run():
            try:
                given = [] if strategy is None else strategy if isinstance(strategy, list) else [strategy]
                self.outcome = trade(folder, wanted, self.said.append, strategies=given)
            except Exception as exc:
                self.error = exc

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def until_ended(self, exchange, seconds=20):
        """Serve until it has ended."""
        for _ in range(int(seconds / 0.02)):
            if not self.thread.is_alive():
                break
            exchange.step(0.02)
            if exchange.over:
                exchange.say_over()
        assert not self.thread.is_alive(), self.said
        return self


def assert_the_same_orders_and_fills(state, tested, terms):
    """A desk at several venues has sent and filled what its backtest has, order by order."""
    places = {place.name: number for number, place in enumerate(terms.venues)}
    ours = [(id, o.ticket.venue, o.ticket.quantity / UNIT, o.status, o.filled / UNIT) for id, o in state.orders.items()]
    assert ours == [
        (row.order_id, places[row.venue], row.quantity, row.status, row.filled) for row in tested.orders.itertuples()
    ]
    assert [(f.order, f.price / UNIT, f.quantity / UNIT) for f in state.fills] == [
        (row.order_id, row.price, row.quantity) for row in tested.fills.itertuples()
    ]
    assert state.cash / MONEY == pytest.approx(tested.equity["cash"].iloc[-1], rel=1e-12)
