"""Savings by hand arithmetic, and the counterfactual of each."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepulse.finops.suggestions.base import suggestions
from tradepulse.finops.suggestions.diminishing import stops_after
from tradepulse.finops.suggestions.report import write_recommendations


def costs(*lines):
    return pd.DataFrame(
        [{"run_id": run, "step": step, "team": team, "cost_nano_usd": amount} for run, step, team, amount in lines],
        columns=["run_id", "step", "team", "cost_nano_usd"],
    )


def wrote(run, step, **outputs):
    return {"run_id": run, "step": step, "started_at": run, "outputs": outputs}


def asked(run, *sharpes, strategy="sma_cross@1", first=0, **columns):
    return pd.DataFrame(
        {
            "trial_id": [f"{strategy}-{n}" for n in range(first, first + len(sharpes))], "run_id": run,
            "strategy": strategy, "symbol": "AAA", "status": "done", "sharpe": sharpes, "total_return": 0.1,
            "max_drawdown": 0.2, "n_orders": 3, **columns,
        }
    )  # fmt: skip


NOTHING = asked("none").head(0)


def test_a_step_that_wrote_what_was_there_could_have_been_left_out():
    paid = costs(
        ("r1", "bars", "data", 100), ("r2", "bars", "data", 40), ("r2", "bars", "data", 2), ("r3", "bars", "data", 50)
    )
    outputs = [wrote("r1", "bars", y17="a", y18="b"), wrote("r2", "bars", y18="b"), wrote("r3", "bars", y18="c")]

    [one] = suggestions(paid, outputs, NOTHING)

    # The second run wrote y18 as it was; the third changed it.
    assert (one.kind, one.subject, one.team, one.evidence) == ("unchanged", "bars", "data", ("r2",))
    assert (one.expected_nano_usd, one.proven_nano_usd) == (42, 42)
    assert one.finding.startswith("1 of 3 runs of bars")


def test_what_changed_and_what_is_new_is_no_waste():
    outputs = [
        wrote("r1", "bars", y18="a"),
        wrote("r2", "bars", y18="b"),
        wrote("r3", "bars", y18="a"),
        wrote("r4", "bars", y19="a"),
    ]

    assert suggestions(costs(*((run, "bars", "data", 9) for run in ("r1", "r2", "r3", "r4"))), outputs, NOTHING) == []


def test_a_rule_that_does_not_know_the_end_stops_a_sweep():
    # Of 40 trials a quarter is 10: after the third, the best, come ten that are not better.
    assert stops_after(np.array([1.0, 2.0, 3.0, *[0.0] * 37])) == 13
    assert stops_after(np.array([1.0, *[0.5] * 8, 2.0, *[0.0] * 30])) == 20
    assert stops_after(np.arange(40.0)) == 40
    assert stops_after(np.array([1.0] * 8)) == 8


def test_a_sweep_that_went_on_would_have_had_the_same_winner():
    paid = costs(("r1", "trials", "research", 4_000))

    [one] = suggestions(paid, [], asked("r1", 1.0, 2.0, 3.0, *[0.0] * 36, float("nan")))

    # 27 of 40 trials were not needed.
    assert (one.kind, one.expected_nano_usd, one.proven_nano_usd) == ("diminishing", 2_700, 2_700)
    assert "was number 3;" in one.finding
    assert "sma_cross@1-2" in one.counterfactual
    # A winner that comes after the end is none to be saved.
    assert suggestions(paid, [], asked("r1", 1.0, *[0.0] * 38, 5.0)) == []


def test_a_question_that_was_answered_is_proven_only_where_the_answer_is_the_same():
    paid = costs(("r1", "trials", "research", 300), ("r2", "trials", "research", 300))
    trials = pd.concat([asked("r1", 1.0, 2.0, 3.0), asked("r2", 2.5, 3.0, 4.0, first=1)], ignore_index=True)

    [one] = suggestions(paid, [], trials)

    # Trials 1 and 2 were asked again, at a third of the run each; the second answer to trial 1 differs.
    assert (one.kind, one.expected_nano_usd, one.proven_nano_usd) == ("asked_twice", 200, 100)
    assert one.evidence == ("r2",)


def test_the_same_suggestion_keeps_its_id_and_the_largest_comes_first():
    outputs = [wrote(run, step, y=step) for run in ("r1", "r2") for step in ("bars", "closes")]
    paid = costs(
        *((run, step, "data", amount) for run in ("r1", "r2") for step, amount in (("bars", 5), ("closes", 70)))
    )
    first = suggestions(paid, outputs, NOTHING)
    again = suggestions(costs(*paid.itertuples(index=False), ("r3", "bars", "data", 1)), outputs, NOTHING)

    assert [one.subject for one in first] == ["closes", "bars"]
    assert [one.id for one in first] == [one.id for one in again]
    assert suggestions(paid, outputs, NOTHING, least_nano_usd=6)[0].subject == "closes"
    assert len(suggestions(paid, outputs, NOTHING, least_nano_usd=6)) == 1


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 100)), max_size=12),
    st.lists(st.floats(-3, 3), max_size=30),
)
def test_no_saving_is_larger_than_what_was_spent(runs, sharpes):
    paid = costs(
        *((f"r{n}", step, "data", amount) for n, (step, _, amount) in enumerate(runs)), ("s", "trials", "r", 77)
    )
    outputs = [wrote(f"r{n}", step, y=digest) for n, (step, digest, _) in enumerate(runs)]

    found = suggestions(paid, outputs, asked("s", *sharpes) if sharpes else NOTHING)

    assert all(0 <= one.proven_nano_usd <= one.expected_nano_usd for one in found)
    assert sum(one.expected_nano_usd for one in found) <= paid["cost_nano_usd"].sum()


def test_the_page_of_a_week_is_whole_and_says_the_same_as_its_json(tmp_path):
    outputs = [wrote("r1", "b<ars", y="a"), wrote("r2", "b<ars", y="a")]
    found = suggestions(costs(("r1", "b<ars", "data", 5), ("r2", "b<ars", "data", 2_500_000)), outputs, NOTHING)

    page = write_recommendations(found, 10_000_000, tmp_path / "new", date(2026, 1, 1))

    # New Year's Day of 2026 is in the first ISO week.
    assert page.name == "2026-W01.html"
    text = page.read_text()
    assert "b&lt;ars" in text
    assert "USD 0.002500" in text
    assert "25%" in text
    kept = json.loads(page.with_suffix(".json").read_text())
    assert kept == {"suggestions": [found[0].row()], "total_nano_usd": 10_000_000}
    assert "Nothing was found" in write_recommendations([], 0, tmp_path / "new", date(2026, 1, 1)).read_text()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["2026-W01.html", "2026-W01.json"]


@pytest.mark.parametrize("least", [0, 10**12])
def test_nothing_measured_is_nothing_suggested(least):
    assert suggestions(costs(), [], NOTHING, least_nano_usd=least) == []


def test_a_step_that_makes_what_another_makes_could_be_dropped():
    paid = costs(*((run, step, "data", 10) for run in ("r1", "r2") for step in ("daily", "by_day", "other")))
    outputs = [
        wrote("r1", "daily", daily="a", more="b"), wrote("r1", "by_day", by_day="a"), wrote("r1", "other", other="a"),
        wrote("r2", "daily", daily="c", more="d"), wrote("r2", "by_day", by_day="c"), wrote("r2", "other", other="x"),
    ]  # fmt: skip

    [one] = [one for one in suggestions(paid, outputs, NOTHING) if one.kind == "same_result"]

    # In the second run the other one made something of its own, so it is no double of either.
    assert (one.subject, one.expected_nano_usd, one.proven_nano_usd) == ("by_day", 20, 20)
    assert one.evidence == ("r1", "r2")
    assert one.how == "let what reads by_day read daily, and drop by_day"


def bill(day, billed, currency="USD", account="acc"):
    return {"ts": pd.Timestamp(day, tz="UTC"), "symbol": account, "currency": currency, "category": "Usage",
            "service": "Machines", "billed": billed}  # fmt: skip


def used(day, dollars):
    return {"run_id": "r", "step": "s", "team": "data", "strategy": "shared", "environment": "local",
            "date": pd.Timestamp(day), "cost_nano_usd": dollars * 10**9}  # fmt: skip


DAYS = ["2026-01-05", "2026-01-06", "2026-01-07"]


def test_what_is_idle_every_day_could_be_switched_off_and_is_not_proven():
    """Billed 10 a day, of which 6, 2 and 5 were used: 4 were idle on the busiest day."""
    paid = pd.DataFrame([used(day, dollars) for day, dollars in zip(DAYS, (6, 2, 5), strict=True)])
    bills = pd.DataFrame([bill(day, "10") for day in DAYS] + [bill(DAYS[0], "99", "EUR")])

    [one] = [one for one in suggestions(paid, [], NOTHING, bills) if one.kind == "idle"]

    assert (one.subject, one.expected_nano_usd, one.proven_nano_usd) == ("acc", 12 * 10**9, 0)
    assert "at least USD 4.00 a day on 3 days" in one.finding
    assert one.evidence == tuple(DAYS)


@pytest.mark.parametrize("dollars", [(6, 2, 8), (6, 2)])
def test_an_account_that_is_busy_on_one_day_or_known_for_two_is_left_alone(dollars):
    days = DAYS[: len(dollars)]
    paid = pd.DataFrame([used(day, amount) for day, amount in zip(days, dollars, strict=True)])
    bills = pd.DataFrame([bill(day, "10") for day in days])

    assert [one for one in suggestions(paid, [], NOTHING, bills) if one.kind == "idle"] == []


def test_a_gate_that_passes_everything_on_is_no_double():
    paid = costs(("r1", "signals", "trading", 10), ("r1", "released_signals", "trading", 10))
    outputs = [wrote("r1", "signals", s="a"), wrote("r1", "released_signals", r="a")]

    assert suggestions(paid, outputs, NOTHING) == []
