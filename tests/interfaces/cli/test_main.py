import subprocess
import sys

import pytest

from tradepulse import __version__
from tradepulse.interfaces.cli.main import GROUPS


def test_help_lists_every_group(cli):
    done = cli("--help")

    assert done.code == 0
    assert all(group in done.out for group in GROUPS)


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_every_group_has_help(cli, group):
    done = cli(group, "--help")

    assert done.code == 0
    assert done.out.startswith("Usage: tradepulse_cli")


def test_the_version_is_that_of_the_package(cli):
    assert cli("--version").out == f"tradepulse_cli, version {__version__}\n"


def test_no_command_is_help_and_not_success(cli):
    assert cli().code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dta",), "No such command 'dta'"),
        (("data", "ingset"), "No such command 'ingset'"),
        (("data", "ingest"), "Missing option '--source'"),
        (("data", "ingest", "--source", "arch", "--start", "soon"), "'soon' does not match the format '%Y-%m-%d'"),
        (("plugins", "list", "--jsn"), "No such option"),
    ],
)
def test_what_is_not_understood_is_one_line_with_what_to_try(refused, arguments, words):
    text = refused(*arguments)

    assert words in text
    assert "--help." in text


def test_a_place_that_cannot_be_written_is_one_line(refused, bars_file, tmp_path):
    (tmp_path / "file").write_text("")

    text = refused("backtest", "run", "--bars", bars_file, "--strategy", "donchian", "--out", tmp_path / "file" / "x")
    assert "file" in text


def test_help_does_not_wait_for_pandas():
    code = (
        "import sys; from tradepulse.interfaces.cli.main import run; run(['--help']); sys.exit('pandas' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_cards_say_what_differs_and_no_cards_is_no_success(cli, refused, tmp_path):
    import json

    card = {
        "id": "one", "venue": {"symbol": "T", "tick": "1", "lot": "1"},
        "book": [{"side": "sell", "price": "5", "quantity": "1"}],
        "steps": [{"at_ms": 0, "submit": {"id": "A", "side": "buy", "type": "market", "quantity": "1"}}],
        "expect": {"position": "1"},
    }  # fmt: skip
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "a.json").write_text(json.dumps([card, {**card, "id": "two", "expect": {"position": "2"}}]))

    done = cli("execution", "cards", tmp_path / "cards", "--json", tmp_path / "out.json")

    assert done.code == 1
    assert done.out.splitlines()[:3] == ["passed  one", "FAILED  two", "        position is 1, expected 2"]
    written = json.loads((tmp_path / "out.json").read_text())["cards"]
    assert [(row["id"], row["passed"], row["observed"]["position"]) for row in written] == [
        ("one", True, "1"), ("two", False, "1"),
    ]  # fmt: skip
    (tmp_path / "none").mkdir()
    assert cli("execution", "cards", tmp_path / "none").code == 1
    assert "cannot be read" in refused("execution", "cards", tmp_path / "absent.yaml")
