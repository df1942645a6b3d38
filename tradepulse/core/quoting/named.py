"""What trades on a book beside what we ship: strategies that plug-ins add, and every strategy of bars."""

from collections.abc import Sequence

from tradepulse.core import plugins
from tradepulse.core.quoting.base import QuotingStrategy
from tradepulse.core.quoting.on_bars import on_bars
from tradepulse.core.strategies.loader import strategy_class, strategy_paths
from tradepulse.errors import UnknownName


def named(name: str, shipped: Sequence[str] = ()) -> type[QuotingStrategy]:
    """Return a strategy by its name: a quoting one of a plug-in, or one of bars, which is given bars of the trades.

    Raises
    ------
    UnknownName
        If there is none; ``shipped`` are what could have been meant beside them.
    PluginQuarantined
        If it is a plug-in that is kept out.
    """
    if any((plugin.kind, plugin.name) == ("quoting", name) for plugin in plugins.declared()):
        found: type[QuotingStrategy] = plugins.load("quoting", name)
        return found
    if name not in strategy_paths():
        raise UnknownName("strategy", name, sorted({*shipped, *strategy_paths(), *plugins.usable("quoting")}))
    return on_bars(strategy_class(name))
