"""Indicators: one file each, holding the formula and its :class:`Indicator` declaration.

A new file here is found by its name; nothing else needs to be edited. Those of installed packages are found by their
entry points.
"""

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from tradepulse.core import plugins
from tradepulse.errors import PluginQuarantined, UnknownName

if TYPE_CHECKING:
    from tradepulse.core.indicators.base import Indicator


@cache
def shipped() -> tuple[str, ...]:
    """Return the names of the indicators we ship: each is a file beside this one."""
    return tuple(sorted(module.name for module in iter_modules(__path__) if module.name not in {"base", "table"}))


def names() -> list[str]:
    """Return the names of the indicators there are, ours and those of plug-ins, in alphabetical order."""
    return sorted({*shipped(), *plugins.usable("indicator")})


def names_over(columns: Iterable[str]) -> list[str]:
    """Return the names of the indicators of one symbol that need no other columns than these."""
    known = set(columns)
    found = []
    for name in names():
        try:
            declared = indicator(name)
        except PluginQuarantined:
            continue  # it says so wherever it is asked for by name
        if not declared.panel and set(declared.inputs) <= known:
            found.append(name)
    return found


def indicator(name: str) -> "Indicator":
    """Return an indicator's declaration.

    Raises
    ------
    UnknownName
        If no indicator has that name.
    PluginQuarantined
        If it is a plug-in that is kept out.
    """
    if name in shipped():
        declared: Indicator = import_module(f"tradepulse.core.indicators.{name}").INDICATOR
        return declared
    if not any(plugin.kind == "indicator" and plugin.name == name for plugin in plugins.declared()):
        raise UnknownName("indicator", name, names())
    loaded: Indicator = plugins.load("indicator", name)
    return loaded
