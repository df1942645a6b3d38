"""What a desk looks like while it trades: its journal folded as it grows, and what the engine leaves beside it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tradepulse.core.orders import UNIT
from tradepulse.errors import MissingData
from tradepulse.execution.account import Known
from tradepulse.execution.journal import ReadOnly
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.terms import MONEY, Instrument, Terms
from tradepulse.execution.ticket import Ticket


class Watched:
    """A desk that somebody else trades.

    Parameters
    ----------
    folder : of the book
    terms : of the account

    Raises
    ------
    MissingData
        If the book has no journal.
    """

    def __init__(self, folder: Path, terms: Terms) -> None:
        self.folder = folder
        path = folder / "orders.journal"
        if not path.is_file():
            raise MissingData(f"{path}: book {folder.name!r} has not traded yet; start it with execution paper")
        self._reader = ReadOnly(path)
        self.path = OrderPath(self._reader, terms)

    def refresh(self) -> None:
        """Fold what was written since."""
        if self._reader.moved:
            self.path = OrderPath(self._reader, self.path.terms)
        for entry in self._reader.news():
            self.path.fold(entry)

    def status(self) -> dict[str, Any]:
        """Return what the engine left last; empty before it did."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "status.json").read_text())
            return found
        except (OSError, ValueError):
            return {}

    def lines(self, rows: int = 24) -> list[str]:
        """Return the picture: market, profit and position, risk in use, open orders and the last fills.

        Parameters
        ----------
        rows : that there is room for
        """
        state, terms, status = self.path.state, self.path.terms, self.status()
        limits = terms.limits
        several = terms.instruments or (Instrument("", limits, terms.position),)
        markets = status.get("markets") or [[None] * 3] * len(several)
        cash = state.cash / MONEY
        profit = cash - terms.cash / MONEY + sum(
            (held.position - one.position) / UNIT * _worth(*market)
            for held, one, market in zip(state.held, several, markets, strict=True)
        )  # fmt: skip
        worth = cash + sum(
            held.position / UNIT * _worth(*market) for held, market in zip(state.held, markets, strict=True)
        )
        lost = 0.0 if state.opening is None else max(0.0, state.opening / MONEY - worth)
        held = [
            _use("position", abs(held.position) / UNIT, one.limits.max_position, UNIT)
            for held, one in zip(state.held, several, strict=True)
        ]
        mood = "ESCALATED" if state.escalated else f"KILLED ({state.kill_reason})" if state.killed else "trading"
        took = status.get("acknowledged_us", {})
        ended = Counter(order.status for order in state.orders.values())
        whys = Counter(order.reason for order in state.orders.values() if order.status in {"refused", "rejected"})
        why = f"   mostly {whys.most_common(1)[0][0]}" if whys else ""
        counts = ", ".join(f"{n:,} {status}" for status, n in sorted(ended.items()))
        if status.get("over") and not state.killed:
            mood = "closed"
        head = [
            f"{self.folder.name}   epoch {state.epoch}   {mood}",
            *(
                f"market    {_price(bid)} / {_price(ask)}   last {_price(last)}   position {held.position / UNIT:+.8g}"
                f"   {one.symbol}".rstrip()
                for (bid, ask, last), held, one in zip(markets, state.held, several, strict=True)
            ),
            f"profit    {profit:+,.4f}   cash {cash:,.4f}",
            f"orders    {len(state.orders):,} ({counts or 'none'}){why}",
            f"answers   p50 {took.get('p50', 0):,.0f} us   p99 {took.get('p99', 0):,.0f} us   "
            f"({status.get('answers', 0):,})",
            "risk      "
            + "   ".join(
                (
                    *held[: len(several) == 1],
                    _use("open", len(state.open), limits.max_open_orders, 1),
                    _use("loss today", lost, limits.max_daily_loss, MONEY),
                )
            ),
            *(f"          {of}   {one.symbol}" for of, one in zip(held, terms.instruments, strict=False)),
            *self._parts(),
            "",
        ]
        room = max(2, rows - len(head) - 4)
        shown = list(state.open.values())[-(room // 2) :]
        orders = [f"  {len(state.open)} open"] + [
            f"    {order.ticket.side:<4} {order.left / UNIT:>12.8g} at {_at(order.ticket)}  {order.status}"
            f"{'  (canceling)' if order.canceling else ''}{self._where(order)}"
            for order in shown
        ]
        fills = [f"  {len(state.fills):,} fills"] + [
            f"    {fill.side:<4} {fill.quantity / UNIT:>12.8g} at {_price(fill.price)}  {fill.liquidity}"
            f"{self._where(state.orders.get(fill.order))}"
            for fill in state.fills[-max(1, room - len(shown)) :][::-1]
        ]
        flagged = [f"  ! {text}" for text in state.flagged[-2:]]
        return [*head, *orders, *fills, *flagged][:rows]

    def _parts(self) -> list[str]:
        """Return a line for each of several strategies: what it has of the account."""
        state, limits = self.path.state, self.path.terms.strategies
        several = self.path.terms.instruments or (Instrument(""),)
        names = state.traders or [str(number) for number in range(len(limits))]
        return [
            f"  {name}   "
            + "   ".join(
                (
                    *(
                        _use(f"position {one.symbol}".strip(), abs(held.position) / UNIT, own.max_position, UNIT)
                        for held, one in zip(part.held, several, strict=True)
                    ),
                    _use("open", part.open, own.max_open_orders, 1),
                )
            )
            for name, part, own in zip(names, state.parts, limits, strict=True)
        ]

    def _where(self, order: Known | None) -> str:
        """Return the venue of an order, and whose it is, where there are several."""
        if order is None:
            return ""
        venues, traders = self.path.terms.venues, self.path.state.traders
        where = f"  {venues[order.ticket.venue].name}" if venues else ""
        return f"{where}  {traders[order.ticket.strategy]}" if traders else where


def _worth(bid: int | None, ask: int | None, last: int | None) -> float:
    return (bid + ask) / 2 / UNIT if bid and ask else (last or 0) / UNIT


def _at(ticket: Ticket) -> str:
    """Return the price of an order, and what it waits for."""
    if not ticket.type.waits:
        return _price(ticket.price)
    when = f"{_price(ticket.trail_offset)} behind" if ticket.trail_offset else f"{_price(ticket.stop_price)}"
    return f"{_price(ticket.price) if ticket.price else 'the market'} from {when}, {ticket.type.replace('_', ' ')}"


def _price(units: int | None) -> str:
    return "-" if units is None else f"{units / UNIT:,.8g}"


def _use(name: str, used: float, limit: int | None, unit: int) -> str:
    """Return how much of a limit is used, with a bar."""
    if limit is None:
        return f"{name} {used:g} (no limit)"
    most = limit / unit
    share = min(1.0, used / most) if most else 1.0
    return f"{name} {used:g} of {most:g} [{'#' * round(10 * share):<10}]"
