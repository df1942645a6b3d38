"""The strategy protocol: the same object runs in research, backtest and signals."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from tradepulse.core.market import Bar
from tradepulse.core.parameters import settings_of
from tradepulse.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Where an array of targets says nothing: what was wanted before stays.
HOLD: Final = -(2**63)


class Desk(Protocol):
    """What a strategy may ask and order. What is ordered on one bar trades on the next at the earliest."""

    def position(self, symbol: str) -> int:
        """Return the units held now, negative when short."""
        ...

    def target(self, symbol: str, quantity: int) -> None:
        """Ask to hold ``quantity`` units; a later call before the next bar replaces it."""
        ...


class Strategy(ABC):
    """A rule that turns bars into targets.

    The engine calls ``initialize`` once, ``handle_tick`` once per closed bar in time order, and ``finalize`` exactly
    once, also when ``handle_tick`` raised. A strategy holds no clock, no file and no random number of its own.

    Parameters
    ----------
    quantity : units to hold when long; of a strategy that compares symbols, of each that it holds
    **params : overrides of ``params``, each within its range, and whole where the default is
    """

    name: ClassVar[str]
    version: ClassVar[str]
    #: Default of each parameter.
    params: ClassVar[Mapping[str, float]]
    #: Smallest and largest value of each parameter; at least 1 where nothing is said.
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    #: Columns of a bar that it looks at.
    needs: ClassVar[tuple[str, ...]] = ("close",)
    #: Whether it compares symbols: one instance sees the bars of all of them at once.
    panel: ClassVar[bool] = False

    def __init__(self, *, quantity: int, **params: float) -> None:
        if quantity != int(quantity) or quantity < 1:
            raise ConfigError(f"{self.name}: quantity must be a whole number of at least 1, not {quantity}")
        self.settings = settings_of(self.name, self.params, self.ranges, params)
        self.quantity = int(quantity)
        self.check()

    @property
    def id(self) -> str:
        """``name@version``, as it stands in every table."""
        return f"{self.name}@{self.version}"

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Bars of a symbol that it must have seen before it may decide; the engine holds it to that."""

    @property
    def run_in(self) -> int:
        """Bars to give it before those that a result is about; by default those of its warm-up."""
        return self.warmup

    def check(self) -> None:
        """Raise ConfigError if the parameters do not go together."""

    def initialize(self) -> None:
        """Prepare for the first bar."""

    @abstractmethod
    def handle_tick(self, bar: Bar, desk: Desk) -> None:
        """Decide at the close of a bar.

        Parameters
        ----------
        bar : the bar that has just closed
        desk : takes the decision; it trades on the next bar at the earliest
        """

    def handle_bars(self, bars: Sequence[Bar], desk: Desk) -> None:
        """Decide at the close of the bars of one instant, one per symbol; by default each by itself."""
        for bar in bars:
            self.handle_tick(bar, desk)

    def finalize(self) -> None:
        """Release what the strategy holds."""

    def decisions(self, columns: "Mapping[str, NDArray[np.float64]]") -> "NDArray[np.int64] | None":
        """Return what it wants after each bar of one symbol in one go; None, as by default, where only bars will do.

        What it returns is, bar by bar, what ``handle_tick`` asks for; a test holds every strategy to that.

        Parameters
        ----------
        columns : ``open``, ``high``, ``low``, ``close``, ``volume``, each of shape (n,), in time order

        Returns
        -------
        int64 of shape (n,): units wanted from that bar on, :data:`HOLD` where it says nothing
        """
        return None
