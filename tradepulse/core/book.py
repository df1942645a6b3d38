"""An order book rebuilt from a snapshot and the differences that follow it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tradepulse.errors import SequenceGap


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed in a book between two update ids.

    Parameters
    ----------
    first_id, last_id : first and last update in it
    previous_id : last update of the difference before it, where the venue says so, else None
    bids, asks : price and new size of each level that changed; size 0 removes it
    """

    first_id: int
    last_id: int
    previous_id: int | None
    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]


@dataclass(slots=True)
class OrderBook:
    """Price levels by side.

    Parameters
    ----------
    last_id : update that the book stands at
    """

    last_id: int
    bids: dict[float, float] = field(default_factory=dict)
    asks: dict[float, float] = field(default_factory=dict)
    #: Whether a difference has been applied since the snapshot: the first one may begin before it.
    started: bool = False

    @classmethod
    def of(cls, last_id: int, bids: Iterable[tuple[float, float]], asks: Iterable[tuple[float, float]]) -> "OrderBook":
        """Return the book of a snapshot."""
        return cls(last_id, {p: s for p, s in bids if s}, {p: s for p, s in asks if s})

    def apply(self, difference: Difference) -> bool:
        """Apply a difference; return False for one that the snapshot has already seen.

        Raises
        ------
        SequenceGap
            If updates are missing before it.
        """
        linked = difference.previous_id is not None
        # A venue that links its differences (Binance futures) begins with the snapshot's update, another one after it.
        seen = difference.last_id < self.last_id if linked else difference.last_id <= self.last_id
        if seen and not self.started:
            return False
        if self.started:
            follows = difference.previous_id == self.last_id if linked else difference.first_id == self.last_id + 1
        else:
            follows = difference.first_id <= self.last_id + (0 if linked else 1) <= difference.last_id + (not linked)
        if not follows:
            raise SequenceGap(
                f"updates {self.last_id + 1} to {difference.first_id - 1} are missing before {difference.last_id}; "
                "take a new snapshot"
            )
        for side, levels in ((self.bids, difference.bids), (self.asks, difference.asks)):
            for price, size in levels:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        self.last_id, self.started = difference.last_id, True
        return True

    @property
    def top(self) -> tuple[float, float, float, float] | None:
        """Best bid and its size, best ask and its size; None while a side is empty."""
        if not self.bids or not self.asks:
            return None
        bid, ask = max(self.bids), min(self.asks)
        return bid, self.bids[bid], ask, self.asks[ask]
