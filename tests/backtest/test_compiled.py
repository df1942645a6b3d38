"""Two engines, one meaning: whatever is drawn, their tapes are equal to the last bit."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.property.generators import bars_of, price_bars, random_walk
from tradepulse.backtest import compiled, engine
from tradepulse.backtest.feed import Feed
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.terms import Terms, holding_of
from tradepulse.backtest.venue import Commission, Impact, Liquidity, Slippage, Venue
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.donchian import Donchian
from tradepulse.core.strategies.momentum_rank import MomentumRank
from tradepulse.core.strategies.sma_cross import SmaCross

_BP = st.floats(0, 40)


def scripted(seed, quantity, hold=0.4):
    """Return a strategy that asks for drawn targets, short ones too, and is quiet on some bars."""

    class Scripted(Strategy):
        name, version, params, warmup = "scripted", "1", {}, 1

        def initialize(self):
            self.random = np.random.default_rng(seed)

        def handle_tick(self, bar, desk):
            draw = int(self.random.integers(-quantity, quantity + 1))
            if self.random.random() > hold:
                desk.target(bar.symbol, draw)

    return lambda: Scripted(quantity=1)


@st.composite
def venues(draw):
    """Draw plain costs, or a venue with every friction that it may have."""
    if draw(st.booleans()):
        return Costs(draw(_BP), draw(_BP))
    fees = Commission(
        bp=draw(_BP), per_share=draw(st.floats(0, 0.05)), minimum=draw(st.floats(0, 5)),
        maximum_bp=draw(st.floats(1, 200)),
        tiers=draw(st.sampled_from([(), ((0.0, 9.0), (5e3, 4.0), (2e4, 1.5))])),
        sec_section_31=draw(st.booleans()), trading_activity_fee=draw(st.booleans()),
    )  # fmt: skip
    worse = Slippage(bp=draw(_BP), half_spread_bp=draw(_BP), impact_bp=draw(st.floats(0, 300)))
    depth = Liquidity(participation=draw(st.floats(0.01, 1)), lot=draw(st.sampled_from([1, 1, 5])))
    impact = Impact(draw(_BP), draw(_BP), draw(st.sampled_from([0.0, 86_400.0, 1e6])))
    return Venue(draw(_BP), draw(_BP), label="drawn", fees=fees, worse=worse, depth=depth, impact=impact)


@st.composite
def terms_of(draw):
    leverage = draw(st.sampled_from([0.0, 1.0, 2.0]))
    return Terms(
        stop_bp=draw(st.sampled_from([0.0, 50.0, 400.0])), take_bp=draw(st.sampled_from([0.0, 80.0, 600.0])),
        path=draw(st.sampled_from(["worst", "best"])), leverage=leverage,
        reserve_bp=draw(st.sampled_from([0.0, 50.0])),
        maintenance=draw(st.sampled_from([0.0, 0.25])), short=draw(st.booleans()),
        short_available=draw(st.sampled_from([2**62, 20])), borrow_bp=draw(st.sampled_from([0.0, 300.0])),
        debit_bp=draw(st.sampled_from([0.0, 700.0])), credit_bp=draw(st.sampled_from([0.0, 200.0])),
    )  # fmt: skip


@st.composite
def events_of(draw, bars):
    """Draw what may happen to a holding: splits, dividends, funding, a recall, the end of a listing."""
    if draw(st.booleans()):
        return {}
    days, symbols = bars["session"].unique(), bars["symbol"].unique()
    when = st.sampled_from(list(days))
    symbol = st.sampled_from(list(symbols))

    def table(**columns):
        rows = draw(st.lists(st.fixed_dictionaries(columns), min_size=0, max_size=3))
        return pd.DataFrame(rows, columns=list(columns)) if rows else None

    actions = table(symbol=symbol, ex_date=when, action=st.sampled_from(["split", "cash_dividend"]))
    if actions is not None:
        actions["ratio"] = draw(st.sampled_from([2.0, 3.0, 0.1, 1.5]))
        actions["amount"] = draw(st.floats(0.01, 2))
    funding = table(symbol=symbol, ts=when, rate=st.floats(-0.01, 0.01))
    if funding is not None:
        funding["ts"] = funding["ts"].dt.tz_localize("UTC") + pd.Timedelta(hours=8)
    return {
        "actions": actions, "funding": funding,
        "recalls": table(symbol=symbol, session=when, available=st.integers(0, 15)),
        "delistings": table(symbol=symbol, session=when, price=st.floats(0, 50)),
    }  # fmt: skip


def tapes(bars, make, **options):
    """Return what both engines make of one run."""
    slow, fast = engine.backtest(bars, make, **options), compiled.replay(bars, make, **options)
    assert fast is not None
    return slow, fast


def same(slow, fast):
    for name in ("fills", "trades", "equity", "flows"):
        pd.testing.assert_frame_equal(getattr(slow, name), getattr(fast, name), check_exact=True)
    assert slow.summary == fast.summary


@settings(max_examples=150, phases=(Phase.generate,))
@given(st.data())
def test_both_engines_do_the_same_whatever_is_drawn(data):
    first = data.draw(price_bars(min_size=3, max_size=40))
    bars = first
    if data.draw(st.booleans()):
        other = data.draw(price_bars(min_size=3, max_size=40)).assign(symbol="BBB")
        bars = pd.concat([first, other]).sort_values("ts", kind="stable").reset_index(drop=True)
    later = pd.Timedelta(days=2_000)  # to where the regulators' fees are known
    bars = bars.assign(
        volume=data.draw(st.sampled_from([0.0, 60.0, 5_000.0])), ts=bars["ts"] + later, session=bars["session"] + later
    )
    feed, terms = Feed(bars), data.draw(terms_of())
    held = holding_of(feed, terms, **data.draw(events_of(bars)))
    make = data.draw(
        st.sampled_from(
            [lambda: SmaCross(quantity=30, fast=2, slow=3), lambda: Donchian(quantity=30, entry=2, exit=2),
             lambda: MomentumRank(quantity=30, lookback=3, skip=1, every=2), scripted(7, 50), scripted(8, 50, 0.0)]
        )
    )  # fmt: skip

    same(*tapes(
        feed, make, cash=data.draw(st.sampled_from([800.0, 1e5])), costs=data.draw(venues()), terms=terms, holding=held,
        fill=data.draw(st.sampled_from(["next_open", "same_close"])),
    ))  # fmt: skip


def test_the_test_above_meets_every_reason_and_every_flow():
    # What a property test never drew, it has not proven.
    seen_reasons, seen_flows, unclear, cut = set(), set(), 0, 0
    for seed in range(40):
        bars = random_walk(seed, 120, deviation=0.04)
        feed = Feed(bars)
        near = 150 if seed % 2 else 0  # a stop so near is always before the margin call
        terms = Terms(stop_bp=near, take_bp=near, leverage=2.0, maintenance=0.49, borrow_bp=300, debit_bp=700,
                      credit_bp=200)  # fmt: skip
        days = bars["session"]
        actions = pd.DataFrame({"symbol": "AAA", "ex_date": [days[30], days[40]], "action": ["split", "cash_dividend"],
                                "ratio": [1.5, np.nan], "amount": [np.nan, 0.5]})  # fmt: skip
        funding = pd.DataFrame({"symbol": "AAA", "ts": [days[50].tz_localize("UTC")], "rate": [0.001]})
        recalls = pd.DataFrame({"symbol": "AAA", "session": [days[60]], "available": [0]})
        ends = pd.DataFrame({"symbol": "AAA", "session": [days[118]], "price": [77.0]})
        held = holding_of(feed, terms, actions=actions, funding=funding, recalls=recalls, delistings=ends)
        slow, fast = tapes(feed, scripted(seed, 40, 0.2), cash=1_500.0, terms=terms, holding=held)
        same(slow, fast)
        looks = tapes(feed, scripted(seed, 40), cash=1_500.0, fill="same_close")
        same(*looks)
        seen_reasons |= set(slow.fills["reason"]) | set(looks[0].fills["reason"])
        seen_flows |= set(slow.flows["kind"])
        unclear, cut = unclear + slow.summary["bars_of_unclear_order"], cut + slow.summary["orders_cut"]

    assert seen_reasons == {"target", "target (looks ahead)", "stop", "take profit", "margin call", "borrow recalled",
                            "delisted"}  # fmt: skip
    assert seen_flows == {"dividend", "borrow fee", "funding", "cash in lieu", "debit interest", "credit interest"}
    assert unclear
    assert cut


def test_a_strategy_that_looks_at_what_it_holds_is_left_to_the_event_engine():
    class Looks(Strategy):
        name, version, params, warmup = "looks", "1", {}, 1

        def handle_tick(self, bar, desk):
            desk.target(bar.symbol, desk.position(bar.symbol) + 1)

    bars = bars_of([10.0, 11.0, 12.0])

    assert compiled.replay(bars, lambda: Looks(quantity=1), cash=1e3) is None
    assert len(engine.backtest(bars, lambda: Looks(quantity=1), cash=1e3).fills) == 2


def test_costs_of_another_kind_are_left_to_the_event_engine():
    class Odd(Costs):
        name = "odd"

    assert compiled.replay(bars_of([10.0] * 4), scripted(1, 5), cash=1e3, costs=Odd()) is None


@pytest.mark.parametrize(
    "make", [lambda: SmaCross(quantity=5, fast=3, slow=8), lambda: Donchian(quantity=5, entry=7, exit=3)]
)
def test_decisions_in_one_go_are_those_bar_by_bar(make):
    from tradepulse.core.strategies.paths import decisions

    for seed in range(20):
        feed = Feed(random_walk(seed, 200))
        whole = make().decisions(feed.columns)
        one_by_one = decisions(lambda feed=feed: feed.groups, make, None)
        assert whole.tolist() == one_by_one.tolist()


class Asking(SmaCross):
    """Looks at what it holds, which is what it asked for whatever was split; so only the event engine can run it."""

    def handle_tick(self, bar, desk):
        before = desk.position(bar.symbol)
        super().handle_tick(bar, desk)
        assert before in (0, self.quantity), before


@settings(max_examples=60)
@given(st.integers(0, 2**16), st.lists(st.tuples(st.integers(5, 75), st.sampled_from([2.0, 3.0, 10.0])), max_size=3),
       st.sampled_from([SmaCross, Asking]))  # fmt: skip
def test_a_split_is_no_move_of_the_market(seed, splits, made):
    """Bars whose units were split, and the splits beside them, give what the bars had given without."""
    whole = random_walk(seed, 80)
    units = np.ones(80)
    for row, ratio in splits:
        units[row:] *= ratio
    raw = whole.assign(**{name: whole[name] / units for name in ("open", "high", "low", "close")},
                       volume=whole["volume"] * units)  # fmt: skip
    days = pd.DataFrame(
        [(raw["symbol"].iloc[0], raw["session"].iloc[row], "split", ratio, np.nan) for row, ratio in splits],
        columns=["symbol", "ex_date", "action", "ratio", "amount"],
    )
    run = partial(engine.backtest, strategy=lambda: made(quantity=10, fast=2, slow=5), cash=1e5, costs=Costs(1.0, 2.0))

    one = run(whole)
    other = run(raw, holding=holding_of(Feed(raw), Terms(), actions=days))

    assert other.fills["ts"].tolist() == one.fills["ts"].tolist()
    grown = dict(zip(raw["ts"], units, strict=True))
    assert other.fills["quantity"].tolist() == [q * grown[ts] for q, ts in zip(one.fills["quantity"], one.fills["ts"],
                                                                               strict=True)]  # fmt: skip
    np.testing.assert_allclose(other.equity["equity"], one.equity["equity"], rtol=1e-12)


def test_a_sharpe_ratio_of_returns_that_are_all_about_the_same_is_not_rounding():
    wiggle = np.where(np.arange(400) % 2, 1e-9, -1e-9)
    equity = 1e6 * np.cumprod(np.concatenate([[1.0], 1.01 + wiggle]))
    returns = equity[1:] / equity[:-1] - 1

    _, ratio = compiled._figures(np.zeros(len(equity)), equity)

    assert ratio == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-9)
