"""Bars, signals, orders, fills and settlement over odd days of 2024, against ledgers worked out by hand.

Clocks go forward on 10 March; 27 May (Memorial Day) is no session, and from 28 May on trades settle on the next
business day instead of the second; 3 July closes at one in the afternoon, and 4 July is no session. Beside it, two
splits and a dividend in one week.
"""

import json
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from tradepulse.core.sessions import calendar
from tradepulse.core.tables import table
from tradepulse.execution.accounting import DIVIDENDS, ledger_of
from tradepulse.execution.book import Book
from tradepulse.execution.journal import read_journal

#: Session, open and close. The strategy is long when the mean of two closes is above that of three.
BARS = [
    ("2024-03-05", 10, 10), ("2024-03-06", 10, 10), ("2024-03-07", 10, 10),
    ("2024-03-08", 10, 13),  # 11.5 over 11: long at the next open
    ("2024-03-11", 20, 20), ("2024-03-12", 20, 4),  # 12 under 12.33: out at the next open
    ("2024-03-13", 30, 4), ("2024-05-21", 4, 4), ("2024-05-22", 4, 4),
    ("2024-05-23", 4, 7),  # 5.5 over 5: long
    ("2024-05-24", 50, 0.5),  # 3.75 under 3.83: out
    ("2024-05-28", 40, 0.5), ("2024-05-29", 0.5, 0.5), ("2024-07-02", 0.5, 0.5),
    ("2024-07-03", 0.5, 2),  # 1.25 over 1: long
    ("2024-07-05", 8, 8),
]  # fmt: skip
TRADED = ("2024-03-08", "2024-03-11", "2024-03-12", "2024-03-13", "2024-05-23", "2024-05-24", "2024-05-28",
          "2024-05-29", "2024-07-03", "2024-07-05")  # fmt: skip
#: Day, side, price a basis point worse than the open, commission of a basis point; then settlement, and the cash after.
LEDGER = [
    ("2024-03-11", "buy", "20.002", "0.20002", "2024-03-13", "997999.59998"),
    ("2024-03-13", "sell", "29.997", "0.29997", "2024-03-15", "1000999.00001"),
    ("2024-05-24", "buy", "50.005", "0.50005", "2024-05-29", "995997.99996"),
    ("2024-05-28", "sell", "39.996", "0.39996", "2024-05-29", "999997.20000"),
    ("2024-07-05", "buy", "8.0008", "0.080008", "2024-07-08", "999197.039992"),
]


def micros(text):
    whole, _, part = text.partition(".")
    return int(whole) * 10**6 + int(part.ljust(6, "0"))


def prepare(home, bars):
    """Give a lake the bars, and a strategy that was promoted."""
    exchange, days = calendar(), [date.fromisoformat(day) for day, _, _ in bars]
    for day, (session, begin, end) in zip(days, bars, strict=True):
        assert exchange.is_session(day), day
        bar = pd.DataFrame(
            {
                "ts": pd.DatetimeIndex([exchange.open_at(day)], tz="UTC").as_unit("ns"),
                "session": pd.DatetimeIndex([day]).as_unit("ns"), "symbol": ["ODD"], "open": [float(begin)],
                "high": [float(max(begin, end))], "low": [float(min(begin, end))], "close": [float(end)],
                "volume": [1e6], "open_is_stale": [False], "source": ["hand"], "source_hash": ["0" * 16],
            }
        ).astype({"symbol": "str", "source": "str", "source_hash": "str"})  # fmt: skip
        home.lake.write("bars", bar, session)
    text = dict.fromkeys(("trial_id", "data_version", "code_version", "run_id", "mlflow_run_id"), "0" * 16)
    promotion = {
        **text, "promotion_id": "0" * 16, "stage": "shadow", "strategy": "sma_cross@1",
        "params": json.dumps({"fast": 2, "slow": 3}), "symbol": "ODD", "quantity": 100, "environment": "0" * 16,
        "last_session": pd.Timestamp("2024-03-04"), "n_trials": 1, "deflated_sharpe": 0.9, "holdout_looks": 0,
        "promoted": True, "reasons": "[]",
    }  # fmt: skip
    home.lake.write("promotions", rows("promotions", promotion), "hand")


def rows(name, *made):
    empty = table(name).no_rows()
    return pd.DataFrame(made)[list(empty.columns)].astype(empty.dtypes)


def trade(home, make, sessions):
    """Run each session; return its fills, the cash after it, and each fill's rows of settlement."""
    fills, cash, settling = [], {}, {}
    for session in sessions:
        assert make("signals", "released_signals", partition=session).success, session
        done = make("order_journal", "orders", "fills", "positions", "settlement", partition=session)
        checks = done.get_asset_check_evaluations()
        assert done.success, session
        assert [check.passed for check in checks] == [True] * len(checks) != [], session
        fills += home.lake.read("fills", [session]).to_dict("records")
        cash[session] = int(home.lake.read("positions", [session])["cash_micros"].iloc[0])
        for row in home.lake.read("settlement", [session]).to_dict("records"):
            settling.setdefault(row["fill_id"], []).append((session, f"{row['settle_date']:%Y-%m-%d}", row["settled"]))
    return fills, cash, settling


@pytest.mark.slow
def test_the_odd_days_of_2024_come_to_the_ledger_worked_out_by_hand(home, make):
    prepare(home, BARS)
    exchange = calendar()
    opens = [exchange.open_at(date.fromisoformat(day)) for day in ("2024-03-08", "2024-03-11")]
    assert opens == [datetime(2024, 3, 8, 14, 30, tzinfo=UTC), datetime(2024, 3, 11, 13, 30, tzinfo=UTC)]
    assert exchange.close_at(date(2024, 7, 3)) == datetime(2024, 7, 3, 17, tzinfo=UTC)
    fills, cash, settling = trade(home, make, TRADED)

    assert [
        (f"{f['session']:%Y-%m-%d}", f["side"], f["quantity"], f["price_micros"], f["commission_micros"]) for f in fills
    ] == [(day, side, 100, micros(price), micros(fee)) for day, side, price, fee, _, _ in LEDGER]
    assert {day: cash[day] for day, *_ in LEDGER} == {row[0]: micros(row[5]) for row in LEDGER}
    assert cash["2024-03-12"] == cash["2024-03-11"]
    assert [settling[f["fill_id"]][0][1] for f in fills] == [row[4] for row in LEDGER]
    # Bought under the old rule and sold under the new one, both change hands on the same day.
    bought, sold = (settling[f["fill_id"]] for f in fills[2:4])
    assert bought == [("2024-05-24", "2024-05-29", False), ("2024-05-28", "2024-05-29", False),
                      ("2024-05-29", "2024-05-29", True)]  # fmt: skip
    assert sold == bought[1:]
    # Run again, the last session and one before it send nothing, and say so.
    for session in ("2024-07-05", "2024-07-03"):
        journal = (home.book / "orders.journal").read_bytes()
        again = make("order_journal", partition=session)
        assert again.success, session
        [said] = again.asset_materializations_for_node("order_journal")
        assert said.metadata["run before"].value is True
        assert (home.book / "orders.journal").read_bytes() == journal
    held = home.lake.read("positions", ["2024-07-05"]).to_dict("records")
    assert [(row["symbol"], row["quantity"], row["value_micros"]) for row in held] == [("ODD", 100, 800_000_000)]
    assert cash["2024-07-05"] + 800_000_000 == micros("999997.039992")


#: Raw prices of a week in which three units become half as many again, and later a quarter.
SPLIT_BARS = [
    ("2024-06-03", 100, 100), ("2024-06-04", 100, 100), ("2024-06-05", 100, 100),
    ("2024-06-06", 100, 130),  # 115 over 110: long at the next open
    ("2024-06-07", 120, 132),
    ("2024-06-10", 88, 90),  # 3 for 2. In new units 89 over 88.2; as raw prices 111 under 117.3, a sale
    ("2024-06-11", 91, 30),  # pays 0.50. 60 under 69.3: out at the next open
    ("2024-06-12", 121, 125),  # 1 for 4
]  # fmt: skip


@pytest.mark.slow
def test_splits_and_a_dividend_come_to_the_ledger_worked_out_by_hand(home, make):
    prepare(home, SPLIT_BARS)
    action = {"symbol": "ODD", "ratio": float("nan"), "amount": float("nan"), "source": "hand", "source_hash": "0" * 16}
    went_ex = [
        {**action, "ex_date": pd.Timestamp("2024-06-10"), "action": "split", "ratio": 1.5},
        {**action, "ex_date": pd.Timestamp("2024-06-11"), "action": "cash_dividend", "amount": 0.5},
        {**action, "ex_date": pd.Timestamp("2024-06-12"), "action": "split", "ratio": 0.25},
    ]
    home.lake.write("corporate_actions", rows("corporate_actions", *went_ex), "2024")
    fills, cash, settling = trade(home, make, [day for day, _, _ in SPLIT_BARS[3:]])

    # 100 bought a basis point above 120; they are 150 after the split, for which nothing is sent. The sale of 150 rests
    # over the second split: 37 are left of it, and of the units held 37 and a half, of which the half is paid out at
    # four times the close of 30.
    assert [(f["side"], f["quantity"], f["price_micros"], f["commission_micros"]) for f in fills] == [
        ("buy", 100, micros("120.012"), micros("1.20012")), ("sell", 37, micros("120.9879"), micros("0.447655")),
    ]  # fmt: skip
    orders = [home.lake.read("orders", [day]).to_dict("records") for day, _, _ in SPLIT_BARS[3:]]
    assert [[(o["side"], o["quantity"]) for o in of_day] for of_day in orders] == [
        [("buy", 100)], [], [], [("sell", 150)], []]  # fmt: skip
    assert cash == {
        "2024-06-06": micros("1000000"),
        "2024-06-07": micros("987997.59988"),
        "2024-06-10": micros("987997.59988"),
        "2024-06-11": micros("988072.59988"),  # 150 x 0.50
        "2024-06-12": micros("992608.704525"),  # 60, and 37 x 120.9879 less the commission
    }
    targets = [home.lake.read("signals", [day])["target_quantity"].iloc[0] for day, _, _ in SPLIT_BARS[3:]]
    assert targets == [100, 100, 150, 0, 0]
    held = [home.lake.read("positions", [day])["quantity"].iloc[0] for day, _, _ in SPLIT_BARS[3:]]
    assert held == [0, 100, 150, 150, 0]
    assert [settling[f["fill_id"]][0][1] for f in fills] == ["2024-06-10", "2024-06-13"]
    books = ledger_of(Book.of(read_journal(home.book / "orders.journal")[0]), calendar())
    assert books.equity({}) == cash["2024-06-12"]
    assert books.balance(DIVIDENDS) == -micros("75")


@pytest.mark.slow
def test_a_dividend_that_the_vendor_tells_late_is_booked_with_the_next_session(home, make):
    bars = [*SPLIT_BARS[:5], ("2024-06-10", 133, 134), ("2024-06-11", 134, 135)]
    prepare(home, bars)
    trade(home, make, ["2024-06-06", "2024-06-07", "2024-06-10"])
    late = {"symbol": "ODD", "ex_date": pd.Timestamp("2024-06-10"), "action": "cash_dividend", "ratio": float("nan"),
            "amount": 0.5, "source": "hand", "source_hash": "0" * 16}  # fmt: skip
    home.lake.write("corporate_actions", rows("corporate_actions", late), "2024")

    # Held since the seventh: 100 x 0.50, a day late; the check counts it from its ex-date, and agrees again.
    _, cash, _ = trade(home, make, ["2024-06-11"])
    assert cash == {"2024-06-11": micros("988047.59988")}
