"""Runs the command line in this process, with a home of its own."""

import json
from dataclasses import dataclass

import pytest

from tests.property.generators import random_walk
from tradepulse.interfaces.cli.main import run


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def cli(tmp_path, capsys):
    def call(*arguments, home=tmp_path / "var", reports=tmp_path / "reports"):
        code = run(["--home", str(home), "--reports", str(reports), *map(str, arguments)])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture
def refused(cli):
    """Run a command that must be refused: exit code 2, one line on stderr, nothing on stdout, no traceback."""

    def call(*arguments, **options):
        done = cli(*arguments, **options)
        assert (done.code, done.out) == (2, ""), done
        assert len(done.err.splitlines()) == 1, done.err
        assert "Traceback" not in done.err
        return done.err

    return call


@pytest.fixture
def bars_file(tmp_path):
    path = tmp_path / "walk.parquet"
    random_walk(3, 120)[["session", "symbol", "open", "high", "low", "close", "volume"]].to_parquet(path)
    return path
