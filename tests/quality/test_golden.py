import json
import shutil
import subprocess
from dataclasses import replace
from datetime import date
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from tradepulse.core.indicators import indicator
from tradepulse.errors import ChecksumMismatch, ConfigError, UnknownName, UnreadableFile
from tradepulse.quality import golden
from tradepulse.quality.definitions import DEFINITIONS
from tradepulse.quality.golden import METADATA, compare, golden_names, load_golden, summary, update, write_report
from tradepulse.quality.shipped import shipped


@pytest.fixture
def sets(tmp_path):
    """A copy of the golden sets that a test may damage."""
    return shutil.copytree(shipped("data/golden"), tmp_path / "golden")


@pytest.mark.parametrize("name", golden_names(kind="indicator"))
def test_every_set_says_where_it_comes_from(name):
    metadata = load_golden(name).metadata

    assert set(METADATA) <= set(metadata)
    second = metadata["second_source"]
    assert metadata["expected_from"].startswith(f"definition of {name}, written out in") or name not in DEFINITIONS
    if "agrees_on" in second:
        # Where the shape is a real one, the two say the same.
        assert "real" in second["agrees_on"]
        assert len(second["agrees_on"]) >= 3
    else:
        assert second["name"]
    assert len(metadata["tolerance_reason"].split()) > 5
    assert 0 < metadata["relative_tolerance"] <= (1e-6 if name == "hasbrouck" else 1e-9)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_the_stored_values_are_what_both_sources_give_today(name):
    stored = load_golden(name)
    metadata = stored.metadata

    given, about = golden._defined(name, stored.inputs, {"params": metadata["params"]})

    pd.testing.assert_frame_equal(given.rows, stored.expected, rtol=1e-12, check_exact=False)
    # Of a library's next version the number may change, and what it says may not.
    for key in ("agrees_on", "differs_on"):
        assert about["second_source"].get(key) == metadata["second_source"].get(key)


def test_the_real_shape_is_a_slice_of_the_nasdaq_composite(nasdaq):
    inputs = load_golden("atr").inputs
    year = nasdaq[nasdaq["session"].dt.year == 2015].head(170)

    assert list(inputs["shape"].unique()) == ["ramp", "constant", "gaps", "nan_head", "extreme", "real"]
    np.testing.assert_allclose(
        inputs.loc[inputs["shape"] == "real", ["high", "low", "close"]].to_numpy(),
        year[["high", "low", "close"]].to_numpy(),
        atol=1e-6,
    )


def test_every_indicator_gives_its_golden_values():
    values = compare()

    assert values["matches"].all()
    assert len(values) == 6 * 170 * sum(len(indicator(name).outputs) for name in golden_names(kind="indicator"))


@pytest.mark.parametrize("name", golden_names(kind="indicator"))
def test_an_indicator_off_by_one_part_in_a_thousand_is_found(name, monkeypatch):
    declared = indicator(name)

    def off(*inputs, **params):
        result = declared.compute(*inputs, **params)
        return tuple(v * 1.001 for v in result) if isinstance(result, tuple) else result * 1.001

    broken = replace(declared, compute=off)
    monkeypatch.setattr(golden, "indicator", lambda asked: broken if asked == name else indicator(asked))

    other = "ema" if name == "sma" else "sma"
    rows = summary(compare([name, other])).set_index("name")

    # A value of exactly 0 is still 0: on a constant price many are, and outside of a regime all.
    assert (rows.loc[[name], "differing"] > (1 if name == "regime" else 100)).all()
    assert (rows.drop(index=name)["differing"] == 0).all()


@pytest.mark.parametrize(
    "spoil", [lambda v: np.where(np.isnan(v), 0.0, v), lambda v: np.roll(v, 1), lambda v: v * np.nan]
)
def test_zeros_in_warm_up_a_shift_and_missing_values_are_found(spoil, monkeypatch):
    declared = indicator("rsi")
    broken = replace(declared, compute=lambda c, **p: spoil(declared.compute(c, **p)))
    monkeypatch.setattr(golden, "indicator", lambda _: broken)

    assert not compare(["rsi"])["matches"].all()


def test_a_file_that_was_edited_is_refused(sets):
    path = sets / "sma" / "v2" / "expected.csv"
    path.write_text(path.read_text().replace("4", "5", 1))

    with pytest.raises(
        ChecksumMismatch, match=r"expected.csv: not the approved file; restore it, or write a new version"
    ):
        compare(["sma"], sets)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "input.csv").unlink(), "not a whole golden set"),
        (lambda folder: (folder / "metadata.json").write_text("{"), "not a whole golden set"),
        (lambda folder: (folder / "metadata.json").write_text("{}"), "metadata.json: lacks 'name'"),
        (lambda folder: [shutil.rmtree(version) for version in folder.parent.iterdir()], "holds no version"),
    ],
)
def test_a_damaged_set_is_refused(sets, damage, words):
    damage(sets / "sma" / "v2")

    with pytest.raises(UnreadableFile, match=words):
        load_golden("sma", sets)


def test_another_set_of_outputs_is_refused(sets):
    folder = sets / "sma" / "v2"
    text = (folder / "expected.csv").read_text().replace("sma", "mean", 1)
    (folder / "expected.csv").write_text(text)
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["expected_sha256"] = sha256(text.encode()).hexdigest()
    (folder / "metadata.json").write_text(json.dumps(metadata))

    with pytest.raises(UnreadableFile, match=r"expected.csv has \['mean'\], not \['sma'\]"):
        compare(["sma"], sets)


def test_a_comparison_of_nothing_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="a comparison of nothing proves nothing"):
        compare(root=tmp_path)
    with pytest.raises(UnknownName, match="No golden set named 'smaa'; close matches: sma"):
        compare(["smaa"])


def test_an_update_is_a_new_version_with_a_reason(sets):
    folder = update("sma", "the window was off by one", "A. Reviewer", date(2026, 1, 2), sets)

    assert folder == sets / "sma" / "v3"
    metadata = load_golden("sma", sets).metadata
    assert (metadata["version"], metadata["approved_by"], metadata["approved_on"]) == (
        "v3",
        "A. Reviewer",
        "2026-01-02",
    )
    assert compare(["sma"], sets)["matches"].all()
    assert (sets / "sma" / "v2").is_dir()


def test_an_update_without_a_reason_is_refused(sets):
    with pytest.raises(ConfigError, match="needs a reason of at least three words"):
        update("sma", "because", "A. Reviewer", date(2026, 1, 2), sets)
    assert not (sets / "sma" / "v3").exists()


def test_the_report_shows_what_differs(tmp_path):
    values = compare(["sma", "ema"])
    values.loc[(values["name"] == "sma") & (values["row"] == 100), ["actual", "matches"]] = [1.0, False]

    page = write_report(values, tmp_path)

    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert (verdict["passed"], verdict["compared"], verdict["differing"]) == (False, 2040, 1)
    assert pd.read_csv(tmp_path / "differences.csv")["row"].tolist() == [100]
    text = page.read_text()
    assert "1 of 2,040 values differ. Nothing downstream may run." in text
    assert "1 rows differ, first at 100" in text
    assert text.count("<svg") == 2  # the set that differs, and all of them beside one another
    assert "<h2>sma</h2>" in text
    assert "<h2>ema</h2>" not in text


def test_the_report_of_a_match_says_so(tmp_path):
    assert "All 1,020 values match the golden ones" in write_report(compare(["sma"]), tmp_path).read_text()
    assert json.loads((tmp_path / "verdict.json").read_text())["passed"] is True


@pytest.fixture
def table_set(tmp_path):
    """A golden table: what each of three teams spent."""
    rows = pd.DataFrame({"team": ["a", "b", "c"], "spent": [1.0, 2.0, 3.0]})
    expected = golden.Expected(rows, ("team",), "hand arithmetic", 1e-12, "exact", "none disputed")
    about = {"kind": "spending", "params": {"factor": 1}, "source": "made up", "licence": "Apache-2.0"}
    golden.write_golden(
        tmp_path / "spent" / "v1",
        "spent",
        rows[["team"]],
        about,
        "first version",
        "A. Reviewer",
        date(2026, 1, 2),
        expected,
    )
    return tmp_path


def spending(rows):
    return {"spending": lambda inputs, params: rows}


def test_rows_of_a_table_are_matched_by_their_key(table_set):
    rows = pd.DataFrame({"team": ["c", "d", "a"], "spent": [3.0, 9.0, 1.5]})

    values = compare(root=table_set, computers=spending(rows))

    assert values[["key", "expected", "actual", "matches"]].fillna(-1).to_numpy().tolist() == [
        ["a", 1.0, 1.5, False], ["b", 2.0, -1, False], ["c", 3.0, 3.0, True], ["d", -1, 9.0, False],
    ]  # fmt: skip
    page = write_report(values, table_set / "report").read_text()
    assert "<td>spent</td><td>d</td><td>spent</td><td class='n'>nan</td><td class='n'>9</td>" in page
    assert pd.read_csv(table_set / "report" / "differences.csv")["key"].tolist() == ["a", "b", "d"]


def test_two_rows_of_one_key_are_two_rows(table_set):
    rows = pd.DataFrame({"team": ["a", "a", "b", "c"], "spent": [1.0, 1.0, 2.0, 3.0]})

    values = compare(root=table_set, computers=spending(rows))

    assert values[~values["matches"]]["key"].tolist() == ["a (2)"]


def test_a_table_that_nothing_computes_is_refused_and_never_passed_over_in_silence(table_set):
    with pytest.raises(ConfigError, match="of the kind 'spending', which nothing computes here"):
        compare(["spent"], table_set)
    with pytest.raises(ConfigError, match="a comparison of nothing proves nothing"):
        compare(root=table_set)
    with pytest.raises(UnreadableFile, match=r"expected.csv has 'spent', which nothing computes"):
        compare(root=table_set, computers=spending(pd.DataFrame({"team": ["a"]})))


def test_a_table_is_updated_from_a_file_with_the_same_columns(table_set):
    (table_set / "new.csv").write_text("team,spent\na,5\n")
    reason = ("spent", "prices went up by far", "A. Reviewer", date(2026, 1, 2), table_set)

    with pytest.raises(ConfigError, match=r"give its new values with --expected FILE \(hand arithmetic\)"):
        update(*reason)
    update(*reason, expected=table_set / "new.csv")
    assert load_golden("spent", table_set).expected["spent"].tolist() == [5]
    (table_set / "new.csv").write_text("team,cost\na,5\n")
    with pytest.raises(UnreadableFile, match="not rows of"):
        update(*reason, expected=table_set / "new.csv")


def test_no_version_was_ever_changed_after_it_was_written():
    root = shipped("data/golden")
    if not (root.parents[1] / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout: there is no history to look at")

    def git(*arguments):
        # A checkout that belongs to another user is read all the same: nothing of it is run.
        where = ["git", "-c", "safe.directory=*", "-C", str(root.parents[1])]
        command = [*where, *arguments, "--", "data/golden/*/v*/*"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert git("ls-files")
    assert git("log", "--diff-filter=MDR", "--format=%h", "--name-only") == []
    assert git("diff", "HEAD", "--diff-filter=MDR", "--name-only") == []


def test_a_first_set_comes_from_values_that_somebody_brings(sets, tmp_path, monkeypatch):
    shutil.rmtree(sets / "sma")
    wanted = load_golden("ema", sets)
    shapes = wanted.inputs
    means = shapes.groupby("shape", sort=False)["close"].rolling(20).mean().reset_index(drop=True)
    means.rename("sma").to_csv(tmp_path / "expected.csv", index=False)
    origin = golden.Origin("pandas: rolling mean", "hand arithmetic", "none disputed", 1e-9)

    folder = golden.create("sma", tmp_path / "expected.csv", origin, "A. Reviewer", date(2026, 1, 2), sets)

    assert folder == sets / "sma" / "v1"
    assert compare(["sma"], sets)["matches"].all()
    with pytest.raises(ConfigError, match="exists; write a new version"):
        golden.create("sma", tmp_path / "expected.csv", origin, "A. Reviewer", date(2026, 1, 2), sets)
    shutil.rmtree(sets / "sma")
    means.head(5).rename("mean").to_csv(tmp_path / "expected.csv", index=False)
    with pytest.raises(
        UnreadableFile, match=r"has 5 rows of \['mean'\], not 1020 of \['sma'\]; see tradepulse_cli golden"
    ):
        golden.create("sma", tmp_path / "expected.csv", origin, "A. Reviewer", date(2026, 1, 2), sets)
    with pytest.raises(ConfigError, match="a tolerance lies above 0 and up to"):
        golden.create("sma", tmp_path / "expected.csv", replace(origin, tolerance=0.5), "A", date(2026, 1, 2), sets)
    assert not (sets / "sma").exists()
