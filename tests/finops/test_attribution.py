from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import permutations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepulse.core.tables import table
from tradepulse.finops.attribution import cost_lines, rounded, spend
from tradepulse.finops.prices import PriceBook
from tradepulse.warehouse.costs import daily_costs
from tradepulse.warehouse.lake import Lake

PRICES = PriceBook((date(2020, 1, 1),), ({"cpu": 40_000_000, "memory": 5_000_000, "written": 20_000_000},), "p" * 16)


def usage_of(*rows):
    base = {"run_id": "r", "step": "s", "partition": "", "started_at": pd.Timestamp("2026-01-01T23:59:59", tz="UTC"),
            "team": "data", "strategy": "shared", "environment": "test", "outcome": "done", "cpu_ms": 0, "wall_ms": 0,
            "peak_memory_bytes": 0, "written_bytes": 0}  # fmt: skip
    frame = pd.DataFrame([{**base, "step": f"s{n}", **row} for n, row in enumerate(rows)])
    frame["started_at"] = frame["started_at"].dt.as_unit("ns")
    return frame


def test_a_step_is_priced_by_hand():
    # One hour of CPU; 2 GiB for half an hour; 512 MiB written.
    lines = cost_lines(
        usage_of(
            {
                "cpu_ms": 3_600_000,
                "wall_ms": 1_800_000,
                "peak_memory_bytes": 2 * 1024**3,
                "written_bytes": 512 * 1024**2,
            }
        ),
        PRICES,
    )

    assert table("costs").accept(lines, "test") is lines
    assert dict(zip(lines["meter"], lines["cost_nano_usd"], strict=True)) == {
        "cpu": 40_000_000,
        "memory": 5_000_000,
        "written": 10_000_000,
    }
    assert lines["date"].unique().tolist() == [pd.Timestamp("2026-01-01")]


def test_no_usage_is_no_cost():
    assert len(table("costs").accept(cost_lines(table("usage").no_rows(), PRICES), "test")) == 0


steps = st.lists(
    st.fixed_dictionaries(
        {
            "cpu_ms": st.integers(0, 10**9),
            "wall_ms": st.integers(0, 10**9),
            "peak_memory_bytes": st.integers(0, 2**40),
            "written_bytes": st.integers(0, 2**45),
            "team": st.sampled_from(["data", "research", "trading"]),
            "strategy": st.sampled_from(["shared", "champion"]),
            "started_at": st.sampled_from([pd.Timestamp(f"2026-01-0{d}T12:00", tz="UTC") for d in (1, 2, 3)]),
        }
    ),
    min_size=1,
    max_size=12,
)


@given(rows=steps)
def test_the_parts_are_the_total_however_it_is_split(rows, tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("costs"))
    lines = cost_lines(usage_of(*rows), PRICES)
    lake.write("costs", lines)
    daily = daily_costs(lake)
    total = int(lines["cost_nano_usd"].sum())

    assert table("daily_costs").accept(daily, "test") is daily
    assert int(daily["cost_nano_usd"].sum()) == total
    for keys in (["team"], ["team", "strategy", "environment"], ["date", "meter"]):
        parts = spend(daily, keys)["cost_nano_usd"].tolist()
        assert sum(parts) == total
        # To the cent, rounded as the total is rounded.
        assert sum(rounded(parts)) == (Decimal(total) / 10**9).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20), st.integers(0, 6))
def test_no_rounded_amount_is_a_unit_off(nano, places):
    unit = Decimal(1).scaleb(-places)
    for exact, shown in zip(nano, rounded(nano, places), strict=True):
        assert abs(shown - Decimal(exact) / 10**9) < unit


def test_the_missing_cent_goes_to_the_largest_remainder():
    # 0.006 + 0.005 + 0.004 = 0.015, which rounds half to even to 0.02: two cents to hand out.
    assert rounded([6_000_000, 5_000_000, 4_000_000]) == [Decimal("0.01"), Decimal("0.01"), Decimal("0.00")]
    assert rounded([0, 0]) == [Decimal(0), Decimal(0)]


def test_the_order_of_lines_does_not_matter():
    rows = [{"team": team, "cpu_ms": cpu} for team, cpu in (("a", 5), ("b", 5), ("c", 7))]
    seen = {spend(cost_lines(usage_of(*order), PRICES), ["team"]).to_csv() for order in permutations(rows)}

    assert len(seen) == 1


@pytest.mark.parametrize("keys", [["team"], ["run_id"]])
def test_the_dearest_comes_first(keys):
    lines = cost_lines(
        usage_of({"team": "a", "run_id": "a", "cpu_ms": 10**6}, {"team": "b", "run_id": "b", "cpu_ms": 10**8}), PRICES
    )

    assert spend(lines, keys)[keys[0]].tolist() == ["b", "a"]


def test_gpu_time_and_bytes_read_have_a_line_where_there_are_any():
    prices = PriceBook(PRICES.since, ({**PRICES.prices[0], "gpu": 500_000_000, "read": 1_000},), "p" * 16)
    lines = cost_lines(
        usage_of({"gpu_ms": 7_200_000, "read_bytes": 3 * 1024**3}, {"gpu_ms": 0, "read_bytes": 0}), prices
    )

    assert lines.groupby("step")["meter"].agg(list).tolist() == [
        ["cpu", "memory", "written", "read", "gpu"], ["cpu", "memory", "written"],
    ]  # fmt: skip
    assert dict(zip(lines["meter"][3:5], lines["cost_nano_usd"][3:5], strict=True)) == {"read": 3_000, "gpu": 10**9}
