"""The roll-up of a ledger by day: always the ledger, whatever came, changed or went."""

import os
from itertools import count

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tradepulse.errors import DataError, MissingData
from tradepulse.warehouse.ledger_rollup import roll_up

TICKS = count(1)


def day_of(ledger, day, *costs, **changes):
    """Write a day: team and nano-dollars of each line."""
    ledger.mkdir(exist_ok=True)
    frame = pd.DataFrame(
        {
            "date": pd.Timestamp(day), "run_id": "r", "step": "s", "strategy": "shared", "environment": "local",
            "meter": "cpu", "team": [team for team, _ in costs], "cost_nano_usd": [nano for _, nano in costs],
        }
    )  # fmt: skip
    path = ledger / f"{day}.parquet"
    frame.assign(**changes).to_parquet(path, index=False)
    os.utime(path, ns=(tick := next(TICKS), tick))  # files of one size within one tick of the clock


def rows_of(out):
    frames = [pd.read_parquet(path) for path in sorted(out.glob("date=*/*.parquet"))]
    if not frames:
        return {}
    frame = pd.concat(frames)
    return {(str(r.date)[:10], r.team): (int(r.lines), int(r.cost_nano_usd)) for r in frame.itertuples()}


def test_a_day_is_rolled_up_once_and_a_correction_alone(tmp_path):
    ledger, out = tmp_path / "ledger", tmp_path / "out"
    day_of(ledger, "2026-01-30", ("data", 5), ("data", 7), ("research", 1))
    day_of(ledger, "2026-01-31", ("data", 10**18))

    first = roll_up(ledger, out)
    assert (first.days, first.changed, first.rows) == (2, ("2026-01-30", "2026-01-31"), 3)
    assert first.total_nano_usd == 10**18 + 13
    assert rows_of(out)["2026-01-30", "data"] == (2, 12)
    assert roll_up(ledger, out).changed == ()

    kept = (out / "date=2026-01-31" / "costs.parquet").stat().st_mtime_ns
    day_of(ledger, "2026-01-30", ("data", 6))
    second = roll_up(ledger, out)
    assert (second.changed, second.total_nano_usd) == (("2026-01-30",), 10**18 + 6)
    assert rows_of(out) == {("2026-01-30", "data"): (1, 6), ("2026-01-31", "data"): (1, 10**18)}
    assert (out / "date=2026-01-31" / "costs.parquet").stat().st_mtime_ns == kept

    (ledger / "2026-01-31.parquet").unlink()
    assert roll_up(ledger, out).total_nano_usd == 6
    assert rows_of(out) == {("2026-01-30", "data"): (1, 6)}
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize(
    ("write", "error", "words"),
    [
        (lambda ledger: ledger.mkdir(), MissingData, "holds no day; a ledger is a folder of files"),
        (lambda ledger: day_of(ledger, "2026-01-30", ("a", 1), date=pd.Timestamp("2026-01-29")), DataError,
         "there are rows of 2026-01-29 in the file of another day"),
        (lambda ledger: (ledger.mkdir(), (ledger / "x.parquet").touch()), DataError, "is named by no day"),
        (lambda ledger: (ledger.mkdir(), pd.DataFrame({"date": [1]}).to_parquet(ledger / "2026-01-30.parquet")),
         DataError, "the ledger lacks the column 'team'"),
    ],
)  # fmt: skip
def test_what_is_no_ledger_is_one_line_and_leaves_nothing(tmp_path, write, error, words):
    write(tmp_path / "ledger")
    with pytest.raises(error, match=words):
        roll_up(tmp_path / "ledger", tmp_path / "out")
    assert not (tmp_path / "out" / "index.json").exists()
    assert rows_of(tmp_path / "out") == {}


days = st.sampled_from(["2026-01-01", "2026-01-02", "2026-01-03"])
lines = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(-(10**12), 10**15)), min_size=1, max_size=4)


@settings(max_examples=40, phases=(Phase.generate,))
@given(st.lists(st.tuples(days, lines | st.none()), min_size=1, max_size=8))
def test_after_any_corrections_it_is_what_a_rebuild_is(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("ledger")
    ledger, kept = folder / "ledger", {}
    for day, costs in steps:
        if costs is None:
            (ledger / f"{day}.parquet").unlink(missing_ok=True)
            kept.pop(day, None)
        else:
            day_of(ledger, day, *costs)
            kept[day] = costs
        if kept:
            rolled = roll_up(ledger, folder / "out")
            assert rolled.total_nano_usd == sum(nano for costs in kept.values() for _, nano in costs)
    if kept:
        wanted = {}
        for day, costs in kept.items():
            for team, nano in costs:
                count, total = wanted.get((day, team), (0, 0))
                wanted[day, team] = (count + 1, total + nano)
        assert rows_of(folder / "out") == wanted
