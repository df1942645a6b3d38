import shutil

from tradepulse.quality import golden
from tradepulse.quality.shipped import shipped


def test_matching_indicators_are_exit_code_0_with_a_report(cli, tmp_path):
    done = cli("golden", "compare", "sma", "rsi", "--json")

    assert (done.code, done.json["passed"]) == (0, True)
    assert [row["name"] for row in done.json["outputs"]] == ["rsi", "sma"]
    assert (tmp_path / "reports" / "data_quality" / "regressions" / "index.html").exists()


def test_a_difference_is_exit_code_1(cli, monkeypatch):
    values = golden.compare(["sma"])
    values.loc[30, ["actual", "matches"]] = [0.0, False]
    monkeypatch.setattr(golden, "compare", lambda _, computers: values)

    done = cli("golden", "compare", "sma")

    assert done.code == 1
    assert "DIFFERENT; report: " in done.out


def test_an_unknown_set_and_an_update_without_a_reason_are_refused(refused):
    assert "No golden set named 'smaa'" in refused("golden", "compare", "smaa")
    assert "needs a reason" in refused("golden", "update", "sma", "--reason", "because")
    assert "Missing option '--reason'" in refused("golden", "update", "sma")


def test_an_update_says_what_to_do_with_it(cli, tmp_path, monkeypatch):
    sets = shutil.copytree(shipped("data/golden"), tmp_path / "golden")
    monkeypatch.setattr(golden, "shipped", lambda _: sets)

    done = cli("golden", "update", "sma", "--reason", "the window was wrong", "--approved-by", "A. Reviewer")

    assert done.out == f"wrote {sets / 'sma' / 'v3'}; commit it with the change that it belongs to\n"
