"""Any sequence of what can happen to an order path, and what must hold after each step.

The steps are those of the cards, through the same desk: orders of every kind, cancels, replaces, answers at once, late
or lost with the line, fills reported twice, too large or of orders that we do not know, halts, the close, the kill
switch, a clock that jumps, a journal that goes on in another file, and the death of the process at any of it. What must
hold is worked out here in fractions, from what the venue did and what was told to us, without the code that is tested;
why risk refuses is worked out a second time.
"""

import sys
import tempfile
from fractions import Fraction
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tradepulse.core.orders import UNIT, Side
from tradepulse.execution.cards import _Desk
from tradepulse.execution.journal import Journal, ReadOnly, verify_journal
from tradepulse.execution.orderpath import OrderPath
from tradepulse.execution.terms import MONEY

prices = st.integers(97, 103)
sizes = st.integers(1, 9)
sides = st.sampled_from(["buy", "sell"])
kinds = st.sampled_from(
    ["limit", "limit", "limit", "market", "stop", "stop_limit", "limit_if_touched", "trailing_stop"]
)
MAX_POSITION, MAX_QUANTITY, MAX_NOTIONAL, MAX_OPEN, RATE, COLLAR, MAX_LOSS = 20, 8, 610, 6, 4, 400, 30
MAKER, TAKER = Fraction(-1, 10_000), Fraction(4, 10_000)
OVER = {"filled", "canceled", "rejected", "refused", "expired"}


ORDERS = st.fixed_dictionaries(
    {
        "side": sides, "kind": kinds, "quantity": sizes, "price": prices, "stop": prices,
        "tif": st.sampled_from(["gtc", "gtc", "gtc", "day", "ioc", "fok", "gtd"]),
        "flags": st.sampled_from(["", "", "", "", "post_only", "reduce_only", "reduce_only"]), "display": st.booleans(),
        "trigger": st.sampled_from(["last", "quote"]), "later": st.sampled_from([0, 1, 60, 400, 700]),
    }
)  # fmt: skip


class OrderPathMachine(RuleBasedStateMachine):
    """An order path, a venue, and a ledger of our own."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="tp-machine-")

    @initialize(
        risky=st.booleans(),
        position=st.integers(-5, 5),
        rule=st.sampled_from(["cancel_newest", "cancel_oldest", "cancel_both"]),
    )
    def begin(self, risky, position, rule):
        self.limited = not risky
        limits = {
            "max_order_quantity": MAX_QUANTITY, "max_position": MAX_POSITION, "max_order_notional": MAX_NOTIONAL,
            "max_open_orders": MAX_OPEN, "max_orders_per_second": RATE, "max_daily_loss": MAX_LOSS,
            "price_collar_bp": COLLAR,
        }  # fmt: skip
        shown = (("buy", 98, 6), ("buy", 99, 4), ("sell", 101, 4), ("sell", 102, 6))
        card = {
            "id": "machine",
            "venue": {"tick": "1", "lot": "1", "maker_fee_bp": "-1", "taker_fee_bp": "4", "self_trade": rule},
            "account": {"cash": "100000", "position": str(position)},
            "risk": {key: str(value) for key, value in limits.items()} if self.limited else {},
            "book": [{"side": side, "price": str(price), "quantity": str(size)} for side, price, size in shown],
        }
        self.desk = _Desk(card, Path(self.folder.name) / "orders.journal")
        self.at, self.start, self.count = 0, position, 0
        self.killed = False
        self.sent, self.tickets, self.reports, self.told = [], {}, {}, []
        self.ended, self.allowed, self.totals = {}, {}, {}
        self.lost, self.canceled = set(), set()
        self.opening = Fraction(100_000 + 100 * position)  # the mid is 100
        self.waited = {}

    def teardown(self):
        if hasattr(self, "desk"):
            self.desk.journal.close()
        self.folder.cleanup()

    # -- what can happen -----------------------------------------------------------------------------------------------

    def do(self, name, body=None, later=0):
        self.at += later
        first, venue = len(self.desk.venue.events), self.desk.venue
        stopped = venue.halted or venue.closed
        self.desk.do({"at_ms": self.at, name: body if body is not None else {}})
        if self.opening is None:
            self.opening = self.equity(*(None if p is None else p // UNIT for p in (venue.bid, venue.ask)))
        for event in venue.events[first:]:
            if event.kind == "filled":
                assert name == "resume" or not stopped, "a venue that is halted or closed has matched"

    @property
    def state(self):
        return self.desk.path.state

    def ids(self):
        return list(self.tickets) or ["nobody's"]

    @rule(order=ORDERS)
    def submit(self, order):
        self.send(**order)

    # The rules are drawn evenly: what happens most is there more than once.
    submit_2 = submit_3 = submit_4 = submit

    def send(self, side, kind, quantity, price, stop, tif, flags, display, trigger, later):
        self.do("book", [], later=later)  # what expires by then does so before
        self.count += 1
        id = f"o{self.count}"
        body = {"id": id, "side": side, "type": kind, "quantity": str(quantity), "tif": tif, "trigger": trigger}
        if "limit" in kind:
            body["price"] = str(price)
        if kind in {"stop", "stop_limit", "limit_if_touched"}:
            body["stop_price"] = str(stop)
        if kind == "trailing_stop":
            body["trail_offset"] = "2"
        if tif == "gtd":
            body["expire_at_ms"] = self.at + 50
        if flags:
            body[flags] = True
        if display and "limit" in kind and quantity > 1:
            body["display_quantity"] = "1"
        reason = self.reference(side, kind, quantity, price, flags, tif, body)
        venue, connected = self.desk.venue, self.desk.connected
        shown = {key: dict(levels) for key, levels in venue.others.items()}
        first, matching = len(venue.events), not (venue.halted or venue.closed)
        self.do("submit", body)
        self.tickets[id] = (side, kind, quantity, price, flags, tif, body)
        self.allowed[id], self.totals[id] = [price], [quantity]
        order = self.state.orders[id]
        if reason:
            assert (order.status, order.reason) == ("refused", reason)
            return
        assert order.status != "refused", f"{order.reason} refused what is allowed"
        # A clock that was put back makes no order older than the one before it.
        self.sent.append((id, max([self.at + self.desk.ahead_ms, *(at for _, at in self.sent[-1:])])))
        if not connected:
            self.lost.add(id)
        elif not matching:
            assert [(e.id, e.status) for e in venue.events[first:]] == [(id, "rejected")]
        self.what_was_taken_is_gone(shown, first)
        took = sum(e.quantity for e in venue.events[first:] if e.kind == "filled" and e.id == id) // UNIT
        if tif == "fok" and kind == "limit":
            assert took in {0, order.ticket.quantity // UNIT}, "fill or kill filled in part"

    def what_was_taken_is_gone(self, shown, first):
        taken = {}
        for event in self.desk.venue.events[first:]:
            if event.kind == "filled":
                assert event.liquidity == "taker"
                key = ("sell" if event.side == "buy" else "buy", event.price)
                taken[key] = taken.get(key, 0) + event.quantity
        for side, levels in shown.items():
            for price, quantity in levels.items():
                left = quantity - taken.get((str(side), price), 0)
                assert left >= 0, "more was taken than was displayed"
                assert self.desk.venue.others[side].get(price, 0) == left, "what was taken is still displayed"

    @rule(data=st.data())
    def submit_again(self, data):
        """An id is accepted once, for ever."""
        id = data.draw(st.sampled_from(self.ids()))
        if id in self.tickets:
            before = len(self.desk.venue.events), len(self.state.orders)
            self.do("submit", self.tickets[id][6])
            assert (len(self.desk.venue.events), len(self.state.orders)) == before, "an id was used again"

    def reference(self, side, kind, quantity, price, flags, tif, body):
        """Return why risk has to refuse the order, by the contract of the cards; empty where it must not."""
        sign, market = (1 if side == "buy" else -1), self.desk.venue
        if flags == "post_only" and (tif in {"ioc", "fok"} or "limit" not in kind):
            return "bad_flags"
        open_orders = [o for o in self.state.orders.values() if o.status not in OVER]
        position = Fraction(self.state.position, UNIT)
        left = {o.ticket.id: Fraction(max(0, o.ticket.quantity - o.filled), UNIT) for o in open_orders}
        waiting = sum(left[o.ticket.id] for o in open_orders if o.ticket.side == side)
        held = max(0, -sign * position)
        if flags == "reduce_only":
            others = sum(
                left[o.ticket.id] for o in open_orders
                if o.ticket.side == side and o.ticket.reduce_only and o.status != "pending_trigger"
            )  # fmt: skip
            waits = kind not in {"limit", "market"}
            quantity = min(quantity, held if waits else max(0, held - others))
        if not quantity or quantity + waiting <= held:
            return ""
        if self.killed:
            return "killed"
        other, up = ("sell", 1) if side == "buy" else ("buy", -1)
        facing = sorted(((p // UNIT, q // UNIT) for p, q in market.others[other].items()), key=lambda x: up * x[0])
        if "limit" in kind:
            value = price
        elif kind == "stop":
            value = int(body["stop_price"])
        elif kind == "trailing_stop":
            last = None if market.last is None else market.last // UNIT
            seen = last if body["trigger"] == "last" and last is not None else facing[0][0] if facing else None
            if seen is None:
                if self.limited:
                    return "no_price"
                value = 0
            else:
                value = seen + sign * 2
        else:
            value, rest = None, quantity
            for level, displayed in facing:
                value, rest = level, rest - displayed
                if rest <= 0:
                    break
        if value is None:
            return "no_price"
        if not self.limited:
            return ""
        bid, ask = (None if p is None else p // UNIT for p in (market.bid, market.ask))
        if quantity > MAX_QUANTITY:
            return "max_order_quantity"
        if value * quantity > MAX_NOTIONAL:
            return "max_order_notional"
        if "limit" in kind and None in (bid, ask):
            return "no_price"
        if "limit" in kind and abs(2 * price - bid - ask) * 10_000 > COLLAR * (bid + ask):
            return "price_collar_bp"
        if abs(position + sign * (waiting + quantity)) > MAX_POSITION:
            return "max_position"
        if len(open_orders) + 1 > MAX_OPEN:
            return "max_open_orders"
        equity = self.equity(bid, ask)
        if equity is None or self.opening is None or self.opening - equity > MAX_LOSS:
            return "max_daily_loss"
        if sum(at > self.at + self.desk.ahead_ms - 1000 for _, at in self.sent) + 1 > RATE:
            return "max_orders_per_second"
        return ""

    def equity(self, bid, ask):
        position, cash = Fraction(self.state.position, UNIT), Fraction(self.state.cash, MONEY)
        last = self.desk.venue.last
        if not position:
            return cash
        if None not in (bid, ask):
            return cash + position * Fraction(bid + ask, 2)
        return None if last is None else cash + position * last / UNIT

    @rule(data=st.data())
    def cancel(self, data):
        id = data.draw(st.sampled_from(self.ids()))
        if id in self.state.open:
            self.canceled.add(id)
        self.do("cancel", {"id": id})

    @rule(data=st.data(), price=st.none() | prices, quantity=st.none() | st.integers(0, 12))
    def replace(self, data, price, quantity):
        id = data.draw(st.sampled_from(self.ids()))
        if id not in self.tickets or "limit" not in self.tickets[id][1]:
            price = None
        body = {"id": id}
        if price is not None:
            body["price"] = str(price)
            self.allowed[id].append(price)
        if quantity is not None:
            body["quantity"] = str(quantity)
            self.totals.setdefault(id, []).append(quantity)
        before = self._exposure()
        order = self.state.orders.get(id)
        open_before = order is not None and order.open
        records = self.state.heard
        self.do("replace", body, later=1)
        if self.killed and open_before and self.state.heard == records:
            assert all(left <= before[side] for side, left in self._exposure().items()), (
                "a replace after the kill switch added exposure"
            )

    replace_2 = replace

    def _exposure(self):
        return {
            side: sum(o.left for o in self.state.orders.values() if o.ticket.side == side and o.status not in OVER)
            for side in ("buy", "sell")
        }  # fmt: skip

    @rule(side=sides, price=prices, quantity=st.integers(0, 9))
    def book(self, side, price, quantity):
        venue = self.desk.venue
        bid, ask = venue.bid, venue.ask
        if quantity and (
            price * UNIT >= ask if side == "buy" and ask else side == "sell" and bid and price * UNIT <= bid
        ):
            return  # others' own book is never crossed
        self.do("book", [{"side": side, "price": str(price), "quantity": str(quantity)}], later=1)

    book_2 = book

    @rule(price=prices, quantity=sizes, aggressor=sides)
    def trade(self, price, quantity, aggressor):
        """A print: what stands ahead of us at its price goes first, what it went beyond fills at our price."""
        venue, side = self.desk.venue, "sell" if aggressor == "buy" else "buy"
        self.do("book", [], later=1)
        there = venue.others[side].get(price * UNIT, 0)
        ahead = [min(own.ahead, there) for own in venue._resting(Side(side)) if own.ticket.price == price * UNIT]
        best, sign = price * UNIT, 1 if side == "buy" else -1
        beyond = sum(own.left for own in venue._resting(Side(side)) if sign * own.ticket.price > sign * best)
        first, reducing = len(venue.events), any(own.ticket.reduce_only for own in venue._orders.values())
        self.do("trade", {"price": str(price), "quantity": str(quantity), "aggressor": aggressor})
        at_price = sum(
            e.quantity
            for e in venue.events[first:]
            if e.kind == "filled" and e.liquidity == "maker" and e.price == price * UNIT
        )
        through = sum(
            e.quantity
            for e in venue.events[first:]
            if e.kind == "filled" and e.liquidity == "maker" and e.price != price * UNIT
        )
        # Reduce-only orders are cut while others fill, so that what they could take is not known before.
        cut = any(own.ticket.reduce_only for own in venue._orders.values()) or reducing
        if not (venue.halted or venue.closed or cut):
            assert through == min(beyond, quantity * UNIT), "a print beyond our price has not filled us first"
            assert at_price <= max(0, quantity * UNIT - through - min(ahead, default=quantity * UNIT)), (
                "a print has not used up what stands ahead of us"
            )

    trade_2 = trade

    @rule(name=st.sampled_from(["hold", "disconnect", "crash", "crash"]))
    def line(self, name):
        """The line is held or lost, or, if it is, comes back; or the process dies."""
        if name != "crash" and self.desk.held:
            name = "release"
        elif name != "crash" and not self.desk.connected:
            name = "reconnect"
        self.do(name)

    line_2 = line

    @rule(data=st.data())
    def go_on_in_another_file(self, data):
        """The journal is rotated, its older files kept or let go; a snapshot stands for them, to the last field."""
        before = self.state
        self.desk.journal.rotate(self.desk.path.snapshot(), keep=data.draw(st.sampled_from([None, 0, 1])))
        again = OrderPath(ReadOnly(self.desk.path_file), self.desk.terms).state
        assert again == before, "a snapshot is not what it stands for"
        assert list(again.orders) == list(before.orders)
        assert list(again.open) == list(before.open)

    @rule(ahead=st.sampled_from([-3_000, -700, 0, 900, 5_000]))
    def clock_jumps(self, ahead):
        """Our clock is put forward or back; the venue's goes on."""
        self.desk.ahead_ms = ahead

    @rule(halt=st.integers(0, 2))
    def stop(self, halt):
        self.do("halt" if not halt else "resume", later=1)

    @precondition(lambda self: self.count > 10)
    @rule()
    def kill(self):
        self.do("kill")
        self.killed = True

    @precondition(lambda self: self.count > 12)
    @rule()
    def close(self):
        self.do("close", later=5)

    @rule(data=st.data(), price=prices, quantity=sizes, again=st.booleans(), side=sides)
    def report(self, data, price, quantity, again, side):
        """A fill that the venue tells again, or that we did not know of."""
        if again and self.reports:
            fill_id = data.draw(st.sampled_from(sorted(self.reports)))
            id, side, price, quantity = self.reports[fill_id]
        else:
            fill_id, id = f"R{len(self.reports)}", data.draw(st.sampled_from([*self.ids(), "nobody's"]))
            side = self.tickets[id][0] if id in self.tickets else side
            self.reports[fill_id] = (id, side, price, quantity)
        self.do("report", {"id": id, "side": side, "price": str(price), "quantity": str(quantity), "fill_id": fill_id})

    # -- what must hold ------------------------------------------------------------------------------------------------

    def heard_fills(self):
        """What the venue did, as far as we have heard: each fill once, whatever was told twice."""
        seen = {}
        for event in self.desk.venue.events[: self.state.heard]:
            if event.kind in {"filled", "reported"}:
                seen.setdefault(event.fill_id, event)
        return list(seen.values())

    @invariant()
    def position_and_cash_are_the_sum_of_fills(self):
        if not hasattr(self, "desk"):
            return
        position, cash = Fraction(self.start), Fraction(100_000)
        for fill in self.heard_fills():
            sign = 1 if fill.side == "buy" else -1
            quantity, price = Fraction(fill.quantity, UNIT), Fraction(fill.price, UNIT)
            fee = 0 if fill.kind == "reported" else MAKER if fill.liquidity == "maker" else TAKER
            position += sign * quantity
            cash -= sign * quantity * price + quantity * price * fee
        assert Fraction(self.state.position, UNIT) == position
        assert Fraction(self.state.cash, MONEY) == cash
        assert len(self.state.fills) == len(self.heard_fills())

    @invariant()
    def every_order_has_what_was_filled_and_more_is_said(self):
        if not hasattr(self, "desk"):
            return
        sums = {}
        for fill in self.heard_fills():
            sums[fill.id] = sums.get(fill.id, 0) + fill.quantity
        for id, order in self.state.orders.items():
            assert order.filled == sums.get(id, 0)
            if order.filled > order.ticket.quantity:
                assert any(f"overfills {id}" in text for text in self.state.flagged)
            if order.status == "filled":
                # A replace to a total that is filled already ends it too, and reduce-only orders are cut.
                assert order.filled >= min(*(t * UNIT for t in self.totals[id]), order.ticket.quantity)
        for id in set(sums) - set(self.state.orders):
            assert any(f"unknown order {id}" in text for text in self.state.flagged)

    @invariant()
    def what_can_still_fill_is_reserved(self):
        if not hasattr(self, "desk"):
            return
        for side in ("buy", "sell"):
            open_orders = [o for o in self.state.orders.values() if o.ticket.side == side and o.status not in OVER]
            left = sum(max(0, o.ticket.quantity - o.filled) for o in open_orders)
            assert self.state.held[0].left[side] == left
        assert set(self.state.open) == {id for id, o in self.state.orders.items() if o.status not in OVER}

    @invariant()
    def what_has_ended_stays_so(self):
        if not hasattr(self, "desk"):
            return
        for id, order in self.state.orders.items():
            if id in self.ended:
                assert order.status == self.ended[id]
            elif order.status in OVER:
                self.ended[id] = order.status

    @invariant()
    def connected_and_answered_we_know_what_the_venue_knows(self):
        if not hasattr(self, "desk") or not self.desk.connected or self.desk.held:
            return
        assert self.state.heard == len(self.desk.venue.events)
        # What was reported without a trade there is news to us, not to the simulated venue.
        reported = {id for id, *_ in self.reports.values()}
        assert set(self.state.open) | reported >= set(self.desk.venue.open_ids())
        lost = {id for id, o in self.state.orders.items() if o.status == "unknown"}
        # Of what is open here and not there, only those that never arrived.
        for id in set(self.state.open) - set(self.desk.venue.open_ids()) - lost:
            assert id in reported

    @invariant()
    def fills_are_within_the_limit(self):
        if not hasattr(self, "desk"):
            return
        sums = {}
        for fill in self.desk.venue.events:
            if fill.kind != "filled":
                continue
            side, kind, _, _, flags, _, _ = self.tickets[fill.id]
            sums[fill.id] = sums.get(fill.id, 0) + fill.quantity // UNIT
            if "limit" in kind:
                allowed, price = self.allowed[fill.id], fill.price // UNIT
                assert price <= max(allowed) if side == "buy" else price >= min(allowed), "filled beyond its limit"
                assert fill.liquidity == "taker" or price in allowed, "a resting order filled at another price"
            assert flags != "post_only" or fill.liquidity == "maker", "post-only has taken"
        for id, quantity in sums.items():
            assert quantity <= max(self.totals[id]), "a modify has overwritten a fill"

    @invariant()
    def the_book_at_the_venue_is_in_order(self):
        """No order outlives its time, none crosses others or our own, and stops wait for their price only."""
        if not hasattr(self, "desk"):
            return
        venue = self.desk.venue
        open_orders = {id: venue._orders[id] for id in venue.open_ids()}
        for id, own in open_orders.items():
            _, kind, _, _, _, tif, body = self.tickets[id]
            assert own.waiting or tif not in {"ioc", "fok"}, "an immediate order rests"
            assert own.waiting or "limit" in kind, "a market order rests"
            assert tif != "gtd" or self.at < body["expire_at_ms"], "an order outlives its time"
            assert not (venue.closed and tif == "day"), "a day order outlives the session"
            assert id not in self.lost, "what never arrived was sent again"
            assert not (self.desk.connected and id in self.canceled), "a lost cancel was forgotten"
        if not (venue.halted or venue.closed):
            for side, other in (("buy", venue.ask), ("sell", venue.bid)):
                sign = 1 if side == "buy" else -1
                mine = [sign * o.ticket.price for o in open_orders.values() if not o.waiting and o.ticket.side == side]
                theirs = [
                    sign * o.ticket.price for o in open_orders.values() if not o.waiting and o.ticket.side != side
                ]
                assert not mine or other is None or max(mine) < sign * other, "an order of ours crosses others"
                assert not mine or not theirs or max(mine) < min(theirs), "two orders of ours cross"
            self.stops_wait_for_their_price([id for id, own in open_orders.items() if own.waiting])
        for own in open_orders.values():
            if not own.waiting:
                shown = own.ticket.display_quantity or own.left
                assert 0 < own.shown <= min(shown, own.left), "an iceberg shows more"
        for side in ("buy", "sell"):
            mine = [
                own
                for own in open_orders.values()
                if own.ticket.reduce_only and own.ticket.side == side and not own.waiting
            ]
            held = max(0, -(1 if side == "buy" else -1) * venue.position)
            assert sum(own.left for own in mine) <= held, "reduce-only orders together reduce too much"

    def stops_wait_for_their_price(self, waiting):
        venue = self.desk.venue
        for id in waiting:
            side, kind, *_, body = self.tickets[id]
            sign = 1 if side == "buy" else -1
            quote = venue.ask if side == "buy" else venue.bid
            seen = venue.last if body["trigger"] == "last" else quote
            if seen is None or kind == "trailing_stop":
                continue
            up = -sign if kind == "limit_if_touched" else sign
            assert up * seen < up * int(body["stop_price"]) * UNIT, "a stop waits although its price was reached"

    @invariant()
    def reduce_only_never_opens_a_position(self):
        if not hasattr(self, "desk"):
            return
        position = Fraction(self.start)
        told = set()
        for fill in self.desk.venue.events:
            if fill.kind not in {"filled", "reported"} or fill.fill_id in told:
                continue
            told.add(fill.fill_id)
            sign = 1 if fill.side == "buy" else -1
            after = position + sign * Fraction(fill.quantity, UNIT)
            if fill.kind == "filled" and self.tickets[fill.id][4] == "reduce_only":
                assert abs(after) < abs(position)
                assert after * position >= 0
            position = after

    @invariant()
    def the_state_is_the_fold_of_the_journal(self):
        if not hasattr(self, "desk") or self.count % 3:
            return
        verify_journal(self.desk.path_file)
        copy = Path(self.folder.name) / "copy"
        copy.write_bytes(self.desk.path_file.read_bytes())
        with Journal(copy, "os") as journal:
            assert OrderPath(journal, self.desk.terms).state == self.state
        copy.unlink()

    @invariant()
    def the_kill_switch_stays_pulled_and_everything_is_asked_to_end(self):
        if not hasattr(self, "desk") or not self.killed:
            return
        assert self.state.killed


def explore(examples, steps, start):
    """Run the machine from one seed; any failure is an exception.

    Without a seed of its own, what Hypothesis tries follows from the text of the machine, and a comment changed here
    would decide which bugs are found.
    """
    run_state_machine_as_test(
        seed(start)(OrderPathMachine),
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
            phases=(Phase.generate,), print_blob=False, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


if __name__ == "__main__":
    how_many, first = int(sys.argv[1]), int(sys.argv[2])
    for number in range(first, first + how_many):
        explore(200, 40, number)
