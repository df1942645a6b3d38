"""Shocks that a desk has to bear before it trades for money: by hand, and on strategies that do not bear one."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from tests.execution.desks import TERMS, Scripted, levels
from tradepulse.backtest.book import BookResult, replay
from tradepulse.backtest.book_shocks import SHOCKS, struck
from tradepulse.backtest.book_stress import Bound, Seen, bounds_of, objection, seen_in, stressed
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.touch_maker import TouchMaker
from tradepulse.errors import ConfigError, DataError
from tradepulse.execution.terms import Instrument, Limits, Place

STEP = [(UNIT, UNIT)]
#: A minute and a half in which 1,000 is bid and 1,002 asked, every quarter of a second in other quantities.
QUIET = [levels(250 * n, ("buy", 1_000, 9 - n % 2), ("sell", 1_002, 8 + n % 2)) for n in range(360)]
BOUND = [Bound("AAA", 10.0, "")]


def result(**columns):
    return BookResult(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(columns), {})


def test_what_a_run_came_to_by_hand():
    one = result(mid=[100.0, 90.0, 110.0, 105.0], position=[0.0, 2.0, -2.0, 1.0], equity=[50.0, 30.0, 40.0, 45.0])
    # Two are worth 200. Long through the fall by 10 and short through the rise by 20 loses 60; the account fell by 20.
    assert seen_in(one, [Bound("AAA", 2.0, "")]) == Seen(200.0, -5.0, 20.0, 60.0, "")
    assert seen_in(one, [Bound("AAA", 1.5, "")]).beyond == "AAA"

    # Of the other the book is seen a moment later.
    one.equity["mid BBB"], one.equity["position BBB"] = [0.0, 10.0, 11.0, 10.0], [0.0, 0.0, 3.0, 3.0]
    two = [Bound("AAA", 2.0, ""), Bound("BBB", 3.0, " BBB")]
    # Three of the other are worth 30; it falls by 1 and rises by 1.
    assert seen_in(one, two) == Seen(230.0, -5.0, 20.0, 66.0, "")
    assert seen_in(one, [two[0], Bound("BBB", 2.0, " BBB")]).beyond == "BBB"
    one.equity["mid BBB"] = 0.0
    with pytest.raises(DataError, match="nobody displays or trades BBB"):
        seen_in(one, two)


def test_a_desk_under_stress_has_a_bound_of_each_instrument():
    assert bounds_of(TERMS, ["AAA"]) == [Bound("AAA", 100.0, "")]
    with pytest.raises(ConfigError, match="has a bound; say max_position= of AAA"):
        bounds_of(replace(TERMS, limits=Limits()), ["AAA"])
    both = replace(
        TERMS, venues=(Place("a", UNIT, UNIT), Place("b", UNIT, UNIT, instrument=1)),
        instruments=(Instrument("a", TERMS.limits), Instrument("b", Limits(max_position=3 * UNIT))),
    )  # fmt: skip
    assert bounds_of(both, ["AAA", "BBB"]) == [Bound("AAA", 100.0, ""), Bound("BBB", 3.0, " b")]
    with pytest.raises(ConfigError, match="1 names for 2 instruments"):
        bounds_of(both, ["AAA"])
    with pytest.raises(ConfigError, match="say max_position= of BBB"):
        bounds_of(replace(both, instruments=(both.instruments[0], Instrument("b"))), ["AAA", "BBB"])


def through(make, moves=QUIET):
    """Put what a function makes through every shock."""
    terms = replace(TERMS, limits=Limits(max_position=10 * UNIT))
    _, verdicts = stressed(
        lambda strike: replay(moves if strike is None else struck(moves, strike, STEP), make(), terms), BOUND
    )
    return {verdict.row["scenario"]: verdict.row for verdict in verdicts}


def test_who_does_nothing_has_shown_nothing():
    with pytest.raises(DataError, match="nothing is ever held, on the recording as it was or under any shock"):
        through(lambda: Scripted(lambda *given: None))


def test_who_holds_one_of_ten_loses_a_tenth_of_what_the_bound_would_and_what_it_paid():
    def buys_once(one, count, market, desk):
        if not count:
            desk.submit(Side.BUY, UNIT)

    rows = through(lambda: Scripted(buys_once))

    assert list(rows) == list(SHOCKS)
    assert all(row["passed"] for row in rows.values())
    # Bought at 1,002 for 4 bp, and worth 981 after the gap.
    assert rows["gap"]["max_drawdown"] == pytest.approx((1_002 * 1.0004 - 981) / 10 / 1_001)
    assert json.loads(rows["gap"]["bounds"]) == {"AAA": 10.0}
    # A gap of two hundredths, from 1,001 in the middle to 981; at three quarters it does not come back in time.
    assert rows["gap"]["holding_drawdown"] == pytest.approx(20 / 1_001)
    assert rows["silence"]["holding_drawdown"] == 0


def test_a_maker_bears_what_its_bound_would():
    rows = through(lambda: TouchMaker(size=5, most=10))

    assert all(row["passed"] for row in rows.values())
    assert rows["gap"]["max_drawdown"] > 0  # it was run over, and that is what its bound is for
    assert rows["gap"]["total_return"] < 0


def pays_any_spread(one, seen, market, desk):
    """Buys and sells in turn, at the market, whatever that costs."""
    if market.bid is not None and market.ask is not None:
        desk.submit(Side.BUY if seen % 2 else Side.SELL, UNIT, None)


def test_who_pays_any_spread_does_not_bear_a_wide_one():
    rows = through(lambda: Scripted(pays_any_spread))

    assert not rows["wide_spread"]["passed"]
    said = rows["wide_spread"]["detail"]
    assert said.startswith("struck at 0.")
    assert "asked" in said
    assert rows["wide_spread"]["max_drawdown"] > rows["wide_spread"]["limit"] > 0
    assert rows["silence"]["passed"]  # in which it does nothing


def test_a_strategy_that_breaks_in_a_shock_fails_it_and_is_told_where():
    def breaks(one, seen, market, desk):
        if market.bid_size < 2 * UNIT:
            raise ZeroDivisionError("there is nothing to divide by\nsecond line")

    rows = through(lambda: Scripted(breaks))

    assert [name for name, row in rows.items() if not row["passed"]] == ["drought"]
    assert rows["drought"]["detail"] == "struck at 0.25 of its time: ZeroDivisionError: there is nothing to divide by"
    assert pd.isna(rows["drought"]["limit"])


def test_who_holds_more_than_its_bound_in_a_shock_fails_it_however_little_it_lost():
    quiet = {"mid": [100.0, 100.0], "equity": [50.0, 50.0]}
    _, verdicts = stressed(
        lambda strike: result(
            **quiet, position=[0.0, 11.0 if strike and (strike.name, strike.at) == ("gap", 0.5) else 10.0]
        ),
        BOUND,
    )

    assert [verdict.row["scenario"] for verdict in verdicts if not verdict.row["passed"]] == ["gap"]
    assert verdicts[list(SHOCKS).index("gap")].row["detail"] == (
        "struck at 0.5 of its time more of AAA was held than its bound"
    )


def test_what_breaks_without_a_shock_is_no_verdict():
    def breaks(one, seen, market, desk):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        through(lambda: Scripted(breaks))


def made(
    run_id="r1", strategy="s@1", params="{}", symbol="AAA", most=10.0, failed=(), left_out=(), trial="t1", code="now"
):
    known = {"run_id": run_id, "strategy": strategy, "params": params, "symbol": symbol}
    known |= {"trial_id": trial, "code_version": code}
    return pd.DataFrame(
        {**known, "scenario": name, "bounds": json.dumps({symbol: most}), "passed": name not in failed}
        for name in SHOCKS
        if name not in left_out
    )


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([made()], ""),
        ([made(most=5.0)], ""),
        ([made(most=4.9)], "s@1 was put through shocks with at most 4.9 of AAA, and may hold 5 here (run r1)"),
        ([made(failed=["gap"])], "s@1 has not passed the shock gap on AAA (run r1)"),
        ([made(left_out=["gap"])], "s@1 has not passed the shock gap on AAA (run r1)"),  # an older version had fewer
        ([made(failed=["gap"]), made("r2", left_out=["drought"])], "s@1 has not passed the shock drought on AAA"),
        # A strategy that was mended bears the recording that it broke on.
        ([made(most=5.0, failed=["gap"]), made("r2", most=5.0)], ""),
        # One recording does not make up for another, in whichever order they were asked.
        (
            [made(most=5.0, failed=["gap"]), made("r2", trial="t2")],
            "s@1 has not passed the shock gap on AAA (run r1)",
        ),
        (
            [made(trial="t2"), made("r2", most=5.0, failed=["gap"])],
            "s@1 has not passed the shock gap on AAA (run r2)",
        ),
        # With more than may be held here it broke another; with as much as that it bore one.
        ([made(most=5.1, failed=["gap"]), made("r2", trial="t2", most=5.0)], ""),
        ([made(most=4.0), made("r2", trial="t2")], ""),
        # What the code of before found is not asked about where this one found something.
        ([made(code="before")], ""),
        ([made(code="before", most=5.0, failed=["gap"]), made("r2", trial="t2")], ""),
        ([made(code="before"), made("r2", failed=["gap"])], "s@1 has not passed the shock gap on AAA (run r2)"),
        ([made(strategy="s@2")], "s@1 with these parameters has not been put through shocks on AAA"),
        ([made(params='{"size": 1}')], "s@1 with these parameters has not been put through shocks on AAA"),
        ([made(symbol="BBB")], "s@1 with these parameters has not been put through shocks on AAA"),
    ],
)
def test_what_may_trade_for_money(rows, why):
    found = objection(pd.concat(rows), "s@1", "{}", "AAA", {"AAA": 5.0}, "now")

    assert found == "" if not why else found.startswith(why)
