"""Steps of price and quantity by date, least orders, halts: by hand, by property, through engine and checker."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.test_venue import Hold
from tests.property.generators import bars_of, random_walk
from tradepulse.backtest import compiled
from tradepulse.backtest.engine import backtest
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.grid import Grid, Rate, Steps
from tradepulse.backtest.venue import Liquidity, Slippage, Venue, load_venue
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.errors import ConfigError, DataError
from tradepulse.quality.fills import fills_could_happen

EVER = date(1990, 1, 1)


def venue(*steps, shut=(), rate=None, **parts):
    return Venue(0.0, 0.0, label="v", grid=Grid(tuple(steps), tuple(shut), rate), **parts)


def run(bars, costs, quantity=100, **params):
    return backtest(bars, lambda: Hold(quantity=quantity, **params), cash=1e6, costs=costs)


def broken(result, bars, costs):
    found = fills_could_happen(
        result.fills, bars, result.equity, cash=1e6, participation=costs.depth.participation,
        grid=[(s.since, s.tick, s.lot, s.minimum_notional) for s in costs.grid.steps], shut=costs.grid.shut,
        rate=costs.grid.rate and (costs.grid.rate.orders, costs.grid.rate.seconds),
    )  # fmt: skip
    return {check.name: check.detail for check in found if check.failing}


def test_prices_step_against_us_and_the_step_has_its_day():
    """Until 2001-04-08 US stocks stepped by sixteenths, then by cents."""
    sixteenths, cents = Steps(EVER, tick=0.0625), Steps(date(2001, 4, 9), tick=0.01)
    grid = Grid((sixteenths, cents))

    assert grid.on(date(2001, 4, 6)) == sixteenths
    assert grid.on(date(2001, 4, 9)) == cents
    assert [sixteenths.price(10.01, sign) for sign in (1, -1)] == [10.0625, 10.0]
    assert [cents.price(10.0101, sign) for sign in (1, -1)] == pytest.approx([10.02, 10.01])
    # What is on the grid stays there, whatever floats make of it.
    assert [cents.price(0.1 + 0.2, sign) for sign in (1, -1)] == pytest.approx([0.3, 0.3])
    with pytest.raises(DataError, match="no grid is known for 1989-12-29, it begins on 1990-01-01"):
        grid.on(date(1989, 12, 29))


def test_an_order_is_whole_lots_and_worth_enough_or_is_not_taken():
    steps = Steps(EVER, lot=30, minimum_notional=500)

    # 100 are three lots of 30; 40 at 20 are one lot worth 600; at 16 it is worth 480; 29 are no lot.
    assert [steps.refused(q, p) for q, p in ((100, 20.0), (40, 20.0), (40, 16.0), (29, 1e6))] == [10, 10, 40, 29]


def test_the_engine_trades_what_is_taken_and_counts_what_is_not():
    bars = bars_of([10.006] * 6)
    costs = venue(Steps(EVER, tick=0.01, lot=30), worse=Slippage(bp=1.0))

    result = run(bars, costs, leave=3)

    assert result.fills["quantity"].tolist() == [90, 90]
    assert result.fills["price"].tolist() == pytest.approx([10.01, 10.0])
    assert (result.summary["orders_refused"], result.summary["open_position"]) == (1, {})
    assert broken(result, bars, costs) == {}
    small = run(bars, venue(Steps(EVER, minimum_notional=1_001)), leave=3)
    assert small.fills.empty
    assert small.summary["orders_refused"] == 1


def test_what_is_left_of_an_order_is_no_new_one():
    """Of 100 a bar gives 40: the last 20 are worth less than the least order, and are part of one that is not."""
    bars = bars_of([10.0] * 6)
    costs = venue(Steps(EVER, minimum_notional=300), depth=Liquidity(participation=0.04))

    result = run(bars, costs)

    assert result.fills["quantity"].tolist() == [40, 40, 20]
    assert broken(result, bars, costs) == {}


def test_orders_wait_until_the_venue_opens():
    bars = bars_of([10.0, 11.0, 12.0, 13.0, 14.0, 15.0])
    opens = bars["ts"].dt.to_pydatetime()
    costs = venue(shut=[(opens[1] - timedelta(minutes=5), opens[2] + timedelta(minutes=1))])

    result = run(bars, costs)

    # Decided on bar 0; bars 1 and 2 open in the halt.
    assert result.fills["ts"].tolist() == [bars["ts"].iloc[3]]
    assert broken(result, bars, costs) == {}
    assert "in the first bar that had room for it" in broken(result, bars, venue(shut=[]))


def test_orders_beyond_the_rate_wait_for_the_next_bar():
    bars = pd.concat([bars_of([10.0] * 5).assign(symbol=name) for name in ("AAA", "BBB", "CCC")])
    bars = bars.sort_values(["ts", "symbol"], kind="stable").reset_index(drop=True)
    days, two = sorted(bars["ts"].unique()), venue(rate=Rate(2, 3600.0))

    class All(Hold):
        def handle_tick(self, bar, desk):
            desk.target(bar.symbol, self.quantity)

    result = backtest(bars, lambda: All(quantity=10), cash=1e6, costs=two)

    assert list(zip(result.fills["symbol"], result.fills["ts"], strict=True)) == [
        ("AAA", days[1]), ("BBB", days[1]), ("CCC", days[2])]  # fmt: skip
    assert broken(result, bars, two) == {}
    one = broken(result, bars, venue(rate=Rate(1, 3600.0)))
    assert list(one) == ["no more orders than the venue takes"]
    assert compiled.replay(bars, lambda: All(quantity=10), cash=1e6, costs=two) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 3), st.integers(1, 6))
def test_no_more_orders_go_out_than_the_venue_takes(seed, orders, days):
    bars, costs = random_walk(seed, 80), venue(rate=Rate(orders, days * 86_400.0))

    result = backtest(bars, lambda: SmaCross(quantity=25, fast=1, slow=2), cash=1e6, costs=costs)

    assert broken(result, bars, costs) == {}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**16), st.sampled_from([0.01, 0.25, 1.0]), st.integers(1, 9), st.floats(0, 3_000),
    st.sampled_from([1.0, 0.02]), st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=3),
)  # fmt: skip
def test_what_the_engine_does_is_taken_by_the_venue(seed, tick, lot, least, participation, halts):
    bars = random_walk(seed, 70)
    opens = bars["ts"].dt.to_pydatetime()
    costs = venue(
        Steps(EVER, tick, lot, least), shut=[(opens[a], opens[min(a + n, 69)]) for a, n in halts if a < 69],
        depth=Liquidity(participation), worse=Slippage(bp=3.0),
    )  # fmt: skip

    result = backtest(bars, lambda: SmaCross(quantity=25, fast=2, slow=5), cash=1e6, costs=costs)

    assert broken(result, bars, costs) == {}
    assert compiled.replay(bars, lambda: SmaCross(quantity=25, fast=2, slow=5), cash=1e6, costs=costs) is None


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda fills: fills.assign(price=fills["price"] + 0.003), "a price and a quantity that the venue takes"),
        (lambda fills: fills.assign(quantity=fills["quantity"] + 1), "a price and a quantity that the venue takes"),
        (lambda fills: fills.assign(quantity=30), "a price and a quantity that the venue takes"),
        (lambda fills: fills.assign(ts=fills["ts"].iloc[0] - pd.Timedelta(days=1)), "while the venue was open"),
    ],
)
def test_a_fill_that_the_venue_would_not_take_is_refused(spoil, rule):
    bars = bars_of([10.0] * 8)
    first = bars["ts"].iloc[1].to_pydatetime()
    costs = venue(Steps(EVER, tick=0.01, lot=30, minimum_notional=400), shut=[(first, first + timedelta(hours=1))])
    result = run(bars, costs)
    assert result.fills["ts"].iloc[0] > bars["ts"].iloc[1]
    assert broken(result, bars, costs) == {}

    fills = spoil(result.fills)
    if rule == "while the venue was open":
        fills = result.fills.assign(ts=bars["ts"].iloc[1])
    result.fills = fills

    assert rule in broken(result, bars, costs)


def test_a_venue_says_it_in_its_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "grid: [{since: 2001-04-09, tick: 0.01}, {since: 2007-01-01, tick: 0.01, lot: 100, minimum_notional: 5}]\n"
        "shut: [{begin: 2020-03-09T13:34:13Z, end: 2020-03-09T13:49:13Z}]\n"
    )

    found = load_venue(str(path))

    assert found.grid.steps == (Steps(date(2001, 4, 9), 0.01), Steps(date(2007, 1, 1), 0.01, 100, 5))
    assert found.grid.shut == (
        (datetime(2020, 3, 9, 13, 34, 13, tzinfo=UTC), datetime(2020, 3, 9, 13, 49, 13, tzinfo=UTC)),
    )
    assert found.id != Venue(0.0, 0.0, label="mine").id
    assert Costs().refused(5, 1.0, EVER) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grid: 5", "grid is a list of mappings"),
        ("grid: [{tick: 0.01}]", "since is a day, as 2024-06-01, not None"),
        ("grid: [{since: 2001-04-09, tik: 1}]", r"unknown keys \['tik'\] of grid"),
        ("grid: [{since: 2001-04-09, tick: -1}]", "tick must lie between 0 and 1e\\+09, not -1"),
        ("grid: [{since: 2001-04-09, tick: .nan}]", "tick must lie between"),
        ("grid: [{since: 2001-04-09, lot: 0}]", "lot must be a whole number of at least 1, not 0"),
        ("grid: [{since: 2002-01-01}, {since: 2001-01-01}]", "its days must rise"),
        ("shut: [{begin: 2020-03-09}]", "shut: has begin and end, not begin"),
        ("shut: [{begin: noon, end: later}]", "'noon' is no time"),
        ("shut: [{begin: 2020-03-09T13:49:13Z, end: 2020-03-09T13:34:13Z}]", "is not before"),
    ],
)
def test_rules_that_are_none_are_refused(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(text)

    with pytest.raises(ConfigError, match=words):
        load_venue(str(tmp_path / "mine.yaml"))
