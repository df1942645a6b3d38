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
