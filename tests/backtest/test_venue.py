"""Frictions by hand, by property, and through the engine."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.generators import bars_of, random_walk
from tradepulse.backtest.engine import backtest
from tradepulse.backtest.frictions import Costs, friction
from tradepulse.backtest.venue import Commission, Impact, Liquidity, Slippage, Venue, load_venue, venues
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.errors import ConfigError, DataError, UnknownName

DAY = date(2024, 6, 3)


def test_commissions_by_hand():
    # 200 shares at 10: 1.00 by the share; 20 shares: 0.10, at least 1.00; one share at 5: at most 1 % of 5.
    shares = Commission(per_share=0.005, minimum=1.0, maximum_bp=100.0)
    assert shares.of(1, 200, 10.0, DAY, 0.0) == pytest.approx(1.0)
    assert shares.of(1, 20, 10.0, DAY, 0.0) == pytest.approx(1.0)
    assert shares.of(1, 1, 5.0, DAY, 0.0) == pytest.approx(0.05)
    assert shares.of(1, 1_000, 10.0, DAY, 0.0) == pytest.approx(5.0)


def test_tiers_follow_the_last_thirty_days():
    tiered = Commission(bp=60.0, tiers=((10_000.0, 40.0), (100_000.0, 25.0)))

    assert [tiered.of(1, 10, 100.0, DAY, month) for month in (0.0, 9_999.0, 10_000.0, 250_000.0)] == pytest.approx(
        [6.0, 6.0, 4.0, 2.5]
    )


def test_fees_of_regulators_have_their_day_and_are_paid_by_sellers():
    fees = Commission(sec_section_31=True, trading_activity_fee=True)

    assert fees.of(+1, 100, 50.0, DAY, 0.0) == 0.0
    # A sale of 5,000: 27.80 a million; 100 shares at 0.000166. Before 22 May 2024 it was 8.00 a million.
    assert fees.of(-1, 100, 50.0, DAY, 0.0) == pytest.approx(5_000 * 27.8e-6 + 0.0166)
    assert fees.of(-1, 100, 50.0, date(2024, 5, 21), 0.0) == pytest.approx(5_000 * 8e-6 + 0.0166)
    # The activity fee has a most: 8.30 from 50,000 shares on.
    assert fees.of(-1, 100_000, 1.0, date(2025, 6, 2), 0.0) == pytest.approx(8.30)
    with pytest.raises(
        DataError, match="no SEC section 31 fee is known for 2001-01-02, the table begins on 2018-05-22"
    ):
        fees.of(-1, 1, 1.0, date(2001, 1, 2), 0.0)


def test_slippage_and_liquidity_by_hand():
    # A quarter of the volume: half of 40 bp, and the spread.
    assert Slippage(half_spread_bp=2.0, impact_bp=40.0).of(250, 1_000.0) == pytest.approx(22.0)
    assert Slippage(impact_bp=40.0).of(5_000, 1_000.0) == pytest.approx(40.0)
    assert Liquidity(participation=0.1).of(500, 1_000.0) == 100
    assert Liquidity(participation=0.1, lot=30).of(500, 1_000.0) == 90
    assert Liquidity(participation=0.1, lot=30).of(40, 1_000.0) == 40
    assert Liquidity(participation=0.1).of(500, 0.0) == 0


class Hold(Strategy):
    """Wants its quantity from the first bar, and nothing after the bar that a test names."""

    name, version, params, warmup = "hold", "1", {"leave": 1_000}, 1

    def initialize(self):
        self.seen = 0

    def handle_tick(self, bar, desk):
        self.seen += 1
        if self.seen == 1:
            desk.target(bar.symbol, self.quantity)
        elif self.seen == self.settings["leave"]:
            desk.target(bar.symbol, 0)


def run(bars, venue, **params):
    return backtest(bars, lambda: Hold(quantity=100, **params), cash=1e5, costs=venue)


def test_what_a_bar_has_no_room_for_waits_for_the_next():
    venue = Venue(0.0, 0.0, label="thin", depth=Liquidity(participation=0.04))
    bars = bars_of([10.0] * 6)  # volume 1,000: 40 a bar

    result = run(bars, venue)

    assert result.fills["quantity"].tolist() == [40, 40, 20]
    assert result.fills["order_id"].nunique() == 1
    assert result.fills["ts"].tolist() == bars["ts"].iloc[1:4].tolist()
    assert result.fills["evidence"].str.endswith("at most 0.04 of volume 1000").all()
    assert result.summary["unfilled"] == {}


def test_a_new_decision_replaces_what_is_left():
    venue = Venue(0.0, 0.0, label="thin", depth=Liquidity(participation=0.04))

    result = run(bars_of([10.0] * 6), venue, leave=2)

    # 40 bought on bar 2 while the exit is decided; they are sold on bar 3, and the other 60 are never bought.
    assert list(zip(result.fills["side"], result.fills["quantity"], strict=True)) == [("buy", 40), ("sell", 40)]


def test_what_never_trades_is_said():
    venue = Venue(0.0, 0.0, label="thin", depth=Liquidity(participation=0.04))

    assert run(bars_of([10.0] * 3), venue).summary["unfilled"] == {"AAA": 20}
    assert run(bars_of([10.0] * 9, volume=0.0), venue).fills.empty


def test_impact_lasts_and_fades_and_is_never_earned():
    # 100 of 1,000: 5 bp of its own and half of the 2 that it leaves; then, a half-life later, 1 bp of what was left.
    bars = bars_of([10.0] * 6)
    bars["ts"] = pd.date_range(bars["ts"].iloc[0], periods=6, freq="h").as_unit("ns")
    costs = Venue(0.0, 0.0, label="v", impact=Impact(50.0, 20.0, 3_600.0), depth=Liquidity(participation=0.1))

    bought = backtest(bars, lambda: Hold(quantity=300, leave=5), cash=1e5, costs=costs).fills
    assert bought["quantity"].tolist() == [100, 100, 100, 100]
    # Left behind: 2, then 2/2 + 2, then 3/2 + 2. The sale finds the price up, which the market on the tape was not.
    paid = [10 * (1 + sign * bp / 1e4) for sign, bp in ((1, 6), (1, 7), (1, 7.5), (-1, 6))]
    assert bought["price"].tolist() == pytest.approx(paid, rel=1e-12)
    for_ever = Venue(0.0, 0.0, label="v", impact=Impact(0.0, 20.0), depth=Liquidity(participation=0.1))
    stays = backtest(bars, lambda: Hold(quantity=300), cash=1e5, costs=for_ever).fills["price"]
    assert stays.tolist() == pytest.approx([10 * (1 + bp / 1e4) for bp in (1, 3, 5)], rel=1e-12)


@given(st.integers(1, 40), st.floats(1, 500))
def test_permanent_impact_costs_the_same_however_an_order_is_cut(parts, permanent_bp):
    """Almgren and Chriss (2000), eq. 8: half of the permanent impact of the whole, whatever the schedule."""
    impact, pushed, paid = Impact(permanent_bp=permanent_bp), 0.0, 0.0
    for _ in range(parts):
        paid += (pushed + impact.own(1 / parts)) / parts
        pushed += permanent_bp / parts

    assert paid == pytest.approx(permanent_bp / 2)


@given(st.floats(1, 500), st.floats(1, 500))
def test_temporary_impact_costs_less_in_more_parts(temporary_bp, permanent_bp):
    """The cost of n equal parts is a n-th of that of one, in the temporary part (Almgren and Chriss, 2000)."""
    impact = Impact(temporary_bp, permanent_bp)

    assert impact.own(1.0) == pytest.approx(temporary_bp + permanent_bp / 2)
    assert 4 * impact.own(0.25) * 0.25 - permanent_bp / 8 == pytest.approx(temporary_bp / 4)


def test_plain_costs_and_a_venue_that_says_the_same_give_the_same_run():
    bars = random_walk(41, 300)
    plain = backtest(bars, lambda: SmaCross(quantity=10, fast=2, slow=5), cash=1e5, costs=Costs(2.0, 3.0))
    same = Venue(0.0, 0.0, label="same", fees=Commission(bp=2.0), worse=Slippage(bp=3.0))
    venue = backtest(bars, lambda: SmaCross(quantity=10, fast=2, slow=5), cash=1e5, costs=same)

    for column in ("ts", "side", "quantity", "price", "commission"):
        assert venue.fills[column].tolist() == pytest.approx(plain.fills[column].tolist()) if column in (
            "price", "commission"
        ) else venue.fills[column].tolist() == plain.fills[column].tolist()  # fmt: skip
    np.testing.assert_allclose(venue.equity["equity"], plain.equity["equity"], rtol=1e-12)


part = st.floats(0, 50)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**16), st.tuples(part, part, part, part), st.tuples(part, part, part, part))
def test_more_cost_never_raises_profit(seed, less, more):
    bars = random_walk(seed, 60)

    def profit(bp, per_share, spread, impact):
        venue = Venue(
            0.0, 0.0, label="v", fees=Commission(bp=bp, per_share=per_share / 100),
            worse=Slippage(half_spread_bp=spread, impact_bp=impact), impact=Impact(spread, impact, 1e6),
        )  # fmt: skip
        return backtest(bars, lambda: SmaCross(quantity=10, fast=2, slow=5), cash=1e5, costs=venue).summary[
            "final_equity"
        ]

    dearer = tuple(a + b for a, b in zip(less, more, strict=True))
    assert profit(*dearer) <= profit(*less) + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**16), st.floats(0.001, 0.2), st.integers(1, 50))
def test_no_bar_gives_more_than_it_has(seed, participation, lot):
    bars = random_walk(seed, 60)
    venue = Venue(0.0, 0.0, label="v", depth=Liquidity(participation, lot))

    result = backtest(bars, lambda: SmaCross(quantity=100, fast=2, slow=5), cash=1e5, costs=venue)

    filled = result.fills.groupby("ts")["quantity"].sum()
    room = bars.set_index("ts")["volume"] * participation
    assert (filled <= room.loc[filled.index]).all()
    signed = result.fills["quantity"] * np.where(result.fills["side"] == "buy", 1, -1)
    assert signed.cumsum().between(0, 100).all()


@pytest.mark.parametrize("name", venues())
def test_shipped_venues_say_where_their_figures_are_from(name):
    import yaml

    from tradepulse.backtest.venue import PRESETS

    content = yaml.safe_load((PRESETS / f"{name}.yaml").read_text())
    assert content["source"]
    assert content["as_of"] >= date(2024, 1, 1)
    assert load_venue(name).id.startswith(f"{name}@")


def test_two_venues_of_one_name_are_two():
    first, second = (Venue(0.0, 0.0, label="v", fees=Commission(bp=bp)) for bp in (1.0, 2.0))

    assert first.id != second.id


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a", "a venue is a mapping of keys to values"),
        ("comission: {bp: 1}", "unknown keys \\['comission'\\]; a venue takes as_of, book, commission"),
        ("commission: {pb: 1}", "unknown keys \\['pb'\\] of commission; it takes bp"),
        ("commission: 5", "commission is a mapping"),
        ("commission: {bp: -1}", "commission: bp must lie between 0 and 10000, not -1"),
        ("commission: {bp: .nan}", "commission: bp must lie between 0 and 10000, not nan"),
        ("commission: {bp: true}", "commission: bp must lie between 0 and 10000, not True"),
        ("commission: {tiers: [[5, 1], [1, 2]]}", "tiers must rise"),
        ("commission: {tiers: [[5]]}", "a tier is a notional and its bp"),
        ("slippage: {impact_bp: 1e9}", "slippage: impact_bp must lie between"),
        ("impact: {half_life_s: -1}", "impact: half_life_s must lie between 0 and 1e"),
        ("impact: {decay: 1}", "unknown keys \\['decay'\\] of impact; it takes half_life_s"),
        ("rate: {orders: 5}", "rate: has orders and seconds"),
        ("rate: {orders: 0, seconds: 1}", "rate: orders must be a whole number of at least 1, not 0"),
        ("rate: {orders: 1, seconds: .nan}", "rate: seconds must lie above 0"),
        ("liquidity: {participation: 0}", "participation must lie above 0 and up to 1, not 0"),
        ("liquidity: {lot: 1.5}", "lot must be a whole number of at least 1, not 1.5"),
        ("a: [", "not readable as YAML"),
    ],
)
def test_a_venue_that_says_nonsense_is_refused(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(text)

    with pytest.raises(ConfigError, match=words):
        load_venue(str(tmp_path / "mine.yaml"))


def test_a_friction_is_found_by_its_kind(tmp_path):
    (tmp_path / "mine.yaml").write_text("commission: {bp: 3}")

    assert friction("bp") == Costs()
    assert friction("bp", 2.0) == Costs(2.0, 1.0)
    assert friction("ibkr_us_fixed").commission_bp == 0.0
    assert friction(str(tmp_path / "mine.yaml"), slippage_bp=4.0).slippage_bp == 4.0
    with pytest.raises(UnknownName, match="No friction named 'ibkr_us_fix'; close matches: ibkr_us_fixed"):
        friction("ibkr_us_fix")
