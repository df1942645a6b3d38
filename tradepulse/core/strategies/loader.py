"""Finds strategies by name: those we ship and those that installed packages declare."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from tradepulse.core import plugins, strategies
from tradepulse.core.strategies.base import Strategy
from tradepulse.errors import ConfigError, UnknownName

#: Files beside this one that are no strategy to be named: the last one takes strategies, not parameters.
_NOT_ONES = {"base", "loader", "paths", "together"}


@cache
def shipped() -> tuple[str, ...]:
    """Return the names of the strategies we ship: each is a file beside this one."""
    return tuple(sorted(m.name for m in iter_modules(strategies.__path__) if m.name not in _NOT_ONES))


def strategy_paths() -> dict[str, str]:
    """Return ``module:attribute`` of each strategy that can be named; nothing is imported."""
    found = {name: f"tradepulse.core.strategies.{name}:STRATEGY" for name in shipped()}
    found |= {name: plugin.target for name, plugin in plugins.usable("strategy").items()}
    return dict(sorted(found.items()))


def strategy_class(name: str) -> type[Strategy]:
    """Return a strategy's class.

    Raises
    ------
    UnknownName
        If no strategy has that name.
    PluginQuarantined
        If it is a plug-in that is kept out.
    """
    if name in shipped():
        found: type[Strategy] = import_module(f"tradepulse.core.strategies.{name}").STRATEGY
        return found
    if not any(plugin.kind == "strategy" and plugin.name == name for plugin in plugins.declared()):
        raise UnknownName("strategy", name, strategy_paths())
    loaded: type[Strategy] = plugins.load("strategy", name)
    return loaded


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
