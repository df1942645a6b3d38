"""What is true of every indicator, those to come included."""

import inspect
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.generators import random_walk, walks
from tradepulse.core.indicators import indicator, names
from tradepulse.errors import ConfigError, DataError, UnknownName
from tradepulse.quality.golden import golden_names

COLUMNS = ("open", "high", "low", "close", "volume")


def columns(bars):
    return {name: bars[name].to_numpy() for name in COLUMNS}


@pytest.fixture(params=names())
def declared(request):
    return indicator(request.param)


def test_there_are_indicators():
    assert {"sma", "ema", "rsi", "atr", "macd", "bollinger"} <= set(names())


def test_it_is_named_like_its_file_and_documented(declared):
    text = inspect.getdoc(declared.compute)

    assert declared.compute.__module__ == f"tradepulse.core.indicators.{declared.name}"
    assert all(part in text for part in ("Parameters", "Returns", "shape (n,)", "NaN"))
    assert len(declared.outputs) > 1 or declared.outputs == (declared.name,)


def test_it_has_a_golden_set(declared):
    assert declared.name in golden_names()


@pytest.mark.parametrize("n", [0, 1, 2, 25])
def test_outputs_have_the_length_of_the_bars(declared, n):
    bars = random_walk(1, n) if n else random_walk(1, 1).iloc[:0]

    outputs = declared(columns(bars))

    assert list(outputs) == list(declared.outputs)
    assert all(values.shape == (n,) and values.dtype == np.float64 for values in outputs.values())


def test_warm_up_is_missing_and_never_zero(declared):
    for name, values in declared(columns(random_walk(2, 120))).items():
        first = int(np.argmax(~np.isnan(values)))
        assert np.isnan(values[:first]).all(), name
        assert not np.isnan(values[first:]).any(), name


def test_a_constant_price_raises_nothing(declared):
    bars = random_walk(3, 60)
    bars[["open", "high", "low", "close"]] = 5.0

    assert len(declared(columns(bars))) == len(declared.outputs)


@settings(max_examples=25)
@given(bars=walks(min_size=2, max_size=120), data=st.data())
def test_no_value_depends_on_a_later_bar(bars, data):
    known = data.draw(st.integers(1, len(bars) - 1))
    spoiled = bars.copy()
    spoiled.loc[known:, ["open", "high", "low", "close", "volume"]] = np.nan
    for name in names():
        declared = indicator(name)
        whole, cut, poisoned = (declared(columns(frame)) for frame in (bars, bars.iloc[:known], spoiled))
        for output in declared.outputs:
            np.testing.assert_array_equal(cut[output], whole[output][:known], err_msg=f"{name}.{output}")
            np.testing.assert_array_equal(poisoned[output][:known], whole[output][:known], err_msg=f"{name}.{output}")


def test_bad_parameters_are_refused_by_name(declared):
    with pytest.raises(ConfigError, match=f"{declared.name}: unknown parameter 'windw'; it takes "):
        declared.settings(windw=3)
    whole = [key for key, value in declared.params.items() if isinstance(value, int)]
    assert whole or declared.name in {"obv", "true_range", "accumulation_distribution", "parabolic_sar"}
    for key, bad in product(whole, (0, -1, float("nan"), float("inf"), 2.5)):
        with pytest.raises(ConfigError, match=f"{declared.name}: {key} must be"):
            declared.settings(**{key: bad})


def test_a_missing_column_is_named(declared):
    with pytest.raises(DataError, match=f"{declared.name}: bars lack the column"):
        declared({})


def test_an_unknown_indicator_names_the_close_ones():
    with pytest.raises(UnknownName, match="No indicator named 'smaa'; close matches: sma"):
        indicator("smaa")
