"""The event engine by hand arithmetic, and the promises that must hold on any bars."""

import subprocess
import sys
from functools import partial
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.generators import bars_of, price_bars, random_walk
from tradepulse.backtest.engine import backtest
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.result import bars_per_year, round_trips
from tradepulse.backtest.terms import Terms
from tradepulse.backtest.venue import Liquidity, Slippage, Venue
from tradepulse.core.orders import client_order_id
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.paths import target_path
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.errors import ConfigError, InvalidTable, UnusableOpens
from tradepulse.quality.fills import fills_could_happen


class Script(Strategy):
    """Asks for the targets that it was written with, bar by bar; None asks for nothing."""

    name, version, params = "script", "1", {}
    targets: list = []
    warmup = 0

    def initialize(self):
        self.left = list(self.targets)

    def handle_tick(self, bar, desk):
        target = self.left.pop(0) if self.left else None
        if target is not None:
            desk.target(bar.symbol, target)


def script(*targets):
    return type("Scripted", (Script,), {"targets": list(targets)})


def run(bars, *targets, costs=None, cash=1_000.0, **options):
    return backtest(bars, lambda: script(*targets)(quantity=1), cash=cash, costs=costs or Costs(0, 0), **options)


BARS = bars_of([10.0, 12.0, 11.0, 15.0], opens=[10.0, 11.0, 13.0, 14.0])


def test_what_is_decided_on_one_bar_trades_at_the_open_of_the_next():
    result = run(BARS, 10, None, 0)

    # Bought 10 at 11, sold at 14.
    assert result.fills["price"].tolist() == [11.0, 14.0]
    assert result.fills["ts"].tolist() == BARS["ts"].iloc[[1, 3]].tolist()
    assert result.fills["decided_ts"].tolist() == BARS["ts"].iloc[[0, 2]].tolist()
    assert result.equity["equity"].tolist() == [1000.0, 1010.0, 1000.0, 1030.0]
    assert result.summary["final_equity"] == 1030.0


def test_costs_are_taken_on_both_sides_commission_after_slippage():
    result = run(BARS, 10, None, 0, costs=Costs(commission_bp=10, slippage_bp=100))

    # Bought at 11 * 1.01 = 11.11, commission 10 * 11.11 / 1000 = 0.1111; sold at 14 * 0.99 = 13.86, commission 0.1386.
    assert result.fills["price"].tolist() == pytest.approx([11.11, 13.86], rel=1e-12)
    assert result.fills["commission"].tolist() == pytest.approx([0.1111, 0.1386], rel=1e-12)
    assert result.fills["slippage"].tolist() == pytest.approx([1.1, 1.4], rel=1e-9)
    assert result.summary["final_equity"] == pytest.approx(1000 - 111.1 - 0.1111 + 138.6 - 0.1386, rel=1e-12)
    assert result.summary["total_commission"] == pytest.approx(0.2497, rel=1e-12)


def test_a_round_trip_knows_its_profit_after_commission():
    (trade,) = run(BARS, 10, None, 0, costs=Costs(commission_bp=10, slippage_bp=0)).trades.to_dict("records")

    # 10 * (14 - 11) - 0.11 - 0.14.
    assert (trade["side"], trade["quantity"]) == ("buy", 10)
    assert trade["profit"] == pytest.approx(29.75, rel=1e-12)


def test_round_trips_match_first_in_first_out():
    # Buys 10 at 11 and 10 more at 13, sells 15 at 14: 10 of the first lot, 5 of the second; 5 stay open.
    result = run(BARS, 10, 20, 5)

    assert result.trades[["quantity", "entry_price", "exit_price", "profit"]].to_numpy().tolist() == [
        [10, 11.0, 14.0, 30.0],
        [5, 13.0, 14.0, 5.0],
    ]
    assert result.summary["open_position"] == {"AAA": 5}


def test_a_short_sale_earns_when_the_price_falls():
    result = run(bars_of([10.0, 10.0, 8.0, 8.0]), -5, None, 0)

    assert result.summary["final_equity"] == 1000.0 + 5 * 2
    assert result.trades["side"].tolist() == ["sell"]
    assert result.trades["profit"].tolist() == [10.0]


def test_an_order_decided_on_the_last_bar_does_not_fill_and_an_open_position_is_marked():
    result = run(BARS, 10, None, None, 0)

    assert len(result.fills) == 1
    assert result.summary["n_round_trips"] == 0
    assert result.summary["final_equity"] == 1000 - 110 + 150


def test_drawdown_and_sharpe_are_those_of_the_marked_equity():
    result = run(BARS, 10, None, 0)
    returns = [10 / 1000, -10 / 1010, 30 / 1000]

    mean = sum(returns) / 3
    deviation = sqrt(sum((r - mean) ** 2 for r in returns) / 2)
    assert result.summary["max_drawdown"] == pytest.approx(10 / 1010, rel=1e-12)
    assert result.summary["sharpe"] == pytest.approx(mean / deviation * sqrt(252), rel=1e-12)


def test_a_strategy_that_never_trades_has_no_sharpe_ratio():
    summary = run(BARS).summary

    assert summary["sharpe"] is None
    assert (summary["final_equity"], summary["max_drawdown"], summary["n_fills"]) == (1000.0, 0.0, 0)


def test_a_later_target_on_the_same_bar_replaces_the_earlier_one():
    class Twice(Script):
        def handle_tick(self, bar, desk):
            desk.target(bar.symbol, 5)
            desk.target(bar.symbol, 3)

    assert backtest(BARS, lambda: Twice(quantity=1), cash=1e3, costs=Costs(0, 0)).fills["quantity"].tolist() == [3]


def test_same_close_fills_exist_by_name_only_and_mark_the_result():
    result = run(BARS, 10, fill="same_close")

    assert result.fills["price"].tolist() == [10.0]
    assert result.fills["reason"].tolist() == ["target (looks ahead)"]
    assert result.summary["looks_ahead"]
    assert not run(BARS, 10).summary["looks_ahead"]


def test_several_symbols_share_one_account():
    bars = pd.concat([BARS, bars_of([20.0, 22.0, 24.0, 26.0], symbol="BBB")]).sort_values("ts", kind="stable")

    result = run(bars.reset_index(drop=True), 10)

    assert result.fills["symbol"].tolist() == ["AAA", "BBB"]
    # 10 AAA from 11 to 15 and 10 BBB from 22 to 26.
    assert result.summary["final_equity"] == 1000 + 40 + 40
    assert len(result.equity) == 4


def test_order_ids_are_hashes_of_book_strategy_and_decision():
    assert run(BARS, 10, book="b").fills["order_id"].tolist() == [client_order_id("b", "script@1", "AAA|0")]


def test_a_strategy_is_finalized_exactly_once_also_when_it_raises():
    ended = []

    class Raises(Script):
        def handle_tick(self, bar, desk):
            raise ZeroDivisionError

        def finalize(self):
            ended.append(self)

    with pytest.raises(ZeroDivisionError):
        backtest(BARS, lambda: Raises(quantity=1), cash=1e3)
    assert len(ended) == 1


def test_a_strategy_cannot_trade_another_symbol_or_a_fraction():
    class Other(Script):
        def handle_tick(self, bar, desk):
            desk.target("ZZZ", 1)

    class Half(Script):
        def handle_tick(self, bar, desk):
            desk.target(bar.symbol, 0.5)

    for strategy, words in ((Other, "trades ZZZ on a bar of AAA"), (Half, "whole number of units, not 0.5")):
        with pytest.raises(ConfigError, match=words):
            backtest(BARS, lambda strategy=strategy: strategy(quantity=1), cash=1e3)


@pytest.mark.parametrize(
    ("bars", "error", "words"),
    [
        (BARS.iloc[:0], InvalidTable, "there are no bars"),
        (BARS.assign(close=[1.0, np.nan, 1.0, 1.0]), InvalidTable, "a price is missing, infinite or not above zero"),
        (BARS.assign(open=[1.0, 1.0, 0.0, 1.0]), InvalidTable, "a price is missing, infinite or not above zero"),
        (BARS.iloc[::-1], InvalidTable, "is not later than the one before; sort the bars"),
        (BARS.iloc[[0, 1, 1]], InvalidTable, "is not later than the one before"),
        (
            BARS.assign(open_is_stale=[False, True, False, False]),
            UnusableOpens,
            "AAA: 1 of 4 opens .* repeat the previous",
        ),
    ],
)
def test_bars_that_cannot_be_traded_on_are_refused(bars, error, words):
    with pytest.raises(error, match=words):
        run(bars, 10)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"cash": 0.0}, "cash"), ({"cash": float("nan")}, "cash"), ({"fill": "vwap"}, "fill must be one")],
)
def test_bad_settings_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        run(BARS, 10, **options)


def test_stale_opens_may_be_used_where_no_fill_uses_them():
    assert len(run(BARS.assign(open_is_stale=True), 10, fill="same_close").fills) == 1


def test_bars_per_year_are_read_off_the_bars():
    day = pd.Timedelta(days=1)
    for step, skip_weekends, expected in (
        (day, True, 252),
        (day, False, 365),
        (7 * day, True, 52),
        (31 * day, True, 12),
    ):
        days = pd.Series(pd.date_range("2018-01-01", periods=200, freq="B" if skip_weekends and step == day else step))
        assert bars_per_year(days) == expected
    hours = pd.Series(pd.date_range("2018-01-01", periods=48, freq="h"))
    assert bars_per_year(hours.dt.normalize()) == 252 * 24


class LastReturn(Strategy):
    """Long if the last close was above the one before: the rule that look-ahead engines pay a fortune for."""

    name, version, params = "last_return", "1", {}
    warmup = 2

    def initialize(self):
        self.before = None

    def handle_tick(self, bar, desk):
        if self.before is not None:
            desk.target(bar.symbol, self.quantity if bar.close > self.before else 0)
        self.before = bar.close


@pytest.mark.slow
def test_the_sign_of_the_last_return_earns_nothing_on_random_walks():
    """Mean Sharpe ratio within 0.1 of zero over 200 walks of ten years: look-ahead is impossible, not just unlikely.

    The standard error of the mean is 1 / sqrt(200 * 10 years) = 0.022. An engine that let the rule trade at the close
    that it was computed from would pay each bar's own return whenever it was positive; the same walks then give a
    Sharpe ratio above 10, which the last line computes without any engine.
    """
    honest, peeking = [], []
    for seed in range(200):
        bars = random_walk(seed, 2520)
        summary = backtest(bars, lambda: LastReturn(quantity=1), cash=1_000.0, costs=Costs(0, 0)).summary
        honest.append(summary["sharpe"])
        returns = bars["close"].pct_change().dropna().to_numpy()
        stolen = returns * (returns > 0)
        peeking.append(stolen.mean() / stolen.std(ddof=1) * sqrt(252))

    assert abs(float(np.mean(honest))) < 0.1
    assert float(np.mean(peeking)) > 10


targets = st.lists(st.none() | st.integers(-20, 20), max_size=40)


@given(price_bars(max_size=40), targets, st.floats(0, 50), st.floats(0, 50))
def test_cash_and_equity_are_what_the_fills_leave(bars, wishes, commission_bp, slippage_bp):
    result = run(bars, *wishes, costs=Costs(commission_bp, slippage_bp), cash=1e6)
    fills, equity = result.fills, result.equity
    sign = np.where(fills["side"] == "buy", 1, -1)
    spent = float((sign * fills["quantity"] * fills["price"] + fills["commission"]).sum())
    held = int((sign * fills["quantity"]).sum())

    assert equity["cash"].iloc[-1] == pytest.approx(1e6 - spent, rel=1e-9)
    assert equity["equity"].iloc[-1] == pytest.approx(1e6 - spent + held * bars["close"].iloc[-1], rel=1e-9)
    assert (fills["quantity"] > 0).all()
    assert (fills["slippage"] >= 0).all()


@given(price_bars(min_size=2, max_size=40), targets, st.data())
def test_nothing_depends_on_a_later_bar(bars, wishes, data):
    known = data.draw(st.integers(1, len(bars) - 1))
    whole, cut = run(bars, *wishes, cash=1e6), run(bars.iloc[:known], *wishes, cash=1e6)

    pd.testing.assert_frame_equal(cut.equity, whole.equity.iloc[:known])
    before = whole.fills[whole.fills["ts"] <= bars["ts"].iloc[known - 1]]
    pd.testing.assert_frame_equal(cut.fills, before.reset_index(drop=True))


@given(price_bars(max_size=40), targets)
def test_each_fill_trades_after_its_decision_at_an_open(bars, wishes):
    fills = run(bars, *wishes, cash=1e6).fills
    opens = bars.set_index("ts")["open"]

    assert (fills["ts"] > fills["decided_ts"]).all()
    assert fills["quoted_price"].tolist() == opens.loc[fills["ts"]].tolist()


@given(price_bars(max_size=40), targets)
def test_profits_of_round_trips_and_the_open_rest_are_the_change_in_equity(bars, wishes):
    result = run(bars, *wishes, cash=1e6)
    fills = result.fills
    sign = np.where(fills["side"] == "buy", 1, -1)
    mark = bars["close"].iloc[-1]
    # What the open rest has made: total change less what the round trips have.
    total = float((sign * fills["quantity"] * (mark - fills["price"])).sum())
    matched = result.trades["profit"].sum()
    held = int((sign * fills["quantity"]).sum())

    assert result.summary["final_equity"] - 1e6 == pytest.approx(total, abs=1e-6)
    if held == 0:
        assert matched == pytest.approx(total, abs=1e-6)
    assert round_trips(fills).equals(result.trades)


def test_the_target_path_holds_what_was_asked():
    path = target_path(BARS, script(10, None, 0)(quantity=1))

    assert path.tolist() == [10.0, 10.0, 0.0, 0.0]


def test_an_account_that_may_not_be_short_is_never_short():
    bars = bars_of([10.0, 11.0, 12.0, 11.0, 10.0])

    result = run(bars, 5, -5, None, None, terms=Terms(short=False))

    # 5 bought at 11; of the 10 to sell at 12 the 5 that are held.
    assert result.fills["quantity"].tolist() == [5, 5]
    assert result.summary["open_position"] == {}
    assert result.summary["orders_cut"] == 1


def test_margin_cuts_what_does_not_fit_and_calls_for_what_fell():
    # With 100 and leverage 2: 200 / 10 = 20 units at 10. At 7 they are worth 140, equity is 40: below 0.4 of it.
    bars = bars_of([10.0, 10.0, 7.0, 7.0, 7.0])

    result = run(bars, 50, None, None, None, cash=100.0, terms=Terms(leverage=2.0, maintenance=0.4))

    assert result.fills[["quantity", "reason"]].to_numpy().tolist() == [[20, "target"], [20, "margin call"]]
    assert result.summary["final_equity"] == 40.0


def test_interest_is_paid_for_nights_and_by_those_who_borrow():
    # 20 units of 10 on 100 of cash: 100 borrowed at 3.6 % over one night, actual/360: a cent.
    bars = bars_of([10.0, 10.0, 10.0])
    friday_to_tuesday = bars.assign(session=pd.to_datetime(["2026-11-19", "2026-11-20", "2026-11-24"]))

    result = run(friday_to_tuesday, 20, None, None, cash=100.0, terms=Terms(debit_bp=360.0))

    assert result.flows["kind"].tolist() == ["debit interest"]
    assert result.flows["amount"].tolist() == pytest.approx([-0.04])  # four nights


def test_in_the_closing_auction_an_order_fills_at_the_next_close():
    """Closes 10, 12, 11, 15: decided at 10, filled at 12, held to 15."""
    bars = bars_of([10.0, 12.0, 11.0, 15.0], opens=[9.0, 50.0, 50.0, 50.0])

    result = run(bars, 10, fill="next_close")

    assert result.fills[["price", "reason", "evidence"]].to_numpy().tolist() == [
        [12.0, "target at the close", f"close 12.0 of {bars['session'].iloc[1]:%Y-%m-%d}"]
    ]
    assert result.fills["ts"].tolist() == [bars["ts"].iloc[1]]
    assert result.fills["decided_ts"].tolist() == [bars["ts"].iloc[0]]
    assert result.summary["final_equity"] == 1000 + 10 * (15 - 12)
    assert not result.summary["looks_ahead"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from([1.0, 0.01]))
def test_the_closing_auction_is_the_opening_one_of_bars_that_open_where_they_close(seed, participation):
    bars = random_walk(seed, 60)
    costs = Venue(0.0, 0.0, label="v", worse=Slippage(bp=2.0), depth=Liquidity(participation))

    def traded(bars, fill):
        return backtest(bars, lambda: SmaCross(quantity=20, fast=2, slow=5), cash=1e5, costs=costs, fill=fill)

    closing, opening = traded(bars, "next_close"), traded(bars.assign(open=bars["close"]), "next_open")

    columns = ["ts", "side", "quantity", "price", "commission", "order_id"]
    assert closing.fills[columns].equals(opening.fills[columns])
    assert closing.equity.equals(opening.equity)
    held = {"cash": 1e5, "participation": participation, "least_slippage_bp": 2.0}
    assert [c.name for c in fills_could_happen(closing.fills, bars, closing.equity, **held) if c.failing] == []


def test_opens_that_are_none_do_no_harm_where_closes_are_traded():
    stale = random_walk(3, 60).assign(open_is_stale=True)

    def held(**terms):
        return backtest(stale, lambda: SmaCross(quantity=20, fast=2, slow=5), cash=1e5, fill="next_close", **terms)

    result = held()
    assert len(result.fills) > 4
    assert [c.name for c in fills_could_happen(result.fills, stale, result.equity, cash=1e5) if c.failing] == []
    # A stop would trade at opens.
    with pytest.raises(UnusableOpens):
        held(terms=Terms(stop_bp=100))


def test_a_stop_in_the_bar_ends_what_waits_for_its_close():
    """Long from the close of 12; on the next bar the strategy's exit waits for the close, and the stop is reached."""
    bars = bars_of([10.0, 12.0, 12.0, 11.0, 11.0], opens=[10.0, 12.0, 12.0, 12.0, 11.0])
    bars.loc[3, "low"] = 11.0

    result = run(bars, 10, None, 0, fill="next_close", terms=Terms(stop_bp=500))

    assert result.fills[["side", "price", "reason"]].to_numpy().tolist() == [
        ["buy", 12.0, "target at the close"], ["sell", pytest.approx(11.4), "stop"],
    ]  # fmt: skip


def columns_of(bars):
    return {name: bars[name].to_numpy("datetime64[ns]" if name in ("ts", "session") else None) for name in bars.columns}


@pytest.mark.parametrize("symbols", [1, 3])
def test_columns_of_arrays_give_what_a_table_gives(symbols):
    bars = pd.concat([random_walk(seed, 120).assign(symbol=f"S{9 - seed}") for seed in range(symbols)])
    make = partial(SmaCross, quantity=7, fast=3, slow=9)

    table = backtest(bars, make, cash=10_000.0, costs=Costs(5, 1))
    arrays = backtest(columns_of(bars), make, cash=10_000.0, costs=Costs(5, 1))

    assert table.summary["n_fills"] > 10
    assert arrays.summary == table.summary
    for name in ("fills", "trades", "equity", "flows"):
        pd.testing.assert_frame_equal(getattr(arrays, name), getattr(table, name), check_exact=True)


def test_columns_that_make_no_sense_are_refused_as_tables_are():
    columns = columns_of(random_walk(1, 30))
    make = partial(SmaCross, quantity=7, fast=3, slow=9)
    for spoilt, words in (
        ({"close": np.full(30, np.nan)}, "a price is missing"),
        ({"ts": columns["ts"][::-1]}, "is not later than the one before"),
        ({name: column[:0] for name, column in columns.items()}, "there are no bars"),
    ):
        with pytest.raises(InvalidTable, match=words):
            backtest(columns | spoilt, make, cash=10_000.0)


def test_a_run_on_arrays_needs_no_pandas():
    code = (
        "import sys, numpy as np; from functools import partial; from tradepulse.backtest.engine import backtest;"
        "from tradepulse.core.strategies.sma_cross import SmaCross; close = 100 + np.sin(np.arange(200) / 9);"
        "ts = np.datetime64('2024-01-01', 's') + np.arange(200);"
        "bars = {name: close for name in ('open', 'high', 'low',"
        "'close', 'volume')} | {'ts': ts, 'session': ts, 'symbol': ['X'] * 200};"
        "print(backtest(bars, partial(SmaCross, quantity=1), cash=1e4).summary['n_fills']);"
        "print(sorted({'pandas', 'pyarrow', 'numba', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    fills, heavy = done.stdout.splitlines()
    assert int(fills) > 3
    assert heavy == "[]"
