"""The brokers that a session can trade with."""

from importlib import import_module
from typing import TYPE_CHECKING

from tradepulse.errors import UnknownName

if TYPE_CHECKING:
    from tradepulse.execution.broker import Broker

#: Real brokers by name; the simulated venue is no name but the default.
BROKERS = ("alpaca", "ccxt")


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
