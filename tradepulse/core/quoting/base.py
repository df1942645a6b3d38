"""The protocol of a strategy that works orders: the same object in a backtest on books, on paper and live.

Prices and quantities are integers of :data:`tradepulse.core.orders.UNIT`, as the order path and the venue have them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypedDict, Unpack

from tradepulse.core.orders import Side
from tradepulse.core.parameters import settings_of
from tradepulse.errors import ConfigError


class Market(NamedTuple):
    """What a strategy sees of the book, as old as its feed is.

    Parameters
    ----------
    ns : when it is seen, nanoseconds since 1970
    bid, bid_size, ask, ask_size : best prices that others display, and how much there; None where they display nothing
    last : price of the last trade, None before there was one
    traded : units that others have traded since the feed began
    """

    ns: int
    bid: int | None
    bid_size: int
    ask: int | None
    ask_size: int
    last: int | None
    traded: int = 0


class Answer(NamedTuple):
    """What a strategy hears of an order of its own.

    Parameters
    ----------
    ns : when it is heard
    id : of the order
    kind : ``waiting`` (for its trigger), ``working``, ``filled``, ``ended``, ``changed``, ``not_changed``, ``refused``
    reason : why it ended or was refused
    price, quantity : of a fill
    """

    ns: int
    id: str
    kind: str
    reason: str = ""
    price: int = 0
    quantity: int = 0


class How(TypedDict, total=False):
    """How an order is to be worked, where it is not as usual; prices and quantities in units.

    Parameters
    ----------
    tif : ``gtc`` as usual, ``day``, ``ioc``, ``fok``, or ``gtd``, which ``expire_at_ms`` goes with
    expire_at_ms : when it ends, by the venue's clock since 1970
    post_only : it is turned away where it would take
    reduce_only : it takes off the position and never turns it
    stop_price : it waits until the price is there, a buy for one that rises; then it is an order like others
    if_touched : it waits for a price that comes from the other side: a buy for one that falls
    trail_offset : it waits as a stop that follows the best price so far at this distance; then it is a market order
    trigger : price that it waits for: of the ``last`` trade as usual, or the opposite best ``quote``
    display_quantity : what is shown of it at a time
    """

    tif: str
    expire_at_ms: int | None
    post_only: bool
    reduce_only: bool
    stop_price: int | None
    if_touched: bool
    trail_offset: int | None
    trigger: Literal["last", "quote"]
    display_quantity: int | None


def checked(price: int | None, how: How) -> How:
    """Return how an order is to be worked, or raise ConfigError where there is no such order."""
    if unknown := sorted(set(how) - set(How.__annotations__)):
        raise ConfigError(f"an order has no {unknown[0]}; it may have {', '.join(sorted(How.__annotations__))}")
    stop, touched = how.get("stop_price") is not None, how.get("if_touched", False)
    if how.get("trail_offset") is not None and (price is not None or stop or touched):
        raise ConfigError("a trailing stop has an offset, and no price of its own")
    if touched and not stop:
        raise ConfigError("an order that waits for a touch needs the stop_price that is to be touched")
    return how


class Desk(Protocol):
    """What a quoting strategy may ask and order; each order takes its time to the venue, and the answer back.

    A desk is of one instrument; a strategy that trades several has one of each, and is given that of which it hears.
    """

    instrument: int
    #: Steps of price and quantity where its orders go.
    tick: int
    lot: int

    def on(self, instrument: int) -> "Desk":
        """Return the desk of another instrument, by its number."""
        ...

    @property
    def market(self) -> Market:
        """What the book is, as far as we have seen."""
        ...

    @property
    def position(self) -> int:
        """Units held, as far as we know."""
        ...

    def filled(self, side: Side) -> int:
        """Return the units that orders of the strategy have filled on a side since its book began, over any death."""
        ...

    @property
    def memory(self) -> Sequence[Any]:
        """What the strategy has remembered, oldest first; what its process died on, another begins with."""
        ...

    def remember(self, value: Any, keep: int = 1) -> None:
        """Write a JSON value to the journal; of those written the last ``keep`` are kept."""
        ...

    def open_orders(self) -> Mapping[str, tuple[Side, int | None, int]]:
        """Return side, price and what is left of each order that can still fill, as far as we know; also of stops."""
        ...

    def submit(self, side: Side, quantity: int, price: int | None = None, **how: Unpack[How]) -> str:
        """Send an order, a market order without a price; return its id. Risk may refuse it: an answer says so.

        Raises
        ------
        ConfigError
            If there is no such order, as a trailing stop with a price.
        """
        ...

    def cancel(self, id: str) -> None:
        """Ask for the end of an order."""
        ...

    def replace(
        self, id: str, *, price: int | None = None, quantity: int | None = None, stop_price: int | None = None
    ) -> None:
        """Ask for another price, another total quantity, or another price that it waits for."""
        ...


#: What a loop may ask for at once, beside an end of each of its open orders.
ASKS = 16


class Compiled(NamedTuple):
    """A strategy once more, for an engine that compiles it: a plain function of arrays, at module level.

    Parameters
    ----------
    loop : ``loop(see, mine, n, position, sizes, numbers, memory, asks)`` returns how many rows of ``asks`` it has
        filled, at most ``n`` and :data:`ASKS`. ``see`` is :class:`Market` as whole numbers, 0 for None. A row of
        ``mine`` is an open order: its number, sign of its side, price, what is left, whether its end was asked for, and
        whether the venue has answered; there are ``n``. A row of ``asks`` is 0, sign, quantity, price (0 at the market)
        and flags (1 post-only, 2 immediate-or-cancel) for a new order; 1 and a number for the end of one. All prices
        are in one step, all quantities in another. It allocates nothing.
    sizes : quantities that it is given, in units
    numbers : other figures that it is given
    memory : how many whole numbers it may remember
    """

    loop: Callable[..., int]
    sizes: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()
    memory: int = 0


class QuotingStrategy(ABC):
    """A rule that works orders on the book of one instrument, or of several.

    An instance lives as long as its process. One that has to know more than the market and its orders after a death
    remembers it at its desk.

    Parameters
    ----------
    **params : overrides of ``params``, each within its range, and whole where the default is
    """

    name: ClassVar[str]
    version: ClassVar[str]
    #: Default of each parameter.
    params: ClassVar[Mapping[str, float]]
    #: Smallest and largest value of each parameter.
    ranges: ClassVar[Mapping[str, tuple[float, float]]]
    #: Whether it trades all instruments of an account, and hears of each.
    several: ClassVar[bool] = False
    #: Number of the one that it trades, where there are several.
    instrument: int = 0

    def __init__(self, **params: float) -> None:
        self.settings = settings_of(self.name, self.params, self.ranges, params)

    @property
    def id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def compiled(self) -> Compiled | None:
        """Return what :meth:`on_market` does as a loop, if there is one; only without an :meth:`on_answer`."""
        return None

    @abstractmethod
    def on_market(self, market: Market, desk: Desk) -> None:
        """Decide after the book or the last trade has changed."""

    def on_answer(self, answer: Answer, desk: Desk) -> None:
        """Decide after the venue, or our own risk, has answered; by default not at all."""
