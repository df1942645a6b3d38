from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from tradepulse.core.sessions import calendar
from tradepulse.ingestion.ticks import load_quotes, load_trades
from tradepulse.quality.ticks import examine_ticks

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def trades():
    stamps = pd.date_range("2018-10-01T14:00Z", periods=200, freq="s")
    prices = 10 + np.cumsum(np.random.default_rng(1).normal(0, 0.001, 200))
    return pd.DataFrame({"ts": stamps, "symbol": "AAA", "price": prices, "size": 100})


@pytest.fixture
def verdict(tmp_path):
    def call(frame, load=load_trades):
        frame.to_parquet(tmp_path / "ticks.parquet")
        return {c.name: c for c in examine_ticks(load(tmp_path / "ticks.parquet"), exchange=calendar(), now=NOW)}

    return call


def worse(checks):
    return [name for name, check in checks.items() if check.verdict != "ok"]


def test_clean_trades_hold(verdict, trades):
    assert worse(verdict(trades)) == []


@pytest.mark.parametrize(
    ("spoil", "check", "says"),
    [
        (lambda t: t.assign(price=t["price"].where(t.index != 50, 0.0)), "rows_are_valid", "FAILED"),
        (lambda t: t.iloc[::-1], "rows_are_in_time_order", "FAILED"),
        (lambda t: t.assign(ts=t["ts"] + pd.Timedelta(hours=8)), "nothing_outside_trading_hours", "FAILED"),
        (lambda t: t.assign(ts=t["ts"] - pd.Timedelta(days=1)), "nothing_outside_trading_hours", "FAILED"),
        (lambda t: t.assign(ts=t["ts"] + pd.Timedelta(days=3287)), "nothing_from_the_future", "FAILED"),
        (lambda t: t.assign(suspicious=t.index == 7), "the_vendor_doubts_no_trade", "look"),
        (lambda t: t.assign(price=t["price"].where(t.index != 50, 12.0)), "trades_are_near_one_another", "look"),
    ],
)
def test_what_is_wrong_is_found(verdict, trades, spoil, check, says):
    assert verdict(spoil(trades))[check].verdict == says


def test_rows_that_are_all_bad_have_not_passed(verdict, trades):
    assert worse(verdict(trades.assign(price=-1.0))) == ["rows_are_valid"]


def test_quotes_of_one_side_only_have_not_passed(verdict, trades):
    quotes = trades.assign(bid=10.0, bid_size=1, ask=10.1, ask_size=1).drop(columns=["price", "size"])

    assert worse(verdict(quotes, load_quotes)) == []
    assert worse(verdict(quotes.assign(ask=0.0), load_quotes)) == ["both_sides_are_quoted"]


def test_real_ticks_are_told_from_those_outside_trading_hours(shared_data):
    for name, load, outside in (("trade", load_trades, 245), ("quote", load_quotes, 2577)):
        delivery = load(shared_data / "ticks" / f"ibm_20131007_08_{name}.parquet")
        checks = {c.name: c for c in examine_ticks(delivery, exchange=calendar(), now=NOW)}
        assert worse(checks) == ["nothing_outside_trading_hours"]
        assert checks["nothing_outside_trading_hours"].failing == outside
        assert delivery.quarantined.empty
