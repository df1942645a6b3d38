from importlib.metadata import EntryPoint

import pytest

from tradepulse.core.strategies import loader
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.loader import strategy_at, strategy_class, strategy_paths
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.errors import ConfigError, UnknownName


def test_shipped_strategies_are_found_by_the_name_of_their_file():
    for name in strategy_paths():
        found = strategy_class(name)
        assert issubclass(found, Strategy)
        assert found.name == name
        assert found.__doc__


def test_an_unknown_strategy_names_the_close_ones():
    with pytest.raises(UnknownName, match="No strategy named 'sma_corss'; close matches: sma_cross"):
        strategy_class("sma_corss")


def _installed(monkeypatch, *points):
    found = [EntryPoint(name, value, loader.GROUP) for name, value in points]
    monkeypatch.setattr(loader, "entry_points", lambda group: found if group == loader.GROUP else [])


def test_a_package_adds_a_strategy_by_declaring_it(monkeypatch):
    _installed(
        monkeypatch, ("strategy.mine", "tradepulse.core.strategies.sma_cross:SmaCross"), ("indicator.other", "x:y")
    )

    assert strategy_class("mine") is SmaCross
    assert "other" not in strategy_paths()


def test_two_strategies_of_one_name_are_refused(monkeypatch):
    _installed(monkeypatch, ("strategy.sma_cross", "theirs:Cross"))

    with pytest.raises(ConfigError, match=r"two strategies are named 'sma_cross'.*theirs:Cross; uninstall one"):
        strategy_paths()


def test_results_of_one_version_are_not_those_of_another():
    assert strategy_at("sma_cross@1") is SmaCross
    with pytest.raises(ConfigError, match="sma_cross@0 was asked for, but sma_cross@1 is installed"):
        strategy_at("sma_cross@0")
