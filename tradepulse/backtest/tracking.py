"""MLflow as the place where a person looks for trials: an SQLite store, no server."""

import fcntl
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tradepulse.backtest.research import Question
from tradepulse.core.tables.base import records

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "research"
#: Registered model whose aliases ``candidate``, ``shadow`` and ``champion`` are the trials that got so far.
MODEL = "tradepulse-strategy"
#: Most trials of one sweep that get a run of their own.
MOST_LOGGED = 500


class Tracking:
    """The MLflow store of one instance.

    Parameters
    ----------
    root : folder of ``mlflow.db`` and the artifacts; made on first use
    uri : of another store, such as ``postgresql://...``; it may hold a password, and is shown without it
    """

    def __init__(self, root: Path, uri: str = "") -> None:
        self.root, self._uri = root, uri

    @property
    def uri(self) -> str:
        """What ``mlflow ui --backend-store-uri`` takes, without a password."""
        return re.sub(r"(//[^:/@]*):.*@", r"\1@", self._store)

    @property
    def _store(self) -> str:
        return self._uri or f"sqlite:///{(self.root / 'mlflow.db').resolve()}"

    def client(self) -> "MlflowClient":
        """Return a client of the store, made by one process at a time.

        Several first users at once leave MLflow's SQLite file broken for good, so the first use holds a lock.
        """
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        # MLflow reports each of its migrations on stderr; what a person wants to know is that a warning came.
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        with self._alone():
            client = MlflowClient(self._store, self._store)
            self._experiment(client)
        return client

    def _experiment(self, client: "MlflowClient") -> str:
        if (found := client.get_experiment_by_name(EXPERIMENT)) is not None:
            return str(found.experiment_id)
        return str(client.create_experiment(EXPERIMENT, (self.root / "artifacts").resolve().as_uri()))

    def log_sweep(self, asked: Sequence[Question], outcome: pd.DataFrame, run_id: str) -> dict[str, str]:
        """Log a sweep as one parent run per strategy with a nested run per trial.

        Of a large sweep the best :data:`MOST_LOGGED` get a run; MLflow takes some 20 milliseconds for each. The ledger
        has all of them.

        Parameters
        ----------
        asked : the questions
        outcome : their results, one row each
        run_id : run that asked them

        Returns
        -------
        dict of trial id to MLflow run id, empty where it has none
        """
        from mlflow.entities import Metric, Param, RunTag

        client = self.client()
        experiment = self._experiment(client)
        figures = {row["trial_id"]: row for row in records(outcome)}
        best = set(outcome.sort_values("sharpe", ascending=False, kind="stable")["trial_id"].head(MOST_LOGGED))
        parents: dict[str, str] = {}
        logged = {question.trial_id: "" for question in asked}
        for question in asked:
            if question.trial_id not in best:
                continue
            if question.strategy_id not in parents:
                trials = sum(one.strategy_id == question.strategy_id for one in asked)
                tags = {"dagster_run_id": run_id, "data_version": question.data_version, "symbol": question.symbol,
                        "trials": str(trials)}  # fmt: skip
                name = f"sweep {question.strategy_id} {question.symbol}"
                parents[question.strategy_id] = client.create_run(experiment, tags=tags, run_name=name).info.run_id
            name = f"{question.strategy} " + " ".join(f"{key}={value}" for key, value in question.params.items())
            run = client.create_run(experiment, run_name=name).info.run_id
            row = figures[question.trial_id]
            client.log_batch(
                run,
                metrics=[
                    Metric(key, float(row[key]), 0, 0)
                    for key in ("sharpe", "total_return", "max_drawdown", "n_orders", "final_equity")
                    if row[key] == row[key]
                ],
                params=[Param(key, str(value)) for key, value in question.params.items()],
                tags=[
                    RunTag("mlflow.parentRunId", parents[question.strategy_id]),
                    RunTag("trial_id", question.trial_id),
                    RunTag("strategy", question.strategy_id),
                    RunTag("symbol", question.symbol),
                    RunTag("data_version", question.data_version),
                    RunTag("dagster_run_id", run_id),
                    # What a person needs to ask it again.
                    RunTag("quantity", str(question.quantity)),
                    RunTag("cash", repr(question.cash)),
                    RunTag("costs", question.costs.id),
                    RunTag("commission_bp", repr(question.costs.commission_bp)),
                    RunTag("slippage_bp", repr(question.costs.slippage_bp)),
                ],
            )
            client.set_terminated(run)
            logged[question.trial_id] = run
        for parent in parents.values():
            client.set_terminated(parent)
        return logged

    def record_stress(self, rows: pd.DataFrame, run: str) -> None:
        """Attach what a trial did under stress to its run.

        Parameters
        ----------
        rows : rows of ``stress`` of one trial
        run : its MLflow run
        """
        client = self.client()
        client.log_text(run, str(rows.drop(columns="trial_id").to_csv(index=False)), "stress.csv")
        client.set_tag(run, "stress", "passed" if rows["passed"].all() else "failed")

    def record_decision(self, decision: dict[str, Any], report: Path | None) -> str | None:
        """Attach a promotion's record to its trial, and point the alias of its step at it when it was granted.

        Parameters
        ----------
        decision : a row of ``promotions``
        report : its HTML report

        Returns
        -------
        Version of the registered model, or None when it was not promoted
        """
        client = self.client()
        run = decision["mlflow_run_id"]
        client.log_dict(
            run, {key: str(value) for key, value in decision.items()}, f"promotion_{decision['stage']}.json"
        )
        client.set_tag(run, "promotion_id", decision["promotion_id"])
        client.set_tag(run, decision["stage"], "granted" if decision["promoted"] else "refused")
        if report is not None:
            client.log_artifact(run, str(report))
        if not decision["promoted"]:
            return None
        if not client.search_registered_models(f"name = '{MODEL}'"):
            client.create_registered_model(
                MODEL, description="Strategies that passed the gates of a step of promotion; the alias says which."
            )
        known = [v for v in client.search_model_versions(f"name = '{MODEL}'") if v.run_id == run]
        if known:
            version = str(known[0].version)
        else:
            source = client.get_run(run).info.artifact_uri
            tags = {key: str(decision[key]) for key in ("promotion_id", "trial_id", "strategy", "params", "symbol")}
            version = str(client.create_model_version(MODEL, source, run, tags=tags).version)
        client.set_registered_model_alias(MODEL, decision["stage"], version)
        return version

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
