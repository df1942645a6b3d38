"""Strategies of bars on a book: what research found on bars, traded as it is on paper and live."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from tradepulse.core.market import Bar
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Answer, Desk, Market, QuotingStrategy
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.paths import Seat
from tradepulse.errors import ConfigError

_SECOND = 1_000_000_000


@dataclass(slots=True)
class _Forming:
    """The bar of an instrument that is not over: open, high, low, close, once there was a trade; and its volume."""

    prices: list[float] = field(default_factory=list)
    volume: int = 0
    #: Units that others have traded since the feed began.
    traded: int = 0

    def add(self, market: Market) -> None:
        """Take in what has been traded since it was last seen."""
        if market.traded == self.traded:
            return
        price = (market.last or 0) / UNIT
        if self.prices:
            _, high, low, _ = self.prices
            self.prices[1:] = max(high, price), min(low, price), price
        else:
            self.prices = [price] * 4
        self.volume += market.traded - self.traded
        self.traded = market.traded

    def close(self, opened: datetime, symbol: str) -> Bar:
        """Return the bar, and begin the next."""
        first, high, low, last = self.prices
        made = Bar(opened, opened.date(), symbol, first, high, low, last, self.volume / UNIT)
        self.prices, self.volume = [], 0
        return made


class OnBars(QuotingStrategy):
    """Gives a strategy of bars the trades of each interval as a bar, and takes what it then wants to hold.

    A bar closes when something is seen at or after its end; an interval without a trade has none. What is missing to
    the target is taken by immediate-or-cancel orders at the best price, one at a time, at most what is displayed there;
    what one did not get is in the next. An order that risk refuses is not tried again before the next bar. A strategy
    that compares symbols is given the bars of all instruments of the account, which end at the same moment. After a
    death it is given the bars that it had seen, as many as it looks at, and not the one that was under way.

    Its parameters are those of the strategy, and ``quantity`` (its units when long), ``unit`` (what one of them is of
    the instrument) and ``seconds`` (length of a bar; bars begin at whole multiples of it since 1970, and belong to the
    session of their date in UTC).
    """

    #: What it gives bars to.
    strategy: type[Strategy]

    def __init__(self, **params: float) -> None:
        super().__init__(**params)
        own = {key: value for key, value in self.settings.items() if key in self.strategy.params}
        member = self.strategy(quantity=self.settings["quantity"], **own)
        self._unit, self._length = round(self.settings["unit"] * UNIT), round(self.settings["seconds"] * _SECOND)
        self._held: dict[str, int] = {}
        self._seat = Seat(member, self._held)
        member.initialize()
        self._end = 0
        # By instrument; to the strategy its number is its symbol.
        self._forming: dict[int, _Forming] = {}
        self._targets: dict[int, int] = {}
        self._refused = self._resumed = False

    @property
    def run_in(self) -> int:
        """Bars that the strategy is to be given before those that a result is about."""
        return self._seat.strategy.run_in

    def on_market(self, market: Market, desk: Desk) -> None:
        """Add to the bar, close it when it is over, and take what is missing to the target."""
        if not self._end:
            self._resume(desk)
        if market.ns >= self._end:
            self._close(desk)
            self._end = (market.ns // self._length + 1) * self._length
        at = desk.instrument
        if at not in self._forming:
            if self._unit % desk.lot:
                raise ConfigError(
                    f"{self.name}: unit is {self.settings['unit']:g}, and what is traded goes by {desk.lot / UNIT:g}; "
                    "name a multiple of that"
                )
            self._forming[at] = _Forming()
        self._forming[at].add(market)
        if at in self._targets and (missing := self._targets[at] - desk.position):
            self._take(missing, market, desk)

    def on_answer(self, answer: Answer, desk: Desk) -> None:
        """Let go of a target that risk does not let be reached."""
        self._refused = self._refused or answer.kind == "refused"

    def _resume(self, desk: Desk) -> None:
        """Give the strategy the bars that it had seen before its process died."""
        for seen in desk.memory:
            bars = []
            for ns, symbol, *figures in seen:
                opened = datetime.fromtimestamp(ns / _SECOND, UTC)
                bars.append(Bar(opened, opened.date(), symbol, *figures))
            self._decide(bars, desk)
            self._resumed = True

    def _close(self, desk: Desk) -> None:
        opened = datetime.fromtimestamp((self._end - self._length) / _SECOND, UTC)
        bars = [one.close(opened, str(at)) for at, one in sorted(self._forming.items()) if one.prices]
        if not bars:
            return
        if self._resumed:
            self._resumed = False  # of this one a part is missing
            return
        self._refused = False
        began = self._end - self._length
        desk.remember([[began, *bar[2:]] for bar in bars], self.run_in)
        self._decide(bars, desk)

    def _decide(self, bars: list[Bar], desk: Desk) -> None:
        for at in {*self._forming, *(int(bar.symbol) for bar in bars)}:
            # Toward zero: less than a unit is none.
            self._held[str(at)] = int(desk.on(at).position / self._unit)
        for symbol, units in self._seat.decide(bars).items():
            self._targets[int(symbol)] = units * self._unit

    def _take(self, missing: int, market: Market, desk: Desk) -> None:
        if self._refused or desk.open_orders():
            return
        side = Side.BUY if missing > 0 else Side.SELL
        price, shown = (market.ask, market.ask_size) if missing > 0 else (market.bid, market.bid_size)
        part = min(abs(missing), shown) // desk.lot * desk.lot
        if price is not None and part:
            desk.submit(side, part, price, tif="ioc")


@cache
def on_bars(strategy: type[Strategy]) -> type[OnBars]:
    """Return a strategy of bars as one that works orders, of the same name and version."""
    ranges = {key: strategy.ranges.get(key, (1.0, float("inf"))) for key in strategy.params}
    added = {"quantity": 1, "unit": 1.0, "seconds": 60.0}
    if clash := sorted(set(strategy.params) & set(added)):
        raise ConfigError(
            f"{strategy.name}: its parameter {clash[0]} is what a book calls its own; give it another name"
        )
    return type(
        f"{strategy.__name__}OnBars",
        (OnBars,),
        {
            "strategy": strategy, "name": strategy.name, "version": strategy.version, "several": strategy.panel,
            "params": {**strategy.params, **added},
            "ranges": {**ranges, "quantity": (1, 1e9), "unit": (1e-9, 1e9), "seconds": (1e-3, 86_400.0)},
        },
    )  # fmt: skip
