from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepulse.core.resampling import bars_of_trades, resampled
from tradepulse.core.sessions import calendar
from tradepulse.errors import ConfigError, InvalidTable

EXCHANGE = calendar()
MINUTE, HOUR, DAY = (pd.Timedelta(text) for text in ("1min", "1h", "1D"))


def minutes(*days, first=0, seed=1):
    """Return one-minute bars over the trading hours of sessions, ``first`` minutes before the open on."""
    rng = np.random.default_rng(seed)
    parts = []
    for day in days:
        session = date.fromisoformat(day)
        opens = pd.Timestamp(EXCHANGE.open_at(session)) - first * MINUTE
        grid = pd.date_range(opens, EXCHANGE.close_at(session), freq="1min", inclusive="left").as_unit("ns")
        parts.append(pd.DataFrame({"ts": grid, "session": pd.Timestamp(session).as_unit("ns")}))
    frame = pd.concat(parts, ignore_index=True)
    closes = 100 + np.cumsum(rng.normal(0, 0.1, len(frame)))
    return frame.assign(
        symbol="AAA",
        open=closes - 0.01,
        high=closes + 0.05,
        low=closes - 0.05,
        close=closes,
        volume=rng.integers(1, 100, len(frame)),
    )


def test_a_session_is_six_hours_and_a_half_from_its_open():
    bars = minutes("2018-10-01")
    hours = resampled(bars, HOUR, EXCHANGE)

    assert hours["ts"].dt.strftime("%H:%M").tolist() == ["13:30", "14:30", "15:30", "16:30", "17:30", "18:30", "19:30"]
    second = bars.iloc[60:120]
    row = hours.iloc[1]
    assert (row["open"], row["close"]) == (second["open"].iloc[0], second["close"].iloc[-1])
    assert (row["high"], row["low"], row["volume"]) == (
        second["high"].max(),
        second["low"].min(),
        second["volume"].sum(),
    )


def test_a_half_day_has_three_and_a_half_hours_and_daylight_saving_moves_with_the_session():
    assert len(resampled(minutes("2018-11-23"), HOUR, EXCHANGE)) == 4
    opens = resampled(minutes("2018-03-09", "2018-03-12"), DAY, EXCHANGE)["ts"]
    assert opens.dt.strftime("%Y-%m-%d %H:%M").tolist() == ["2018-03-09 14:30", "2018-03-12 13:30"]


def test_no_interval_reaches_from_one_session_into_the_next():
    bars = resampled(minutes("2018-10-01", "2018-10-02"), pd.Timedelta("5h"), EXCHANGE)

    assert bars["session"].dt.day.tolist() == [1, 1, 2, 2]


def test_what_lies_outside_trading_hours_is_left_out_unless_asked_for():
    bars = minutes("2018-10-01", first=30)

    assert resampled(bars, DAY, EXCHANGE)["volume"].iloc[0] == bars["volume"].iloc[30:].sum()
    assert resampled(bars, DAY, EXCHANGE, hours="all")["volume"].iloc[0] == bars["volume"].sum()
    assert len(resampled(bars, pd.Timedelta("30min"), EXCHANGE, hours="all")) == 14


def test_the_closing_auction_belongs_to_the_last_interval():
    bars = minutes("2018-10-01")
    auction = bars.iloc[[-1]].assign(
        ts=pd.Timestamp(EXCHANGE.close_at(date(2018, 10, 1))).as_unit("ns"), close=1.0, volume=999
    )
    whole = pd.concat([bars, auction], ignore_index=True)

    hours = resampled(whole, HOUR, EXCHANGE)

    assert len(hours) == 7
    assert hours["close"].iloc[-1] == 1.0


def test_an_hour_that_begins_before_the_open_is_part_of_the_session():
    clock = (
        minutes("2018-10-01")
        .iloc[::60]
        .head(7)
        .assign(ts=pd.date_range("2018-10-01T13:00Z", periods=7, freq="h").as_unit("ns"))
    )

    assert resampled(clock, DAY, EXCHANGE)["volume"].iloc[0] == clock["volume"].sum()


@given(st.integers(0, 1000), st.sampled_from([5, 15, 30]), st.floats(0, 0.9))
def test_resampling_in_two_steps_is_resampling_in_one(seed, step, missing):
    bars = minutes("2018-10-01", "2018-11-23", seed=seed)
    bars = bars[np.random.default_rng(seed).random(len(bars)) >= missing].reset_index(drop=True)
    if bars.empty:
        return
    twice = resampled(resampled(bars, pd.Timedelta(minutes=step), EXCHANGE), DAY, EXCHANGE)

    pd.testing.assert_frame_equal(twice, resampled(bars, DAY, EXCHANGE))


def test_trades_become_bars_and_some_conditions_set_no_price():
    trades = pd.DataFrame(
        {
            "ts": pd.to_datetime([f"2018-10-01T13:{at}Z" for at in ("29:59", "30:01", "30:30", "31:00", "32:00")]),
            "symbol": "AAA",
            "price": [1.0, 10.0, 99.0, 10.5, 11.0],
            "size": [9, 100, 5, 200, 7],
            "condition": ["", "", "odd", "", "odd"],
        }
    )  # fmt: skip
    trades["ts"] = trades["ts"].dt.as_unit("ns")

    # The first stands before the open, and the last minute has no trade that sets a price.
    bars = bars_of_trades(trades, MINUTE, EXCHANGE, without_price={"odd"})

    assert bars[["open", "high", "low", "close", "volume"]].to_numpy().tolist() == [
        [10.0, 10.0, 10.0, 10.0, 105.0],
        [10.5, 10.5, 10.5, 10.5, 200.0],
    ]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"interval": pd.Timedelta(0)}, ConfigError, "above zero"),
        ({"hours": "night"}, ConfigError, "hours must be one of"),
    ],
)
def test_bad_settings_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        resampled(minutes("2018-10-01"), **{"interval": HOUR, "exchange": EXCHANGE, **options})


def test_nothing_is_not_resampled():
    with pytest.raises(InvalidTable, match="nothing to resample"):
        resampled(minutes("2018-10-01").iloc[:0], HOUR, EXCHANGE)


def test_twenty_years_of_real_hours_are_exactly_the_real_days(shared_data):
    from tradepulse.ingestion.files import load_bars

    hours = load_bars(shared_data / "hourly" / "us_equity_hour.parquet", zone="America/New_York").accepted
    days = load_bars(shared_data / "daily" / "us_equity_daily.parquet").accepted
    days = days[days["symbol"].isin(["SPY", "IBM"])].sort_values(["session", "symbol"], ignore_index=True)

    made = resampled(hours, DAY, EXCHANGE, hours="all").sort_values(["session", "symbol"], ignore_index=True)

    columns = ["symbol", "session", "open", "high", "low", "close", "volume"]
    pd.testing.assert_frame_equal(made[columns], days[columns])
    assert len(made) == 10_566


def test_real_trades_make_the_real_minutes(shared_data):
    """Prices of every minute but those of the auctions, whose prints the vendor's bars take from elsewhere."""
    from tradepulse.ingestion.files import load_bars
    from tradepulse.ingestion.ticks import load_trades

    trades = load_trades(shared_data / "ticks" / "ibm_20131007_08_trade.parquet").accepted
    bars = load_bars(shared_data / "minute" / "us_equity_minute_trade.parquet").accepted
    bars = bars[(bars["symbol"] == "IBM") & bars["session"].isin(pd.to_datetime(["2013-10-07", "2013-10-08"]))]
    excluded = {"20", "20000020", "20100200", "20100000", "20040200", "1000000"}

    made = bars_of_trades(trades, MINUTE, EXCHANGE, without_price=excluded).set_index("ts")

    bars = bars.set_index("ts")
    local = bars.index.tz_convert("America/New_York")
    regular = bars[(local.strftime("%H:%M") > "09:30") & (local.strftime("%H:%M") < "15:59")]
    both = made.join(regular, how="inner", rsuffix="_vendor")
    assert len(both) == len(regular) == 2 * 388
    for column in ("open", "high", "low", "close", "volume"):
        assert (both[column] == both[f"{column}_vendor"]).mean() > 0.995, column
