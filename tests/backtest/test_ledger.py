import json

import pandas as pd
import pytest

from tests.property.generators import random_walk
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.ledger import answered, distinct, failed_rows, record
from tradepulse.backtest.research import questions
from tradepulse.backtest.tracking import MODEL, Tracking
from tradepulse.errors import UnusableOpens
from tradepulse.warehouse.lake import Lake

BARS = random_walk(5, 60)


@pytest.fixture
def asked():
    return questions(BARS, {"sma_cross": {"fast": (2, 3), "slow": (5,)}}, quantity=10, cash=1e6, costs=Costs())


@pytest.fixture
def places(tmp_path):
    return Lake(tmp_path / "lake"), Tracking(tmp_path / "mlflow")


def test_an_empty_lake_has_no_trials(places):
    assert distinct(places[0]).empty
    assert answered(places[0]) == set()


def test_a_sweep_is_in_the_ledger_and_in_mlflow(places, asked):
    lake, tracking = places

    rows = record(lake, tracking, BARS, asked, "run-1")

    client = tracking.client()
    assert answered(lake) == {question.trial_id for question in asked}
    for row in rows.to_dict("records"):
        run = client.get_run(row["mlflow_run_id"])
        assert run.data.tags["trial_id"] == row["trial_id"]
        assert run.data.tags["dagster_run_id"] == "run-1"
        assert run.data.metrics["n_orders"] == row["n_orders"]
        parent = client.get_run(run.data.tags["mlflow.parentRunId"])
        assert parent.info.status == "FINISHED"
    # The sweep's own page: the best first, with a link to its run; what it was asked on; who asked.
    best = rows.sort_values("sharpe", ascending=False).iloc[0]
    assert parent.data.metrics == {"best_sharpe": pytest.approx(best["sharpe"])}
    note = parent.data.tags["mlflow.note.content"]
    lines = [line for line in note.splitlines() if line.startswith("| [")]
    assert len(lines) == 2
    assert (
        lines[0].split("](")[1].startswith(f"#/experiments/{parent.info.experiment_id}/runs/{best['mlflow_run_id']})")
    )
    assert f"| {best['sharpe']:.3f} |" in lines[0]
    assert "Asked by run run-1 on bars" in note
    [bars] = parent.inputs.dataset_inputs
    assert bars.dataset.digest == best["data_version"]


def test_pages_lead_to_dagster_and_back(tmp_path, asked):
    lake, tracking = Lake(tmp_path / "lake"), Tracking(tmp_path / "mlflow", pages="http://127.0.0.1:3000")

    rows = record(lake, tracking, BARS, asked, "0e5b7330-eef0")

    client, run = tracking.client(), rows["mlflow_run_id"].iloc[0]
    parent = client.get_run(client.get_run(run).data.tags["mlflow.parentRunId"])
    assert "Dagster run [0e5b7330](http://127.0.0.1:3000/runs/0e5b7330-eef0)" in parent.data.tags["mlflow.note.content"]
    assert tracking.page_of(run) == f"/#/experiments/{parent.info.experiment_id}/runs/{run}"
    assert tracking.best_first().startswith(f"/#/experiments/{parent.info.experiment_id}/runs?")
    # What a person asked by hand is no run of Dagster's.
    by_hand = record(lake, tracking, BARS, asked, "cli-1")
    other = client.get_run(client.get_run(by_hand["mlflow_run_id"].iloc[0]).data.tags["mlflow.parentRunId"])
    assert "Asked by run cli-1 on" in other.data.tags["mlflow.note.content"]


def test_asking_again_counts_as_another_row_of_the_same_question(places, asked):
    lake, tracking = places
    record(lake, tracking, BARS, asked, "run-1")
    record(lake, tracking, BARS, asked, "run-2")

    assert len(lake.read("trials")) == 4
    assert len(distinct(lake)) == 2


def test_a_sweep_that_fails_counts_too(places, asked):
    lake, tracking = places

    with pytest.raises(UnusableOpens):
        record(lake, tracking, BARS.assign(open_is_stale=True), asked, "run-1")

    assert lake.read("trials")["status"].tolist() == ["failed", "failed"]
    assert answered(lake) == set()


def test_an_answer_comes_before_a_failure_and_a_logged_one_before_one_by_hand(places, asked):
    lake, _ = places
    failed = failed_rows(asked, BARS, "a-failed")
    by_hand = failed.assign(status="done", run_id="b-hand", sharpe=1.0)
    logged = failed.assign(status="done", run_id="c-logged", sharpe=1.0, mlflow_run_id="m")
    for rows in (failed, by_hand):
        lake.write("trials", rows, rows["run_id"].iloc[0])

    assert distinct(lake)["run_id"].tolist() == ["b-hand", "b-hand"]
    assert answered(lake) == set()  # nothing is in MLflow yet: a sweep asks it once more

    lake.write("trials", logged, "c-logged")
    assert distinct(lake)["run_id"].tolist() == ["c-logged", "c-logged"]
    assert answered(lake) == {question.trial_id for question in asked}


def test_each_step_has_an_alias_that_points_at_the_trial_that_got_so_far(places, asked, tmp_path):
    lake, tracking = places
    rows = record(lake, tracking, BARS, asked, "run-1")
    page = tmp_path / "page.html"
    page.write_text("<html></html>")

    def decision(row, stage, promoted):
        first = rows.iloc[row]
        return {
            **pd.Series(first).to_dict(), "promotion_id": f"p{row}{stage}", "stage": stage, "promoted": promoted,
            "deflated_sharpe": 0.5, "n_trials": 7,
            "reasons": json.dumps([{"name": "pays", "passed": promoted, "detail": f"{stage} {promoted}"}]),
        }  # fmt: skip

    assert tracking.record_decision(decision(0, "candidate", True), page) == "1"
    assert tracking.record_decision(decision(0, "shadow", True), page) == "1"
    assert tracking.record_decision(decision(1, "candidate", False), None) is None
    client = tracking.client()
    runs = rows["mlflow_run_id"].tolist()
    assert client.get_model_version_by_alias(MODEL, "shadow").run_id == runs[0]
    assert tracking.record_decision(decision(1, "candidate", True), None) == "2"
    assert client.get_model_version_by_alias(MODEL, "candidate").run_id == runs[1]
    assert client.get_model_version_by_alias(MODEL, "shadow").run_id == runs[0]
    assert tracking.record_decision(decision(0, "candidate", True), None) == "1"  # no third version of the same trial
    assert {a.path for a in client.list_artifacts(runs[0])} >= {"promotion_candidate.json", "promotion_shadow.json"}
    assert client.get_run(runs[1]).data.tags["candidate"] == "granted"
    # Decided twice, it stands on its page once: as it was decided last.
    note = client.get_run(runs[1]).data.tags["mlflow.note.content"]
    assert note.count("###") == 1
    assert "### candidate: granted" in note
    assert "* passed: pays (candidate True)" in note
    assert client.get_run(runs[0]).data.tags["mlflow.note.content"].count("###") == 2


@pytest.mark.slow
def test_four_first_users_at_once_leave_a_whole_store(tmp_path):
    import subprocess
    import sys

    code = "import sys, pathlib, tradepulse.backtest.tracking as t; t.Tracking(pathlib.Path(sys.argv[1])).client()"
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE) for _ in range(4)]

    assert [(p.wait(120), p.stderr.read().decode()[-500:]) for p in running] == [(0, "")] * 4
    assert Tracking(tmp_path).client().get_experiment_by_name("research") is not None
