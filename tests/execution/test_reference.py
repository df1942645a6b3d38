"""Random cards, each run twice: by the order path and its venue, and by the contract said a second time."""

import os
import random
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.execution.reference import observed
from tradepulse.errors import ConfigError
from tradepulse.execution.cards import run_card

#: More cards, and other ones, for whoever asks.
COUNT, FIRST = int(os.environ.get("REFERENCE_CARDS", "1500")), int(os.environ.get("REFERENCE_FIRST", "0"))
STEPS = (
    ["submit"] * 7 + ["trade"] * 4 + ["book"] * 3 + ["replace"] * 2
    + ["cancel", "report", "halt", "resume", "hold", "release", "kill", "close", "crash", "disconnect", "reconnect"]
)  # fmt: skip
SIDES = ("buy", "sell")


def order(draw, id, low, high):
    kind = draw.choice(["market", *["limit"] * 5, "stop", "stop_limit", "market_if_touched", "limit_if_touched",
                        "trailing_stop"])  # fmt: skip
    quantity = draw.randint(1, 6)
    made = {"id": id, "side": draw.choice(SIDES), "type": kind, "quantity": str(quantity)}
    if kind in {"limit", "stop_limit", "limit_if_touched"}:
        made["price"] = str(draw.randint(low, high))
        if draw.random() < 0.25:
            made["display_quantity"] = str(draw.randint(1, quantity))
        made["post_only"] = draw.random() < 0.2
    if kind == "trailing_stop":
        made["trail_offset"] = str(draw.randint(1, 3))
    elif kind not in {"market", "limit"}:
        made["stop_price"] = str(draw.randint(low, high))
    if not made.get("post_only"):
        made["tif"] = draw.choice(["gtc", "gtc", "gtc", "day", "ioc", "fok", "gtd"])
    if made.get("tif") == "gtd":
        made["expire_at_ms"] = draw.randint(0, 30)
    return {**made, "reduce_only": draw.random() < 0.25, "trigger": draw.choice(["last", "quote"])}


def level(draw):
    side = draw.choice(SIDES)
    price = draw.randint(8, 10) if side == "buy" else draw.randint(11, 13)
    return {"side": side, "price": str(price), "quantity": str(draw.randint(0, 6))}


def change(draw, ids):
    made = {"id": draw.choice(ids or ["A0"])}
    for name, low, high, often in (("price", 9, 12, 0.5), ("quantity", 0, 7, 0.6), ("stop_price", 9, 12, 0.2)):
        if draw.random() < often:
            made[name] = str(draw.randint(low, high))
    return made


def card(seed):
    """Draw a card: short and wild, or long and crowded."""
    draw = random.Random(seed)
    crowded = seed % 2
    low, high, count, bounded = (9, 12, draw.randint(10, 45), 0.07) if crowded else (8, 13, draw.randint(1, 14), 0.2)
    # Where what is known lags behind, or everything ends, less happens: not in each of them.
    out = draw.sample(["hold", "disconnect", "kill", "close"], 2 + crowded)
    words = [word for word in STEPS if word not in out]
    steps, ids, at = [], [], 0
    for number in range(count):
        what, body = draw.choice(words), {}
        at += draw.choice([0, 1, 1, 2, 2, 2, 2, 2, 2, 700] if draw.random() < 0.2 else [0, 1, 1, 2])
        if what == "submit":
            ids.append(draw.choice(ids) if ids and draw.random() < 0.05 else f"A{number}")
            body = order(draw, ids[-1], low, high)
        elif what == "trade":
            body = {"price": str(draw.randint(low, high)), "quantity": str(draw.randint(1, 6))}
            body["aggressor"] = draw.choice(SIDES)
        elif what == "book":
            levels = [level(draw) for _ in range(draw.randint(1, 2))]
            body = list({(one["side"], one["price"]): one for one in levels}.values())
        elif what == "cancel":
            body = {"id": draw.choice(ids or ["A0"])}
        elif what == "replace":
            body = change(draw, ids)
        elif what == "report":
            body = {"id": draw.choice([*ids, "X"]), "fill_id": draw.choice(["F1", "F2", "V1"]), "price": "10"}
            body |= {"side": draw.choice(SIDES), "quantity": str(draw.randint(1, 6))}
        steps.append({"at_ms": at, what: body})
    limits = {
        "max_position": draw.randint(3, 12), "max_open_orders": draw.randint(1, 4),
        "max_order_quantity": draw.randint(3, 6), "max_order_notional": draw.randint(20, 70),
        "price_collar_bp": draw.choice([500, 1000, 2000]), "max_orders_per_second": draw.randint(1, 4),
        "max_daily_loss": draw.randint(0, 20),
    }  # fmt: skip
    return {
        "id": f"random {seed}",
        "venue": {"symbol": "T", "tick": "1", "lot": "1", "maker_fee_bp": "-1", "taker_fee_bp": "3",
                  "self_trade": draw.choice(["cancel_newest", "cancel_oldest", "cancel_both"])},
        "risk": {name: str(most) for name, most in limits.items() if draw.random() < bounded},
        "account": {"cash": "1000", "position": str(draw.randint(-9, 9) if crowded else draw.randint(-4, 4))},
        "book": [{"side": "buy", "price": "9", "quantity": "3"}, {"side": "buy", "price": "10", "quantity": "2"},
                 {"side": "sell", "price": "11", "quantity": "2"}, {"side": "sell", "price": "12", "quantity": "3"}],
        "steps": steps,
    }  # fmt: skip


#: Ticks and lots of other venues than the one of whole numbers: powers of ten, and not.
GRIDS = [("1", "1"), ("0.01", "0.001"), ("0.05", "0.5"), ("2.5", "100")]
_PRICES = {"price", "stop_price", "trail_offset"}
_UNITS = {"quantity", "display_quantity", "max_position", "max_order_quantity", "position"}
_MONEY = {"cash", "max_order_notional", "max_daily_loss"}


def on_grid(part, tick, lot):
    """Return a card, or a part of it, whose prices are in ticks and whose quantities are in lots of another venue."""
    if isinstance(part, list):
        return [on_grid(one, tick, lot) for one in part]
    if not isinstance(part, dict):
        return part
    price, unit = Decimal(tick), Decimal(lot)
    by = {**dict.fromkeys(_PRICES, price), **dict.fromkeys(_UNITS, unit), **dict.fromkeys(_MONEY, price * unit)}
    made = {
        key: f"{Decimal(value) * by[key]:f}" if key in by else on_grid(value, tick, lot) for key, value in part.items()
    }
    return {**made, "tick": tick, "lot": lot} if "tick" in made else made


def ours(of, tick="1", lot="1"):
    """Return what a card comes to on a grid, in ticks and lots of it."""
    seen = run_card(on_grid(of, tick, lot)).observed

    def steps(text, size):
        number = Fraction(text) / Fraction(size)
        assert number.denominator == 1
        return int(number)

    return {
        "orders": {id: (one["status"], steps(one["filled"], lot), one["reason"]) for id, one in seen["orders"].items()},
        "fills": [
            (fill["order"], steps(fill["price"], tick), steps(fill["quantity"], lot), fill["liquidity"])
            for fill in seen["fills"]
        ],
        "book": {(one["side"], steps(one["price"], tick), steps(one["quantity"], lot)) for one in seen["book"]},
        "position": steps(seen["position"], lot), "cash": Fraction(seen["cash"]) / Fraction(tick) / Fraction(lot),
    }  # fmt: skip


def test_any_card_comes_to_what_the_contract_says():
    kinds, compared = set(), 0
    for seed in range(FIRST, FIRST + COUNT):
        drawn = card(seed)
        if (wanted := observed(drawn)) is None:
            continue
        assert ours(drawn, *GRIDS[seed // 2 % len(GRIDS)]) == wanted, drawn
        compared += 1
        kinds |= {(status, reason) for status, _, reason in wanted["orders"].values()}
        kinds |= {liquidity for *_, liquidity in wanted["fills"]}
    assert compared > COUNT * 0.8
    assert kinds >= {"maker", "taker", "reported"}
    if COUNT >= 1_500:  # they come by every way that an order can end
        assert {why for _, why in kinds - {"maker", "taker", "reported"}} >= {
            "requested", "killed", "expired", "no_liquidity", "ioc", "fok", "self_trade", "post_only_would_take",
            "reduce_only", "halted", "closed", "not_received", "no_price", "max_order_quantity", "max_order_notional",
            "max_position", "price_collar_bp", "max_open_orders", "max_orders_per_second", "max_daily_loss",
        }  # fmt: skip


def test_it_does_not_say_what_the_contract_leaves_open():
    early = {**card(0), "steps": [{"at_ms": 0, "report": {"id": "X", "fill_id": "V1", "side": "buy", "price": "10",
                                                          "quantity": "1"}}]}  # fmt: skip
    assert observed(early) is None


def test_a_book_that_is_crossed_is_refused_before_anything_is_compared():
    crossed = {**card(0), "steps": [{"at_ms": 0, "book": [{"side": "buy", "price": "11", "quantity": "1"}]}]}
    with pytest.raises(ConfigError, match="crossed"):
        run_card(crossed)
