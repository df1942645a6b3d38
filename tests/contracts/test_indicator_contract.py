"""What is true of every indicator, those to come included."""

import inspect
import os
import pickle
import subprocess
import sys
from datetime import date
from hashlib import sha256
from itertools import pairwise, product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.property.generators import random_walk, walks
from tradepulse.core.indicators import indicator, names
from tradepulse.core.indicators.base import BAR_COLUMNS
from tradepulse.core.series import kernels
from tradepulse.errors import ConfigError, DataError, UnknownName
from tradepulse.quality.golden import golden_names

#: More bars than any indicator takes to warm up with its defaults.
WARM = 300


def columns(bars, declared=None):
    """Return bars as arrays, with made quotes; side by side with two other symbols for a panel."""
    made = {name: bars[name].to_numpy().copy() for name in BAR_COLUMNS}
    made["volume"] = made["volume"] * (1 + np.arange(len(bars)) % 5)
    made |= {"bid": np.floor(made["close"] * 10) / 10, "bid_size": made["volume"] % 97 + 1}
    made |= {"ask": made["bid"] + 0.1, "ask_size": made["volume"] % 89 + 1}
    if declared is not None and declared.panel:
        return {"close": np.column_stack([made["close"], made["open"], made["high"] + made["low"]])}
    return made


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

    outputs = declared(columns(bars, declared))

    assert list(outputs) == list(declared.outputs)
    assert all(values.shape == (n,) and values.dtype == np.float64 for values in outputs.values())


def test_warm_up_is_missing_and_never_zero(declared):
    outputs = declared(columns(random_walk(2, WARM), declared))
    firsts = {name: int(np.argmax(~np.isnan(values))) for name, values in outputs.items()}
    for name, values in outputs.items():
        assert np.isnan(values[: firsts[name]]).all(), name
        assert not np.isnan(values[firsts[name]]), name
        assert declared.partial or not np.isnan(values[firsts[name] :]).any(), name
    # Buckets are full when they are full: vpin's warm-up is that of a constant volume.
    if declared.name != "vpin":
        assert max(firsts.values()) == declared.warmup(**declared.settings())


def test_a_constant_price_raises_nothing(declared):
    bars = random_walk(3, 60)
    bars[["open", "high", "low", "close"]] = 5.0

    assert len(declared(columns(bars, declared))) == len(declared.outputs)


@settings(max_examples=25)
@given(bars=walks(min_size=2, max_size=120), data=st.data())
def test_no_value_depends_on_a_later_bar(bars, data):
    known = data.draw(st.integers(1, len(bars) - 1))
    spoiled = bars.copy()
    spoiled.loc[known:, ["open", "high", "low", "close", "volume"]] = np.nan
    for name in names():
        declared = indicator(name)
        whole, cut, poisoned = (declared(columns(frame, declared)) for frame in (bars, bars.iloc[:known], spoiled))
        for output in declared.outputs:
            np.testing.assert_array_equal(cut[output], whole[output][:known], err_msg=f"{name}.{output}")
            np.testing.assert_array_equal(poisoned[output][:known], whole[output][:known], err_msg=f"{name}.{output}")


def test_bad_parameters_are_refused_by_name(declared):
    with pytest.raises(ConfigError, match=f"{declared.name}: unknown parameter 'windw'; it takes "):
        declared.settings(windw=3)
    whole = [key for key, value in declared.params.items() if isinstance(value, int)]
    assert whole or not declared.params or declared.name == "parabolic_sar"
    for key, bad in product(whole, (0, -1, float("nan"), float("inf"), 2.5)):
        with pytest.raises(ConfigError, match=f"{declared.name}: {key} must be"):
            declared.settings(**{key: bad})


def test_a_missing_column_is_named(declared):
    with pytest.raises(DataError, match=f"{declared.name}: bars lack the column"):
        declared({})


def test_an_unknown_indicator_names_the_close_ones():
    with pytest.raises(UnknownName, match="No indicator named 'smaa'; close matches: sma"):
        indicator("smaa")


def close_to(streamed, arrays, declared):
    """Equal but for the order of additions: within some units in the last place of the largest value."""
    for output in declared.outputs:
        wanted, had = arrays[output], streamed[output]
        scale = np.nanmax(np.abs(wanted), initial=0.0)
        np.testing.assert_allclose(had, wanted, rtol=1e-12, atol=1e-13 * scale, equal_nan=True, err_msg=output)


def with_holes(made, rows):
    """Return columns whose values are missing in some rows; a session is never missing."""
    return {
        name: np.where(np.isin(np.arange(len(v)), rows) if v.ndim == 1 else np.isin(np.arange(len(v)), rows)[:, None],
                       np.nan, v) if name != "session" else v
        for name, v in made.items()
    }  # fmt: skip


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**31), cuts=st.lists(st.integers(0, WARM), max_size=3), hole=st.integers(0, WARM - 1))
def test_bar_by_bar_and_in_pieces_and_pickled_it_is_the_array(seed, cuts, hole):
    bars = random_walk(seed, WARM)
    for name in names():
        declared = indicator(name)
        made = with_holes(columns(bars, declared), [hole])
        stream, parts = declared.stream(), []
        edges = [0, *sorted(cuts), WARM]
        for first, last in pairwise(edges):
            parts.append(stream.extend({column: values[first:last] for column, values in made.items()}))
            stream = pickle.loads(pickle.dumps(stream))
        streamed = {output: np.concatenate([part[output] for part in parts]) for output in declared.outputs}
        close_to(streamed, declared(made), declared)


def test_a_stream_takes_bars_as_they_are(declared):
    made = columns(random_walk(4, WARM), declared)
    made["session"] = [date.fromordinal(735_000 + i // 5) for i in range(WARM)]
    stream = declared.stream()
    rows = [
        stream.update(SimpleNamespace(**{column: made[column][i] for column in declared.inputs})) for i in range(WARM)
    ]

    close_to(
        {name: np.array([declared.named(row)[name] for row in rows]) for name in declared.outputs},
        declared(made),
        declared,
    )


@pytest.mark.parametrize("seed", range(3))
def test_compiled_it_is_the_same_to_the_last_bit(declared, seed, monkeypatch):
    made = with_holes(columns(random_walk(seed, WARM), declared), [40, 41, 200] if seed else [])
    plain = declared(made)
    monkeypatch.setattr(kernels, "LONG", 2)

    for name, values in declared(made).items():
        np.testing.assert_array_equal(values, plain[name], err_msg=name)


def test_another_process_computes_the_same(tmp_path):
    code = (
        "import sys, hashlib, numpy as np; from tests.contracts.test_indicator_contract import *\n"
        "made = random_walk(5, WARM)\n"
        "for n in names():\n"
        "    d = indicator(n)\n"
        "    print(n, hashlib.sha256(b''.join(v.tobytes() for v in d(columns(made, d)).values())).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True,
            text=True, check=True,
        ).stdout
        for seed in ("0", "1")
    ]  # fmt: skip
    made = random_walk(5, WARM)

    def digest(declared):
        return sha256(b"".join(v.tobytes() for v in declared(columns(made, declared)).values())).hexdigest()

    assert runs[0] == runs[1] == "".join(f"{name} {digest(indicator(name))}\n" for name in names())


def test_importing_every_indicator_imports_no_compiler():
    code = (
        "import sys; from tradepulse.core.indicators import indicator, names\n"
        "[indicator(n) for n in names()]\n"
        "print([m for m in ('numba', 'llvmlite', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
