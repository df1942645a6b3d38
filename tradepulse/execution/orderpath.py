"""The continuous order path: an account that is the fold of its journal, and whose orders risk is asked about.

Everything decided is in the journal before it is sent, and everything heard before it counts; :class:`OrderPath` opened
on a journal is therefore what it was when the process that wrote it died. What the venue does is known only through its
events, so that an order whose answer is outstanding is ``unknown`` and keeps its risk reserved. The usual records are
packed (:mod:`tradepulse.execution.packing`) instead of written as JSON.
"""

import gc
from collections.abc import Mapping, Sequence
from typing import Any, cast

from tradepulse.core.orders import Side
from tradepulse.errors import ConfigError, JournalCorrupt
from tradepulse.execution import packing
from tradepulse.execution.account import Account, Booked, Known, Marks
from tradepulse.execution.journal import JSON, SNAPSHOT, Journal, Raw, ReadOnly, json_entry
from tradepulse.execution.packing import plain, ticket_of
from tradepulse.execution.risk import Market, Risk
from tradepulse.execution.terms import Terms
from tradepulse.execution.ticket import Event, Ticket

#: Of a state what is a JSON value as it is.
_PLAIN = (
    "cash", "killed", "kill_reason", "escalated", "heard", "opening", "day", "epoch", "flagged", "routed",
    "traders", "symbols", "memory", "changing",
)  # fmt: skip


class OrderPath(Account):
    """The order path of one account.

    Parameters
    ----------
    journal : open for appending, or only read; what it holds is where the path goes on
    terms : of the account
    """

    def __init__(self, journal: Journal | ReadOnly, terms: Terms) -> None:
        super().__init__(terms, journal.path)
        self.risk = Risk(terms)
        # Of one that is only read nothing is decided.
        self._journal = cast(Journal, journal)
        # Of what is folded nothing is garbage, and looking for some takes a fifth of the time.
        looking = gc.isenabled()
        gc.disable()
        try:
            for entry in journal.raw():
                self.fold(entry)
        finally:
            if looking:
                gc.enable()

    @property
    def written(self) -> int:
        """Up to where the journal is written: what was decided last may leave once it is durable up to there."""
        return self._journal.end

    def snapshot(self) -> dict[str, Any]:
        """Return the state as JSON values, for a file of the journal to begin with instead of all that came before."""
        state = self.state
        return {
            **{name: getattr(state, name) for name in _PLAIN},
            "sent_ms": list(state.sent_ms),
            "positions": [held.position for held in state.held],
            "parts": [[held.position for held in part.held] for part in state.parts],
            "orders": [
                [packing.packed_text(order.ticket), order.status, order.reason, order.filled, order.canceling]
                for order in state.by_number
            ],
            "fills": [list(fill) for fill in state.fills],
        }

    # -- deciding ----------------------------------------------------------------------------------------------------

    def submit(self, ticket: Ticket, market: Market, now_ms: int) -> bool:
        """Ask risk; return whether the order is to be sent. Either way it is in the journal."""
        reason = self.risk.objection(self.state, ticket, market, now_ms)
        if not reason:
            if (record := packing.sent(self._journal.crc, ticket, now_ms)) is not None:
                self._journal.put(record)
            else:
                self._journal.append("sent", ticket=plain(ticket), at_ms=now_ms)
            self.sent(ticket, now_ms)
            return True
        # Also of one that is wrong by itself: what is known of the first order of that id stays.
        if ticket.id in self.state.orders:
            self._note("duplicate", id=ticket.id)
            return False
        if (record := packing.refused(self._journal.crc, ticket, reason)) is not None:
            self._journal.put(record)
        else:
            self._journal.append("refused", ticket=plain(ticket), reason=reason)
        self.refused(ticket, reason)
        return False

    def cancel(self, id: str, reason: str = "requested") -> bool:
        """Decide to cancel; return whether there is something to send."""
        order = self.state.orders.get(id)
        if order is None or not order.open:
            return False
        if (record := packing.canceling(self._journal.crc, order.number, reason)) is not None:
            self._journal.put(record)
        else:
            self._journal.append("canceling", id=id, reason=reason)
        order.canceling = reason
        return True

    def replace(
        self, id: str, market: Market, *, price: int | None, quantity: int | None, stop_price: int | None,
        reserve: bool = True,
    ) -> bool:  # fmt: skip
        """Ask risk about the change; return whether it is to be sent.

        Until it is answered the order counts with the larger of its totals, the one it has and the one asked for, where
        that is to be reserved.
        """
        order = self.state.orders.get(id)
        if order is None or not order.open:
            return False
        old = order.ticket
        changed = old._replace(
            price=old.price if price is None else price,
            quantity=old.quantity if quantity is None else quantity,
            stop_price=old.stop_price if stop_price is None else stop_price,
        )
        reason = self.risk.objection_to_change(self.state, order, changed, quantity, market)
        under_way = {"total": changed.quantity} if reserve and not reason else {}
        self._note("replacing", id=id, refused=reason, **under_way)
        return not reason

    def kill(self, reason: str = "") -> list[str]:
        """Pull the kill switch: from now on nothing that adds exposure. Returns the orders to cancel."""
        self._note("killed", reason=reason)
        return list(self.state.open)

    def escalate(self, left: list[str]) -> None:
        """Book that the venue could not prove in time that these orders are gone: a person has to."""
        self._note("escalated", left=left)

    def reset(self, reason: str, by: str) -> None:
        """Release the kill switch; who does, says why."""
        self._note("reset", reason=reason, by=by)

    def route(self, reasons: Mapping[str, str]) -> None:
        """Book why orders that are about to be sent go where they go, by their ids."""
        self._note("routed", reasons=dict(reasons))

    def remember(self, strategy: str, value: Any, keep: int) -> None:
        """Book what a strategy wants to know after a death; of its values the last ``keep`` are kept."""
        self._note("remembered", strategy=strategy, value=value, keep=keep)

    def start(self, epoch: int, traders: Sequence[str] = (), symbols: Sequence[str] = ()) -> None:
        """Book that a process has the book from here on, and what is traded by whom, where they are several."""
        several = {"traders": list(traders), "symbols": list(symbols)}
        self._note("started", epoch=epoch, **{key: names for key, names in several.items() if names})

    def mark(self, marks: Marks, day: int = 0) -> None:
        """Take the equity that the loss of a day is counted from, once it can be marked; days count from 1970."""
        state = self.state
        if state.day == day:
            return
        # A journal that does not say of which day its equity is, is taken to be of this one.
        equity = state.opening if state.day is None and state.opening is not None else state.equity(marks)
        if equity is not None:
            self._note("opened", equity=equity, day=day)

    # -- hearing -----------------------------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Book what the venue says."""
        kind, id, _, reason, side, price, quantity, liquidity, fill_id, ticket, moment, fee, fee_units, _ = event
        state, journal = self.state, self._journal
        order = state.orders.get(id)
        # What most of it is goes by what is known of it already: a fill, and that what was sent works.
        if order is not None:
            if kind == "filled" and fee is None and not fee_units:
                fill = packing.filled(journal.crc, order.number, side, price, quantity, liquidity, fill_id, moment)
                if fill is not None:
                    journal.put(fill)
                    state.heard += 1
                    self.book_fill(order, id, side, price, quantity, liquidity, moment, fill_id)
                    return
            elif (
                kind == "working" and order.status == "unknown" and not reason
                and (ticket is order.ticket or ticket == order.ticket)
            ):  # fmt: skip
                journal.put(packing.working(journal.crc, order.number))
                state.heard += 1
                order.status = "working"
                return
        if order is not None and (said := packing.heard(journal.crc, order.number, order.ticket, event)) is not None:
            journal.put(said)
        else:
            journal.append("heard", event=packing.plain_event(event))
        self.heard(event, order)

    def recover(self, event: Event) -> None:
        """Book a fill that was heard on a second way only; it is flagged."""
        self._note("recovered", event=packing.plain_event(event))

    def forget_changes(self) -> None:
        """Book that what the venue has not answered by now of the changes asked for never arrived there."""
        if self.state.changing:
            self._note("changes_lost")

    def not_received(self, id: str) -> None:
        """Book that the venue does not know an order: it never arrived."""
        self._note("not_received", id=id)

    # -- risk --------------------------------------------------------------------------------------------------------
    # -- folding -----------------------------------------------------------------------------------------------------

    def _note(self, kind: str, **body: Any) -> None:
        self._journal.append(kind, **body)
        self._apply(kind, body, self._journal.count - 1)

    def fold(self, entry: Raw) -> None:
        """Take an entry of the journal into the state, packed or not."""
        # In the order of how many there are: a journal of millions is folded before a process may trade.
        state = self.state
        number, code, payload, _ = entry
        if code == packing.FILLED:
            place, side, price, quantity, liquidity, moment, fill_id = packing.read_filled(payload)
            order = state.by_number[place]
            state.heard += 1
            self.book_fill(order, order.ticket.id, side, price, quantity, liquidity, moment, fill_id)
        elif code == packing.SENT_LIMIT:
            self.sent(*packing.read_sent_limit(payload))
        elif code == packing.SAID or code == packing.ENDED:
            place, kind, status, reason = packing.read_said(code, payload)
            state.heard += 1
            self.said(state.by_number[place], kind, status, reason)
        elif code == packing.CANCELING:
            place, reason = packing.read_canceling(payload)
            state.by_number[place].canceling = reason
        elif code == packing.SENT:
            self.sent(*packing.read_sent(payload))
        elif code == packing.REFUSED:
            self.refused(*packing.read_refused(payload))
        elif code in (JSON, SNAPSHOT):
            self._apply(*json_entry(entry, self._journal.path), number)
        else:
            raise JournalCorrupt(f"record {number} has the unknown code {code}; a newer version wrote it")

    def _apply(self, kind: str, body: Mapping[str, Any], number: int) -> None:
        state = self.state
        match kind:
            case "opened":
                state.opening, state.day = body["equity"], body.get("day")
            case "sent":
                self.sent(ticket_of(body["ticket"]), body["at_ms"])
            case "refused":
                self.refused(ticket_of(body["ticket"]), body["reason"])
            case "canceling":
                state.orders[body["id"]].canceling = body["reason"]
            case "killed":
                state.killed, state.kill_reason = True, body.get("reason", "")
            case "escalated":
                state.escalated = True
            case "reset":
                state.killed, state.kill_reason, state.escalated = False, "", False
            case "started":
                state.epoch, state.traders = body["epoch"], body.get("traders", [])
                state.symbols = body.get("symbols", [])
            case "not_received":
                order = state.orders[body["id"]]
                order.status, order.reason = "rejected", "not_received"
                self.recount(order)
            case "heard":
                event = packing.event_of(body["event"])
                self.heard(event, state.orders.get(event.id))
            case "recovered":
                event = packing.event_of(body["event"])
                if event.fill_id not in state.seen_fills:
                    state.flagged.append(f"fill {event.fill_id} of {event.id} was told by the drop copy only")
                self.filled(event, state.orders.get(event.id))
            case "routed":
                state.routed |= body["reasons"]
            case "remembered":
                values = state.memory.setdefault(body["strategy"], [])
                values.append(body["value"])
                del values[: -body["keep"]]
            case "replacing":
                if "total" in body:
                    self.change_asked(state.orders[body["id"]], body["total"])
            case "changes_lost":
                orders = [state.orders[id] for id in state.changing]
                state.changing.clear()
                for order in orders:
                    self.recount(order)
            case "duplicate":
                pass
            case "snapshot":
                self._restore(body["state"])
            case _:
                raise JournalCorrupt(f"record {number} has the unknown kind {kind!r}; a newer version wrote it")

    def _restore(self, body: Mapping[str, Any]) -> None:
        """Take the state of a snapshot in place of one's own."""
        positions = body["positions"] if "positions" in body else [body["position"]]  # of a version before
        if len(positions) != len(self.state.held):
            raise ConfigError(
                f"{self._journal.path}: holds {len(positions)} instruments, and the account's terms are of "
                f"{len(self.state.held)}; name the same"
            )
        state = self.state = self._begun(body["cash"], positions)
        state.sent_ms.extend(body["sent_ms"])
        for number, its in enumerate(body.get("parts", [])):
            # A version before this one had one instrument.
            for held, position in zip(self.part_of(number).held, its if isinstance(its, list) else [its], strict=True):
                held.position = position
        for name in _PLAIN:
            if name in body:  # what a version before this one did not have is as it begins
                setattr(state, name, body[name])
        for number, (text, status, reason, filled, canceling) in enumerate(body["orders"]):
            order = Known(packing.ticket_of_text(text), status, reason, filled, canceling, number)
            state.orders[order.ticket.id] = order
            state.by_number.append(order)
            self.recount(order)
        for order, side, *rest in body["fills"]:
            fill = Booked(order, Side(side), *rest)
            state.fills.append(fill)
            state.seen_fills.add(fill.fill_id)
