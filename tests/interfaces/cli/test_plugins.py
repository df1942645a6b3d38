import json

import pytest

from tests.quality.wheels import strategy, wheel


def test_everything_that_can_be_named_is_listed(cli):
    rows = cli("plugins", "list", "--json").json

    assert {row["kind"] for row in rows} >= {"strategy", "indicator", "source"}
    found = {(row["kind"], row["name"]): row for row in rows}
    assert found["strategy", "sma_cross"]["parameters"] == "fast=20, slow=50"
    assert found["indicator", "kuramoto"]["from"] == "tradepulse"
    assert all(row["state"] == "loaded" for row in rows)
    assert {row["kind"] for row in cli("plugins", "list", "--kind", "source", "--json").json} == {"source"}


def test_an_unknown_kind_is_refused(cli, refused):
    assert "No kind of plug-in named 'strategi'; close matches: strategy" in refused(
        "plugins", "list", "--kind", "strategi"
    )


@pytest.mark.parametrize(("change", "code"), [("", 0), ("TRADEPULSE_API = 2", 1)])
def test_the_exit_code_says_whether_a_wheel_conforms(cli, tmp_path, change, code):
    made = strategy().replace("TRADEPULSE_API = 1", change or "TRADEPULSE_API = 1")

    done = cli("plugins", "verify", wheel(tmp_path, made), "--json")

    assert done.code == code
    verdict = json.loads(done.out)
    assert verdict["passed"] == (code == 0)
    if code:
        assert [f["code"] for f in verdict["findings"] if not f["passed"]] == ["api_version"]
        assert "odd-1.0-py3-none-any.whl does NOT conform" in cli("plugins", "verify", wheel(tmp_path, made)).out


def test_what_is_no_wheel_is_one_line(refused, tmp_path):
    assert "no readable wheel" in refused("plugins", "verify", tmp_path / "none.whl")
