"""The contract of the cards a second time, as plainly as it can be said: what our venue and order path are held to.

It shares no code with them and works otherwise: a price level is a queue of pieces, others' and ours in the order in
which they stand, where the venue counts what is ahead of each order; sums are added up anew each time they are asked
for. Ticks and lots are 1, so that prices and quantities are whole numbers; cash is a fraction. It is slow.

Where the contract can be read in more ways than one, it reads it as ``tradepulse/execution/README.md`` says that we do:
of that it proves that we do so, not that we should.
"""

from fractions import Fraction

OTHER = {"buy": "sell", "sell": "buy"}
SIGN = {"buy": 1, "sell": -1}
LIMITED = {"limit", "stop_limit", "limit_if_touched"}
WAITING = {"stop", "stop_limit", "market_if_touched", "limit_if_touched", "trailing_stop"}
TOUCHED = {"market_if_touched", "limit_if_touched"}
OPEN = {"unknown", "working", "pending_trigger", "partially_filled"}


class Order:
    """An order of ours as the venue has it."""

    def __init__(self, body):
        self.id, self.side, self.kind = body["id"], body["side"], body["type"]
        self.quantity = int(body["quantity"])
        self.price, self.stop, self.trail, self.shown = (
            None if body.get(name) is None else int(body[name])
            for name in ("price", "stop_price", "trail_offset", "display_quantity")
        )
        self.tif, self.expires = body.get("tif", "gtc"), body.get("expire_at_ms")
        self.post_only, self.reduce_only = body.get("post_only", False), body.get("reduce_only", False)
        self.trigger = body.get("trigger", "last")
        self.filled, self.state, self.place, self.best = 0, "new", 0, None

    @property
    def left(self):
        return self.quantity - self.filled

    def terms(self):
        """Return what an order path knows of it."""
        return {name: getattr(self, name) for name in ("quantity", "price", "stop", "side", "kind", "reduce_only")}


class Exchange:
    """The rules of the venue."""

    def __init__(self, card):
        self.rule = card["venue"].get("self_trade", "cancel_newest")
        self.position = int(card["account"]["position"])
        # A level's queue: what others have as ["", quantity], ours as [id, quantity that shows].
        self.queues = {"buy": {}, "sell": {}}
        self.orders, self.said, self.reported = {}, [], set()
        self.last, self.halted, self.closed, self.now = None, False, False, 0
        self.count = self.fills = self.moment = 0
        self.triggered = []
        #: Whether something has happened that the contract leaves open.
        self.open_question = False
        for level in card.get("book", []):
            self.queues[level["side"]][int(level["price"])] = [["", int(level["quantity"])]]

    # -- looking ---------------------------------------------------------------------------------------------------

    def displayed(self, side, price):
        return sum(size for whose, size in self.queues[side].get(price, []) if not whose)

    def quote(self, side):
        prices = [price for price in self.queues[side] if self.displayed(side, price)]
        return (max if side == "buy" else min)(prices, default=None)

    def working(self, side):
        """Return our orders that rest on a side, best price first, then as they stand."""
        found = [order for order in self.orders.values() if order.state == "resting" and order.side == side]
        return sorted(found, key=lambda order: (-SIGN[side] * order.price, order.place))

    def reducible(self, side, without=None):
        """Return what a reduce-only order on a side may still take from the position."""
        taken = sum(order.left for order in self.working(side) if order.reduce_only and order is not without)
        return max(0, -SIGN[side] * self.position) - taken

    def seen(self, order):
        return self.last if order.trigger == "last" else self.quote(OTHER[order.side])

    # -- saying ----------------------------------------------------------------------------------------------------

    def tell(self, kind, id, **more):
        self.said.append({"kind": kind, "id": id, "moment": self.moment, **more})

    def end(self, order, status, reason):
        if order.state == "resting":
            self.leave(order)
        order.state = "ended"
        self.tell("ended", order.id, status=status, reason=reason)

    def leave(self, order):
        queue = self.queues[order.side][order.price]
        queue[:] = [piece for piece in queue if piece[0] != order.id]

    def join(self, order):
        """Stand at the back of the queue, with what shows."""
        self.count += 1
        order.place = self.count
        shows = order.left if order.shown is None else min(order.shown, order.left)
        self.queues[order.side].setdefault(order.price, []).append([order.id, shows])

    def fill(self, order, price, quantity, liquidity):
        self.fills += 1
        order.filled += quantity
        self.position += SIGN[order.side] * quantity
        self.tell("filled", order.id, side=order.side, price=price, quantity=quantity, liquidity=liquidity,
                  fill_id=f"V{self.fills}")  # fmt: skip
        if not order.left:
            self.end(order, "filled", "")
        self.shrink()

    def shrink(self):
        """Cut working reduce-only orders to what the position leaves, the youngest first."""
        for side in ("buy", "sell"):
            excess = -self.reducible(side)
            for order in sorted(self.working(side), key=lambda order: -order.place):
                if not order.reduce_only or excess <= 0:
                    continue
                cut = min(order.left, excess)
                excess -= cut
                order.quantity -= cut
                if not order.left:
                    self.end(order, "canceled", "reduce_only")
                    continue
                for piece in self.queues[side][order.price]:
                    if piece[0] == order.id:
                        piece[1] = min(piece[1], order.left)
                self.tell("changed", order.id, order=order.terms())

    # -- what we ask for -------------------------------------------------------------------------------------------

    def submit(self, body):
        self.moment += 1
        order = Order(body)
        self.orders[order.id] = order
        if self.closed or self.halted:
            self.end(order, "rejected", "closed" if self.closed else "halted")
        elif order.expires is not None and order.expires <= self.now:
            self.end(order, "rejected", "expired")
        elif order.kind in WAITING:
            order.state = "waiting"
            self.tell("waiting", order.id)
        else:
            self.arrive(order)
        self.look()

    def arrive(self, order, *, known=False):
        """Take what there is, and rest with what is left; ``known`` if it worked before and is changed."""
        if order.reduce_only and not known:
            most = self.reducible(order.side)
            if most <= 0:
                # One that waited has been accepted; one that is new has not.
                self.end(order, "canceled" if order.kind in WAITING else "rejected", "reduce_only")
                return
            order.quantity = min(order.quantity, order.filled + most)
        far, sign = OTHER[order.side], SIGN[order.side]
        limit = order.price if order.kind in LIMITED else None

        def within(price):
            return limit is None or sign * price <= sign * limit

        theirs = self.quote(far)
        if order.post_only and theirs is not None and within(theirs):
            self.end(order, "rejected", "post_only_would_take")
            return
        self.tell("working", order.id, order=order.terms())
        if order.tif == "fok":
            can, meets = 0, False
            for price in sorted(self.queues[far], key=lambda price: sign * price):
                for whose, size in self.queues[far][price] if within(price) else []:
                    if can < order.left:
                        meets |= bool(whose)
                        can += size if not whose else 0
            if meets or can < order.left:
                self.end(order, "canceled", "self_trade" if meets else "fok")
                return
        while order.left:
            prices = [price for price, queue in self.queues[far].items() if queue and within(price)]
            if not prices:
                break
            price = min(prices, key=lambda price: sign * price)
            queue = self.queues[far][price]
            whose, size = queue[0]
            if not size:
                queue.pop(0)
                continue
            if whose:
                mine = self.orders[whose]
                if self.rule != "cancel_newest":
                    self.end(mine, "canceled", "self_trade")
                if self.rule != "cancel_oldest":
                    self.end(order, "canceled", "self_trade")
                    return
                continue
            part = min(size, order.left)
            queue[0][1] -= part
            self.fill(order, price, part, "taker")
        if order.state == "ended":
            return
        if limit is None or order.tif in {"ioc", "fok"}:
            self.end(order, "canceled", "no_liquidity" if limit is None else order.tif)
            return
        order.state = "resting"
        self.join(order)

    def cancel(self, id, reason):
        self.moment += 1
        order = self.orders.get(id)
        if order is not None and order.state in {"resting", "waiting"}:
            self.end(order, "canceled", reason)
            self.look()

    def replace(self, id, price, quantity, stop):
        self.moment += 1
        order = self.orders.get(id)
        if order is None or order.state not in {"resting", "waiting"}:
            return
        if self.closed or self.halted:
            self.tell("not_changed", id)
            return
        was = order.price, order.quantity, order.stop
        price, total, stop = (new if new is not None else old for new, old in zip((price, quantity, stop), was,
                                                                                  strict=True))  # fmt: skip
        if total <= order.filled:
            order.quantity = total
            self.end(order, "filled" if order.filled else "canceled", "" if order.filled else "requested")
            self.look()
            return
        if order.state == "waiting":
            order.price, order.quantity, order.stop = price, total, stop
            self.tell("changed", id, order=order.terms())
            self.look()
            return
        if order.reduce_only:
            total = order.filled + min(total - order.filled, self.reducible(order.side, without=order))
        if (price, total) == was[:2]:
            self.tell("changed", id, order=order.terms())
            return
        theirs = self.quote(OTHER[order.side])
        if order.post_only and theirs is not None and SIGN[order.side] * theirs <= SIGN[order.side] * price:
            self.tell("not_changed", id)
            return
        keeps = price == was[0] and total < was[1]
        if not keeps:
            self.leave(order)
            order.state = "moving"
        order.price, order.quantity, order.stop = price, total, stop
        self.tell("changed", id, order=order.terms())
        if keeps:
            for piece in self.queues[order.side][price]:
                if piece[0] == id:
                    piece[1] = min(piece[1], order.left)
        else:
            self.arrive(order, known=True)
        self.look()

    # -- what others do --------------------------------------------------------------------------------------------

    def display(self, levels):
        self.moment += 1
        levels = [(level["side"], int(level["price"]), int(level["quantity"])) for level in levels]
        for side, price, quantity in sorted(levels, key=lambda level: -SIGN[level[0]] * level[1]):
            if not (self.halted or self.closed):
                quantity -= self.cross(side, price, quantity)
            self.set(side, price, quantity)
        self.look()

    def set(self, side, price, quantity):
        queue = self.queues[side].setdefault(price, [])
        there = self.displayed(side, price)
        # Less is displayed than stands ahead of ours, and a halt shortens nothing.
        self.open_question |= self.halted and quantity < there and any(whose for whose, _ in queue)
        if quantity > there:
            queue.append(["", quantity - there])
        # What leaves has stood at the back.
        for piece in reversed(queue):
            if not piece[0] and there > quantity:
                part = min(piece[1], there - quantity)
                piece[1] -= part
                there -= part

    def cross(self, side, price, quantity):
        """Trade what others would display with what of ours it meets; return how much."""
        traded = 0
        while traded < quantity:
            mine = self.working(OTHER[side])
            if not mine or SIGN[side] * mine[0].price > SIGN[side] * price:
                break
            part = min(mine[0].left, quantity - traded)
            traded += part
            self.take(mine[0], part)
        return traded

    def take(self, order, part):
        """Trade with one that rests: with what shows, and then with what does not."""
        queue = self.queues[order.side][order.price]
        [piece] = [piece for piece in queue if piece[0] == order.id]
        piece[1] -= min(piece[1], part)
        self.fill(order, order.price, part, "maker")
        if order.state == "resting" and not piece[1]:
            self.leave(order)
            self.join(order)

    def trade(self, price, quantity, aggressor):
        self.moment += 1
        self.last = price
        if self.halted or self.closed:
            return
        side = OTHER[aggressor]
        for level, queue in self.queues[side].items():
            if SIGN[side] * level > SIGN[side] * price:
                queue[:] = [piece for piece in queue if piece[0]]
        left = quantity
        while left:
            mine = self.working(side)
            if not mine or SIGN[side] * mine[0].price <= SIGN[side] * price:
                break
            part = min(mine[0].left, left)
            left -= part
            self.take(mine[0], part)
        queue = self.queues[side].setdefault(price, [])
        while left and queue:
            whose, size = queue[0]
            part = min(size, left)
            left -= part
            if whose:
                self.take(self.orders[whose], part)
            else:
                queue[0][1] -= part
            queue[:] = [piece for piece in queue if piece[1]]
        self.look()

    def report(self, body):
        self.moment += 1
        # One of the venue's own before it has happened.
        self.open_question |= body["fill_id"].startswith("V") and int(body["fill_id"][1:]) > self.fills
        if body["fill_id"] not in self.reported | {f"V{n + 1}" for n in range(self.fills)}:
            self.reported.add(body["fill_id"])
            self.position += SIGN[body["side"]] * int(body["quantity"])
        self.tell("reported", body["id"], side=body["side"], price=int(body["price"]),
                  quantity=int(body["quantity"]), liquidity="reported", fill_id=body["fill_id"])  # fmt: skip
        self.shrink()
        self.look()

    # -- time ------------------------------------------------------------------------------------------------------

    def advance(self, now):
        self.now = now
        for order in list(self.orders.values()):
            if order.state in {"resting", "waiting"} and order.expires is not None and order.expires <= now:
                self.moment += 1
                self.end(order, "expired", "expired")

    def halt(self):
        self.halted = True

    def resume(self):
        if not self.halted:
            return
        self.halted = False
        self.moment += 1
        if self.closed:
            return
        for side in ("buy", "sell"):
            for price in sorted(self.queues[side], key=lambda price: -SIGN[side] * price):
                there = self.displayed(side, price)
                if traded := self.cross(side, price, there):
                    self.set(side, price, there - traded)
        self.look()

    def close(self):
        self.moment += 1
        for order in list(self.orders.values()):
            if order.state in {"resting", "waiting"} and order.tif == "day":
                self.end(order, "expired", "expired")
        self.closed = True

    def look(self):
        """Let what waits trigger, the oldest first."""
        while not (self.halted or self.closed):
            for order in self.orders.values():
                if order.state == "waiting" and self.reached(order):
                    order.state = "triggered"
                    self.triggered.append(order)
            if not self.triggered:
                return
            self.arrive(self.triggered.pop(0))

    def reached(self, order):
        seen, sign = self.seen(order), SIGN[order.side]
        if seen is None:
            return False
        if order.kind == "trailing_stop":
            order.best = seen if order.best is None else min(order.best, seen, key=lambda price: sign * price)
            return sign * seen >= sign * (order.best + sign * order.trail)
        return (seen - order.stop) * sign * (-1 if order.kind in TOUCHED else 1) >= 0


class Ours:
    """The rules of the order path."""

    def __init__(self, card):
        self.risk = {name: Fraction(value) for name, value in card.get("risk", {}).items()}
        self.rates = {name: Fraction(card["venue"].get(f"{name}_fee_bp", "0")) / 10_000 for name in ("maker", "taker")}
        self.position, self.cash = int(card["account"]["position"]), Fraction(card["account"]["cash"])
        self.orders, self.fills, self.seen, self.sent = {}, [], set(), []
        self.killed, self.heard, self.opening, self.market = False, 0, None, None

    def open(self, side=None):
        return [one for one in self.orders.values() if one["status"] in OPEN and side in {None, one["side"]}]

    def equity(self):
        if not self.position:
            return self.cash
        bid, ask, last = self.market.quote("buy"), self.market.quote("sell"), self.market.last
        mark = Fraction(bid + ask, 2) if bid is not None and ask is not None else last
        return None if mark is None else self.cash + self.position * mark

    def mark(self):
        if self.opening is None:
            self.opening = self.equity()

    def left(self, side):
        return sum(max(0, one["quantity"] - one["filled"]) for one in self.open(side))

    def value(self, one, quantity):
        """Return price times quantity, or None without a price."""
        if one["kind"] in LIMITED:
            return one["price"] * quantity
        far, sign = OTHER[one["side"]], SIGN[one["side"]]
        if one["kind"] == "trailing_stop":
            seen = self.market.last if one["trigger"] == "last" else self.market.quote(far)
            seen = self.market.quote(far) if seen is None else seen
            if seen is None:
                return None if "max_order_notional" in self.risk else 0
            return (seen + sign * one["trail"]) * quantity
        if one["kind"] in WAITING:
            return one["stop"] * quantity
        worst, can = None, 0
        for price in sorted(self.market.queues[far], key=lambda price: sign * price):
            if can < quantity and self.market.displayed(far, price):
                worst, can = price, can + self.market.displayed(far, price)
        return None if worst is None else worst * quantity

    def alone(self, one, quantity):
        """Ask the rules that look at an order by itself."""
        value = self.value(one, quantity)
        if value is None:
            return "no_price"
        if quantity > self.risk.get("max_order_quantity", quantity):
            return "max_order_quantity"
        if value > self.risk.get("max_order_notional", value):
            return "max_order_notional"
        if "price_collar_bp" in self.risk and one["kind"] in LIMITED:
            bid, ask = self.market.quote("buy"), self.market.quote("sell")
            if bid is None or ask is None:
                return "no_price"
            mid = Fraction(bid + ask, 2)
            if abs(one["price"] - mid) > mid * self.risk["price_collar_bp"] / 10_000:
                return "price_collar_bp"
        return ""

    def objection(self, one, now):
        side, sign, quantity = one["side"], SIGN[one["side"]], one["quantity"]
        held = max(0, -sign * self.position)
        if one["reduce_only"]:
            working = sum(
                max(0, other["quantity"] - other["filled"])
                for other in self.open(side)
                if other["reduce_only"] and other["status"] != "pending_trigger"
            )
            quantity = min(quantity, held if one["kind"] in WAITING else max(0, held - working))
        if not quantity or 0 < self.left(side) + quantity <= held:
            return ""
        if self.killed:
            return "killed"
        if reason := self.alone(one, quantity):
            return reason
        after = abs(self.position + sign * (self.left(side) + quantity))
        if after > self.risk.get("max_position", after):
            return "max_position"
        if len(self.open()) >= self.risk.get("max_open_orders", len(self.open()) + 1):
            return "max_open_orders"
        if "max_daily_loss" in self.risk:
            equity = self.equity()
            if equity is None or self.opening is None or self.opening - equity > self.risk["max_daily_loss"]:
                return "max_daily_loss"
        if "max_orders_per_second" in self.risk:
            recent = sum(at > now - 1000 for at in self.sent)
            if recent >= self.risk["max_orders_per_second"]:
                return "max_orders_per_second"
        return ""

    def submit(self, body, now):
        """Return whether it is to be sent."""
        order = Order(body)
        one = {**order.terms(), "trail": order.trail, "trigger": order.trigger, "filled": 0, "reason": "", "asked": ""}
        if reason := self.misshapen(order):
            self.orders.setdefault(order.id, {**one, "status": "refused", "reason": reason})
            return False
        if order.id in self.orders:
            return False
        reason = self.objection(one, now)
        self.orders[order.id] = {**one, "status": "refused" if reason else "unknown", "reason": reason}
        if not reason:
            self.sent.append(now)
        return not reason

    def misshapen(self, order):
        if order.kind == "trailing_stop" and order.stop is not None:
            return "bad_price"
        if order.shown is not None and order.shown > order.quantity:
            return "bad_quantity"
        if order.post_only and (order.tif in {"ioc", "fok"} or order.kind not in LIMITED):
            return "bad_flags"
        return "bad_flags" if (order.tif == "gtd") != (order.expires is not None) else ""

    def cancel(self, id, reason):
        one = self.orders.get(id)
        if one is None or one["status"] not in OPEN:
            return False
        one["asked"] = reason
        return True

    def replace(self, id, price, quantity, stop):
        one = self.orders.get(id)
        if one is None or one["status"] not in OPEN:
            return False
        if quantity is not None and 0 <= quantity <= one["filled"]:
            return True
        new = {**one, **{name: value for name, value in (("price", price), ("quantity", quantity), ("stop", stop))
                         if value is not None}}  # fmt: skip
        if one["kind"] == "trailing_stop" and new["stop"] is not None:
            return False
        side, sign = one["side"], SIGN[one["side"]]
        left, before = new["quantity"] - one["filled"], max(0, one["quantity"] - one["filled"])
        others = self.left(side) - before
        held = max(0, -sign * self.position)
        if not left or (held and left + others <= held):
            return True
        if self.killed and left > before:
            return False
        if self.alone(new, new["quantity"]):
            return False
        after = abs(self.position + sign * (others + left))
        return left <= before or after <= self.risk.get("max_position", after)

    def hear(self, said):
        one = self.orders.get(said["id"])
        if said["kind"] in {"filled", "reported"}:
            if said["fill_id"] in self.seen:
                return
            self.seen.add(said["fill_id"])
            sign, worth = SIGN[said["side"]], said["price"] * said["quantity"]
            self.position += sign * said["quantity"]
            self.cash -= sign * worth + worth * self.rates.get(said["liquidity"], 0)
            self.fills.append(said)
            if one is not None:
                one["filled"] += said["quantity"]
                if one["status"] in OPEN - {"pending_trigger"}:
                    one["status"] = "filled" if one["filled"] >= one["quantity"] else "partially_filled"
            return
        if one is None:
            return
        if "order" in said:
            one.update({name: said["order"][name] for name in ("quantity", "price", "stop")})
        if one["status"] not in OPEN:
            return
        if said["kind"] == "ended":
            one.update(status=said["status"], reason=said["reason"], asked="")
        elif said["kind"] == "waiting":
            one["status"] = "pending_trigger"
        elif said["kind"] == "working":
            one["status"] = "partially_filled" if one["filled"] else "working"


def observed(card):
    """Return what a card comes to by the contract; None where something happens that it leaves open."""
    venue, ours = Exchange(card), Ours(card)
    ours.market = venue
    ours.mark()
    connected, held = True, False

    def listen(*, asked=False):
        while connected and (asked or not held) and ours.heard < len(venue.said):
            ours.heard += 1
            ours.hear(venue.said[ours.heard - 1])

    def reconcile():
        listen(asked=True)
        for id, one in list(ours.orders.items()):
            if one["status"] not in OPEN:
                continue
            if id not in venue.orders:
                one.update(status="rejected", reason="not_received")
            elif one["asked"]:
                venue.cancel(id, one["asked"])
        listen()

    for step in card["steps"]:
        now = step["at_ms"]
        [(what, body)] = [(key, value) for key, value in step.items() if key != "at_ms"]
        venue.advance(now)
        listen()
        if what == "submit":
            if ours.submit(body, now) and connected:
                venue.submit(body)
        elif what == "cancel":
            if ours.cancel(body["id"], "requested") and connected:
                venue.cancel(body["id"], "requested")
        elif what == "replace":
            change = [None if body.get(k) is None else int(body[k]) for k in ("price", "quantity", "stop_price")]
            if ours.replace(body["id"], *change) and connected:
                venue.replace(body["id"], *change)
        elif what == "kill":
            ours.killed = True
            for id in [id for id, one in ours.orders.items() if one["status"] in OPEN]:
                ours.cancel(id, "killed")
                if connected:
                    venue.cancel(id, "killed")
        elif what == "book":
            venue.display(body)
        elif what == "trade":
            venue.trade(int(body["price"]), int(body["quantity"]), body["aggressor"])
        elif what == "report":
            venue.report(body)
        elif what in {"halt", "resume", "close"}:
            getattr(venue, what)()
        elif what in {"hold", "release"}:
            held = what == "hold"
        elif what == "disconnect":
            connected = False
        elif what == "reconnect":
            connected = True
            reconcile()
        elif what == "crash" and connected:
            reconcile()
        listen()
        ours.mark()
    if venue.open_question:
        return None
    lines = {}
    for fill in ours.fills:
        key = fill["moment"], fill["id"], fill["price"], fill["liquidity"]
        lines[key] = lines.get(key, 0) + fill["quantity"]
    return {
        "orders": {id: (one["status"], one["filled"], one["reason"]) for id, one in ours.orders.items()},
        "fills": [(id, price, quantity, liquidity) for (_, id, price, liquidity), quantity in lines.items()],
        "book": {
            (side, price, venue.displayed(side, price))
            for side, queues in venue.queues.items()
            for price in queues
            if venue.displayed(side, price)
        },
        "position": ours.position, "cash": ours.cash,
    }  # fmt: skip
