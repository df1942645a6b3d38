"""Curvature, synchrony, persistence, entropy and order flow against theory and hand arithmetic."""

from itertools import combinations, pairwise
from math import log2, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradepulse.core.indicators import indicator
from tradepulse.core.indicators.hurst import expected_range
from tradepulse.core.series.curvature import curvatures
from tradepulse.quality.definitions import wasserstein

NAN = float("nan")


def outputs(name, params=None, **columns):
    return indicator(name)({key: np.array(value, dtype=float) for key, value in columns.items()}, **(params or {}))


def of_edges(edges):
    """Mean and least curvature of a connected graph, from a walk along each of its edges and back."""
    neighbours = {}
    for a, b in edges:
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    start = next(iter(neighbours))
    walk, seen = [start], set()

    def visit(node):
        for other in neighbours[node]:
            if frozenset((node, other)) not in seen:
                seen.add(frozenset((node, other)))
                walk.append(other)
                visit(other)
                walk.append(node)

    visit(start)
    levels = np.array(walk, dtype=float)
    mean, lowest = curvatures((levels, np.ones(len(levels))), len(levels), 0)
    return mean[-1], lowest[-1]


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_a_path_is_flat(n):
    assert of_edges([(i, i + 1) for i in range(n)]) == (0.0, 0.0)


@pytest.mark.parametrize(("n", "expected"), [(3, 0.5), (4, 0.0), (5, 0.0), (6, 0.0), (12, 0.0)])
def test_a_cycle_is_flat_but_for_the_triangle(n, expected):
    # In a triangle half of the mass is already there, and the other half has one step to go.
    assert of_edges([(i, (i + 1) % n) for i in range(n)]) == pytest.approx((expected, expected))


@pytest.mark.parametrize("n", range(3, 9))
def test_a_complete_graph_has_curvature_n_less_2_over_n_less_1(n):
    expected = (n - 2) / (n - 1)

    assert of_edges(combinations(range(n), 2)) == pytest.approx((expected, expected))


@pytest.mark.parametrize(("left", "right"), [(2, 2), (3, 2), (2, 4), (5, 5)])
def test_an_inner_edge_of_a_tree_is_as_negative_as_jost_and_liu_say(left, right):
    # -2 (1 - 1/d - 1/d')+ with d and d' neighbours of the two ends, the other end counted; the rest are leaves.
    edges = [(0, 1), *((0, 10 + i) for i in range(left)), *((1, 30 + i) for i in range(right))]

    assert of_edges(edges)[1] == pytest.approx(-2 * (1 - 1 / (left + 1) - 1 / (right + 1)))


def test_an_edge_to_a_leaf_is_flat():
    assert of_edges([(0, i) for i in range(1, 6)]) == (0.0, 0.0)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=3, max_size=40))
def test_transport_is_what_the_linear_programme_finds(levels):
    graph = {}
    for a, b in pairwise(levels):
        if a != b:
            graph.setdefault(a, set()).add(b)
            graph.setdefault(b, set()).add(a)
    expected = [1 - wasserstein(graph, graph[a], graph[b]) for a in graph for b in graph[a] if a < b]

    mean, lowest = curvatures((np.array(levels, dtype=float), np.ones(len(levels))), len(levels), 0)

    if expected:
        np.testing.assert_allclose([mean[-1], lowest[-1]], [np.mean(expected), min(expected)], atol=1e-9)
    else:
        assert np.isnan(mean[-1])


def test_more_levels_than_fit_are_not_guessed():
    levels = np.arange(70.0)

    mean, _ = curvatures((levels, np.ones(70)), 63, 0)

    assert np.isnan(mean).all()
    assert not np.isnan(curvatures((levels, np.ones(70)), 62, 0)[0][-1])


def test_a_steady_trend_is_flat_and_a_range_that_is_walked_every_way_is_round():
    t = np.arange(120)
    # Moves of one, two and three heights between four levels: every pair of them is joined, a complete graph of four.
    loop = np.tile([0, 1, 2, 3, 1, 3, 0, 2], 15)
    heights = np.abs(np.diff(loop)).mean()

    trend = outputs("ricci", close=np.exp(0.001 * t))
    around = outputs("ricci", {"window": 80, "grain": 1 / heights}, close=np.exp(0.001 * (loop + 0.5)))

    np.testing.assert_allclose(trend["mean"][49:], 0.0)
    np.testing.assert_allclose(trend["lowest"][49:], 0.0)
    np.testing.assert_allclose(around["mean"][-1], 2 / 3)


def test_ways_that_do_not_change_have_temporal_curvature_1():
    prices = np.tile([100.0, 101.0, 102.0, 103.0, 102.0, 101.0], 20)

    found = outputs("temporal_ricci", {"window": 24, "lag": 6}, close=prices)["temporal_ricci"]

    np.testing.assert_allclose(found[29:], 1.0)


def test_oscillators_in_step_have_order_1_and_spread_evenly_0():
    t = np.arange(400)
    period = 32
    phases = 2 * np.pi * np.arange(4) / 4
    together = np.column_stack([np.exp(0.01 * a * np.sin(2 * np.pi * t / period)) for a in (1, 2, 3)])
    apart = np.column_stack([np.exp(0.01 * np.sin(2 * np.pi * t / period + phase)) for phase in phases])

    for name, values in indicator("kuramoto")({"close": together}, window=32).items():
        np.testing.assert_allclose(values[127:], 1.0, err_msg=name)
    assert np.nanmax(indicator("kuramoto")({"close": apart}, window=32)["long"]) < 0.02


def test_independent_noise_has_order_1_over_the_root_of_its_number():
    rng = np.random.default_rng(11)
    prices = 100 * np.exp(rng.normal(0, 0.01, (6_000, 25)))

    found = indicator("kuramoto")({"close": prices})

    for values in found.values():
        assert np.nanmean(values**2) == pytest.approx(1 / 25, rel=0.1)  # exactly, of phases that are evenly spread
        assert np.nanmean(values) == pytest.approx(sqrt(np.pi) / 2 / 5, rel=0.05)  # Rayleigh's mean


def test_a_price_that_stands_still_has_no_phase():
    prices = np.column_stack([np.full(100, 5.0), np.linspace(1, 2, 100)])

    assert np.isnan(indicator("kuramoto")({"close": prices})["short"]).all()


def gaussian_noise(n, exponent, rng):
    """Fractional Gaussian noise, exact (Davies and Harte, 1987)."""
    k = np.arange(n + 1.0)
    covariance = 0.5 * ((k + 1) ** (2 * exponent) - 2 * k ** (2 * exponent) + np.abs(k - 1) ** (2 * exponent))
    powers = np.fft.fft(np.concatenate([covariance[:n], covariance[n:0:-1]])).real
    draws = rng.normal(size=2 * n) + 1j * rng.normal(size=2 * n)
    return np.fft.fft(np.sqrt(np.maximum(powers, 0) / (2 * n)) * draws).real[:n]


@pytest.mark.parametrize("exponent", [0.2, 0.35, 0.5, 0.65, 0.8])
def test_the_exponent_of_fractional_brownian_motion_is_found(exponent):
    rng = np.random.default_rng(3)
    found = []
    for _ in range(12):
        path = np.exp(np.cumsum(np.concatenate([[0.0], 0.001 * gaussian_noise(4_096, exponent, rng)])))
        found.append([values[-1] for values in outputs("hurst", {"window": 4_096}, close=path).values()])
    rs, corrected, dfa = np.mean(found, axis=0)

    # One path has a deviation of about 0.03 (0.06 at 0.65 and above): the mean of twelve lies within 0.04.
    assert dfa == pytest.approx(exponent, abs=0.04)
    assert abs(corrected - exponent) < 0.09  # too near 0.5, as the docstring says
    assert rs > corrected
    if exponent == 0.5:
        assert corrected == pytest.approx(0.5, abs=0.03)


def test_the_expected_range_is_that_of_simulated_normal_values():
    rng = np.random.default_rng(5)
    for run in (8, 32):
        values = rng.normal(size=(40_000, run))
        paths = np.cumsum(values - values.mean(axis=1, keepdims=True), axis=1)
        ratio = (paths.max(axis=1) - np.minimum(paths.min(axis=1), 0)) / values.std(axis=1)
        assert expected_range(run) == pytest.approx(ratio.mean(), rel=0.01)
    assert expected_range(340) == pytest.approx(expected_range(341), rel=2e-3)


def test_entropy_by_hand():
    # Log returns 0, 1, 2, 3 in four bins: one each, two bits. Then 3, 3, 3, 3: none.
    steps = [0.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0]
    closes = np.exp(np.cumsum([0.0, *steps]))

    found = outputs("shannon_entropy", {"window": 4, "bins": 4}, close=closes)["shannon_entropy"]
    change = outputs("delta_entropy", {"window": 4, "bins": 4, "lag": 3}, close=closes)["delta_entropy"]

    # The last four differ by rounding alone, which is a range of its own: it is the second value that is exact.
    np.testing.assert_allclose(found[4:5], [2.0])
    # 1, 2, 3, 3: bins of 2/3 from 1 to 3: 1, 0, 1, 2 of four: 2 * 1/4 * 2 + 1/2 * 1.
    np.testing.assert_allclose(found[5:6], [1.5])
    assert np.isnan(found[:4]).all()
    np.testing.assert_allclose(change[7], found[7] - found[4])


def test_weighted_entropy_by_hand():
    # Moves 1, -1 seed the mean square with 1. Then 2 (a rise, beyond half of 1) and 0 (small) seed the chances: rise
    # 1/2, small 1/2: one bit. Then a fall: with weight 2/3 fall 2/3, rise 1/6, small 1/6.
    closes = np.exp([0.0, 1.0, 0.0, 2.0, 2.0, 0.0])

    found = outputs("weighted_entropy", {"window": 2}, close=closes)["weighted_entropy"]

    last = -(2 / 3 * log2(2 / 3) + 2 * (1 / 6) * log2(1 / 6))
    np.testing.assert_allclose(found, [NAN, NAN, NAN, NAN, 1.0, last], rtol=1e-12)


def test_vpin_by_hand():
    # Changes 1, 3 (window 2): deviation sqrt(2); bought share of a change of 3: Phi(3 / sqrt(2)) = 0.98305. A bucket is
    # one mean volume, (10 + 30) / 2 = 20: the bar of 30 fills one and leaves 10 of the same side. The next change, -1,
    # over the deviation of (3, -1), 2 sqrt(2): Phi(-0.35355) = 0.36184; its 10 fill the second bucket.
    from scipy.stats import norm

    first, second = norm.cdf(3 / sqrt(2)), norm.cdf(-1 / sqrt(8))
    sides = [abs(2 * first - 1), abs(2 * (first + second) / 2 - 1)]

    found = outputs(
        "vpin", {"window": 2, "bars_per_bucket": 1, "buckets": 2}, close=[1, 2, 5, 4], volume=[99, 10, 30, 10]
    )["vpin"]

    np.testing.assert_allclose(found, [NAN, NAN, NAN, np.mean(sides)])


def test_one_bar_may_fill_many_buckets():
    volumes = [10.0] * 60 + [1e6] + [10.0] * 10
    found = outputs("vpin", {"window": 20}, close=np.arange(100.0, 171.0) ** 1.1, volume=volumes)["vpin"]

    # Twenty-five buckets of one bar: what its own side was.
    changes = np.diff(np.arange(100.0, 171.0) ** 1.1)[40:60]
    from scipy.stats import norm

    share = norm.cdf(changes[-1] / changes.std(ddof=1))
    np.testing.assert_allclose(found[60], abs(2 * share - 1))


def test_queue_imbalance_by_hand():
    found = outputs("queue_imbalance", bid_size=[3, 0, 0, NAN], ask_size=[1, 5, 0, 2])["queue_imbalance"]

    np.testing.assert_allclose(found, [0.5, -1.0, NAN, NAN])


def test_order_flow_by_hand():
    # Bid: size 5 to 7 at the same price: +2. Then a better bid of 4: +4. Then a worse one: -4.
    # Offer: size 6 to 5: +1. Then a better one of 3: -3. Then a worse one: +3.
    found = outputs(
        "order_flow_imbalance", {"window": 1}, bid=[10, 10, 11, 10], bid_size=[5, 7, 4, 9], ask=[13, 13, 12, 14],
        ask_size=[6, 5, 3, 8],
    )["order_flow_imbalance"]  # fmt: skip

    np.testing.assert_allclose(found, [NAN, 3.0, 1.0, -1.0])


def test_kyle_by_hand():
    # Changes 1, -1, 1, -1 (window 2): deviation sqrt(2), shares Phi(+-1/sqrt(2)), signed +-s of 10 units each: the line
    # through (-10 s, -1) and (10 s, 1).
    from scipy.stats import norm

    s = 2 * norm.cdf(1 / sqrt(2)) - 1

    found = outputs("kyle_lambda", {"window": 3}, close=[1, 2, 1, 2, 1, 2, 1, 2], volume=[10] * 8)["kyle_lambda"]
    two = 2 * norm.cdf(1 / np.std([1, -1, 1], ddof=1)) - 1

    assert s > 0
    np.testing.assert_allclose(found, [NAN] * 5 + [1 / (10 * two)] * 3)


def test_the_impact_of_a_simulated_market_is_found():
    rng = np.random.default_rng(9)
    n = 60_000
    flow, volume = rng.choice([-1.0, 1.0], n) * rng.uniform(1, 3, n), np.zeros(n)
    # A flow moves the price at once and for good: r = 1e-4 x, and a little that nobody traded on, less than changes the
    # sign of r.
    logs = np.cumsum(1e-4 * flow + rng.uniform(-5e-5, 5e-5, n))
    close = 100 * np.exp(logs)
    volume = flow**2 / close

    found = outputs("hasbrouck", {"window": 50_000}, close=close, volume=volume)

    assert found["immediate"][-1] == pytest.approx(1e-4, rel=2e-3)
    assert found["permanent"][-1] == pytest.approx(1e-4, rel=0.02)


def test_what_reverts_is_not_permanent():
    rng = np.random.default_rng(10)
    n = 40_000
    flow = rng.normal(size=n)
    # Half of the move comes back with the next bar: r = 1e-4 (x - x[-1] / 2). The tick rule sees the sign of r, so the
    # flow is given the size that makes this what the rule measures.
    returns = 1e-4 * (flow - 0.5 * np.concatenate([[0.0], flow[:-1]]))
    close = 100 * np.exp(np.cumsum(returns))

    found = outputs("hasbrouck", {"window": 30_000}, close=close, volume=np.full(n, 1.0))

    assert 0 < found["permanent"][-1] < 0.9 * found["immediate"][-1]


def test_persistent_returns_are_a_trend_and_reverting_ones_the_opposite():
    rng = np.random.default_rng(12)
    for exponent, state in ((0.85, 1.0), (0.15, -1.0)):
        closes = 100 * np.exp(np.cumsum(0.01 * gaussian_noise(1_000, exponent, rng)))
        found = outputs("regime", close=closes)
        assert np.mean(found["regime"][128:] == state) > 0.9
        assert np.nanmin(found["order"]) >= 0
        assert np.nanmax(found["order"]) <= 1


def test_supertrend_by_hand():
    # True ranges 2, 2 then 3: mean of window 1 is the range itself. Bands 1 range about the middle of the bar.
    # Bar 1: middle 11, bands 13 and 9: down at 13. Bar 2: middle 12, 14 and 10: upper stays 13, close 12.5 below: down.
    # Bar 3: range 15 - 12 = 3, middle 14, 17 and 11: upper stays 13, close 14.5 above: up at the lower band, 11.
    # Bar 4: range 14.5 - 10 = 4.5, middle 11, 15.5 and 6.5: lower stays 11, close 10.5 below: down at 15.5.
    found = outputs(
        "supertrend", {"window": 1, "width": 1.0}, high=[11, 12, 13, 15, 12], low=[9, 10, 11, 13, 10],
        close=[10, 11, 12, 14.5, 10.5],
    )  # fmt: skip

    # The upper band may fall back to the bar's own once the close before was above it: 14.5 > 13.
    np.testing.assert_allclose(found["supertrend"], [NAN, 13, 13, 11, 15.5])
    np.testing.assert_allclose(found["direction"], [NAN, -1, -1, 1, -1])


def test_chaikin_oscillator_by_hand():
    # A line of 2.5, 4.5, 1, -3 (see accumulation_distribution). EMA(1) is the line; EMA(2): 3.5, then 3.5 + 2/3 (1 -
    # 3.5) = 11/6, then 11/6 + 2/3 (-3 - 11/6) = -25/18.
    found = outputs(
        "chaikin_oscillator", {"fast": 1, "slow": 2}, high=[12, 14, 13, 11], low=[8, 11, 9, 7], close=[11, 13, 10, 8],
        volume=[5, 6, 7, 8],
    )["chaikin_oscillator"]  # fmt: skip

    np.testing.assert_allclose(found, [NAN, 1.0, 1 - 11 / 6, -3 + 25 / 18])


def test_ichimoku_by_hand():
    found = outputs(
        "ichimoku", {"conversion": 1, "base": 2, "span": 3, "displacement": 1}, high=[12, 14, 13, 11], low=[8, 11, 9, 7]
    )

    np.testing.assert_allclose(found["conversion"], [10, 12.5, 11, 9])
    np.testing.assert_allclose(found["base"], [NAN, 11, 11.5, 10])
    np.testing.assert_allclose(found["span_a"], [NAN, NAN, 11.75, 11.25])
    np.testing.assert_allclose(found["span_b"], [NAN, NAN, NAN, 11])


def test_vwap_starts_anew_with_each_session():
    bars = {"high": [3, 6, 9, 9], "low": [3, 6, 9, 9], "close": [3, 6, 9, 9], "volume": [1, 2, 5, 0]}

    found = indicator("vwap")({"session": np.array(["2024-01-02"] * 2 + ["2024-01-03"] * 2, dtype="datetime64[D]"),
                               **{key: np.array(v, dtype=float) for key, v in bars.items()}})["vwap"]  # fmt: skip

    np.testing.assert_allclose(found, [3, 5, 9, 9])
