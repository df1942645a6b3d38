"""Trading breaks of a range: stop orders above and below it, a trailing stop behind what they have traded."""

from collections.abc import Iterable

from tradepulse.core.orders import BP, UNIT, Side
from tradepulse.core.quoting.base import Answer, Desk, Market, QuotingStrategy

_SECOND = 1_000_000_000


class Breakout(QuotingStrategy):
    """Buy above the range of the last interval, sell below it, and follow what is held with a trailing stop.

    When ``seconds`` are over (at whole multiples of them since 1970) and nothing is held or ordered, a stop order of
    ``size`` is placed one step above the highest trade of them, and one below the lowest. When one of them has filled,
    the other is cancelled, and a trailing stop that only reduces follows the position ``trail_bp`` behind the best
    trade. What has not filled by the end of the next interval is cancelled. What risk refuses is not tried again before
    then; where there are no orders that only reduce, plain ones do it.
    """

    name = "breakout"
    version = "1"
    params = {"size": 0.01, "seconds": 60.0, "trail_bp": 10.0}
    ranges = {"size": (1e-9, 1e9), "seconds": (1e-3, 86_400.0), "trail_bp": (0.01, 5_000.0)}

    def __init__(self, **params: float) -> None:
        super().__init__(**params)
        self._size, self._length = (
            round(self.settings[key] * by) for key, by in (("size", UNIT), ("seconds", _SECOND))
        )
        self._end = self._traded = 0
        self._high: int | None = None
        self._low: int | None = None
        self._ending: set[str] = set()
        #: What it protects its position with; of the orders of a process that died it knows none, and cancels them.
        self._exits: set[str] = set()
        self._refused, self._reduces = False, True

    def on_market(self, market: Market, desk: Desk) -> None:
        """Keep the range, and what belongs to it, in place."""
        over = market.ns >= self._end
        if over:
            high, low = self._high, self._low
            self._end = (market.ns // self._length + 1) * self._length
            self._high = self._low = None
            self._refused = False
        if market.traded != self._traded and market.last is not None:
            self._high = market.last if self._high is None else max(self._high, market.last)
            self._low = market.last if self._low is None else min(self._low, market.last)
            self._traded = market.traded
        mine = desk.open_orders()
        self._ending &= set(mine)
        if desk.position:
            self._cancel([id for id in mine if id not in self._exits], desk)
            self._protect(desk)
            return
        self._cancel([id for id in mine if over or id in self._exits], desk)
        if over and not mine and high is not None and low is not None:
            desk.submit(Side.BUY, self._size, stop_price=high + desk.tick)
            desk.submit(Side.SELL, self._size, stop_price=low - desk.tick)

    def on_answer(self, answer: Answer, desk: Desk) -> None:
        """Follow what has filled at once; let be what risk refuses."""
        self._refused = self._refused or answer.kind == "refused"
        if answer.reason == "not_supported":
            # At once again by plain orders; where those are not known either, it is let be.
            self._refused, self._reduces = not self._reduces, False
        if answer.kind in {"filled", "ended"} and desk.position:
            self._protect(desk)

    def _protect(self, desk: Desk) -> None:
        """Place a trailing stop behind what has none yet."""
        side = Side.SELL if desk.position > 0 else Side.BUY
        mine = desk.open_orders()
        self._exits &= set(mine)
        self._cancel([id for id in self._exits if mine[id][0] is not side], desk)
        bare = abs(desk.position) - sum(mine[id][2] for id in self._exits if mine[id][0] is side)
        price = desk.market.last
        if bare > 0 and price is not None and not self._refused:
            trail = max(1, round(price * self.settings["trail_bp"] / BP / desk.tick)) * desk.tick
            self._exits.add(desk.submit(side, bare, trail_offset=trail, reduce_only=self._reduces))

    def _cancel(self, ids: Iterable[str], desk: Desk) -> None:
        for id in ids:
            if id not in self._ending:
                self._ending.add(id)
                desk.cancel(id)


STRATEGY = Breakout
