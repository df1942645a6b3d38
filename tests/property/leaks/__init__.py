"""Functions that look ahead, each in its own way, and some that only look as if they did.

Every one is a mistake that somebody made: in a notebook, in a library, in a backtest that was too good. A leak takes
the columns of bars (of three symbols where it says so) and returns columns of the same length; ``decided_at`` says when
its values would be traded on.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """A function with what is wrong with it."""

    name: str
    compute: Callable
    kind: str
    decided_at: str = "close"
    panel: bool = False


LEAKS: list[Planted] = []
HONEST: list[Planted] = []


def _into(place, kind, decided_at, panel):
    def register(compute):
        place.append(Planted(compute.__name__, compute, kind, decided_at, panel))
        return compute

    return register


def leak(kind, *, decided_at="close", panel=False):
    """Plant a function that looks ahead."""
    return _into(LEAKS, kind, decided_at, panel)


def honest(kind="honest", *, decided_at="close", panel=False):
    """Plant a function that does not, though it may look as if."""
    return _into(HONEST, kind, decided_at, panel)
