"""A desk's execution log: its fills as its journal has them, for whoever holds them against a simulated run."""

from pathlib import Path
from typing import Any

from tradepulse.core.orders import UNIT
from tradepulse.errors import MissingData
from tradepulse.execution import packing
from tradepulse.execution.account import State
from tradepulse.execution.desk import name_of
from tradepulse.execution.engine import strategies_of
from tradepulse.execution.journal import JSON, ReadOnly, journal_files, json_entry, raw_entries
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.supervision import desk_of
from tradepulse.execution.terms import MONEY

#: A time before which a moment is none: journals of before times were kept count moments instead.
_FIRST_NS = 10**15


def execution_log(folder: Path) -> list[dict[str, Any]]:
    """Return a row of each fill of a desk, in the order in which they were booked.

    Parameters
    ----------
    folder : of the desk

    Returns
    -------
    list of dict
        ``ts`` and ``decided_ts`` in ns since 1970 (the latter of a whole millisecond, None where the journal's file is
        gone), ``order_id``, ``fill_id``, ``symbol``, ``side``, ``quantity``, ``price``, ``liquidity``, ``commission``
        (what was taken, also where that was units), ``strategy`` and ``venue``.

    Raises
    ------
    MissingData
        If there is no such desk, it has no fill, or its journal is of before times were kept.
    """
    desk = desk_of(folder)
    path = folder / "orders.journal"
    if not path.is_file():
        raise MissingData(f"{path}: the desk has not traded yet")
    state = OrderPath(ReadOnly(path), desk.terms).state
    check_fills(state, path)
    decided = _decided(path)
    names = state.traders or [name_of(one, desk.terms) for one in strategies_of(desk)]
    rows = []
    for fill in state.fills:
        order = state.orders.get(fill.order)
        ticket = order.ticket if order is not None else None
        venue, terms = fill.venue, desk.terms
        rows.append(
            {
                "ts": fill.moment, "decided_ts": decided.get(fill.order), "order_id": fill.order,
                "fill_id": fill.fill_id, "symbol": desk.symbols[terms.instrument_of(venue)],
                "side": fill.side.value,
                "quantity": fill.quantity / UNIT, "price": fill.price / UNIT, "liquidity": fill.liquidity,
                "commission": fill.taken(terms) / MONEY,
                "strategy": names[ticket.strategy] if ticket is not None else "",
                "venue": terms.venues[venue].name if terms.venues else "",
            }
        )  # fmt: skip
    return rows


def check_fills(state: State, path: Path) -> None:
    """Raise MissingData unless the journal of a desk has fills, and says when they happened."""
    if not state.fills:
        raise MissingData(f"{path}: holds no fill; there is nothing to write")
    if any(fill.moment < _FIRST_NS for fill in state.fills):
        raise MissingData(f"{path}: says of some fills not when they happened; an older version wrote it")


def _decided(path: Path) -> dict[str, int]:
    """Return when each order was sent, ns, from all of a journal's files that are there."""
    found = {}
    for file in journal_files(path):
        for entry in raw_entries(file) if file.stat().st_size else ():
            if (read := packing.READ_SENT.get(entry.code)) is not None:
                ticket, at_ms = read(entry.payload)
                found[ticket.id] = at_ms * 1_000_000
            elif entry.code == JSON:
                kind, body = json_entry(entry, file)
                if kind == "sent":
                    found[body["ticket"]["id"]] = body["at_ms"] * 1_000_000
    return found
