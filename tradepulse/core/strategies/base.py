"""The strategy protocol: the same object runs in research, backtest and signals."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Protocol

from tradepulse.core.market import Bar
from tradepulse.errors import ConfigError


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
    quantity : units to hold when long
    **params : overrides of ``params``, each a whole number of at least 1
    """

    name: ClassVar[str]
    version: ClassVar[str]
    #: Default of each parameter.
    params: ClassVar[Mapping[str, int]]

    def __init__(self, *, quantity: int, **params: int) -> None:
        unknown = sorted(set(params) - set(self.params))
        if unknown:
            raise ConfigError(f"{self.name}: unknown parameter {unknown[0]!r}; it takes {', '.join(self.params)}")
        if quantity != int(quantity) or quantity < 1:
            raise ConfigError(f"{self.name}: quantity must be a whole number of at least 1, not {quantity}")
        self.settings: dict[str, int] = {}
        for key, value in {**self.params, **params}.items():
            if value != int(value) or value < 1:
                raise ConfigError(f"{self.name}: {key} must be a whole number of at least 1, not {value}")
            self.settings[key] = int(value)
        self.quantity = int(quantity)
        self.check()

    @property
    def id(self) -> str:
        """``name@version``, as it stands in every table."""
        return f"{self.name}@{self.version}"

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Bars the strategy must have seen before it can decide."""

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

    def finalize(self) -> None:
        """Release what the strategy holds."""
