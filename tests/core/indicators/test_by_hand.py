"""Small series worked out by hand, one indicator after another, and every one against another library."""

import re
from math import log, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from tests.property.generators import walks
from tradepulse.core.indicators import indicator, names, names_over
from tradepulse.core.indicators.base import BAR_COLUMNS
from tradepulse.errors import ConfigError
from tradepulse.quality import definitions
from tradepulse.quality.independent import LIBRARIES, independent

NAN = float("nan")
RISING = {
    "open": [1, 2, 3, 4],
    "high": [2, 3, 4, 5],
    "low": [1, 2, 3, 4],
    "close": [2, 3, 4, 5],
    "volume": [10, 20, 30, 40],
}
MIXED = {
    "open": [10, 12, 11, 9],
    "high": [12, 14, 13, 11],
    "low": [8, 11, 9, 7],
    "close": [11, 13, 10, 8],
    "volume": [5, 6, 7, 8],
}
ROWS = ((10, 12, 8, 11), (12, 14, 11, 13), (11, 13, 9, 10), (9, 11, 7, 8))

#: Indicator, bars, parameters, and one output with its values.
CASES = [
    # (1*11 + 2*13) / 3 = 37/3; (13 + 2*10) / 3 = 11; (10 + 2*8) / 3 = 26/3
    ("wma", MIXED, {"window": 2}, "wma", [NAN, 37 / 3, 11, 26 / 3]),
    # EMA(1) is the close, so 2 a - a = a.
    ("dema", MIXED, {"window": 1}, "dema", [11, 13, 10, 8]),
    ("tema", MIXED, {"window": 1}, "tema", [11, 13, 10, 8]),
    # A straight line has efficiency 1: weight (2/3)**2 = 4/9, from the close before: 3 + 4/9, then on towards 5.
    ("kama", RISING, {"window": 2}, "kama", [NAN, NAN, 31 / 9, 31 / 9 + 4 / 9 * (5 - 31 / 9)]),
    # With a window of one bar every mean is the close: 2 a - a.
    ("hma", RISING, {"window": 1}, "hma", [2, 3, 4, 5]),
    # max(14, 11) - min(11, 11) = 3; 13 - 9 = 4; 11 - 7 = 4
    ("true_range", MIXED, {}, "true_range", [NAN, 3, 4, 4]),
    ("natr", MIXED, {"window": 2}, "natr", [NAN, NAN, 100 * 3.5 / 10, 100 * 3.75 / 8]),
    # Up moves 2, -1, -2; down -3, 2, 2; ranges 3, 4, 4. One bar, then S/2 + x: +DM 1, 0.5; -DM 2, 3; TR 5.5, 6.75.
    ("adx", MIXED, {"window": 2}, "plus_di", [NAN, NAN, 100 * 1 / 5.5, 100 * 0.5 / 6.75]),
    ("adx", MIXED, {"window": 2}, "minus_di", [NAN, NAN, 100 * 2 / 5.5, 100 * 3 / 6.75]),
    ("adx", MIXED, {"window": 2}, "adx", [NAN, NAN, NAN, (100 * 1 / 3 + 100 * 2.5 / 3.5) / 2]),
    # (13 - 8) / (14 - 8); (10 - 9) / (14 - 9); (8 - 7) / (13 - 7)
    ("stochastic", MIXED, {"window": 2, "smooth": 1, "signal": 1}, "k", [NAN, 500 / 6, 20, 100 / 6]),
    ("stochastic", MIXED, {"window": 2, "smooth": 1, "signal": 2}, "d", [NAN, NAN, 310 / 6, 110 / 6]),
    ("williams_r", MIXED, {"window": 2}, "williams_r", [NAN, -100 / 6, -80, -500 / 6]),
    # RSI(1): 100, 0, 0; its place in its own last two: 0 of 100, then no range.
    ("stochastic_rsi", MIXED, {"window": 1, "range_window": 2, "signal": 1}, "k", [NAN, NAN, 0, NAN]),
    # Typical prices 31/3, 38/3, 32/3, 26/3: of two, each lies one deviation from the mean: +-1 / 0.015.
    ("cci", MIXED, {"window": 2}, "cci", [NAN, 1 / 0.015, -1 / 0.015, -1 / 0.015]),
    # Flows 76 up, 74.67 down, 69.33 down.
    ("mfi", MIXED, {"window": 2}, "mfi", [NAN, NAN, 100 * 76 / (76 + 224 / 3), 0]),
    ("roc", MIXED, {"window": 2}, "roc", [NAN, NAN, 100 * (10 / 11 - 1), 100 * (8 / 13 - 1)]),
    ("momentum", MIXED, {"window": 2}, "momentum", [NAN, NAN, -1, -5]),
    # EMA(2): 12, then 12 + 2/3 (10 - 12) = 32/3, then 32/3 + 2/3 (8 - 32/3) = 80/9
    ("ppo", MIXED, {"fast": 1, "slow": 2, "signal": 1}, "ppo", [NAN, 100 / 12, -100 / 16, -10]),
    ("trix", MIXED, {"window": 1}, "trix", [NAN, 100 * 2 / 11, -100 * 3 / 13, -20]),
    # Highest of three: 14 one bar ago, then two bars ago; lowest: 8 two bars ago, then 7 now.
    ("aroon", MIXED, {"window": 2}, "up", [NAN, NAN, 50, 0]),
    ("aroon", MIXED, {"window": 2}, "down", [NAN, NAN, 0, 100]),
    ("aroon", MIXED, {"window": 2}, "oscillator", [NAN, NAN, 50, -100]),
    # Up from the low before, 8; 8 + 0.02 * 6 = 8.12; 8.12 + 0.02 * 5.88 = 8.2376 > low 7: turns to the extreme, 14.
    ("parabolic_sar", MIXED, {}, "parabolic_sar", [NAN, 8, 8.12, 14]),
    ("obv", MIXED, {}, "obv", [5, 11, 4, -4]),
    # Places (2*11 - 8 - 12) / 4 = 1/2, (26 - 11 - 14) / 3 = 1/3, (20 - 9 - 13) / 4 = -1/2, (16 - 7 - 11) / 4 = -1/2
    ("accumulation_distribution", MIXED, {}, "accumulation_distribution", [2.5, 4.5, 1, -3]),
    ("cmf", MIXED, {"window": 2}, "cmf", [NAN, 4.5 / 11, -1.5 / 13, -7.5 / 15]),
    ("standard_deviation", MIXED, {"window": 2}, "standard_deviation", [NAN, 1, 1.5, 1]),
    ("zscore", MIXED, {"window": 2}, "zscore", [NAN, 1, -1, -1]),
    ("linear_regression_slope", MIXED, {"window": 3}, "linear_regression_slope", [NAN, NAN, -0.5, -2.5]),
    ("donchian", MIXED, {"window": 2}, "upper", [NAN, 14, 14, 13]),
    ("donchian", MIXED, {"window": 2}, "middle", [NAN, 11, 11.5, 10]),
    ("donchian", MIXED, {"window": 2}, "lower", [NAN, 8, 9, 7]),
    ("keltner", MIXED, {"window": 1, "atr_window": 2, "width": 2}, "upper", [NAN, NAN, 10 + 7, 8 + 7.5]),
    ("keltner", MIXED, {"window": 1, "atr_window": 2, "width": 2}, "lower", [NAN, NAN, 10 - 7, 8 - 7.5]),
    # Of two log returns a and b the sample deviation is |a - b| / sqrt(2).
    ("historical_volatility", MIXED, {"window": 2, "bars_per_year": 2}, "historical_volatility",
     [NAN, NAN, abs(log(13 / 11) - log(10 / 13)), abs(log(10 / 13) - log(8 / 10))]),
    ("parkinson", MIXED, {"window": 1, "bars_per_year": 4 * log(2)}, "parkinson",
     [log(12 / 8), log(14 / 11), log(13 / 9), log(11 / 7)]),
    ("garman_klass", MIXED, {"window": 1, "bars_per_year": 1}, "garman_klass",
     [sqrt(log(h / lo) ** 2 / 2 - (2 * log(2) - 1) * log(c / o) ** 2) for o, h, lo, c in ROWS]),
    ("rogers_satchell", MIXED, {"window": 1, "bars_per_year": 1}, "rogers_satchell",
     [sqrt(log(h / c) * log(h / o) + log(lo / c) * log(lo / o)) for o, h, lo, c in ROWS]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bars", "params", "output", "expected"), CASES, ids=[f"{c[0]}.{c[3]}" for c in CASES])
def test_by_hand(name, bars, params, output, expected):
    columns = {key: np.array(values, dtype=float) for key, values in bars.items()}

    np.testing.assert_allclose(
        indicator(name)(columns, **params)[output], expected, rtol=1e-12, atol=1e-12, equal_nan=True
    )


def test_every_indicator_is_worked_out_by_hand():
    folder = Path(__file__).parent
    elsewhere = "".join(path.read_text() for path in folder.glob("test_*.py") if path != Path(__file__))

    # Yang and Zhang's is a sum of three that are; its weights are checked against pandas below.
    for name in set(names()) - {case[0] for case in CASES} - {"yang_zhang"}:
        assert re.search(rf'"{name}"|import {name}\b|{name}\(', elsewhere), name


#: Those that another library has, over columns that bars have.
ELSEWHERE = [name for name in names_over(BAR_COLUMNS) if name in LIBRARIES]


def agree(bars, name):
    declared, source = indicator(name), independent(name)
    ours = declared({column: bars[column].to_numpy() for column in declared.inputs})
    inputs = bars[list(declared.inputs)].copy()
    if "session" in inputs:
        inputs["session"] = inputs["session"].astype("int64")
    theirs = source.values(inputs, dict(declared.params))
    for output in declared.outputs:
        expected = theirs[output].to_numpy()
        scale = np.nanmax(np.abs(expected), initial=1e-300)
        np.testing.assert_allclose(
            ours[output],
            expected,
            rtol=10 * source.tolerance,
            atol=1e-3 * source.tolerance * scale + 1e-9,
            equal_nan=True,
            err_msg=f"{name}.{output}",
        )


@pytest.mark.parametrize("name", ELSEWHERE)
def test_twenty_years_of_nasdaq_agree_with_another_library(nasdaq, name):
    agree(nasdaq, name)


@settings(max_examples=15)
@given(walks(min_size=140, max_size=200))
def test_random_walks_agree_with_another_library(bars):
    for name in ELSEWHERE:
        agree(bars, name)


@settings(max_examples=2, deadline=None)
@given(walks(min_size=170, max_size=200))
def test_random_walks_agree_with_the_written_out_definitions(bars):
    made = {name: bars[name].to_numpy() for name in BAR_COLUMNS}
    made["session"] = np.arange(len(bars)) // 5.0
    for name in set(names_over(BAR_COLUMNS)) & set(definitions.DEFINITIONS):
        declared = indicator(name)
        wanted = definitions.values(name, {key: made[key] for key in declared.inputs}, declared.params)
        for output, values in declared(made).items():
            scale = np.nanmax(np.abs(wanted[output]))
            np.testing.assert_allclose(values, wanted[output], rtol=1e-6, atol=1e-9 * scale, err_msg=f"{name}.{output}")


@pytest.mark.parametrize("name", ["wma", "hma", "linear_regression_slope"])
def test_the_last_digit_does_not_depend_on_how_many_bars_follow(name):
    """A matrix product would sum in another order for one window than for many."""
    closes = np.random.default_rng(1).normal(100, 1, 300)
    whole = next(iter(indicator(name)({"close": closes}).values()))

    for known in range(14, 300):
        part = next(iter(indicator(name)({"close": closes[:known]}).values()))
        np.testing.assert_array_equal(part, whole[:known])


def test_windows_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match="ppo: fast must be shorter than slow, not 26 and 26"):
        indicator("ppo")({"close": np.ones(50)}, fast=26, slow=26)


@pytest.mark.parametrize("name", names_over(BAR_COLUMNS))
def test_a_hole_ends_no_process_and_is_not_papered_over(nasdaq, name):
    """A NaN bar makes the windows that hold it NaN; outputs that restart are there again afterwards."""
    declared = indicator(name)
    columns = {column: nasdaq[column].to_numpy()[:400].copy() for column in declared.inputs}
    for column, values in columns.items():
        if column != "session":
            values[200] = np.nan

    for output, values in declared(columns).items():
        # The edges of the cloud at a bar are those that were known some bars before.
        assert np.isnan(values[200]) or output in {"span_a", "span_b"}, output
        assert not np.isnan(values[199]), output
