import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tests.property.generators import bars_of
from tradepulse.errors import InvalidTable, ToolMissing
from tradepulse.ingestion.source import BAR_RULES, Delivery, open_source, sift, source_names


def sifted(frame):
    return sift(frame, BAR_RULES, table_name="bars", source="test", source_hash="0" * 16)


def test_good_rows_are_kept():
    kept, refused = sifted(bars_of([1.0, 2.0]))

    assert kept.all()
    assert refused.empty


def test_a_refused_row_says_where_it_stood_why_and_what_it_was():
    frame = bars_of([1.0, 2.0, 3.0])
    frame.loc[1, "close"] = np.nan

    kept, refused = sifted(frame)

    assert kept.tolist() == [True, False, True]
    row = refused.iloc[0]
    assert (row["row"], row["rule"]) == (1, "close is a finite number above zero")
    assert json.loads(row["payload"])["open"] == 2.0


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 0.0, -1.0])
@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_price_that_is_no_price_is_refused(column, value):
    frame = bars_of([2.0])
    frame[column] = value

    assert not sifted(frame)[0].any()


def test_of_repeated_rows_the_first_is_kept():
    twice = pd.concat([bars_of([1.0, 2.0]), bars_of([1.0])], ignore_index=True)

    assert sifted(twice)[0].tolist() == [True, True, False]


def test_a_delivery_accounts_for_every_row():
    _, refused = sifted(bars_of([1.0]))

    with pytest.raises(InvalidTable, match="3 rows received, but 1 accepted and 0 quarantined"):
        Delivery("bars", 3, bars_of([1.0]), refused, "0" * 16)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put a package on the path that declares a source, as installing it would."""

    def install(name, target, code):
        (tmp_path / f"{name}_plugin.py").write_text(code)
        about = tmp_path / f"{name}_plugin-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\nLicense: MIT\n")
        (about / "entry_points.txt").write_text(f"[tradepulse.plugins]\nsource.{target} = {name}_plugin:Mine\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


CODE = """
TRADEPULSE_API = 1

class Mine:
    name, tables, options, identity = 'mine', ('bars',), {}, 'mine'

    def parts(self, wanted, covered):
        return []

    def fetch(self, part):
        raise AssertionError
"""


def test_a_source_of_another_package_is_found_by_its_entry_point(installed):
    installed("mine", "mine", CODE)

    assert "mine" in source_names()
    assert open_source("mine", {}).tables == ("bars",)


def test_the_name_of_one_of_ours_stays_ours(installed):
    installed("theirs", "arch", CODE)

    assert type(open_source("arch", {})).__module__ == "tradepulse.ingestion.arch"


@pytest.mark.parametrize(("source", "package"), [("ccxt", "ccxt"), ("yahoo", "yfinance")])
def test_an_absent_sdk_names_the_extra_to_install(monkeypatch, source, package):
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(ToolMissing, match=rf"needs the {package} package: pip install 'tradepulse\[{source}\]'"):
        open_source(source, {})


def test_finding_sources_imports_none_of_them():
    code = (
        "import sys; from tradepulse.ingestion.source import source_names; source_names(); "
        "sys.exit(bool({'ccxt', 'yfinance', 'tradepulse.ingestion.ccxt'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
