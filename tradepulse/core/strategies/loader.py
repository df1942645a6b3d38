"""Finds strategies by name: those we ship and those that installed packages declare."""

from importlib.metadata import entry_points
from pkgutil import iter_modules

from tradepulse.core import strategies
from tradepulse.core.strategies.base import Strategy
from tradepulse.errors import ConfigError, UnknownName

#: Entry-point group in which packages declare ``strategy.NAME = "package.module:Class"``.
GROUP = "tradepulse.plugins"
_PREFIX = "strategy."


def strategy_paths() -> dict[str, str]:
    """Return ``module:Class`` of each strategy there is, by name; nothing is imported."""
    shipped = [m.name for m in iter_modules(strategies.__path__) if m.name not in {"base", "loader", "paths"}]
    found = {name: f"tradepulse.core.strategies.{name}:STRATEGY" for name in shipped}
    for point in entry_points(group=GROUP):
        name = point.name.removeprefix(_PREFIX)
        if point.name.startswith(_PREFIX):
            if name in found:
                raise ConfigError(f"two strategies are named {name!r}: {found[name]} and {point.value}; uninstall one")
            found[name] = point.value
    return dict(sorted(found.items()))


def strategy_class(name: str) -> type[Strategy]:
    """Return a strategy's class.

    Raises
    ------
    UnknownName
        If no strategy has that name.
    """
    from importlib import import_module

    paths = strategy_paths()
    if name not in paths:
        raise UnknownName("strategy", name, paths)
    module, _, attribute = paths[name].partition(":")
    found: type[Strategy] = getattr(import_module(module), attribute)
    return found


def strategy_at(id: str) -> type[Strategy]:
    """Return the class behind ``name@version``.

    Raises
    ------
    ConfigError
        If the installed strategy has another version: results of one version are not results of another.
    """
    name, _, version = id.partition("@")
    found = strategy_class(name)
    if found.version != version:
        raise ConfigError(f"{id} was asked for, but {name}@{found.version} is installed; promote a trial of it first")
    return found
