"""The brokers that a session, and a desk, can trade with."""

from importlib import import_module
from typing import TYPE_CHECKING

from tradepulse.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradepulse.execution.broker import Broker
    from tradepulse.execution.dealing import Counterparty

#: Real brokers by name; the simulated venue is no name but the default.
BROKERS = ("alpaca", "ccxt")
#: Those at which what is traded changes hands with the trade.
SETTLE_AT_ONCE = ("ccxt",)


def open_broker(name: str) -> "Broker":
    """Return a broker by name, with the credentials that the environment has.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    if name not in BROKERS:
        raise UnknownName("broker", name, ("simulated", *BROKERS))
    opened: Broker = import_module(f"tradepulse.execution.brokers.{name}").from_environment()
    return opened


def trades_money(name: str) -> bool:
    """Whether what the environment names at a broker is real money, and neither a sandbox nor paper."""
    return bool(import_module(f"tradepulse.execution.brokers.{name}").trades_money())


def open_counterparties(name: str, symbols: "Sequence[str]", beside: "Sequence[str]" = ()) -> "list[Counterparty]":
    """Return instruments of one account at a broker that streams, with the credentials that the environment has.

    Parameters
    ----------
    name : of the broker
    symbols : of the instruments
    beside : other exchanges at which the first of them is traded too; they come last

    Raises
    ------
    UnknownName
        If there is no broker of that name.
    """
    if name not in BROKERS:
        raise UnknownName("broker", name, BROKERS)
    module = import_module(f"tradepulse.execution.brokers.{name}_live")
    opened: list[Counterparty] = module.from_environment(symbols, beside)
    return opened
