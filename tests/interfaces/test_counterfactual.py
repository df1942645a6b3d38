"""Re-runs of what a suggestion says: real runs, in copies, and what they must not touch."""

import shutil

import numpy as np
import pytest

from tests.property.generators import bars_of
from tradepulse.errors import ConfigError, DataError, MissingData
from tradepulse.finops.suggestions.base import Suggestion
from tradepulse.finops.suggestions.verified import Rerun, keep, verified
from tradepulse.finops.usage import UsageLog
from tradepulse.interfaces.counterfactual import rerun
from tradepulse.warehouse.lake import Lake


def about(kind, subject, *evidence, expected=10**9):
    return Suggestion(kind, subject, "research", "found", expected, expected, "proof", "how", evidence)


def test_what_is_saved_is_the_difference_times_the_occasions_and_never_more_than_expected(tmp_path):
    one = about("unchanged", "bars", "r1", "r2", "r3")

    assert [x.verified_nano_usd for x in verified([one], tmp_path)] == [None]
    # 90 of 100 are left: 10 on each of three occasions.
    keep(Rerun(one.id, "2026-11-27T00:00:00+00:00", 100, 90, 5), tmp_path)
    assert [x.verified_nano_usd for x in verified([one], tmp_path)] == [30]
    keep(Rerun(one.id, "2026-11-27T00:00:00+00:00", 10**10, 0, 5), tmp_path)
    assert [x.verified_nano_usd for x in verified([one], tmp_path)] == [10**9]


@pytest.mark.parametrize(
    "said",
    [Rerun("x", "", 100, 90, 5, ("bars/2018",)), Rerun("x", "", 100, 90, 0), Rerun("x", "", 0, 0, 5),
     Rerun("x", "", 90, 100, 5)],
)  # fmt: skip
def test_nothing_is_saved_where_a_result_changed_nothing_was_compared_or_it_cost_more(said):
    assert said.share == 0


def test_a_record_that_is_none_is_named(tmp_path):
    one = about("unchanged", "bars")
    (tmp_path / f"{one.id}.json").write_text('{"id": "x"}')

    with pytest.raises(DataError, match="no record of a re-run"):
        verified([one], tmp_path)


@pytest.fixture
def swept(cli, tmp_path):
    """Twenty trials on a walk, twice; and the file of the bars."""
    walk = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, 300)))
    bars = bars_of(walk, walk)[["session", "symbol", "open", "high", "low", "close", "volume"]]
    path = tmp_path / "walk.csv"
    bars.to_csv(path, index=False)
    asked = ("backtest", "sweep", "--bars", path, "--strategy", "sma_cross", "--param", "fast=2:6", "--param",
             "slow=10:70:15", "--json")  # fmt: skip
    cli(*asked)
    cli(*asked)
    return path, asked


def test_a_sweep_asked_twice_is_free_the_second_time(cli, refused, swept, tmp_path):
    path, asked = swept
    found = {one["kind"]: one for one in cli("finops", "suggestions", "--json").json["suggestions"]}
    twice = found["asked_twice"]

    done = cli("finops", "verify", twice["id"], "--bars", path, "--json").json

    assert (done["compared"], done["differing"], done["as_suggested_nano_usd"]) == (25, [], 0)
    assert done["share"] == 1
    [now] = [one for one in cli("finops", "suggestions", "--json").json["suggestions"] if one["kind"] == "asked_twice"]
    assert 0 < now["verified_nano_usd"] <= now["expected_nano_usd"]
    # What it says to do does it: nothing is asked a third time, and the best is the same.
    reused = cli(*asked, "--reuse").json
    assert (reused["trials"], reused["reused"]) == (25, 25)
    assert reused["best"] == cli(*asked).json["best"]
    # Without its bars, or with others, there is nothing to run.
    assert "name their file with --bars" in refused("finops", "verify", twice["id"])
    assert "No suggestion named 'nonsense'" in refused("finops", "verify", "nonsense")

    # An answer that was other than it is now: the saving is gone, and the exit code says so.
    lake = Lake(tmp_path / "var" / "lake")
    first = lake.partitions("trials")
    ledger = {name: lake.read("trials", [name]) for name in first}
    for name, rows in ledger.items():
        lake.write("trials", rows.assign(total_return=rows["total_return"] + 1e-9), name)
    changed = cli("finops", "verify", twice["id"], "--bars", path)
    assert changed.code == 1
    assert "25 differ" in changed.out
    assert "verified: USD 0.000000000" in changed.out


def test_a_shorter_sweep_has_the_same_winner_and_costs_less(cli, tmp_path, swept):
    path, _ = swept
    home = tmp_path / "var"
    usage = UsageLog(home / "usage").frame()
    ledger = Lake(home / "lake").read("trials")
    run = str(ledger["run_id"].iloc[0])
    bars = cli_bars(path)

    done = rerun(about("diminishing", "sweep", run), home, usage, bars)

    # The best is the 21st of 25, and ten in a row before it brought nothing: stopped there, another one wins.
    assert int(ledger.loc[ledger["run_id"] == run, "sharpe"].to_numpy().argmax()) == 20
    assert [text[:7] for text in done.differing] == ["winner:"]
    assert (done.compared, done.share) == (1, 0)
    # Of these thirteen the best is among the first two: the ten after it are enough to stop.
    cli("backtest", "sweep", "--bars", path, "--strategy", "sma_cross", "--param", "fast=6", "--param", "slow=10:70:5")
    last = Lake(home / "lake").read("trials")
    fewer = str(last.loc[~last["run_id"].isin(ledger["run_id"]), "run_id"].iloc[0])
    assert int(last.loc[last["run_id"] == fewer, "sharpe"].to_numpy().argmax()) < 2
    same = rerun(about("diminishing", "sweep", fewer), home, UsageLog(home / "usage").frame(), bars)
    assert (same.compared, same.differing) == (1, ())
    assert same.as_suggested_nano_usd > 0
    assert done.as_suggested_nano_usd >= 0
    with pytest.raises(MissingData, match="are not here"):
        rerun(about("diminishing", "sweep", run), home, usage, bars.iloc[1:].reset_index(drop=True))
    with pytest.raises(ConfigError, match="no re-run can show"):
        rerun(about("idle", "account", "2026-01-01"), home, usage)


def cli_bars(path):
    from tradepulse.ingestion.files import load_whole_bars

    return load_whole_bars(path)


def run_of(home, *steps):
    usage = UsageLog(home / "usage").frame()
    runs = usage[usage["step"].isin(steps) & (usage["outcome"] == "done")].groupby("run_id")["step"].nunique()
    return str(runs[runs == len(steps)].index[-1]), usage


@pytest.mark.slow
def test_a_step_is_left_out_in_a_copy_and_the_instance_stays_as_it_is(whole_run, tmp_path):
    home = shutil.copytree(whole_run.home, tmp_path / "home")
    run, usage = run_of(home, "signals", "released_signals")
    before = sorted((str(p), p.stat().st_mtime_ns) for p in home.rglob("*"))

    done = rerun(about("unchanged", "signals", run), home, usage)

    assert done.differing == ()
    assert done.compared == len(list((home / "lake").glob("*/*.parquet"))) - sum(
        len(list((home / "lake" / name).glob("*.parquet"))) for name in ("usage", "costs", "daily_costs")
    )
    assert done.as_was_nano_usd > 0
    assert sorted((str(p), p.stat().st_mtime_ns) for p in home.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.long  # the step that is left out in the other test shows as much of the machinery
def test_a_step_whose_result_is_needed_changes_what_comes_out(whole_run, tmp_path):
    home = shutil.copytree(whole_run.home, tmp_path / "home")
    run, usage = run_of(home, "signals", "released_signals")
    partition = usage.loc[usage["run_id"] == run, "partition"].iloc[0]
    (home / "lake" / "released_signals" / f"{partition}.parquet").unlink()

    assert rerun(about("unchanged", "released_signals", run), home, usage).differing == (
        f"released_signals/{partition}",
    )
    gone = usage.assign(step=usage["step"].replace({"signals": "renamed_since"}))
    with pytest.raises(MissingData, match=r"renamed_since.* cannot be run again: .*renamed_since"):
        rerun(about("unchanged", "renamed_since", run), home, gone)
    with pytest.raises(MissingData, match="no step beside"):
        rerun(about("unchanged", "elsewhere", run), home, usage)
