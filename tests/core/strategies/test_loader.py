import pytest

from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.loader import shipped, strategy_at, strategy_class, strategy_paths
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.errors import ConfigError, UnknownName


def test_shipped_strategies_are_found_by_the_name_of_their_file():
    assert len(shipped()) >= 6
    for name in shipped():
        found = strategy_class(name)
        assert issubclass(found, Strategy)
        assert found.name == name
        assert found.__doc__
        assert strategy_paths()[name] == f"tradepulse.core.strategies.{name}:STRATEGY"


def test_an_unknown_strategy_names_the_close_ones():
    with pytest.raises(UnknownName, match="No strategy named 'sma_corss'; close matches: sma_cross"):
        strategy_class("sma_corss")


def test_results_of_one_version_are_not_those_of_another():
    assert strategy_at("sma_cross@1") is SmaCross
    with pytest.raises(ConfigError, match="sma_cross@0 was asked for, but sma_cross@1 is installed"):
        strategy_at("sma_cross@0")
