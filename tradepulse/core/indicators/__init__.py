"""Indicators: one file each, holding the formula and its :class:`Indicator` declaration.

A new file here is found by its name; nothing else needs to be edited. Those of installed packages are found by their
entry points.
"""

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from tradepulse.errors import UnknownName

if TYPE_CHECKING:
    from tradepulse.core.indicators.base import Indicator


def names() -> list[str]:
    """Return the names of the indicators we ship, in alphabetical order."""
    return sorted(module.name for module in iter_modules(__path__) if module.name not in {"base", "table"})


def names_over(columns: Iterable[str]) -> list[str]:
    """Return the names of the indicators of one symbol that need no other columns than these."""
    known = set(columns)
    return [name for name in names() if not indicator(name).panel and set(indicator(name).inputs) <= known]


def indicator(name: str) -> "Indicator":
    """Return an indicator's declaration.

    Raises
    ------
    UnknownName
        If no indicator has that name.
    """
    if name not in names():
        raise UnknownName("indicator", name, names())
    declared: Indicator = import_module(f"tradepulse.core.indicators.{name}").INDICATOR
    return declared
