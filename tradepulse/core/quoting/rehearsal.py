"""A made market to rehearse on: what a strategy that works orders asks for there, without risk, journal or venue.

It is no backtest. A market order takes at the other side's best price, an order that rests fills when the other side
reaches its price, whole, and one that waits does so for the other side's best price; what a strategy asks for hangs on
nothing else than what it is told.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Unpack

from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import ASKS, Answer, Compiled, How, Market, QuotingStrategy, checked
from tradepulse.errors import ConfigError

#: Steps of price and quantity.
TICK, LOT = UNIT // 100, UNIT // 1000
_SECOND = 10**9
_SEED = 20_240_102


class Asked(NamedTuple):
    """Something that a strategy has asked for: ``submit``, ``cancel`` or ``replace``, of which instrument, and what."""

    what: str
    instrument: int
    rest: tuple[Any, ...]


class _Desk:
    """A desk at the rehearsal."""

    tick, lot = TICK, LOT

    def __init__(self, stage: "_Stage", instrument: int) -> None:
        self._stage, self.instrument = stage, instrument
        self.position = 0
        self.orders: dict[str, tuple[Side, int | None, int]] = {}
        self.takes: set[str] = set()
        #: What waits: the price that it waits for or None where it follows, +1 if that is to rise, the distance.
        self.waits: dict[str, tuple[int | None, int, int]] = {}
        self.told: set[str] = set()
        self.done = {Side.BUY: 0, Side.SELL: 0}
        self.market = Market(0, None, 0, None, 0, None)

    def on(self, instrument: int) -> "_Desk":
        if instrument >= len(self._stage.desks):
            raise ConfigError(f"there is no instrument {instrument} of {len(self._stage.desks)}")
        return self._stage.desks[instrument]

    def filled(self, side: Side) -> int:
        return self.done[side]

    @property
    def memory(self) -> Sequence[Any]:
        return self._stage.memory

    def remember(self, value: Any, keep: int = 1) -> None:
        self._stage.memory = [*self._stage.memory, value][-keep:]

    def open_orders(self) -> Mapping[str, tuple[Side, int | None, int]]:
        return dict(self.orders)

    def submit(self, side: Side, quantity: int, price: int | None = None, **how: Unpack[How]) -> str:
        id = f"o{self._stage.count}"
        self._stage.count += 1
        said = dict[str, Any](checked(price, how))
        tif, post_only = said.pop("tif", "gtc"), said.pop("post_only", False)
        rest = side, quantity, price, tif, post_only, *sorted(said.items())
        self._stage.asked.append(Asked("submit", self.instrument, rest))
        self.orders[id] = (side, price, quantity)
        if price is None or tif in {"ioc", "fok"}:
            self.takes.add(id)
        stop, trail = how.get("stop_price"), how.get("trail_offset")
        if stop is not None or trail is not None:
            self.waits[id] = stop, side.sign * (-1 if how.get("if_touched") else 1), trail or 0
        return id

    def cancel(self, id: str) -> None:
        self._stage.asked.append(Asked("cancel", self.instrument, (id,)))
        if self.orders.pop(id, None) is not None:
            self._stage.answers.append((self, Answer(self.market.ns, id, "ended", "requested")))

    def replace(
        self, id: str, *, price: int | None = None, quantity: int | None = None, stop_price: int | None = None
    ) -> None:
        self._stage.asked.append(Asked("replace", self.instrument, (id, price, quantity, stop_price)))
        if id in self.orders:
            side, old, left = self.orders[id]
            if stop_price is not None and id in self.waits:
                self.waits[id] = stop_price, *self.waits[id][1:]
            self.orders[id] = (side, old if price is None else price, left if quantity is None else quantity)
            self._stage.answers.append((self, Answer(self.market.ns, id, "changed")))

    def meet(self) -> None:
        """Fill what the market reaches, and end what does not wait for it."""
        for id, (side, price, left) in list(self.orders.items()):
            facing = self.market.ask if side is Side.BUY else self.market.bid
            if id in self.waits and not self._reached(id, side, facing):
                continue
            meets = facing is not None and (price is None or side.sign * facing <= side.sign * price)
            if not meets and id not in self.takes:
                if id not in self.told:
                    self.told.add(id)
                    self._stage.answers.append((self, Answer(self.market.ns, id, "working")))
                continue
            del self.orders[id]
            if meets:
                self.position += side.sign * left
                self.done[side] += left
                paid = facing if price is None or id in self.takes else price
                self._stage.answers.append((self, Answer(self.market.ns, id, "filled", "", paid or 0, left)))
            else:
                self._stage.answers.append((self, Answer(self.market.ns, id, "ended", "ioc")))

    def _reached(self, id: str, side: Side, facing: int | None) -> bool:
        """Say whether what an order waits for is there; it waits no more then."""
        stop, rising, trail = self.waits[id]
        if id not in self.told:
            self.told.add(id)
            self._stage.answers.append((self, Answer(self.market.ns, id, "waiting")))
        if facing is None:
            return False
        if trail and (stop is None or side.sign * (facing + side.sign * trail) < side.sign * stop):
            stop = facing + side.sign * trail
            self.waits[id] = stop, rising, trail
        if rising * facing < rising * (stop or 0):
            return False
        del self.waits[id]
        self._stage.answers.append((self, Answer(self.market.ns, id, "working")))
        return True


class _Stage:
    def __init__(self, instruments: int) -> None:
        self.asked: list[Asked] = []
        self.answers: list[tuple[_Desk, Answer]] = []
        self.count = 0
        self.memory: list[Any] = []
        self.desks = [_Desk(self, number) for number in range(instruments)]


def rehearsed(strategy: QuotingStrategy, moves: int = 400) -> list[Asked]:
    """Return what a strategy asks for in a made market, which is the same every time.

    Parameters
    ----------
    strategy : fresh instance; one that trades several instruments has two
    moves : of the market, a second apart
    """
    stage = _Stage(2 if strategy.several else 1)
    for desk, market in _markets(stage.desks, moves):
        desk.market = market
        desk.meet()
        while stage.answers:
            whose, answer = stage.answers.pop(0)
            strategy.on_answer(answer, whose)
        strategy.on_market(market, desk)
    return stage.asked


def _markets(desks: list[_Desk], moves: int) -> Iterator[tuple[_Desk, Market]]:
    draw = random.Random(_SEED)  # noqa: S311  the same market every time
    mids, traded, last = [10_000 + 50 * n for n in range(len(desks))], [0] * len(desks), [0] * len(desks)
    for number in range(moves):
        at = draw.randrange(len(desks))
        mids[at] += draw.choice((-2, -1, 0, 0, 1, 2))
        bid, ask = (mids[at] - draw.randint(1, 2)) * TICK, (mids[at] + draw.randint(1, 2)) * TICK
        # Now and then nearly all of what is displayed is on one side.
        sizes = [draw.choice((1, 20, 400)) * draw.randint(1, 9) * LOT for _ in range(2)]
        if draw.random() < 0.5:
            traded[at] += draw.randint(1, 5_000) * LOT
            last[at] = draw.choice((bid, ask))
        now = (1_700_000_000 + number) * _SECOND
        yield desks[at], Market(now, bid, sizes[0], ask, sizes[1], last[at] or None, traded[at])


class Looped(QuotingStrategy):
    """A loop (:class:`tradepulse.core.quoting.base.Compiled`), run as the plain function that it is.

    Parameters
    ----------
    plan : the loop
    """

    name, version = "looped", "1"
    params: ClassVar = {}
    ranges: ClassVar = {}

    def __init__(self, plan: Compiled) -> None:
        import numpy as np

        super().__init__()
        self._plan, self._ids = plan, list[str]()
        self._memory = np.zeros(plan.memory, dtype=np.int64)
        self._ending: set[str] = set()

    def on_market(self, market: Market, desk: Any) -> None:
        """Ask for what the loop asks for."""
        import numpy as np

        prices, sizes = {1, 3, 5}, {2, 4, 6}
        see = np.array(
            [
                (value or 0) // (TICK if at in prices else LOT if at in sizes else 1)
                for at, value in enumerate(market)
            ], dtype=np.int64,
        )  # fmt: skip
        orders = desk.open_orders()
        mine = np.zeros((len(orders) + 1, 6), dtype=np.int64)
        for row, (id, (side, price, left)) in enumerate(orders.items()):
            mine[row] = self._ids.index(id), side.sign, (price or 0) // TICK, left // LOT, id in self._ending, 1
        asks = np.zeros((len(orders) + ASKS, 5), dtype=np.int64)
        made = self._plan.loop(
            see, mine, len(orders), desk.position // LOT,
            np.array([size // LOT for size in self._plan.sizes], dtype=np.int64), np.array(self._plan.numbers),
            self._memory, asks,
        )  # fmt: skip
        for what, first, quantity, price, flags in asks[:made].tolist():
            if what:
                self._ending.add(self._ids[first])
                desk.cancel(self._ids[first])
                continue
            tif = "ioc" if flags & 2 else "gtc"
            side = Side.BUY if first > 0 else Side.SELL
            given = {"tif": tif, "post_only": bool(flags & 1)}
            self._ids.append(desk.submit(side, quantity * LOT, price * TICK or None, **given))


def once_more(make: Callable[[], QuotingStrategy]) -> list[Asked] | None:
    """Return what a strategy's loop asks for in the made market; None where it has none."""
    plan = make().compiled()
    return None if plan is None else rehearsed(Looped(plan))
