"""Strategies of bars on a book: what research found on bars, traded as it is on paper and live."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

from tradepulse.core.market import Bar
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Answer, Desk, Market, QuotingStrategy
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.loader import strategy_class, strategy_paths
from tradepulse.core.strategies.paths import Seat
from tradepulse.errors import ConfigError, UnknownName

_SECOND = 1_000_000_000
#: What it is called to the strategy, which is given bars of one thing only.
_SYMBOL = "desk"


class OnBars(QuotingStrategy):
    """Gives a strategy of bars the trades of each interval as a bar, and takes what it then wants to hold.

    A bar closes when something is seen at or after its end; an interval without a trade has none. What is missing to
    the target is taken by immediate-or-cancel orders at the best price, one at a time, at most what is displayed there;
    what one did not get is in the next. An order that risk refuses is not tried again before the next bar.

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
        self._held: dict[str, int] = {_SYMBOL: 0}
        self._seat = Seat(member, self._held)
        member.initialize()
        self._end = self._traded = 0
        self._prices: list[float] = []  # open, high, low, close of the bar that is not over
        self._volume = 0
        self._target: int | None = None
        self._refused = False

    def on_market(self, market: Market, desk: Desk) -> None:
        """Add to the bar, close it when it is over, and take what is missing to the target."""
        if market.ns >= self._end:
            if self._prices:
                self._close(desk)
            self._end = (market.ns // self._length + 1) * self._length
        if market.traded != self._traded:
            price = (market.last or 0) / UNIT
            if self._prices:
                _, high, low, _ = self._prices
                self._prices[1:] = max(high, price), min(low, price), price
            else:
                self._prices = [price] * 4
            self._volume += market.traded - self._traded
            self._traded = market.traded
        if self._target is not None and self._target != desk.position:
            self._take(self._target - desk.position, market, desk)

    def on_answer(self, answer: Answer, desk: Desk) -> None:
        """Let go of a target that risk does not let be reached."""
        self._refused = self._refused or answer.kind == "refused"

    def _close(self, desk: Desk) -> None:
        opened = datetime.fromtimestamp((self._end - self._length) / _SECOND, UTC)
        first, high, low, last = self._prices
        bar = Bar(opened, opened.date(), _SYMBOL, first, high, low, last, self._volume / UNIT)
        self._prices, self._volume, self._refused = [], 0, False
        # Toward zero: less than a unit is none.
        self._held[_SYMBOL] = int(desk.position / self._unit)
        wanted = self._seat.tick(bar)
        if _SYMBOL in wanted:
            self._target = wanted[_SYMBOL] * self._unit

    def _take(self, missing: int, market: Market, desk: Desk) -> None:
        if self._refused or desk.open_orders():
            return
        side = Side.BUY if missing > 0 else Side.SELL
        price, shown = (market.ask, market.ask_size) if missing > 0 else (market.bid, market.bid_size)
        if price is not None and shown > 0:
            desk.submit(side, min(abs(missing), shown), price, tif="ioc")


def named(name: str, others: Sequence[str] = ()) -> type[OnBars]:
    """Return a strategy of bars by its name as one that works orders.

    Raises
    ------
    UnknownName
        If there is none; ``others`` are what could have been meant beside them.
    ConfigError
        If it compares symbols, of which a desk gives it one.
    PluginQuarantined
        If it is a plug-in that is kept out.
    """
    if name not in strategy_paths():
        raise UnknownName("strategy", name, sorted({*others, *strategy_paths()}))
    return on_bars(strategy_class(name))


@cache
def on_bars(strategy: type[Strategy]) -> type[OnBars]:
    """Return a strategy of bars as one that works orders, of the same name and version.

    Raises
    ------
    ConfigError
        If it compares symbols, of which a desk gives it one.
    """
    if strategy.panel:
        raise ConfigError(f"{strategy.name} compares symbols, and a desk gives it the bars of one")
    ranges = {key: strategy.ranges.get(key, (1.0, float("inf"))) for key in strategy.params}
    added = {"quantity": 1, "unit": 1.0, "seconds": 60.0}
    return type(
        f"{strategy.__name__}OnBars",
        (OnBars,),
        {
            "strategy": strategy, "name": strategy.name, "version": strategy.version,
            "params": {**strategy.params, **added},
            "ranges": {**ranges, "quantity": (1, 1e9), "unit": (1e-9, 1e9), "seconds": (1e-3, 86_400.0)},
        },
    )  # fmt: skip
