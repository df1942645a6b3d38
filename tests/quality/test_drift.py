import numpy as np
import pandas as pd
import pytest

from tests.property.generators import random_walk
from tradepulse.core.sessions import calendar
from tradepulse.quality.bars import with_plausibility
from tradepulse.quality.drift import drift
from tradepulse.quality.expectations import validate

BARS = random_walk(5, 300).assign(volume=1000.0)
LAST = BARS["session"].iloc[-1].date()


def failing(bars, until=LAST):
    return [check.name for check in validate("drift", drift(bars, calendar(), until)).checks if not check.passed]


def test_bars_like_those_before_them_pass():
    row = drift(BARS, calendar(), LAST).iloc[0]

    assert row[["symbol", "sessions_behind", "new", "before", "volume_ratio"]].tolist() == ["AAA", 0, 20, 250, 1.0]
    # Medians of 20 and 250 absolute moves of one distribution.
    assert 0.5 < row["volatility_ratio"] < 2
    assert failing(BARS) == []


def newest(**columns):
    frame = BARS.copy()
    for name, change in columns.items():
        frame.loc[frame.index[-20:], name] = change(frame[name].iloc[-20:])
    return frame


@pytest.mark.parametrize(
    ("bars", "words"),
    [
        (newest(volume=lambda v: v / 100), "usual volume is between"),
        (newest(volume=lambda v: v * 100), "usual volume is between"),
        (newest(volume=lambda v: v * np.nan), "volume and moves can be compared"),
        (newest(close=lambda c: c.iloc[0]), "closes vary"),
        (newest(close=lambda c: c * np.exp(np.resize([0.3, -0.3], 20))), "usual moves are between"),
        (BARS.assign(close=50.0), "moves before were not all zero"),
        (BARS.tail(60), "there is enough to compare with"),
        (BARS.head(0), "there is at least one symbol"),
        (BARS.head(299), "bars are fresh"),
    ],
    ids=["lots", "units", "no volume", "stuck", "wild", "constant", "short", "empty", "late"],
)
def test_what_has_drifted_is_found(bars, words):
    assert any(name.startswith(words) for name in failing(bars)), failing(bars)


SUITES = {"bars": with_plausibility, "bars_intraday": with_plausibility, "drift": lambda b: drift(b, calendar(), LAST)}


@pytest.mark.parametrize("suite", sorted(SUITES))
@pytest.mark.parametrize("spoil", ["empty", "constant", "nothing but NaN"])
def test_every_suite_guards_against_the_empty_the_constant_and_the_missing(suite, spoil):
    values = ["open", "high", "low", "close"]
    bars = {
        "empty": BARS.head(0),
        "constant": BARS.assign(**dict.fromkeys(values, 50.0)),
        "nothing but NaN": BARS.assign(**dict.fromkeys([*values, "volume"], np.nan)),
    }[spoil]

    assert not validate(suite, SUITES[suite](pd.DataFrame(bars))).passed


def test_every_suite_there_is_is_tried_here():
    from tradepulse.quality.shipped import shipped

    assert {path.stem for path in shipped("expectations").glob("*.json")} == set(SUITES)
