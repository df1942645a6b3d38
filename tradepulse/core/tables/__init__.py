"""One file per stored table; the pandera model is the table's only declaration.

Validation, what Dagster shows as column schema and ``docs/reference/tables.md`` are derived from it. The registry holds
import paths, because importing pandera takes two seconds that the order path and the Dagster definitions do not have.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from tradepulse.errors import UnknownName

if TYPE_CHECKING:
    from tradepulse.core.tables.base import Table

# In the order of the chain of evidence.
TABLES = (
    "bars",
    "closes",
    "trades",
    "quotes",
    "book_events",
    "instruments",
    "corporate_actions",
    "sessions",
    "bills",
    "quarantine",
    "restatements",
    "golden_values",
    "indicators",
    "trials",
    "stress",
    "book_stress",
    "promotions",
    "signals",
    "orders",
    "fills",
    "positions",
    "settlement",
    "usage",
    "costs",
    "daily_costs",
)


def table(name: str) -> "type[Table]":
    """Return the model of a stored table.

    Raises
    ------
    UnknownName
        If no table has that name.
    """
    if name not in TABLES:
        raise UnknownName("table", name, TABLES)
    module = import_module(f"tradepulse.core.tables.{name}")
    model: type[Table] = getattr(module, "".join(part.title() for part in name.split("_")))
    return model
