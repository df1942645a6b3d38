"""MLflow as the place where a person looks for trials: an SQLite store, no server."""

import fcntl
import json
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
#: Best trials that stand on a sweep's own page.
SHOWN = 10
_ABOUT = """\
Each *sweep* run holds the trials of one strategy; its description has the best of them. A trial's tags say what was
asked and on which bars; what was decided on it is in its description, its report and stress record in Artifacts. Sort
by `sharpe` to see the best first, and mind how many were tried: the ledger counts all, those without a run here too.
"""


class Tracking:
    """The MLflow store of one instance.

    Parameters
    ----------
    root : folder of ``mlflow.db`` and the artifacts; made on first use
    uri : of another store, such as ``postgresql://...``; it may hold a password, and is shown without it
    pages : where a person opens Dagster, for the links of what is logged; without it nothing is linked
    """

    def __init__(self, root: Path, uri: str = "", pages: str = "") -> None:
        self.root, self._uri, self._pages = root, uri, pages

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
        tags = {"mlflow.experimentKind": "custom_model_development", "mlflow.note.content": _ABOUT}
        return str(client.create_experiment(EXPERIMENT, (self.root / "artifacts").resolve().as_uri(), tags))

    def best_first(self) -> str:
        """Return the path of the page of MLflow's server that has all trials, the best Sharpe ratio first."""
        sort = "searchFilter=metrics.sharpe%20%3E%20-100&orderByKey=metrics.%60sharpe%60&orderByAsc=false"
        return f"/#/experiments/{self._experiment(self.client())}/runs?{sort}"

    def page_of(self, run: str) -> str:
        """Return the path of the page of MLflow's server that shows a run."""
        return f"/#/experiments/{self._experiment(self.client())}/runs/{run}"

    def _asked_by(self, run_id: str) -> str:
        """Return who asked, as Markdown: a link into Dagster where it was a run of Dagster's."""
        if self._pages and not run_id.startswith("cli-"):
            return f"Dagster run [{run_id[:8]}]({self._pages}/runs/{run_id})"
        return f"run {run_id}"

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
        for strategy_id, parent in parents.items():
            mine = [question for question in asked if question.strategy_id == strategy_id and logged[question.trial_id]]
            self._conclude(client, experiment, parent, mine, figures, logged, run_id)
        return logged

    def _conclude(
        self, client: "MlflowClient", experiment: str, parent: str, asked: Sequence[Question],
        figures: dict[str, dict[str, Any]], logged: dict[str, str], run_id: str,
    ) -> None:  # fmt: skip
        """Say on a sweep's own page what it found, what it was asked on, and who asked."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        def ratio(question: Question) -> float:
            value = float(figures[question.trial_id]["sharpe"])
            return value if value == value else float("-inf")

        best = sorted(asked, key=ratio, reverse=True)[:SHOWN]
        lines = [
            f"Asked by {self._asked_by(run_id)} on bars `{asked[0].data_version}` of {asked[0].symbol}. The best of "
            f"{len(asked)} trials; how much of that is luck, `promotions` says.",
            "",
            "| trial | Sharpe | return | drawdown | orders |",
            "|---|---:|---:|---:|---:|",
        ]
        for question in best:
            row = figures[question.trial_id]
            name = " ".join(f"{key}={value}" for key, value in question.params.items())
            lines.append(
                f"| [{name}](#/experiments/{experiment}/runs/{logged[question.trial_id]}) | {row['sharpe']:.3f} "
                f"| {row['total_return']:.1%} | {row['max_drawdown']:.1%} | {row['n_orders']} |"
            )
        client.set_tag(parent, "mlflow.note.content", "\n".join(lines))
        if ratio(best[0]) > float("-inf"):
            client.log_metric(parent, "best_sharpe", ratio(best[0]))
        bars = Dataset(f"bars {asked[0].symbol}", asked[0].data_version, "local", "{}")
        client.log_inputs(parent, [DatasetInput(bars, [InputTag("mlflow.data.context", "research")])])
        client.set_terminated(parent)

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

    def record_desk(self, rows: pd.DataFrame, page: Path) -> str:
        """Log what shocks cost a desk's strategies as a run of its own; return its id.

        Parameters
        ----------
        rows : rows of ``book_stress`` of one run
        page : its HTML report
        """
        from mlflow.entities import Param, RunTag

        client, one = self.client(), records(rows)[0]
        name = f"stress {one['strategy']} {one['symbol']}"
        run = str(client.create_run(self._experiment(client), run_name=name).info.run_id)
        client.log_batch(
            run,
            params=[Param(key, str(value)) for key, value in json.loads(one["params"]).items()],
            tags=[RunTag(key, one[key]) for key in ("trial_id", "strategy", "symbol", "bounds", "code_version")]
            + [RunTag("cli_run_id", one["run_id"])],
        )
        self.record_stress(rows, run)
        lines = (
            f"* {'passed' if row['passed'] else '**FAILED**'}: {row['scenario']} ({row['detail']})"
            for row in records(rows)
        )
        client.set_tag(run, "mlflow.note.content", "\n".join(lines))
        client.log_artifact(run, str(page))
        client.set_terminated(run)
        return run

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
        client.set_tag(run, "mlflow.note.content", self._gates(client, run, decision))
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

    def _gates(self, client: "MlflowClient", run: str, decision: dict[str, Any]) -> str:
        """Return what a trial's page says: each step that was decided, with its gates, the newest step last."""
        before = client.get_run(run).data.tags.get("mlflow.note.content", "")
        verdict = "granted" if decision["promoted"] else "refused"
        lines = [
            f"### {decision['stage']}: {verdict}",
            f"By {self._asked_by(str(decision['run_id']))}; deflated Sharpe ratio {decision['deflated_sharpe']:.3f} "
            f"after {decision['n_trials']} trials.",
            "",
            *(
                f"* {'passed' if gate['passed'] else '**FAILED**'}: {gate['name']} ({gate['detail']})"
                for gate in json.loads(decision["reasons"])
            ),
        ]
        kept = [
            part for part in before.split("\n\n---\n\n") if part and not part.startswith(f"### {decision['stage']}")
        ]
        return "\n\n---\n\n".join([*kept, "\n".join(lines)])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
