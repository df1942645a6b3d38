"""The checker accepts what the engine does and refuses every way of filling too well that is planted here."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.generators import random_walk
from tradepulse.backtest.engine import backtest
from tradepulse.backtest.feed import Feed
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.terms import Terms, holding_of
from tradepulse.backtest.venue import Commission, Liquidity, Slippage, Venue
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.donchian import Donchian
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.quality.fills import fills_could_happen

HOW = {"cash": 1e5, "least_commission_bp": 2.0, "least_slippage_bp": 3.0}


def honest(seed=51, costs=None):
    bars = random_walk(seed, 240)
    result = backtest(bars, lambda: SmaCross(quantity=100, fast=2, slow=6), cash=1e5, costs=costs or Costs(2.0, 3.0))
    return bars, result.fills.copy(), result.equity.copy()


def refused(bars, fills, equity, **how):
    return [check.name for check in fills_could_happen(fills, bars, equity, **{**HOW, **how}) if check.failing]


def recounted(bars, fills, cash=1e5):
    """The equity that an engine which believes its own fills would report."""
    rows, held, balance = [], 0, cash
    by = fills.groupby("ts")
    for bar in bars.to_dict("records"):
        if bar["ts"] in by.groups:
            for fill in by.get_group(bar["ts"]).to_dict("records"):
                sign = 1 if fill["side"] == "buy" else -1
                held += sign * int(fill["quantity"])
                balance -= sign * fill["quantity"] * fill["price"] + fill["commission"]
        rows.append((bar["ts"], balance, held * bar["close"], balance + held * bar["close"]))
    return pd.DataFrame(rows, columns=["ts", "cash", "position_value", "equity"])


def bar_of(bars, fills, column, ahead=0):
    place = bars["ts"].searchsorted(fills["ts"]) + ahead
    return bars[column].to_numpy()[np.clip(place, 0, len(bars) - 1)]


SIGN = {"buy": 1, "sell": -1}


def sign_of(fills):
    return fills["side"].map(SIGN).to_numpy()


def priced(fills, quoted):
    """Fills at another market price, costs and evidence kept in step."""
    price = quoted * (1 + sign_of(fills) * 3e-4)
    return fills.assign(quoted_price=quoted, price=price, commission=fills["quantity"] * price * 2e-4)


def extremes(bars, fills):
    return np.where(sign_of(fills) > 0, bar_of(bars, fills, "low"), bar_of(bars, fills, "high"))


def only(fills, rows, **changes):
    changed = fills.copy()
    for column, value in changes.items():
        changed.loc[rows, column] = value
    return changed


#: Ways to fill too well: from bars and fills to the fills that such an engine would report.
BUGS = {
    "at the close that it was decided on": lambda b, f: priced(f, bar_of(b, f, "close", -1)),
    "at the close of the bar that it trades in": lambda b, f: priced(f, bar_of(b, f, "close")),
    "at the open of the bar after": lambda b, f: priced(f, bar_of(b, f, "open", 1)),
    "buys at the low and sells at the high": lambda b, f: priced(f, extremes(b, f)),
    "in the middle of the range": lambda b, f: priced(f, (bar_of(b, f, "high") + bar_of(b, f, "low")) / 2),
    "at the better of open and close": lambda b, f: priced(
        f, np.where(sign_of(f) > 0, np.minimum(bar_of(b, f, "open"), bar_of(b, f, "close")),
                    np.maximum(bar_of(b, f, "open"), bar_of(b, f, "close")))
    ),
    "without slippage": lambda b, f: f.assign(price=f["quoted_price"]),
    "with slippage in its favour": lambda b, f: f.assign(price=f["quoted_price"] * (1 - sign_of(f) * 3e-4)),
    "with slippage on purchases alone": lambda b, f: f.assign(
        price=f["price"].where(f["side"] == "buy", f["quoted_price"])
    ),
    "without commission": lambda b, f: f.assign(commission=0.0),
    "with commission by the unit, not the notional": lambda b, f: f.assign(commission=f["quantity"] * 2e-4),
    "with commission on one side": lambda b, f: f.assign(commission=f["commission"].where(f["side"] == "buy", 0.0)),
    "with a rebate": lambda b, f: f.assign(commission=-f["commission"]),
    "on the bar that it was decided on": lambda b, f: priced(
        f.assign(ts=f["decided_ts"]), bar_of(b, f, "open", -1)
    ),
    "decided when it was already filled": lambda b, f: f.assign(decided_ts=f["ts"]),
    "decided on a bar that there is not": lambda b, f: f.assign(decided_ts=f["decided_ts"] - pd.Timedelta("1h")),
    "when it suits, a bar or two later": lambda b, f: priced(
        only(f, [1], ts=b["ts"][b["ts"].searchsorted(f["ts"][1]) + 2]),
        bar_of(b, only(f, [1], ts=b["ts"][b["ts"].searchsorted(f["ts"][1]) + 2]), "open"),
    ),
    "at a time without a bar": lambda b, f: only(f, [0], ts=f["ts"][0] + pd.Timedelta("12h")),
    "more units than the bar has": lambda b, f: f.assign(quantity=5_000, commission=f["commission"] * 50),
    "the same volume to two orders": lambda b, f: pd.concat(
        [f.assign(quantity=600, commission=f["commission"] * 6),
         f.assign(quantity=600, commission=f["commission"] * 6, order_id=f["order_id"] + "x")]
    ).sort_values("ts", kind="stable", ignore_index=True),
    "half units": lambda b, f: f.assign(quantity=f["quantity"] + 0.5, commission=f["commission"] * 1.01),
    "an order that turns round": lambda b, f: f.assign(order_id="one"),
    "losing round trips forgotten": lambda b, f: f.drop(index=[2, 3]).reset_index(drop=True),
    "a price carried over from the close before": lambda b, f: f,
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_a_fill_that_is_too_good_is_refused(bug):
    bars, fills, equity = honest()
    wrong = BUGS[bug](bars, fills)
    if bug == "a price carried over from the close before":
        bars = bars.assign(open_is_stale=bars["ts"].isin(fills["ts"]))
    if bug == "losing round trips forgotten":
        # Its equity still holds what they made: the fills do not add up to it.
        assert refused(bars, wrong, equity)
        return

    # The engine that has the bug believes itself: its equity goes with its fills.
    assert refused(bars, wrong, recounted(bars, wrong))


def test_there_are_more_than_twenty():
    assert len(BUGS) > 20


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda e: e.assign(cash=e["cash"] + 1), "cash is what the fills leave"),
        (lambda e: e.assign(equity=e["equity"] * 1.001), "equity is cash and positions at the close"),
        (lambda e: e.iloc[:-1], "every bar time has its equity"),
    ],
)
def test_an_equity_that_the_fills_do_not_make_is_refused(spoil, rule):
    bars, fills, equity = honest()

    assert rule in refused(bars, fills, spoil(equity))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**20), st.booleans(), st.floats(0.01, 1.0))
def test_what_the_engine_does_is_accepted(seed, breakout, participation):
    bars = random_walk(seed, 150)
    make = (
        (lambda: Donchian(quantity=90, entry=5, exit=3))
        if breakout
        else (lambda: SmaCross(quantity=90, fast=2, slow=6))
    )
    venue = Venue(
        0.0, 0.0, label="v", fees=Commission(bp=2.0, minimum=0.5), worse=Slippage(half_spread_bp=3.0, impact_bp=20.0),
        depth=Liquidity(participation),
    )  # fmt: skip
    result = backtest(bars, make, cash=1e5, costs=venue)

    assert refused(bars, result.fills, result.equity, participation=participation) == []


def test_plain_costs_and_no_trades_are_accepted():
    bars, fills, equity = honest()
    assert refused(bars, fills, equity) == []
    nothing = fills_could_happen(fills.iloc[:0], bars, recounted(bars, fills.iloc[:0]), **HOW)
    assert [check.failing for check in nothing] == [0] * len(nothing)
    # Of no fills no rule about fills has been asked, and none says that it passed.
    assert [check.name for check in nothing if check.passed] == [
        "cash is what the fills leave", "equity is cash and positions at the close", "every bar time has its equity",
    ]  # fmt: skip


def test_fills_at_the_close_are_accepted_where_they_are_meant():
    bars = random_walk(3, 120)
    result = backtest(
        bars, lambda: SmaCross(quantity=100, fast=2, slow=6), cash=1e5, costs=Costs(2.0, 3.0), fill="same_close"
    )

    assert refused(bars, result.fills, result.equity, same_close=True) == []
    unasked = [
        c.name for c in fills_could_happen(result.fills, bars, result.equity, cash=1e5, same_close=True) if not c.seen
    ]
    assert "decided before its bar" in unasked
    assert refused(bars, result.fills, result.equity)


def with_terms(seed, **changes):
    """A run with stops, splits, dividends, funding and a borrow fee, short half of the time."""
    bars = random_walk(seed, 160, deviation=0.03)
    days = bars["session"]
    terms = Terms(**{"stop_bp": 200, "take_bp": 300, "borrow_bp": 400, **changes})
    events = {
        "actions": pd.DataFrame(
            {"symbol": "AAA", "ex_date": [days[40], days[60], days[90]], "action": ["split", "cash_dividend", "split"],
             "ratio": [3.0, np.nan, 0.5], "amount": [np.nan, 0.4, np.nan]}
        ),
        "funding": pd.DataFrame(
            {"symbol": "AAA", "ts": [days[n].tz_localize("UTC") for n in (30, 70)], "rate": [0.001, -0.002]}
        ),
        "delistings": pd.DataFrame({"symbol": "AAA", "session": [days[155]], "price": [31.5]}),
    }  # fmt: skip
    feed = Feed(bars)
    costs = Venue(0, 0, label="t", fees=Commission(bp=2), worse=Slippage(bp=3), depth=Liquidity(participation=0.06))
    result = backtest(
        feed, turning(seed), cash=1e5, costs=costs, terms=terms, holding=holding_of(feed, terms, **events)
    )
    how = {"participation": 0.06, "stop_bp": 200, "take_bp": 300, "borrow_bp": 400, "flows": result.flows, **events}
    return bars, result, how


def turning(seed):
    class Turning(Strategy):
        name, version, params, warmup = "turning", "1", {}, 1

        def initialize(self):
            self.random = np.random.default_rng(seed)

        def handle_tick(self, bar, desk):
            if self.random.random() < 0.3:
                desk.target(bar.symbol, int(self.random.integers(-80, 81)))

    return lambda: Turning(quantity=1)


@pytest.mark.parametrize("seed", range(60, 85))
def test_what_the_engine_does_under_terms_is_accepted(seed):
    bars, result, how = with_terms(seed)

    assert refused(bars, result.fills, result.equity, **how) == []
    assert {"stop", "take profit"} & set(result.fills["reason"])


TERM_BUGS = {
    "a stop that is filled at a better price": lambda f: f.assign(
        quoted_price=f["quoted_price"].where(f["reason"] != "stop", f["quoted_price"] * 1.01)
    ),
    "stops that are left out": lambda f: f[f["reason"] != "stop"].reset_index(drop=True),
    "a target that was touched by nothing": lambda f: f.assign(
        quoted_price=f["quoted_price"].where(f["reason"] != "take profit", f["quoted_price"] * 1.2)
    ),
}


@pytest.mark.parametrize("bug", TERM_BUGS)
def test_an_exit_that_is_too_good_is_refused(bug):
    bars, result, how = with_terms(61)
    spoiled = TERM_BUGS[bug](result.fills)

    assert not spoiled.equals(result.fills)
    assert refused(bars, spoiled, result.equity, **how)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f[f["kind"] != "borrow fee"],
        lambda f: f.assign(amount=f["amount"].abs()),
        lambda f: f[f["kind"] != "dividend"],
        lambda f: f.assign(amount=f["amount"] * 0.5),
    ],
)
def test_a_holding_that_costs_too_little_is_refused(spoil):
    bars, result, how = with_terms(72)
    assert set(result.flows["kind"]) >= {"dividend", "borrow fee", "funding"}

    names = refused(bars, result.fills, result.equity, **{**how, "flows": spoil(result.flows)})

    assert "holding costs and brings what it should" in names


def test_what_the_account_closes_may_be_decided_on_another_symbol_s_bar():
    one = random_walk(5, 60, deviation=0.05)
    other = random_walk(6, 60, deviation=0.05).assign(symbol="BBB")
    bars = pd.concat([one, other.iloc[::3]]).sort_values("ts", kind="stable").reset_index(drop=True)
    terms = Terms(leverage=2.0, maintenance=0.48)
    result = backtest(bars, turning(4), cash=2_000.0, costs=Costs(2.0, 3.0), terms=terms)

    assert "margin call" in set(result.fills["reason"])
    assert refused(bars, result.fills, result.equity, cash=2_000.0) == []
    early = result.fills.assign(
        decided_ts=result.fills["decided_ts"].where(result.fills["reason"] != "margin call", result.fills["ts"])
    )
    assert "decided before its bar" in refused(bars, early, result.equity, cash=2_000.0)
