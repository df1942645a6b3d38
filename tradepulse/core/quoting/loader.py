"""The quoting strategies that we ship, by name."""

from importlib import import_module
from pkgutil import iter_modules

from tradepulse.core import quoting
from tradepulse.core.quoting.base import QuotingStrategy
from tradepulse.errors import UnknownName

_NOT_ONES = {"base", "loader", "slicing"}


def quoting_strategies() -> list[str]:
    """Return the names of the shipped ones."""
    return sorted(module.name for module in iter_modules(quoting.__path__) if module.name not in _NOT_ONES)


def quoting_strategy(name: str) -> type[QuotingStrategy]:
    """Return a shipped one by name.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    if name not in quoting_strategies():
        raise UnknownName("quoting strategy", name, quoting_strategies())
    found: type[QuotingStrategy] = import_module(f"tradepulse.core.quoting.{name}").STRATEGY
    return found
