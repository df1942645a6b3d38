"""The checks are themselves measured: how many corruptions they catch, and how often they cry wolf."""

import json
import os
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from tests.conftest import ROOT
from tests.quality.corruptions import DAILY, INTRADAY, PRICES
from tradepulse.core.sessions import calendar
from tradepulse.errors import TradePulseError
from tradepulse.ingestion.files import load_bars
from tradepulse.quality.bars import examine

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = ["session", "symbol", *PRICES, "volume"]
#: Years of the real Nasdaq Composite that corruptions are seeded in: a crash, a calm, a crisis and a recovery.
SLICES = ("2001", "2005", "2008", "2010")


def alarms(frame, path):
    """Return what the verdict on a file of these rows objects to; a file that is refused objects too."""
    frame.to_parquet(path, index=False)
    try:
        delivery = load_bars(path, exchange=calendar())
        checks = examine(delivery, exchange=calendar(), actions=(), now=NOW)
    except TradePulseError as exc:
        return [str(exc)]
    return [check.name for check in checks if not check.passed]


def clean(nasdaq, first, last):
    return nasdaq[(nasdaq["session"] >= first) & (nasdaq["session"] <= last)][COLUMNS].reset_index(drop=True)


@pytest.fixture(scope="module")
def report():
    """Collects the two measurements and writes them where the other quality reports are."""
    found = {}
    yield found
    folder = ROOT / "reports" / "data_quality"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "checks.json"
    # Another worker may have made the other measurement.
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**before, **found}, indent=1, sort_keys=True) + "\n")


@pytest.mark.slow
def test_at_least_98_of_100_corruptions_of_real_bars_are_caught(nasdaq, tmp_path, report):
    missed, total = [], 0
    for year in SLICES:
        for number, (name, corrupt) in enumerate(DAILY.items()):
            frame = clean(nasdaq, year, f"{int(year) + 1}-12-31")
            bad = corrupt(frame.copy(), np.random.default_rng([int(year), number]))
            total += 1
            if not alarms(bad, tmp_path / "bars.parquet"):
                missed.append(f"{year}: {name}")

    report["corruptions"] = {"seeded": total, "caught": total - len(missed), "missed": missed}
    assert total >= 120
    assert len(missed) <= 0.02 * total, missed


@pytest.mark.slow
def test_at_most_one_of_100_clean_resamples_raises_an_alarm(nasdaq, tmp_path, report):
    """Half are stretches of real history, half are blocks of real returns in another order on real dates.

    A hundred here; ``make data-quality`` takes five hundred.
    """
    rng = np.random.default_rng(20)
    false, total = [], int(os.environ.get("CLEAN_RESAMPLES", "100"))
    for n in range(total):
        length = int(rng.integers(60, 750))
        at = int(rng.integers(0, len(nasdaq) - length))
        frame = nasdaq.iloc[at : at + length][COLUMNS].reset_index(drop=True)
        if n % 2:
            frame = _in_another_order(nasdaq, frame, rng)
        if found := alarms(frame, tmp_path / "bars.parquet"):
            false.append(f"{frame['session'].iloc[0]:%Y-%m-%d}, {length} sessions: {', '.join(found)}")

    report["clean resamples"] = {"seen": total, "false alarms": len(false), "which": false}
    assert len(false) <= 0.01 * total, false


def _in_another_order(nasdaq, frame, rng, block=20):
    """Return bars on the dates of ``frame`` made of blocks of bars from anywhere, chained by their own returns."""
    starts = rng.integers(1, len(nasdaq) - block, len(frame) // block + 1)
    rows = np.concatenate([np.arange(start, start + block) for start in starts])[: len(frame)]
    closes = nasdaq["close"].to_numpy()
    shape = nasdaq[PRICES].to_numpy()[rows] / closes[rows - 1][:, None]
    base = np.concatenate([[1000.0], 1000.0 * np.cumprod(shape[:-1, 3])])
    return frame.assign(**dict(zip(PRICES, np.round(shape * base[:, None], 6).T, strict=True)))


@pytest.mark.slow
def test_corruptions_of_real_minutes_are_caught(shared_data, tmp_path):
    minutes = pd.read_parquet(shared_data / "minute" / "us_equity_minute_trade.parquet")
    local = minutes["ts"].dt.tz_convert("America/New_York")
    regular = (local.dt.time >= pd.Timestamp("09:30").time()) & (local.dt.time < pd.Timestamp("16:00").time())
    for symbol, rows in minutes[regular].groupby("symbol"):
        good = rows.reset_index(drop=True)
        assert alarms(good, tmp_path / "bars.parquet") == [], symbol
        for number, (name, corrupt) in enumerate(INTRADAY.items()):
            bad = corrupt(good.copy(), np.random.default_rng(number))
            assert alarms(bad, tmp_path / "bars.parquet"), f"{symbol}: {name}"


def test_the_defects_of_real_equities_are_named(shared_data):
    bars = load_bars(shared_data / "daily" / "us_equity_daily.parquet")
    found = {c.name: c for c in examine(bars, exchange=calendar(), actions=(), now=NOW)}

    assert found["rows_are_of_one_security"].failing == 722 + 140
    assert "EEM: 722 rows before 2003-04-11" in found["rows_are_of_one_security"].detail
    assert "USO: 140 rows before 2006-04-10" in found["rows_are_of_one_security"].detail
    assert "QQQ: 1,588 missing: 2004-12-01 to 2011-03-22" in found["sessions_are_complete"].detail
    splits = ("AAPL 2000-06-21", "AAPL 2005-02-28", "AAPL 2014-06-09", "EEM 2005-06-09", "EEM 2008-07-24")
    assert all(split in found["no_unexplained_jumps"].detail for split in splits)
    assert found["no_unexplained_jumps"].failing == 7
    failed = {name for name, check in found.items() if not check.passed}
    assert failed == {"rows_are_of_one_security", "sessions_are_complete", "no_unexplained_jumps"}


def test_a_clean_real_series_raises_no_alarm(shared_data, tmp_path):
    bars = pd.read_parquet(shared_data / "daily" / "us_equity_daily.parquet")

    assert alarms(bars[bars["symbol"] == "SPY"], tmp_path / "spy.parquet") == []
