from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.generators import bars_of, random_walk
from tradepulse.core.adjustment import adjusted, exact_ratio, factors, units_after
from tradepulse.core.tables import table
from tradepulse.errors import ConfigError, InvalidTable

BARS = bars_of([100.0, 102.0, 50.0, 51.0, 49.0], volume=10.0)
LATER = date(2020, 1, 1)


def day(row, bars=BARS):
    return bars["session"].iloc[row]


def actions_of(*rows, bars=BARS):
    frame = pd.DataFrame(
        [(bars["symbol"].iloc[0], day(row, bars), kind, ratio, amount) for row, kind, ratio, amount in rows],
        columns=["symbol", "ex_date", "action", "ratio", "amount"],
    ).astype({"symbol": "str", "action": "str", "ratio": float, "amount": float, "ex_date": "datetime64[ns]"})
    frame = frame.assign(source=pd.Series(["test"] * len(frame), dtype="str"), source_hash="0" * 16)
    frame["source_hash"] = frame["source_hash"].astype("str")
    return table("corporate_actions").accept(frame, "test")


@pytest.mark.parametrize(("written", "is_"), [(7.0, (7, 1)), (1.5, (3, 2)), (1 / 3, (1, 3)), (0.3333333333333, (1, 3)),
                                              (0.05, (1, 20)), (1.0283, (10283, 10000))])  # fmt: skip
def test_a_ratio_is_a_fraction_of_small_numbers(written, is_):
    assert exact_ratio(written).as_integer_ratio() == is_


def test_splits_multiply_and_dividends_leave_the_units_as_they_are():
    actions = actions_of((1, "split", 3.0, None), (2, "split", 0.5, None), (3, "cash_dividend", None, 2.0))

    assert units_after(actions) == exact_ratio(1.5)
    assert units_after(actions.iloc[:0]) == 1


def test_a_split_divides_earlier_prices_and_multiplies_earlier_volume():
    result = adjusted(BARS, actions_of((2, "split", 2.0, None)), as_of=LATER)

    assert result["close"].tolist() == [50.0, 51.0, 50.0, 51.0, 49.0]
    assert result["volume"].tolist() == [20.0, 20.0, 10.0, 10.0, 10.0]


def test_a_dividend_takes_its_share_of_the_close_before_it():
    # 2 on a close of 50: every earlier price times 0.96.
    result = adjusted(BARS, actions_of((3, "cash_dividend", None, 2.0)), as_of=LATER)

    assert result["close"].tolist() == pytest.approx([96.0, 97.92, 48.0, 51.0, 49.0])
    assert result["volume"].tolist() == [10.0] * 5


def test_several_actions_multiply():
    result = factors(BARS, actions_of((2, "split", 2.0, None), (3, "cash_dividend", None, 2.0)), as_of=LATER)

    assert result["price_factor"].tolist() == pytest.approx([0.48, 0.48, 0.96, 1.0, 1.0])


def test_what_was_not_known_yet_changes_nothing():
    action = actions_of((2, "split", 2.0, None))

    assert adjusted(BARS, action, as_of=day(1).date())["close"].tolist() == BARS["close"].tolist()
    assert adjusted(BARS, action, as_of=day(2).date())["close"].iloc[0] == 50.0


def test_dividends_can_be_left_out():
    action = actions_of((2, "split", 2.0, None), (3, "cash_dividend", None, 2.0))

    assert factors(BARS, action, as_of=LATER, kind="splits")["price_factor"].tolist() == [0.5, 0.5, 1.0, 1.0, 1.0]
    with pytest.raises(ConfigError, match="kind must be splits or all, not 'dividends'"):
        factors(BARS, action, as_of=LATER, kind="dividends")


def test_raw_prices_stay_as_they_are_and_other_symbols_too():
    before = BARS.copy()
    both = pd.concat([BARS, BARS.assign(symbol="BBB")], ignore_index=True)

    result = adjusted(both, actions_of((2, "split", 2.0, None)), as_of=LATER)

    pd.testing.assert_frame_equal(BARS, before)
    assert result.loc[result["symbol"] == "BBB", "close"].tolist() == BARS["close"].tolist()


def test_an_action_before_the_first_bar_or_of_another_symbol_changes_nothing():
    action = actions_of((0, "split", 2.0, None))

    assert (factors(BARS, action, as_of=LATER) == 1.0).all().all()


def test_a_dividend_as_large_as_the_price_is_refused():
    with pytest.raises(InvalidTable, match=r"a dividend of 50.0 is not less than the close of 50.0 before it"):
        factors(BARS, actions_of((3, "cash_dividend", None, 50.0)), as_of=LATER)


@given(st.integers(0, 2**32 - 1), st.integers(1, 39), st.floats(0.1, 20), st.floats(0.01, 5))
def test_the_return_over_an_ex_date_is_what_a_holder_earned(seed, row, ratio, amount):
    """Of an investment that pays a dividend or splits: everything else about adjusted prices follows from this."""
    bars = random_walk(seed, 40)
    before, after = bars["close"].iloc[row - 1], bars["close"].iloc[row]

    split = adjusted(bars, actions_of((row, "split", ratio, None), bars=bars), as_of=LATER)["close"]
    paid = adjusted(bars, actions_of((row, "cash_dividend", None, amount), bars=bars), as_of=LATER)["close"]

    assert split.iloc[row] / split.iloc[row - 1] == pytest.approx(after * ratio / before)
    assert paid.iloc[row] / paid.iloc[row - 1] == pytest.approx(after / (before - amount))
    np.testing.assert_allclose(
        split.pct_change().drop(index=row), bars["close"].pct_change().drop(index=row), rtol=1e-9, atol=1e-14
    )


def test_real_splits_and_dividends_leave_no_jump(shared_data):
    bars = pd.read_parquet(shared_data / "daily" / "us_equity_daily.parquet")
    bars["session"] = pd.to_datetime(bars["session"])
    raw = pd.read_parquet(shared_data / "corporate_actions" / "corporate_actions.parquet")
    actions = raw.assign(
        ex_date=pd.to_datetime(raw["ex_date"]), ratio=raw["split_ratio_new_per_old"], amount=raw["cash_amount"]
    )
    apple = bars[bars["symbol"] == "AAPL"]

    moves = adjusted(apple, actions, as_of=LATER)["close"].pct_change().abs()

    # The largest left is real: from 53.38 to 25.81 on 2000-09-29.
    assert moves.max() == pytest.approx(1 - 25.81 / 53.38, abs=1e-4)
    assert (moves > 0.3).sum() == 1
