from datetime import date
from fractions import Fraction

import pandas as pd
import pytest

from tests.property.generators import bars_of
from tradepulse.backtest.signals import promoted_strategy, signal_rows, trading
from tradepulse.core.tables import table
from tradepulse.core.tables.base import content_hash
from tradepulse.errors import MissingData

PROMOTION = {"symbol": "AAA", "strategy": "sma_cross@1", "params": '{"fast": 1, "slow": 2}', "quantity": 10,
             "trial_id": "t" * 16, "promotion_id": "p" * 16}  # fmt: skip
BARS = bars_of([3.0, 2.0, 2.0, 4.0, 4.0, 1.0])


def day(row):
    return BARS["session"].iloc[row].date()


def test_a_signal_is_the_target_after_its_session_with_the_ids_that_say_why():
    rows = signal_rows(BARS, PROMOTION, day(3))

    assert table("signals").accept(rows, "test") is rows
    row = rows.iloc[0]
    assert (row["target_quantity"], row["reference_close"]) == (10, 4.0)
    assert row["data_version"] == content_hash(BARS.iloc[:4])


def test_what_was_promoted_is_counted_in_the_units_of_the_day():
    for units, target in ((Fraction(3), 30), (Fraction(1, 3), 3), (Fraction(5, 2), 25)):
        assert signal_rows(BARS, PROMOTION, day(3), units=units)["target_quantity"].tolist() == [target]


def test_bars_that_came_later_change_nothing():
    pd.testing.assert_frame_equal(signal_rows(BARS, PROMOTION, day(3)), signal_rows(BARS.iloc[:4], PROMOTION, day(3)))


@pytest.mark.parametrize("asked", [date(2014, 12, 31), date(2015, 1, 3), date(2016, 1, 4)])
def test_a_session_without_a_bar_has_no_signal(asked):
    with pytest.raises(MissingData, match=f"AAA has no bar of {asked}; run the ingest job"):
        signal_rows(BARS, PROMOTION, asked)


def test_the_newest_champion_trades_and_without_one_the_newest_shadow():
    stages = ["shadow", "shadow", "candidate", "champion"]
    made = pd.DataFrame({"promotion_id": ["a", "b", "c", "d"], "stage": stages, "promoted": [True, True, True, False]})

    assert trading(made)["promotion_id"] == "b"
    assert trading(made.assign(promoted=True))["promotion_id"] == "d"
    for nobody in (made.assign(promoted=False), made[made["stage"] == "candidate"]):
        with pytest.raises(MissingData, match="no strategy has been promoted"):
            trading(nobody)


def test_the_promoted_strategy_has_the_promoted_parameters():
    strategy = promoted_strategy(PROMOTION)

    assert (strategy.id, strategy.settings, strategy.quantity) == ("sma_cross@1", {"fast": 1, "slow": 2}, 10)
