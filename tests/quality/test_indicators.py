import numpy as np
import pytest

from tests.property.generators import random_walk
from tradepulse.core.indicators.table import long_table
from tradepulse.quality.indicators import ranges_hold


@pytest.fixture
def table():
    return long_table(random_walk(1, 200))


def failed(table):
    return [check.name for check in ranges_hold(table) if not check.passed]


def test_real_values_hold(table):
    assert failed(table) == []


@pytest.mark.parametrize(
    ("name", "value"), [("rsi", 101.0), ("rsi", -1.0), ("atr", -0.1), ("sma", -1.0), ("ema", np.inf)]
)
def test_a_value_that_cannot_be_is_found(table, name, value):
    rows = table.index[table["indicator"] == name]
    table.loc[rows[50], "value"] = value

    expected = [] if value == np.inf else [f"{name}.{name}"]
    assert failed(table) == expected


def test_a_hole_after_warm_up_is_found(table):
    rows = table.index[table["indicator"] == "sma"]
    table.loc[rows[50], "value"] = np.nan

    assert failed(table) == ["sma.sma"]


def test_an_indicator_that_never_warms_up_has_not_passed():
    assert "sma.sma" in failed(long_table(random_walk(1, 10)))
