"""The probation, in this process: what it refuses and in which words. How it is run apart is in test_conformance.py."""

import sys
from types import ModuleType

import pytest

from tradepulse.backtest.frictions import Costs
from tradepulse.core.indicators.sma import INDICATOR
from tradepulse.core.probation import Refused, bars, imported, misfit, tried
from tradepulse.core.strategies.sma_cross import SmaCross
from tradepulse.ingestion.folder import FileSource


@pytest.fixture
def module(monkeypatch):
    """Put a module where Python finds it."""

    def put(**content):
        made = ModuleType("odd_thing")
        for name, value in content.items():
            setattr(made, name, value)
        monkeypatch.setitem(sys.modules, "odd_thing", made)

    return put


def test_what_keeps_the_promise_is_taken(module):
    module(TRADEPULSE_API=1, Thing=SmaCross)

    assert imported("strategy", "sma_cross", "odd_thing:Thing") is SmaCross


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ({"TRADEPULSE_API": 1}, "import_failed", "has no attribute 'Thing'"),
        ({"Thing": SmaCross}, "api_version", "says nothing"),
        ({"TRADEPULSE_API": "1", "Thing": SmaCross}, "api_version", "says '1'"),
        ({"TRADEPULSE_API": 1, "Thing": 5}, "wrong_kind", "5 is no strategy; it must be a subclass"),
    ],
)
def test_what_does_not_is_refused_with_a_code(module, content, code, words):
    module(**content)

    with pytest.raises(Refused, match=words) as found:
        imported("strategy", "sma_cross", "odd_thing:Thing")
    assert found.value.code == code


@pytest.mark.parametrize(
    ("kind", "name", "found", "words"),
    [
        ("strategy", "other", SmaCross, "it is named 'sma_cross' and declared as 'other'"),
        ("indicator", "sma", SmaCross, "is no declared indicator"),
        ("friction", "bp", Costs(), "is no class"),
        ("broker", "mine", SmaCross, "it has no submit"),
        ("source", "mine", SmaCross, "it has no options"),
        ("indicator", "sma", INDICATOR, ""),
        ("friction", "bp", Costs, ""),
        ("source", "file", FileSource, ""),
    ],
)
def test_a_kind_is_told_from_another(kind, name, found, words):
    assert (words in misfit(kind, name, found)) if words else misfit(kind, name, found) == ""


def test_each_kind_is_tried_with_its_own_defaults():
    tried("strategy", SmaCross)
    tried("indicator", INDICATOR)
    tried("friction", Costs)

    class Free(Costs):
        name = "free"

        def price(self, quoted, sign):
            return float("nan")

    with pytest.raises(Refused, match="ValueError: a price of nan"):
        tried("friction", Free)

    class Books:
        name, options, tables, identity = "books", {}, ("bars",), "books"

    with pytest.raises(Refused, match="and not bills"):
        tried("cost_source", Books)


def test_the_bars_are_bars():
    made = bars(50, symbols=3)

    assert made["close"].shape == (50, 3)
    assert (made["high"] >= made["low"]).all()
    assert (made["high"] >= made["close"]).all()
