"""A wheel that conforms passes, and one that does not is refused for the right reason, without harm to us."""

import time
import zipfile

import pytest

from tests.quality.wheels import indicator, quoting, strategy, wheel
from tradepulse.core import plugins
from tradepulse.core.indicators import indicator as shipped_indicator
from tradepulse.core.indicators import shipped as indicators
from tradepulse.core.quoting.loader import quoting_strategies, quoting_strategy
from tradepulse.core.strategies.loader import shipped as strategies
from tradepulse.core.strategies.loader import strategy_class
from tradepulse.errors import ConfigError, UnreadableFile
from tradepulse.quality import conformance
from tradepulse.quality.conformance import examine, verify

#: What is wrong, the module, how it is declared, the reason code, and words of the detail.
QUOTED = {"point": "quoting.mine"}
LOOP = """
def loop(see, mine, n, position, sizes, numbers, memory, asks):
    if n or not see[1]:
        return 0
    asks[0, 0], asks[0, 1], asks[0, 2], asks[0, 3], asks[0, 4] = 0, 1, sizes[0], see[{at}], 0
    return 1
"""
PLAN = """
    def compiled(self):
        return Compiled(loop, (round(self.settings["size"] * UNIT),))
"""
BROKEN = {
    "raises on import": (
        strategy(above="raise RuntimeError('no such database')"), {}, "import_failed",
        "RuntimeError: no such database",
    ),
    "leaves the process on import": (strategy(above="import os; os._exit(3)"), {}, "import_failed", "with 3"),
    "exits politely on import": (strategy(above="raise SystemExit('bye')"), {}, "import_failed", "SystemExit: bye"),
    "loops for ever in initialize": (
        strategy(initialize="while True: pass"), {}, "too_slow", "no answer in 3 s",
    ),
    "sleeps on import": (strategy(above="import time; time.sleep(600)"), {}, "too_slow", "no answer in 3 s"),
    "takes all memory": (
        strategy(initialize="self.hoard = [bytearray(2**26) for _ in range(2**10)]"), {}, "too_much_memory",
        "more than",
    ),
    "takes the name of one of ours": (
        strategy(name="sma_cross"), {"point": "strategy.sma_cross"}, "name_clash", "TradePulse ships a strategy",
    ),
    "is written for another version": (
        strategy().replace("TRADEPULSE_API = 1", "TRADEPULSE_API = 99"), {}, "api_version", "says 99",
    ),
    "does not say for which version": (
        strategy().replace("TRADEPULSE_API = 1", ""), {}, "api_version", "says nothing",
    ),
    "has no licence": (strategy(), {"licence": ""}, "no_licence", "package odd names none"),
    "is of a kind that there is not": (strategy(), {"point": "oracle.mine"}, "bad_name", "a kind is one of strategy"),
    "is no strategy": (strategy() + "\nThing = 5\n", {}, "wrong_kind", "5 is no strategy"),
    "is named otherwise": (strategy(name="other"), {}, "wrong_kind", "named 'other' and declared as 'mine'"),
    "raises on the first bar": (strategy(decide="raise KeyError('beta')"), {}, "fails", "KeyError: 'beta'"),
    "decides before its warm-up": (
        strategy().replace("warmup = 2", "warmup = 20"), {}, "fails", "decides on its bar 2, and declares that it",
    ),
    "sets the environment": (
        strategy(above="import os; os.environ['LANG'] = 'xx'"), {}, "meddles", "it changes the environment",
    ),
    "patches ours": (
        strategy(above="from tradepulse.core.series import rolling; rolling.rolling_mean = lambda v, w: v"), {},
        "meddles", "code of TradePulse",
    ),
    "needs what is not here": (
        strategy(), {"requires": ["not-on-this-machine>=2"]}, "requirement", "not-on-this-machine>=2 is not installed",
    ),
    "depends on the hash seed": (
        strategy(decide="desk.target(bar.symbol, hash(str(bar.session)) % 7)"), {}, "not_deterministic",
        "another PYTHONHASHSEED",
    ),
    "looks ahead": (
        indicator(body="out[window:] = np.append(close[window + 1:], close[-1:])[: max(len(close) - window, 0)]"),
        {"point": "indicator.mine", "target": "odd.thing:THING"}, "looks_ahead", "of bar 5 looks ahead",
    ),
    "normalises by the whole frame": (
        indicator(body="out[window:] = (close - np.mean(close))[window:] if len(close) else []"),
        {"point": "indicator.mine", "target": "odd.thing:THING"}, "looks_ahead", "looks ahead",
    ),
    "warms up longer than it says": (
        indicator(body="out[window + 3:] = close[:-window - 3] if len(close) > window + 3 else []"),
        {"point": "indicator.mine", "target": "odd.thing:THING"}, "bad_warmup", "declares 5 bars, and takes 8",
    ),
    "gives too few values": (
        indicator(body="return close[1:]"), {"point": "indicator.mine", "target": "odd.thing:THING"}, "bad_schema",
        "not float64 of (n,)",
    ),
    "says nothing of what it does": (
        strategy().replace("Long after a rise and flat after a fall, bar by bar, for a test.", "A strategy."), {},
        "no_docs", "less than eight words",
    ),
    "never wants anything": (strategy(decide="pass"), {}, "unproven", "it wants nothing in"),
    "orders parts of units": (
        quoting(act="desk.submit(Side.BUY, self.settings['size'] * UNIT, market.bid)"), QUOTED, "bad_order",
        "and whole units above zero",
    ),
    "orders nothing": (quoting(act="pass"), QUOTED, "bad_order", "it orders nothing in the made market"),
    "has a range without a parameter": (
        quoting().replace("(0.001, 10.0)}", '(0.001, 10.0), "sise": (0.0, 1.0)}'), QUOTED, "bad_schema",
        "ranges names 'sise', which is no parameter",
    ),
    "has a loop that does something else": (
        quoting(above=LOOP.format(at=3), more=PLAN), QUOTED, "loop_differs", "and of its loop Asked",
    ),
    "remembers what another one has ordered": (
        quoting(above="SEEN = []", act="SEEN.append(1); desk.submit(Side.BUY, UNIT * len(SEEN), market.bid)"), QUOTED,
        "bad_lifecycle",
        "two instances that see the same",
    ),
    "takes the name of a strategy of bars": (
        quoting(name="sma_cross"), {"point": "quoting.sma_cross"}, "name_clash", "TradePulse ships a strategy",
    ),
    "is no quoting strategy": (strategy(), QUOTED, "wrong_kind", "is no quoting strategy"),
    "raises when something is bid": (quoting(act="raise KeyError('beta')"), QUOTED, "fails", "KeyError: 'beta'"),
    "remembers what an earlier one has seen": (
        strategy(above="SEEN = []", decide="SEEN.append(bar.close); desk.target(bar.symbol, len(SEEN) % 3)"), {},
        "bad_lifecycle", "what an earlier instance has seen",
    ),
}  # fmt: skip


@pytest.fixture
def impatient(monkeypatch):
    """Limits that a test can wait for."""
    tried = plugins.probation.__wrapped__
    monkeypatch.setattr(
        conformance, "probation", lambda plugin, path: tried(plugin, seconds=3.0, megabytes=256, path=path)
    )


@pytest.mark.parametrize("wrong", BROKEN)
def test_a_broken_wheel_is_refused_for_its_reason(wrong, tmp_path, impatient):
    code, how, reason, words = BROKEN[wrong]

    started = time.monotonic()
    failed = [finding for _, finding in verify(wheel(tmp_path, code, **how)) if not finding.passed]

    assert [finding.code for finding in failed][:1] == [reason], failed
    assert words in failed[0].detail
    assert time.monotonic() - started < 60


def test_whole_wheels_conform(tmp_path, impatient):
    for code, how in (
        (strategy(), {}),
        (indicator(), {"point": "indicator.mine", "target": "odd.thing:THING"}),
    ):
        findings = verify(wheel(tmp_path, code, **how))
        assert [finding for _, finding in findings if not finding.passed] == []
        assert {"paper", "probation", "schema", "causality", "docs", "determinism"} <= {f.check for _, f in findings}


def test_what_is_no_wheel_is_refused(tmp_path):
    (tmp_path / "text.whl").write_text("hello")
    with pytest.raises(UnreadableFile, match=r"text.whl: no readable wheel"):
        verify(tmp_path / "text.whl")
    with pytest.raises(UnreadableFile, match="no readable wheel"):
        verify(tmp_path / "absent.whl")
    with zipfile.ZipFile(tmp_path / "bare.whl", "w") as archive:
        archive.writestr("a.py", "")
    with pytest.raises(UnreadableFile, match=r"has one .dist-info folder"):
        verify(tmp_path / "bare.whl")
    with zipfile.ZipFile(tmp_path / "slip.whl", "w") as archive:
        archive.writestr("../../evil.py", "")
    with pytest.raises(UnreadableFile, match="would leave its folder"):
        verify(tmp_path / "slip.whl")
    path = wheel(tmp_path, strategy())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("odd-1.0.dist-info/entry_points.txt", "[console_scripts]\na = b:c\n")
    with pytest.raises(ConfigError, match="declares nothing under the entry-point group"):
        verify(path)


@pytest.mark.parametrize("name", indicators())
def test_our_own_indicators_conform(name, monkeypatch):
    from tradepulse.core.series import kernels

    monkeypatch.setattr(kernels, "LONG", 2)
    findings = examine("indicator", name, shipped_indicator(name))

    assert [finding for finding in findings if not finding.passed and name != "vpin"] == []


@pytest.mark.parametrize("name", [name for name in strategies() if name != "regime_switch"])
def test_our_own_strategies_conform(name):
    assert [finding for finding in examine("strategy", name, strategy_class(name)) if not finding.passed] == []


@pytest.mark.parametrize("code", [quoting(), quoting(above=LOOP.format(at=1), more=PLAN)])
def test_a_quoting_strategy_conforms_with_a_loop_or_without(tmp_path, code):
    assert [finding for _, finding in verify(wheel(tmp_path, code, **QUOTED)) if not finding.passed] == []


@pytest.mark.parametrize("name", quoting_strategies())
def test_shipped_quoting_strategies_conform(name):
    findings = examine("quoting", name, quoting_strategy(name))

    assert [finding.check for finding in findings] == ["schema", "orders", "lifecycle", "loop", "docs"]
    assert [finding for finding in findings if not finding.passed] == []
