"""Scenario cards: ours, those of the contract where they are at hand, and what must hold on any card at all."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tradepulse.errors import ConfigError, UnreadableFile
from tradepulse.execution.cards import load_cards, run_card

OURS = Path(__file__).parent / "cards"
CONTRACT = ROOT.parent / "shared" / "cards"
CARDS = [card for _, card in load_cards([OURS])]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card["id"])
def test_a_card_worked_out_by_hand_passes(card):
    assert run_card(card).differences == []


def test_the_cards_of_the_contract_pass():
    if not CONTRACT.is_dir():
        pytest.skip("the cards of the contract are not at hand; ours run above")
    verdicts = [run_card(card) for _, card in load_cards([CONTRACT])]

    assert len(verdicts) > 100
    assert [(v.id, v.differences) for v in verdicts if not v.passed] == []


# -- any card --------------------------------------------------------------------------------------------------------

SIDES, PRICES, QUANTITIES = st.sampled_from(["buy", "sell"]), st.integers(8, 13), st.integers(1, 6)


@st.composite
def orders(draw, id):
    kind = draw(st.sampled_from(["market", "limit", "limit", "limit", "stop", "stop_limit", "market_if_touched",
                                 "limit_if_touched", "trailing_stop"]))  # fmt: skip
    order = {"id": id, "side": draw(SIDES), "type": kind, "quantity": str(draw(QUANTITIES))}
    if kind in {"limit", "stop_limit", "limit_if_touched"}:
        order["price"] = str(draw(PRICES))
        if draw(st.integers(0, 3)) == 0:
            order["display_quantity"] = "1"
        order["post_only"] = draw(st.integers(0, 4)) == 0
    if kind == "trailing_stop":
        order["trail_offset"] = str(draw(st.integers(1, 3)))
    elif kind not in {"market", "limit"}:
        order["stop_price"] = str(draw(PRICES))
    if not order.get("post_only"):
        order["tif"] = draw(st.sampled_from(["gtc", "gtc", "gtc", "day", "ioc", "fok"]))
    order["reduce_only"] = draw(st.integers(0, 4)) == 0
    order["trigger"] = draw(st.sampled_from(["last", "quote"]))
    return order


STEPS = (
    ["submit"] * 5 + ["trade"] * 4
    + ["bid", "ask", "cancel", "replace", "report", "halt", "resume", "hold", "release", "kill", "close"]
)  # fmt: skip


@st.composite
def cards(draw):
    """Draw a card: others quote around 10 and 11 and never cross one another."""
    steps, ids = [], []
    for at in range(draw(st.integers(1, 14))):
        what = draw(st.sampled_from(STEPS))
        if what == "submit":
            ids.append(f"A{at}")
            body = draw(orders(ids[-1]))
        elif what == "trade":
            body = {"price": str(draw(PRICES)), "quantity": str(draw(QUANTITIES)), "aggressor": draw(SIDES)}
        elif what in {"bid", "ask"}:
            side, price = ("buy", draw(st.integers(8, 10))) if what == "bid" else ("sell", draw(st.integers(11, 13)))
            what, body = "book", [{"side": side, "price": str(price), "quantity": str(draw(st.integers(0, 6)))}]
        elif what in {"cancel", "replace"}:
            body = {"id": draw(st.sampled_from(ids or ["A0"]))}
            if what == "replace":
                body |= draw(st.sampled_from([{}, {"price": "10"}, {"price": "11"}]))
                body |= draw(st.sampled_from([{}, {"quantity": "1"}, {"quantity": "4"}, {"quantity": "0"}]))
        elif what == "report":
            body = {"id": draw(st.sampled_from([*ids, "X"])), "fill_id": draw(st.sampled_from(["F1", "F2", "V1"]))}
            body |= {"side": draw(SIDES), "price": "10", "quantity": str(draw(QUANTITIES))}
        else:
            body = {}
        steps.append({"at_ms": at, what: body})
    return {
        "id": "random",
        "venue": {"symbol": "T", "tick": "1", "lot": "1", "maker_fee_bp": "-1", "taker_fee_bp": "3",
                  "self_trade": draw(st.sampled_from(["cancel_newest", "cancel_oldest", "cancel_both"]))},
        "risk": draw(st.sampled_from([{}, {"max_position": "9"}, {"max_open_orders": "3", "max_order_quantity": "5"}])),
        "account": {"cash": "1000", "position": str(draw(st.integers(-4, 4)))},
        "book": [{"side": "buy", "price": "9", "quantity": "3"}, {"side": "buy", "price": "10", "quantity": "2"},
                 {"side": "sell", "price": "11", "quantity": "2"}, {"side": "sell", "price": "12", "quantity": "3"}],
        "steps": steps,
    }  # fmt: skip


@settings(max_examples=300)
@given(cards())
def test_position_and_cash_are_the_start_and_the_fills(card):
    seen = run_card(card).observed
    position, cash = Decimal(card["account"]["position"]), Decimal("1000")
    sides = {step["submit"]["id"]: step["submit"]["side"] for step in card["steps"] if "submit" in step}
    rates = {"maker": Decimal("-0.0001"), "taker": Decimal("0.0003")}

    own = [fill for fill in seen["fills"] if fill["liquidity"] != "reported"]
    for fill in own:
        quantity, price = Decimal(fill["quantity"]), Decimal(fill["price"])
        sign = 1 if sides[fill["order"]] == "buy" else -1
        position += sign * quantity
        cash -= sign * quantity * price + quantity * price * rates[fill["liquidity"]]
    if len(own) == len(seen["fills"]):
        assert (Decimal(seen["position"]), Decimal(seen["cash"])) == (position, cash)
    for id, order in seen["orders"].items():
        filled = sum(Decimal(fill["quantity"]) for fill in seen["fills"] if fill["order"] == id)
        assert Decimal(order["filled"]) == filled


@settings(max_examples=300)
@given(cards())
def test_no_more_is_bought_or_sold_than_others_ever_showed_or_traded(card):
    seen = run_card(card).observed
    shown = sum(Decimal(level["quantity"]) for level in card["book"])
    for step in card["steps"]:
        shown += sum(Decimal(level["quantity"]) for level in step.get("book", []))
        shown += Decimal(step["trade"]["quantity"]) if "trade" in step else 0
    own = sum(Decimal(fill["quantity"]) for fill in seen["fills"] if fill["liquidity"] != "reported")
    assert own <= shown


@settings(max_examples=300)
@given(cards(), st.data())
def test_a_crash_at_any_moment_changes_nothing(card, data):
    # Held answers are asked for when the process starts again, which a card may tell by what risk knows: left out.
    card["steps"] = [step for step in card["steps"] if not {"hold", "release"} & set(step)]
    at = data.draw(st.integers(0, len(card["steps"])))
    time = card["steps"][at - 1]["at_ms"] if at else 0
    crashed = {**card, "steps": [*card["steps"][:at], {"at_ms": time, "crash": {}}, *card["steps"][at:]]}

    assert run_card(crashed).observed == run_card(card).observed


@settings(max_examples=200)
@given(cards())
def test_after_the_kill_nothing_adds_exposure(card):
    killed = {**card, "steps": [{"at_ms": 0, "kill": {}}, *card["steps"]]}

    seen = run_card(killed).observed

    own = [fill for fill in seen["fills"] if fill["liquidity"] != "reported"]
    if len(own) == len(seen["fills"]):
        start, end = Decimal(card["account"]["position"]), Decimal(seen["position"])
        assert abs(end) <= abs(start)
        assert start * end >= 0


def test_the_verdict_is_the_same_in_every_process():
    code = (
        "import json, sys; from pathlib import Path; from tradepulse.execution.cards import load_cards, run_card; "
        "print(json.dumps([run_card(c).observed for _, c in load_cards([Path(sys.argv[1])])]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, str(OURS)], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert len(json.loads(outputs.pop())) == len(CARDS)


# -- bad cards -------------------------------------------------------------------------------------------------------


def a_card(**changes):
    return {"id": "bad", "venue": {"symbol": "T", "tick": "1", "lot": "1"}, "steps": [], "expect": {}, **changes}


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (a_card(stpes=[]), "card has the unknown key 'stpes'"),
        (a_card(venue={"tick": "0"}), "tick and lot are above zero"),
        (a_card(venue={"tick": "NaN"}), "tick is 'NaN', which is no number"),
        (a_card(venue={"self_trade": "never"}), "self_trade is 'never'"),
        (a_card(venue={"maker_fee_bp": "0.0000001"}), "finer than"),
        (a_card(risk={"max_loss": "1"}), "risk has the unknown key 'max_loss'"),
        (a_card(steps=[{"at_ms": 0}]), "a step has at_ms and one of"),
        (a_card(steps=[{"at_ms": True, "halt": {}}]), "a step has at_ms and one of"),
        (a_card(steps=[{"at_ms": 0, "observed": {}}]), "a step has at_ms and one of"),
        (a_card(steps=[{"at_ms": 2, "halt": {}}, {"at_ms": 1, "resume": {}}]), "time does not run backwards"),
        (a_card(steps=[{"at_ms": 0, "submit": {"id": "A", "side": "buy", "type": "limit"}}]), "lacks 'quantity'"),
        (a_card(steps=[{"at_ms": 0, "trade": {"price": "1", "quantity": "0", "aggressor": "buy"}}]), "above zero"),
        (a_card(steps=[{"at_ms": 0, "trade": {"price": "1", "quantity": "1", "aggressor": "me"}}]), "buy or sell"),
        (a_card(book=[{"side": "buy", "price": "2", "quantity": "1"}, {"side": "sell", "price": "2", "quantity": "1"}]),
         "others' own book is crossed"),
        (a_card(book=[{"side": "buy", "price": "2", "quantity": "-1"}]), "not below zero"),
        (a_card(risk={"max_position": "-1"}), "risk: max_position must be at least 0, not -1"),
        (a_card(expect={"order": {}}), "expect has the unknown key 'order'"),
    ],
)  # fmt: skip
def test_a_bad_card_is_refused_in_one_line(card, words):
    with pytest.raises(ConfigError, match=words) as caught:
        run_card(card)
    assert str(caught.value).startswith("card bad: ")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "words"), [("a: [", "not readable"), ("- 1\n", "is no card"), ("x: 1\n", "is no card")]
)
def test_a_file_that_holds_no_card_is_refused(tmp_path, text, words):
    (tmp_path / "bad.yaml").write_text(text)

    with pytest.raises(UnreadableFile, match=words):
        list(load_cards([tmp_path]))
