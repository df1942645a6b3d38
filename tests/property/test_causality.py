"""The proof of causality finds what looks ahead, names it, and accuses nobody else."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.contracts.test_indicator_contract import columns
from tests.property.generators import random_walk
from tests.property.leaks import HONEST, LEAKS, candles, frames, universes  # noqa: F401  planted by being imported
from tradepulse.core.causality import Leak, leaks
from tradepulse.core.indicators import indicator, names
from tradepulse.core.series import kernels
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.loader import strategy_class, strategy_paths
from tradepulse.core.strategies.paths import as_compute, bar_columns
from tradepulse.errors import ConfigError, DataError

BARS = 60


def given(panel, n=BARS, seed=3):
    made = columns(random_walk(seed, n))
    if panel:
        return columns(random_walk(seed, n), SimpleNamespace(panel=True))
    return {name: made[name] for name in ("open", "high", "low", "close", "volume")}


def test_there_are_leaks_of_many_kinds():
    assert len(LEAKS) >= 30
    assert len({planted.kind for planted in LEAKS}) >= 20
    assert len({planted.name for planted in (*LEAKS, *HONEST)}) == len(LEAKS) + len(HONEST)


@pytest.mark.parametrize("planted", LEAKS, ids=lambda planted: planted.name)
def test_a_planted_leak_is_found(planted):
    found = leaks(planted.compute, given(planted.panel), decided_at=planted.decided_at)

    assert found
    assert 0 <= found[0].bar < BARS


@pytest.mark.parametrize("planted", HONEST, ids=lambda planted: planted.name)
def test_nobody_is_accused_who_does_not_look_ahead(planted):
    assert leaks(planted.compute, given(planted.panel), decided_at=planted.decided_at) == []


@pytest.fixture
def compiled(monkeypatch):
    """Proven on compiled loops, which are the same to the last bit, in a fraction of the time."""
    monkeypatch.setattr(kernels, "LONG", 2)


@pytest.mark.parametrize("name", names())
def test_no_indicator_looks_ahead(name, compiled):
    declared = indicator(name)
    start = declared.warmup(**declared.settings())
    made = columns(random_walk(11, start + 40), declared)

    assert leaks(declared, {key: made[key] for key in declared.inputs}, bars=range(max(start - 3, 0), start + 40)) == []


#: Parameters with which a strategy decides within a hundred bars.
QUICK = {
    "sma_cross": {"fast": 3, "slow": 8},
    "donchian": {"entry": 5, "exit": 3},
    "bollinger_reversion": {"window": 8, "entry": 1.0},
    "momentum_rank": {"lookback": 12, "skip": 2, "every": 3},
    "volatility_target": {"window": 5},
    "regime_switch": {"window": 32, "trend": 10, "band": 0.02, "torn": 1.0},
}


@pytest.mark.parametrize("name", strategy_paths())
def test_no_shipped_strategy_looks_ahead(name, compiled):
    made = strategy_class(name)
    symbols = 3 if made.panel else 1
    bars = bar_columns(random_walk(5, 90))
    if symbols > 1:
        bars = {
            key: values if key == "session" else np.column_stack([values, values[::-1], np.roll(values, 7)])
            for key, values in bars.items()
        }
    compute = as_compute(lambda: made(quantity=10, **QUICK[name]), symbols)

    assert leaks(compute, bars, bars=range(0, 90, 7 if name == "regime_switch" else 2)) == []
    assert any(np.diff(path).any() for path in compute(bars).values()), "it never trades, which proves nothing"


class Peeker(Strategy):
    """Holds what a list says that is longer than what has been seen."""

    name, version, params, warmup = "peeker", "1", {}, 1
    future: list = []

    def initialize(self):
        self._seen = 0

    def handle_tick(self, bar, desk):
        self._seen += 1
        ahead = self.future[self._seen] if self._seen < len(self.future) else bar.close
        desk.target(bar.symbol, 1 if ahead > bar.close else 0)


def test_a_strategy_that_was_handed_the_future_is_found():
    def compute(given):
        Peeker.future = given["close"].tolist()
        return as_compute(lambda: Peeker(quantity=1))(given)

    (found,) = leaks(compute, bar_columns(random_walk(5, 40)))

    assert found.output == "S0"
    assert found.future in {"cut off", "missing", "noisy", "huge", "tiny", "reversed"}


def test_the_first_bar_that_looks_ahead_is_named():
    def late(c):
        level = c["close"].copy()
        level[20:-1] = c["close"][21:]
        return {"steady": c["close"], "level": level}

    (found,) = leaks(late, given(False, 40))

    assert (found.output, found.bar) == ("level", 20)
    assert str(found) == (
        f"level of bar 20 looks ahead: it is {found.before:.10g} with what follows as it is, and {found.after:.10g} "
        f"with it {found.future}"
    )
    assert Leak("a", 1, "cut off", 1.0, 2.0) == Leak("a", 1, "cut off", 1.0, 2.0)


@pytest.mark.parametrize(
    ("compute", "words"),
    [
        (lambda c: {}, "no value in any output"),
        (lambda c: {"a": np.full(len(c["close"]), np.nan)}, "no value in any output"),
        (lambda c: {"a": c["close"][1:]}, "an output has one for each"),
        (lambda c: {"a": c["close"] + np.random.default_rng().normal(size=len(c["close"]))}, "give two results"),
    ],
)
def test_what_proves_nothing_is_refused(compute, words):
    with pytest.raises(DataError, match=words):
        leaks(compute, given(False))


def test_a_proof_on_no_bar_or_under_no_future_is_none():
    def only_what_is_there(c):
        if not np.array_equal(c["close"], real["close"]):
            raise ValueError
        return {"a": c["close"]}

    real = given(False)
    with pytest.raises(DataError, match="there is no bar to look at"):
        leaks(lambda c: {"a": c["close"]}, real, bars=[])
    with pytest.raises(ConfigError, match="decided_at must be close or open, not 'Open'"):
        leaks(lambda c: {"a": c["close"]}, real, decided_at="Open")
    with pytest.raises(DataError, match="it raises under every other future"):
        leaks(only_what_is_there, real, decided_at="open", bars=[5])


def test_who_writes_into_the_bars_is_refused():
    def spoils(c):
        c["close"] *= 2
        return {"a": c["close"]}

    with pytest.raises(DataError, match="it writes into its input 'close'"):
        leaks(spoils, given(False))


@pytest.mark.parametrize("bars", [{}, {"close": np.empty(0)}, {"close": np.ones(3), "open": np.ones(2)}])
def test_without_bars_there_is_no_proof(bars):
    with pytest.raises(DataError, match="nothing can be proven"):
        leaks(lambda c: {"a": c["close"]}, bars)


def test_a_strategy_that_decides_before_its_warm_up_is_over_is_stopped():
    from tests.property.generators import bars_of
    from tradepulse.backtest.engine import backtest

    class Hasty(Peeker):
        name, warmup = "hasty", 3

    with pytest.raises(ConfigError, match="hasty@1: decides on its bar 1, and declares that it needs 3"):
        backtest(bars_of([1.0, 2.0, 3.0]), lambda: Hasty(quantity=1), cash=100.0)
