"""What packages declare: found, loaded after a probation, and kept out for a reason."""

import sys
from importlib.metadata import PathDistribution

import pytest

from tests.execution.desks import TERMS, levels, print_
from tests.quality.wheels import indicator as indicator_code
from tests.quality.wheels import quoting as quoting_code
from tests.quality.wheels import strategy as strategy_code
from tradepulse.backtest.book import replay
from tradepulse.core import plugins
from tradepulse.core.indicators import indicator, names, names_over
from tradepulse.core.plugins import API, CODES, KINDS, Plugin, declared, load, on_paper, usable
from tradepulse.core.quoting.loader import quoting_strategy
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.loader import strategy_class, strategy_paths
from tradepulse.errors import PluginQuarantined, UnknownName


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put packages where Python finds them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.probation.cache_clear()

    def install(code, *, package="odd", module="thing", points, licence="MIT"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
        (tmp_path / package / f"{module}.py").write_text(code)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n" + (f"License: {licence}\n" if licence else "")
        )
        lines = "".join(f"{name} = {target}\n" for name, target in points.items())
        (info / "entry_points.txt").write_text(f"[tradepulse.plugins]\n{lines}")
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]

    yield install
    for name in [name for name in sys.modules if name.split(".")[0] in {"odd", "even"}]:
        del sys.modules[name]


def test_what_we_ship_by_entry_point_is_ours():
    ours = [plugin for plugin in declared() if plugin.ours]

    assert {plugin.name for plugin in ours if plugin.kind == "source"} >= {"arch", "file", "folder", "ccxt", "yahoo"}
    assert all(plugin.licence for plugin in ours)


def test_an_installed_strategy_and_indicator_are_there_by_their_names(install):
    install(
        strategy_code() + indicator_code("other").replace('"""An indicator."""', ""),
        points={"strategy.mine": "odd.thing:Thing", "indicator.other": "odd.thing:THING"},
    )

    assert strategy_paths()["mine"] == "odd.thing:Thing"
    assert issubclass(strategy_class("mine"), Strategy)
    assert "other" in names()
    assert "other" in names_over(["close"])
    assert indicator("other").outputs == ("other",)


def test_a_broken_one_is_refused_by_name_and_harms_nobody(install):
    install(
        "raise RuntimeError('no such database')",
        points={"strategy.mine": "odd.thing:Thing", "indicator.other": "odd.thing:THING"},
    )

    with pytest.raises(
        PluginQuarantined,
        match=r"strategy mine is quarantined \(import_failed\): RuntimeError: no such database; see tradepulse_cli plu",
    ):
        strategy_class("mine")
    with pytest.raises(PluginQuarantined, match="indicator other is quarantined"):
        indicator("other")
    assert "odd.thing" not in sys.modules  # never imported here
    assert "other" not in names_over(["close"])
    assert strategy_class("sma_cross").name == "sma_cross"
    assert indicator("sma").name == "sma"


def test_the_name_of_one_of_ours_stays_ours(install):
    install(strategy_code(name="sma_cross"), points={"strategy.sma_cross": "odd.thing:Thing"})

    assert strategy_class("sma_cross").__module__ == "tradepulse.core.strategies.sma_cross"
    assert strategy_paths()["sma_cross"].startswith("tradepulse.core")


def test_of_two_of_one_name_neither_is_taken(install):
    install(strategy_code(), points={"strategy.mine": "odd.thing:Thing"})
    install(strategy_code(), package="even", points={"strategy.mine": "even.thing:Thing"})

    assert "mine" not in strategy_paths()
    with pytest.raises(PluginQuarantined, match=r"name_clash\): declared by (odd|even) too; uninstall one"):
        strategy_class("mine")


def test_without_a_licence_nothing_is_imported(install):
    install(strategy_code(), points={"strategy.mine": "odd.thing:Thing"}, licence="")

    with pytest.raises(PluginQuarantined, match="no_licence"):
        strategy_class("mine")
    assert "odd.thing" not in sys.modules


def test_a_name_that_nobody_declares_is_unknown():
    with pytest.raises(UnknownName, match="No friction named 'cheap'"):
        load("friction", "cheap")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("License-Expression: Apache-2.0", "Apache-2.0"),
        ("License: BSD\n Redistribution and use", "BSD"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT License"),
        ("License: UNKNOWN", ""),
        ("Summary: none", ""),
    ],
)
def test_a_licence_is_read_in_each_of_its_forms(tmp_path, text, found):
    info = tmp_path / "a-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: a\nVersion: 1\n{text}\n")

    assert plugins.licence_of(PathDistribution(info).metadata) == found


def test_names_that_cannot_be_typed_are_refused():
    verdicts = on_paper([Plugin("strategy", "Not So", "a:b", "p", "1", "MIT")], {})

    assert [verdict.code for verdict in verdicts] == ["bad_name"]


def test_every_kind_and_code_is_said_in_words():
    assert API == 1
    assert all(len(text.split()) > 3 for text in (*KINDS.values(), *CODES.values()))
    assert set(usable("source")) >= {"arch", "folder"}


def test_an_installed_quoting_strategy_trades_on_a_book_by_its_name(install):
    install(quoting_code(), points={"quoting.mine": "odd.thing:Thing"})

    made = quoting_strategy("mine")(size=1.0)
    result = replay([levels(0, ("buy", 99, 5), ("sell", 101, 5)), print_(1, 98, 3, "sell")], made, TERMS)

    assert result.fills[["side", "quantity", "price"]].to_numpy().tolist() == [["buy", 1.0, 99.0]]
    assert "mine" in usable("quoting")
    with pytest.raises(UnknownName, match=r"No strategy named 'mina'; close matches: mine"):
        quoting_strategy("mina")


def test_a_quoting_strategy_that_fails_on_its_probation_is_kept_out(install):
    install(quoting_code(act="1 / 0"), points={"quoting.mine": "odd.thing:Thing"})

    with pytest.raises(PluginQuarantined, match=r"quoting mine is quarantined \(fails\): ZeroDivisionError"):
        quoting_strategy("mine")


def test_strategies_of_bars_and_quoting_ones_share_no_name(install):
    install(quoting_code(), points={"quoting.mine": "odd.thing:Thing"})
    install(strategy_code(), package="even", points={"strategy.mine": "even.thing:Thing"})

    with pytest.raises(PluginQuarantined, match=r"quoting mine is quarantined \(name_clash\): declared by even too"):
        quoting_strategy("mine")
    assert "mine" not in strategy_paths()
