"""What a researcher launches: more parameter sets beside the shipped ones, and the best of all goes on."""

import json

import pytest

from tests.assets.conftest import checks
from tradepulse.backtest.ledger import distinct
from tradepulse.backtest.research import MOST_TRIALS


def asking(grids):
    return {"ops": {"trials": {"config": {"grids": grids}}}}


def failure(result):
    [event] = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data.error.cause.message


def test_more_sets_are_asked_and_the_best_of_all_goes_on(make, home):
    assert make("bars_history", "trials").success
    shipped = distinct(home.lake)
    # 8/70 beats every shipped set on these bars, and is none of them.
    grids = {"sma_cross": {"fast": [8, 9], "slow": [70]}}

    result = make("trials", "stress", config=asking(grids))

    assert result.success
    assert checks(result)["every_question_was_answered"]
    ledger = distinct(home.lake)
    fresh = ledger[~ledger["trial_id"].isin(shipped["trial_id"])]
    assert [json.loads(text) for text in fresh["params"]] == [{"fast": 8, "slow": 70}, {"fast": 9, "slow": 70}]
    best = fresh.iloc[0]
    assert set(home.lake.read("stress")["trial_id"]) == {best["trial_id"]}
    # Asked again, nothing is counted twice; without more, the best stays who it was.
    assert make("trials", config=asking(grids)).success
    assert len(distinct(home.lake)) == len(ledger)
    assert make("stress").success
    assert set(home.lake.read("stress")["trial_id"]) == {best["trial_id"]}


@pytest.mark.parametrize(
    ("grids", "said"),
    [
        ({"sma_corss": {"fast": [3]}}, "No strategy named 'sma_corss'; close matches: sma_cross"),
        ({"sma_cross": {"fsat": [3]}}, "sma_cross: unknown parameter 'fsat'; it takes fast, slow"),
        ({"sma_cross": {"fast": []}}, "sma_cross: no value of 'fast' to ask"),
        ({"sma_cross": {"fast": [50], "slow": [5]}}, "no combination of the grids makes a valid strategy"),
        (
            {"sma_cross": {"fast": list(range(1, 400)), "slow": list(range(400, 700))}},
            f"the sweep asks 119,700 parameter sets, at most {MOST_TRIALS:,}",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_one_line_and_leaves_no_trial(make, home, grids, said):
    assert make("bars_history").success

    result = make("trials", config=asking(grids))

    assert not result.success
    assert said in failure(result)
    assert home.lake.partitions("trials") == []
