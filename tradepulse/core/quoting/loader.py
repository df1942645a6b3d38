"""What can trade on a book, by name: the quoting strategies that we ship, those of plug-ins, and strategies of bars."""

from importlib import import_module
from pkgutil import iter_modules

from tradepulse.core import quoting
from tradepulse.core.quoting.base import QuotingStrategy

_NOT_ONES = {"base", "loader", "slicing", "on_bars", "named", "rehearsal"}


def quoting_strategies() -> list[str]:
    """Return the names of the shipped quoting strategies."""
    return sorted(module.name for module in iter_modules(quoting.__path__) if module.name not in _NOT_ONES)


def quoting_strategy(name: str) -> type[QuotingStrategy]:
    """Return a shipped one by name, one of a plug-in, or a strategy of bars, which is given bars of the trades.

    Raises
    ------
    UnknownName
        If there is none of that name.
    PluginQuarantined
        If it is a plug-in that is kept out.
    """
    if name not in quoting_strategies():
        # By name, as the others: the engine of a quoting strategy starts without numpy, which those of bars need.
        made: type[QuotingStrategy] = import_module("tradepulse.core.quoting.named").named(name, quoting_strategies())
        return made
    found: type[QuotingStrategy] = import_module(f"tradepulse.core.quoting.{name}").STRATEGY
    return found
