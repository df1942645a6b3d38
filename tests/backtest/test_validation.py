"""A live log beside its simulation: by hand, by property, and against a venue that the fit does not know."""

import json
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.test_book import levels, print_
from tests.backtest.test_compiled_book import Wild, busy
from tests.property.generators import random_walk
from tradepulse.backtest.book import Ways, replay
from tradepulse.backtest.calibration import calibrated, venue_of
from tradepulse.backtest.engine import backtest
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.latency import Latency
from tradepulse.backtest.validation import BUDGETS, COMPONENTS, orders_of, validate
from tradepulse.backtest.validation_report import write_validation
from tradepulse.backtest.venue import load_book, load_venue
from tradepulse.core.orders import UNIT
from tradepulse.core.quoting.touch_maker import TouchMaker
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.errors import ConfigError, DataError, MissingData
from tradepulse.execution.terms import FEE, MONEY, Terms

DAY = pd.Timestamp("2024-01-02T15:00Z")


def log(*rows, **more):
    """Fills of one symbol: id, minutes after the first, side, quantity, price, commission, market price."""
    frame = pd.DataFrame(
        rows, columns=["order_id", "minutes", "side", "quantity", "price", "commission", "quoted_price"]
    )
    frame["ts"] = DAY + pd.to_timedelta(frame.pop("minutes"), unit="min")
    return frame.assign(symbol="AAA", **more)


def compared(live, simulated, marks=None, **how):
    return validate(orders_of(live, "live"), orders_of(simulated, "simulated"), marks or {"AAA": 12.0}, **how)


SIMULATED = log(("a", 0, "buy", 100, 10.0, 1.0, 10.0), ("b", 600, "sell", 100, 11.0, 1.0, 11.0))


def test_a_log_like_its_simulation_has_no_gap():
    found = compared(SIMULATED, SIMULATED)

    assert found.gap == 0
    assert set(found.components.values()) == {Decimal("0.00")}
    assert found.passed


def test_each_part_by_hand():
    # The purchase: market 10.10 instead of 10.00 (timing -10), price 10.15 on it, five cents more than the market
    # (price -5), 90 units of 100 (quantity: -10 units that would have made 12 - 10.15: -18.50), fee 1.50 (-0.50).
    # The sale of the simulation was missed: it made 100 * (11 - 12) - 1 = -101, so that missing it gives +101.
    # A purchase that only the live side made: 10 units at 11.50, marked at 12, less 0.20: +4.80.
    live = log(("a", 3, "buy", 90, 10.15, 1.5, 10.10), ("x", 5_000, "buy", 10, 11.5, 0.2, 11.5))

    found = compared(live, SIMULATED)

    assert found.components == {
        "fee": Decimal("-0.50"), "price": Decimal("-5.00"), "timing": Decimal("-10.00"), "quantity": Decimal("-18.50"),
        "missed": Decimal("101.00"), "extra": Decimal("4.80"),
    }  # fmt: skip
    # Live: 90 * 1.85 - 1.5 + 4.8 = 169.80; simulated: 100 * 2 - 1 - 101 = 98.
    assert found.profits == {"live": Decimal("169.80"), "simulated": Decimal("98.00")}
    assert found.gap == Decimal("71.80") == sum(found.components.values())


def test_two_opposite_errors_do_not_cancel():
    """A total of nothing made of a price too good and a fee too high fails."""
    live = log(("a", 0, "buy", 100, 9.98, 3.0, 10.0), ("b", 600, "sell", 100, 11.0, 1.0, 11.0))

    found = compared(live, SIMULATED)

    assert found.gap == 0
    assert found.over == ["fee", "price"]
    assert not found.passed


def test_fills_of_one_order_are_one_order():
    parts = log(
        ("a", 0, "buy", 60, 10.0, 0.6, 10.0),
        ("a", 1, "buy", 40, 10.0, 0.4, 10.0),
        ("b", 600, "sell", 100, 11.0, 1.0, 11.0),
    )

    found = compared(parts, SIMULATED)

    assert found.gap == 0
    assert len(found.orders) == 2


def test_orders_without_a_common_id_are_matched_by_time():
    renamed = SIMULATED.assign(order_id=["x", "y"])

    assert compared(renamed, SIMULATED).gap == 0
    late = compared(renamed.assign(ts=renamed["ts"] + pd.Timedelta("3D")), SIMULATED)
    assert (late.orders["live_id"] == "").sum() == 2  # missed
    assert (late.orders["simulated_id"] == "").sum() == 2  # extra
    assert compared(
        renamed.assign(ts=renamed["ts"] + pd.Timedelta("3D")), SIMULATED, within=pd.Timedelta("4D")
    ).gap == 0  # fmt: skip


def test_a_log_without_market_prices_has_all_of_the_difference_as_price():
    live = SIMULATED.assign(price=[10.1, 11.0]).drop(columns="quoted_price")

    found = compared(live, SIMULATED)

    assert (found.components["price"], found.components["timing"]) == (Decimal("-10.00"), Decimal("0.00"))


orders = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"), st.integers(0, 5_000), st.sampled_from(["buy", "sell"]), st.integers(1, 500),
        st.integers(100, 2_000).map(lambda cents: cents / 100), st.integers(0, 500).map(lambda cents: cents / 100),
        st.integers(100, 2_000).map(lambda cents: cents / 100),
    ),
    min_size=1, max_size=8, unique_by=lambda row: row[0],
)  # fmt: skip


@settings(max_examples=150)
@given(orders, orders, st.integers(1, 5_000), st.booleans())
def test_the_parts_add_up_to_the_gap_to_the_cent(live, simulated, mark, quoted):
    left, right = log(*live), log(*simulated)
    if not quoted:
        left = left.drop(columns="quoted_price")

    found = compared(left, right, {"AAA": mark / 100})

    assert sum(found.components.values()) == found.gap == found.profits["live"] - found.profits["simulated"]
    assert all(amount == amount.quantize(Decimal("0.01")) for amount in found.components.values())
    # The other way round it is the same gap with the other sign.
    assert compared(right, left, {"AAA": mark / 100}).gap == -found.gap
    exact = found.orders[list(COMPONENTS)].sum().sum()
    assert abs(exact - float(found.gap)) <= 0.011


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.drop(columns="price"), "lacks the column 'price'; an execution log has ts, symbol"),
        (lambda f: f.assign(ts="2024-01-02 15:00"), "ts must be instants with a time zone"),
        (lambda f: f.assign(side="long"), "row 0: side must be buy or sell, not 'long'"),
        (lambda f: f.assign(quantity=-5), "quantity and price must be above zero"),
        (lambda f: f.assign(price=float("nan")), "price must be a finite number, not nan"),
        (lambda f: f.assign(commission="free"), "commission must be a number, not 'free'"),
        (lambda f: f.assign(order_id="a"), "order a has fills of several symbols or sides"),
    ],
)
def test_a_log_that_is_none_is_refused(spoil, words):
    with pytest.raises(DataError, match=words):
        orders_of(spoil(SIMULATED), "live.csv")


def test_an_empty_log_proves_nothing():
    with pytest.raises(MissingData, match="holds no fill"):
        orders_of(SIMULATED.iloc[:0], "live.csv")
    with pytest.raises(MissingData, match="there is nothing to calibrate from"):
        calibrated(SIMULATED.iloc[:0])


def test_budgets_and_marks_are_checked():
    with pytest.raises(ConfigError, match="no part 'fees' of the gap; the parts are fee, price"):
        compared(SIMULATED, SIMULATED, budgets={"fees": 1.0})
    with pytest.raises(ConfigError, match="budget fee must be a number of at least 0, not nan"):
        compared(SIMULATED, SIMULATED, budgets={"fee": float("nan")})
    with pytest.raises(MissingData, match="AAA was traded and has no price at the end"):
        compared(SIMULATED, SIMULATED, {"BBB": 1.0})
    assert set(BUDGETS) == set(COMPONENTS)


def a_live_side(simulated, rng, *, commission_bp, slippage_bp, impact_bp, latency_ms):
    """The same orders at a venue of other parameters, which nobody tells the fit."""
    fills = simulated.copy()
    volume = rng.integers(5_000, 500_000, len(fills)).astype(float)
    sign = np.where(fills["side"] == "buy", 1, -1)
    market = fills["quoted_price"] * np.exp(rng.normal(0, 2e-4, len(fills)))
    units = rng.integers(10, 2_000, len(fills))
    paid = slippage_bp + impact_bp * np.sqrt(units / volume) + rng.normal(0, 1.0, len(fills))
    fills["quantity"], fills["bar_volume"] = units, volume
    fills["quoted_price"], fills["price"] = market, market * (1 + sign * paid / 1e4)
    fills["commission"] = fills["price"] * units * commission_bp / 1e4
    fills["decided_ts"] = fills["ts"]
    wait = rng.lognormal(np.log(latency_ms), 0.5, len(fills))
    fills["ts"] = fills["ts"] + pd.to_timedelta(wait, unit="ms")
    return fills


@pytest.fixture(scope="module")
def simulation():
    bars = random_walk(21, 2_500)
    return backtest(bars, lambda: SmaCross(quantity=100, fast=2, slow=5), cash=1e6, costs=Costs(1.0, 1.0))


def test_the_parameters_of_an_unknown_venue_are_found(simulation):
    true = {"commission_bp": 1.7, "slippage_bp": 2.4, "impact_bp": 30.0}
    inside = dict.fromkeys(true, 0)
    for seed in range(20):
        live = a_live_side(simulation.fills, np.random.default_rng(seed), latency_ms=40.0, **true)
        found = {estimate.name: estimate for estimate in calibrated(live)}
        for name, value in true.items():
            slack = 1e-9 if name == "commission_bp" else 0.0
            inside[name] += found[name].low - slack <= value <= found[name].high + slack
        assert found["latency_ms"].low < 40 * np.exp(0.125) < found["latency_ms"].high * 1.05
    # Of twenty intervals of 95 % nineteen hold the truth; fewer than fifteen would be chance of one in ten thousand.
    assert all(count >= 15 for count in inside.values()), inside


def test_what_the_log_cannot_tell_is_not_guessed(simulation):
    bare = simulation.fills.drop(columns=["quoted_price", "decided_ts"])
    found = {estimate.name: estimate for estimate in calibrated(bare)}

    assert found["commission_bp"].identified
    assert found["slippage_bp"].why_not == "the log has no quoted_price"
    assert found["latency_ms"].why_not == "the log has no decided_ts and ts"
    same = simulation.fills.assign(bar_volume=1e5)
    impact = next(estimate for estimate in calibrated(same) if estimate.name == "impact_bp")
    assert "cannot tell impact from a fixed cost" in impact.why_not
    few = {estimate.name: estimate for estimate in calibrated(simulation.fills.head(5))}
    assert few["slippage_bp"].why_not == "5 fills, at least 30 are needed"
    assert np.isnan(few["slippage_bp"].value)


def long_queues(seed, n=6_000):
    """What others do at a touch that seldom moves: they join and leave by the hundred, and trade."""
    random = np.random.default_rng(seed)
    shown, middle = {"buy": 300, "sell": 300}, 100
    moves = [levels(0, ("buy", 99, 300), ("sell", 101, 300))]
    for at in range(1, n):
        side = "buy" if random.random() < 0.5 else "sell"
        price = middle + (-1 if side == "buy" else 1)
        if random.random() < 0.25:
            size = int(random.integers(1, 60))
            moves.append(print_(at, price, size, "sell" if side == "buy" else "buy"))
            shown[side] = max(0, shown[side] - size)
        if shown[side] < 20 or random.random() < 0.002:
            up = 1 if side == "sell" else -1
            gone = [("buy", middle - 1, 0), ("sell", middle + 1, 0)]
            middle += up
            shown = {"buy": 300, "sell": 300}
            moves.append(levels(at, *gone, ("buy", middle - 1, 300), ("sell", middle + 1, 300)))
            continue
        shown[side] = max(1, shown[side] + int(random.integers(-60, 62)))
        moves.append(levels(at, (side, price, shown[side])))
    return moves


def a_log(moves, cancels_ahead, seed=0):
    terms = Terms(UNIT, UNIT, cash=10**6 * MONEY)
    ways = Ways(Latency(300, 0.2), Latency(700, 0.3), Latency(500, 0.2), seed)
    maker = TouchMaker(size=5, most=100)
    return replay(moves, maker, terms, ways=ways, cancels_ahead=cancels_ahead).fills


def the_queue(log, **more):
    return next(one for one in calibrated(log, **more) if one.name == "cancels_ahead")


def test_a_queue_that_the_fit_does_not_know_is_read_from_fills_and_the_market():
    inside = 0
    for seed in range(12):
        true = float(np.random.default_rng(100 + seed).uniform(0, 1))
        moves = long_queues(seed)
        found = the_queue(a_log(moves, true, seed), moves=moves, lot=UNIT)
        assert found.identified, found.why_not
        assert found.high - found.low < 0.25
        assert abs(found.value - true) < 0.1
        inside += found.low - 0.01 <= true <= found.high + 0.01
    assert inside >= 10


def test_a_queue_that_cannot_be_told_is_not_guessed():
    moves = long_queues(1)
    log = a_log(moves, 0.5)

    assert "name the recording" in the_queue(log).why_not
    assert the_queue(log.drop(columns="arrived_ts"), moves=moves).why_not == "the log has no arrived_ts"
    assert "at least 30 are needed" in the_queue(log.head(20), moves=moves, lot=UNIT).why_not
    # Where nobody takes anything back, any queue fills the same.
    still = [move for number, move in enumerate(moves) if number == 0 or move.aggressor is not None]
    assert "0 fills that a queue could have moved" in the_queue(a_log(still, 0.5), moves=still, lot=UNIT).why_not
    # Fills of another market are explained by no queue.
    assert "the queue is another" in the_queue(log, moves=long_queues(2), lot=UNIT).why_not


def test_fees_and_latencies_of_a_book_are_found_and_go_into_a_venue(tmp_path):
    terms = Terms(UNIT, UNIT, -FEE, 5 * FEE, cash=10**6 * MONEY)
    ways = Ways(Latency(500), Latency(1_500, 0.3), Latency(800, 0.2), 5)
    logs = [
        replay(busy(seed, 300), Wild(seed=seed), terms, ways=ways).fills for seed in range(1, 14)
    ]  # fmt: skip
    log = pd.concat(logs, ignore_index=True)
    assert len(log) > 150

    found = {estimate.name: estimate for estimate in calibrated(log)}

    assert found["maker_bp"].value == pytest.approx(-1.0)
    assert found["taker_bp"].value == pytest.approx(5.0)
    # Fills are not drawn at random from orders, and what queues behind a slow order is slow too: near is enough.
    for name, true, slack in (("order_us", 1_500, 0.25), ("order_deviation", 0.3, 0.25), ("answer_us", 800, 0.2)):
        assert found[name].value == pytest.approx(true, rel=slack), name
        assert found[name].low <= found[name].value <= found[name].high
    made = venue_of(calibrated(log), "d", "s", date(2024, 1, 2))
    assert set(made) == {"description", "source", "as_of", "book"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(made))
    assert load_book(tmp_path / "mine.yaml")[0] == {key: round(found[key].value, 4) for key in made["book"]}
    load_venue(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("commission: {bp: 1}", "has no book; it takes maker_bp"),
        ("book: {order_ms: 1}", "unknown key 'order_ms' of book"),
        ("book: {order_us: -1}", "book: order_us must lie between 0 and 6e"),
        ("book: {taker_bp: .nan}", "book: taker_bp must lie between -100 and 100, not nan"),
    ],
)
def test_a_book_that_makes_no_sense_is_refused(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(text)

    with pytest.raises(ConfigError, match=words):
        load_book(tmp_path / "mine.yaml")


def test_clocks_that_disagree_are_refused(simulation):
    live = simulation.fills.assign(decided_ts=simulation.fills["ts"] + pd.Timedelta("1s"))

    with pytest.raises(DataError, match="a fill is earlier than its decision"):
        calibrated(live)


def test_the_page_shows_parts_orders_venue_and_sign_off(simulation, tmp_path):
    live = a_live_side(
        simulation.fills, np.random.default_rng(1), commission_bp=1.0, slippage_bp=1.0, impact_bp=5.0, latency_ms=10.0
    )
    found = validate(orders_of(live, "live"), orders_of(simulation.fills, "simulated"), simulation.summary["marks"])

    page = write_validation(
        found, calibrated(live.drop(columns="decided_ts")), tmp_path / "validation", {"trial": "<abc>"}
    )

    text = page.read_text()
    assert text.count("<svg") == 2
    for words in ("Where the gap comes from", "Sign-off", "impact_bp", "cannot be told", "&lt;abc&gt;"):
        assert words in text
    verdict = json.loads((tmp_path / "validation" / "verdict.json").read_text())
    assert verdict["orders"]["matched"] == len(found.orders)
    total = sum(Decimal(part["amount"]) for part in verdict["components"].values())
    assert total == Decimal(verdict["gap"])
