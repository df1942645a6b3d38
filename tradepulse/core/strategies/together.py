"""Several strategies on one account, as one."""

from collections.abc import Callable, Sequence

from tradepulse.core.market import Bar
from tradepulse.core.strategies.base import Desk, Strategy
from tradepulse.core.strategies.paths import Seat
from tradepulse.errors import ConfigError


class Together(Strategy):
    """Holds, of each symbol, the sum of what its members want to hold.

    Each member sees its own wishes as its position, so that one does not react to what another one holds; an order is
    the change of the sum, and what one buys while another sells is never traded. A member that looks at one symbol has
    an instance for each.

    Parameters
    ----------
    makers : each makes a fresh member
    """

    name = "together"
    version = "1"
    params = {}
    needs = ("open", "high", "low", "close", "volume")
    panel = True

    def __init__(self, makers: Sequence[Callable[[], Strategy]]) -> None:
        if not makers:
            raise ConfigError("together: name at least one strategy")
        super().__init__(quantity=1)
        self._makers = list(makers)
        first = [make() for make in makers]
        self._warmup = min(one.warmup for one in first)
        self._run_in = max(one.run_in for one in first)
        self._id = "+".join(one.id for one in first)

    @property
    def id(self) -> str:
        """The ids of its members, joined by a plus sign."""
        return self._id

    @property
    def warmup(self) -> int:
        """The shortest of its members': before that nobody wants anything."""
        return self._warmup

    @property
    def run_in(self) -> int:
        """The longest of its members'."""
        return self._run_in

    def initialize(self) -> None:
        """Start without members: each is made when its first bar comes."""
        self._seats: list[dict[str, Seat]] = [{} for _ in self._makers]
        self._wanted: list[dict[str, int]] = [{} for _ in self._makers]

    def handle_tick(self, bar: Bar, desk: Desk) -> None:
        """Look at a symbol that is alone."""
        self.handle_bars([bar], desk)

    def handle_bars(self, bars: Sequence[Bar], desk: Desk) -> None:
        """Ask each member, and want the sums of what has changed."""
        spoken: dict[str, None] = {}
        for make, seats, wanted in zip(self._makers, self._seats, self._wanted, strict=True):
            panel = "" in seats or (not seats and make().panel)
            for seen in [list(bars)] if panel else [[bar] for bar in bars]:
                name = "" if panel else seen[0].symbol
                if name not in seats:
                    seats[name] = Seat(make(), wanted)
                    seats[name].strategy.initialize()
                asked = seats[name].decide(seen)
                wanted.update(asked)
                spoken.update(dict.fromkeys(asked))
        for symbol in spoken:
            desk.target(symbol, sum(wanted.get(symbol, 0) for wanted in self._wanted))

    def finalize(self) -> None:
        """Let every member release what it holds."""
        for seats in self._seats:
            for seat in seats.values():
                seat.strategy.finalize()
