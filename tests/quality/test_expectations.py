import json

import pandas as pd
import pytest

from tradepulse.errors import ConfigError
from tradepulse.quality import expectations
from tradepulse.quality.expectations import load_suite, validate


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """Write a suite named ``mine``."""
    monkeypatch.setattr(expectations, "shipped", lambda _: tmp_path)

    def write(*items, text=None):
        (tmp_path / "mine.json").write_text(json.dumps({"expectations": items}) if text is None else text)

    return write


def item(promise="x is below two", type="expect_column_values_to_be_between", **kwargs):
    return {"promise": promise, "type": type, "kwargs": kwargs or {"column": "x", "max_value": 2}}


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ((), "holds no expectation; a suite that asks nothing passes everything"),
        ((item(), item()), "make the same promise"),
    ],
)
def test_a_suite_that_cannot_be_trusted_is_refused(suite, items, words):
    suite(*items)

    with pytest.raises(ConfigError, match=words):
        load_suite("mine")


def test_an_unreadable_suite_is_refused(suite):
    suite(text="{")
    for name in ("mine", "absent"):
        with pytest.raises(ConfigError, match=rf"{name}.json: no readable suite"):
            load_suite(name)


def test_each_expectation_is_a_check_with_what_was_observed(suite):
    suite(item(), item("x has a mean", "expect_column_mean_to_be_between", column="x", min_value=2))

    verdict = validate("mine", pd.DataFrame({"x": [1.0, 3.0]}))

    assert [(c.name, c.passed, c.detail) for c in verdict.checks] == [
        ("x is below two", False, "1 unexpected (50.00 %)"),
        ("x has a mean", True, "observed 2.0"),
    ]
    assert not verdict.passed


def test_an_expectation_that_cannot_be_evaluated_has_not_passed(suite):
    suite(item(column="absent", max_value=2))

    verdict = validate("mine", pd.DataFrame({"x": [1.0]}))

    assert not verdict.passed
    assert "absent" in verdict.checks[0].detail
