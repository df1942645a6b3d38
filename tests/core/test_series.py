"""Windows and loops: by hand, against numpy, and the compiled folds run as the Python that they are."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradepulse.core.series import kernels
from tradepulse.core.series.rolling import (
    mean_deviation,
    rolling_max,
    rolling_mean,
    rolling_min,
    rolling_sum,
    rolling_tilt,
    rolling_variance,
)

series = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=60
).map(lambda values: np.array(values, dtype=float))  # fmt: skip


def ended(values, window, rule):
    """Each window by itself, NaN before the first."""
    out = np.full(len(values), np.nan)
    for t in range(window - 1, len(values)):
        out[t] = rule(values[t - window + 1 : t + 1])
    return out


@settings(max_examples=60)
@given(series, st.integers(1, 12))
def test_a_window_is_what_numpy_makes_of_it_alone(values, window):
    close = {"rtol": 1e-9, "atol": 1e-3, "equal_nan": True}
    np.testing.assert_allclose(rolling_sum(values, window), ended(values, window, np.sum), **close)
    np.testing.assert_allclose(rolling_mean(values, window), ended(values, window, np.mean), **close)
    mean, variance = rolling_variance(values, window)
    np.testing.assert_allclose(mean, ended(values, window, np.mean), **close)
    np.testing.assert_allclose(variance, ended(values, window, np.var), **close)
    np.testing.assert_array_equal(rolling_max(values, window), ended(values, window, np.max))
    np.testing.assert_array_equal(rolling_min(values, window), ended(values, window, np.min))
    places = np.arange(window) - (window - 1) / 2
    np.testing.assert_allclose(
        rolling_tilt(values, window)[1], ended(values, window, lambda w: (places * w).sum()), **close
    )
    np.testing.assert_allclose(
        mean_deviation(values, mean, window), ended(values, window, lambda w: np.abs(w - w.mean()).mean()), **close
    )


@settings(max_examples=40, deadline=None)
@given(series, st.integers(1, 12))
def test_the_folds_join_in_the_same_order_to_the_last_bit(values, window):
    """The loops that numba compiles, run as the Python that they are."""

    def filled(loop, outputs, *rest):
        out = tuple(np.empty(len(values)) for _ in range(outputs))
        with np.errstate(all="ignore"):
            loop(values, *out, *rest)
        return out

    np.testing.assert_array_equal(filled(kernels.fold_sum, 1, window, 1)[0], rolling_sum(values, window))
    np.testing.assert_array_equal(filled(kernels.fold_sum, 1, window, window)[0], rolling_mean(values, window))
    np.testing.assert_array_equal(filled(kernels.fold_extreme, 1, window, True)[0], rolling_max(values, window))
    np.testing.assert_array_equal(filled(kernels.fold_extreme, 1, window, False)[0], rolling_min(values, window))
    for squares, plain in ((True, rolling_variance), (False, rolling_tilt)):
        divisor = float(window) if squares else 1.0
        for had, wanted in zip(
            filled(kernels.fold_pair, 2, window, divisor, squares), plain(values, window), strict=True
        ):
            np.testing.assert_array_equal(had, wanted)
    mean = rolling_mean(values, window)
    out = np.empty(len(values))
    kernels.fold_distance(values, mean, out, window)
    np.testing.assert_array_equal(out, mean_deviation(values, mean, window))


def test_folds_go_on_over_the_edge_of_a_piece():
    values = np.random.default_rng(1).normal(size=2_300)
    out, other = np.empty(2_300), np.empty(2_300)

    kernels.fold_sum(values, out, 7, 1)
    np.testing.assert_array_equal(out, rolling_sum(values, 7))
    kernels.fold_pair(values, out, other, 7, 7.0, True)
    np.testing.assert_array_equal(other, rolling_variance(values, 7)[1])
    kernels.fold_extreme(values, out, 7, True)
    np.testing.assert_array_equal(out, rolling_max(values, 7))


@pytest.mark.parametrize("value", [0.1, 1e9, -3.7])
def test_a_constant_has_no_deviation_and_no_slope(value):
    for window in (2, 3, 7, 20, 52):
        values = np.full(100, value)
        assert np.nanmax(rolling_variance(values, window)[1]) == 0
        assert np.nanmax(np.abs(rolling_tilt(values, window)[1])) == 0


def test_what_has_gone_by_leaves_nothing_behind():
    values = np.array([0.1, 0.2, 0.3, 1e15, np.nan, 0.1, 0.2, 0.3])

    assert rolling_sum(values, 3)[2] == rolling_sum(values, 3)[7]
    assert rolling_variance(values, 3)[1][2] == rolling_variance(values, 3)[1][7]


def test_compiled_code_comes_without_the_linear_algebra_that_it_does_not_use_and_with_what_it_does():
    code = """
import sys
import numpy as np
from tradepulse.core.series.kernels import hot, lean_numba, smoothed
with hot():
    smoothed((np.arange(9.0),), 2, 0.5)
assert "scipy.linalg" not in sys.modules, "it is there"
product = lean_numba().njit(lambda a, b: (np.dot(a, b), np.linalg.inv(a)))
left, right = np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([[1.0, 3.0], [0.0, 2.0]])
print(*((part + 0.0).tolist() for part in product(left, right)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    # By hand; and the inverse of a lower triangle.
    assert done.stdout == "[[2.0, 6.0], [1.0, 11.0]] [[0.5, 0.0], [-0.125, 0.25]]\n", done.stderr
