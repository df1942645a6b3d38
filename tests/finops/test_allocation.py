"""A bill is divided without a rest: workload, idle and overhead are what was billed, whatever comes."""

from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepulse.errors import DataError
from tradepulse.finops.allocation import allocated


def bill(*rows):
    """Charges: day, account, currency, category, service, amount."""
    return pd.DataFrame(
        [
            {"ts": pd.Timestamp(day, tz="UTC"), "symbol": account, "currency": currency, "category": category,
             "service": service, "billed": amount}
            for day, account, currency, category, service, amount in rows
        ]
    )  # fmt: skip


def metered(*rows):
    """Costs: day, team, nano-dollars."""
    return pd.DataFrame(
        [
            {
                "date": pd.Timestamp(day),
                "team": team,
                "strategy": "shared",
                "environment": "prod",
                "cost_nano_usd": nano,
            }
            for day, team, nano in rows
        ],
        columns=["date", "team", "strategy", "environment", "cost_nano_usd"],
    )


def by_kind(rows):
    out = {}
    for row in rows.to_dict("records"):
        key = (row["kind"], row["team"])
        out[key] = out.get(key, Decimal(0)) + Decimal(row["amount"])
    return out


def test_by_hand():
    # Ten of machines, one of tax. Metered 3 and 1: workload 4, idle 6, overhead 1.
    bills = bill(
        ("2024-01-01", "a", "USD", "Usage", "Machines", "10"), ("2024-01-01", "a", "USD", "Tax", "Machines", "1.00")
    )
    costs = metered(("2024-01-01", "data", 3_000_000_000), ("2024-01-01", "research", 1_000_000_000))

    assert by_kind(allocated(bills, costs)) == {
        ("workload", "data"): 3, ("workload", "research"): 1, ("idle", ""): 6, ("overhead", ""): 1,
    }  # fmt: skip


def test_a_bill_below_what_was_metered_scales_the_workload_down():
    bills = bill(("2024-01-01", "a", "USD", "Usage", "Machines", "2"))
    costs = metered(("2024-01-01", "data", 3_000_000_000), ("2024-01-01", "research", 1_000_000_000))

    assert by_kind(allocated(bills, costs)) == {
        ("workload", "data"): Decimal("1.5"), ("workload", "research"): Decimal("0.5"), ("idle", ""): 0,
        ("overhead", ""): 0,
    }  # fmt: skip


def test_two_accounts_share_the_workload_by_what_they_billed():
    bills = bill(
        ("2024-01-01", "a", "USD", "Usage", "Machines", "30"), ("2024-01-01", "b", "USD", "Usage", "Machines", "10")
    )

    rows = allocated(bills, metered(("2024-01-01", "data", 4_000_000_000)))

    work = rows[rows["kind"] == "workload"].set_index("account")["amount"]
    assert (Decimal(work["a"]), Decimal(work["b"])) == (3, 1)


def test_a_service_named_so_is_overhead():
    bills = bill(
        ("2024-01-01", "a", "USD", "Usage", "Machines", "3"), ("2024-01-01", "a", "USD", "Usage", "Support", "7")
    )

    assert by_kind(allocated(bills, metered(), overhead_services=["Support"]))[("overhead", "")] == 7


def test_refunds_beyond_all_usage_leave_no_negative_idle():
    bills = bill(("2024-01-01", "a", "USD", "Usage", "Machines", "-5"))

    assert by_kind(allocated(bills, metered(("2024-01-01", "data", 10**9)))) == {("idle", ""): 0, ("overhead", ""): -5}


def test_without_a_bill_there_is_nothing_to_divide():
    with pytest.raises(DataError, match="no bill to allocate; import one"):
        allocated(bill(), metered())


charges = st.lists(
    st.tuples(
        st.sampled_from(["2024-01-01", "2024-01-02"]), st.sampled_from("ab"), st.sampled_from(["USD", "EUR"]),
        st.sampled_from(["Usage", "Usage", "Usage", "Purchase", "Tax", "Credit", "Adjustment"]),
        st.sampled_from(["Machines", "Disks"]), st.decimals(-50, 100, places=6).map(str),
    ),
    min_size=1, max_size=12,
)  # fmt: skip
uses = st.lists(
    st.tuples(
        st.sampled_from(["2024-01-01", "2024-01-02", "2024-01-03"]), st.sampled_from(["data", "research", "untagged"]),
        st.integers(0, 10**11),
    ),
    max_size=8,
)  # fmt: skip


@given(charges, uses, st.randoms(use_true_random=False))
def test_nothing_is_lost_whatever_comes_and_in_whatever_order(rows, used, shuffle):
    bills, costs = bill(*rows), metered(*used)

    usd = {"EUR": Decimal("1.08")}
    out = allocated(bills, costs, usd_for_one=usd)

    billed, given_out = {}, {}
    for row in bills.to_dict("records"):
        key = (f"{row['ts']:%Y-%m-%d}", row["symbol"], row["currency"])
        billed[key] = billed.get(key, Decimal(0)) + Decimal(row["billed"])
    for row in out.to_dict("records"):
        key = (row["date"], row["account"], row["currency"])
        given_out[key] = given_out.get(key, Decimal(0)) + Decimal(row["amount"])
    assert given_out == billed
    assert all(Decimal(a) >= 0 for a in out.loc[out["kind"] != "overhead", "amount"])
    for kept in (rows, used):
        shuffle.shuffle(kept)
    assert allocated(bill(*rows), metered(*used), usd_for_one=usd).to_csv() == out.to_csv()


def test_what_is_metered_in_dollars_is_charged_in_the_currency_of_the_bill():
    """USD 4 of workload on a day that billed EUR 10 at 1.25 and USD 12.50: half each, and 2 dollars are 1.60 euros."""
    bills = bill(
        ("2024-01-01", "a", "EUR", "Usage", "Machines", "10"), ("2024-01-01", "b", "USD", "Usage", "Machines", "12.5")
    )
    costs = metered(("2024-01-01", "data", 4 * 10**9))
    rows = allocated(bills, costs, usd_for_one={"EUR": Decimal("1.25")})

    amounts = {(r.currency, r.kind): Decimal(r.amount) for r in rows.itertuples()}
    assert amounts[("EUR", "workload")] == Decimal("1.6")
    assert amounts[("USD", "workload")] == 2
    assert amounts[("EUR", "idle")] == Decimal("8.4")
    with pytest.raises(DataError, match="bills in EUR and costs are metered in USD; say"):
        allocated(bills, costs)
