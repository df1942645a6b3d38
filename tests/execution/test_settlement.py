from datetime import date

from tests.execution.orders import fill, order
from tradepulse.core.orders import Side
from tradepulse.core.sessions import calendar
from tradepulse.execution.settlement import settlement_rows

BOUGHT = fill(order(quantity=10), price=2_000_000, session="2018-10-04", commission=30)
SOLD = fill(order("o2", Side.SELL, 10), "f2", price=3_000_000, session="2018-10-05", commission=30)


def rows(session):
    return settlement_rows([BOUGHT, SOLD], date.fromisoformat(session), calendar())


def test_a_fill_waits_two_business_days_and_columbus_day_is_none():
    # 2018-10-08 was Columbus Day: the exchange traded, banks were closed.
    settles = {row["fill_id"]: (row["settle_date"], row["cycle"]) for row in rows("2018-10-05")}

    assert settles == {"f1": ("2018-10-09", "T+2"), "f2": ("2018-10-10", "T+2")}


def test_cash_and_units_change_hands_with_commission_taken_off():
    amounts = {row["fill_id"]: (row["quantity"], row["amount_micros"]) for row in rows("2018-10-05")}

    assert amounts == {"f1": (10, -20_000_030), "f2": (-10, 29_999_970)}


def test_a_fill_stands_until_the_day_it_settles_and_not_before_it_traded():
    found = {
        day: [(r["fill_id"], r["settled"]) for r in rows(f"2018-10-{day}")]
        for day in ("03", "04", "08", "09", "10", "11")
    }

    assert found == {
        "03": [],
        "04": [("f1", False)],
        "08": [("f1", False), ("f2", False)],
        "09": [("f1", True), ("f2", False)],
        "10": [("f2", True)],
        "11": [],
    }
