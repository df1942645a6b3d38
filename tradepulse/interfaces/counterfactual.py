"""Does the same work twice, as it was and as a suggestion has it, and says what that would have saved.

Both are done in copies of the instance, so that nothing of it changes; what they make is held against each other.
"""

import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradepulse.errors import ConfigError, MissingData

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd

    from tradepulse.backtest.research import Question
    from tradepulse.backtest.tracking import Tracking
    from tradepulse.finops.suggestions.base import Suggestion
    from tradepulse.finops.suggestions.verified import Rerun

#: Tables of what is measured: they differ because two runs are never measured alike.
MEASURED = ("usage", "costs", "daily_costs")
#: Columns that say which run wrote a row, and nothing of what it found.
_WHOSE = ("run_id", "mlflow_run_id")
#: Kinds that are about steps of a run, and about a sweep.
STEPS, SWEEPS = ("unchanged", "same_result"), ("diminishing", "asked_twice")


def rerun(
    one: "Suggestion", home: Path, usage: "pd.DataFrame", bars: "pd.DataFrame | None" = None, mlflow_uri: str = ""
) -> "Rerun":
    """Return what a suggestion saves, by doing the last run that it stands on twice: as it was, and as suggested.

    Parameters
    ----------
    one : the suggestion
    home : folder of the instance, its lake in it; it is copied twice, and not touched
    usage : rows of ``usage`` of the instance
    bars : bars that a sweep was about, where the lake does not have them
    mlflow_uri : MLflow store other than the instance's own

    Raises
    ------
    ConfigError
        If no re-run could show what the suggestion saves.
    MissingData
        If what the run was given is not there any more.
    """
    if one.kind in STEPS:
        return _without_step(one, home, usage)
    if one.kind in SWEEPS:
        from tradepulse.backtest.tracking import Tracking

        return _shorter_sweep(one, home, bars, Tracking(home / "mlflow", mlflow_uri))
    raise ConfigError(f"{one.id} is about {one.kind} usage, which no re-run can show; it is to be tried")


def _without_step(one: "Suggestion", home: Path, usage: "pd.DataFrame") -> "Rerun":
    """Run the steps of the last run again, with the step and without it."""
    from tradepulse.finops.suggestions.verified import Rerun

    ran = usage[(usage["run_id"] == one.evidence[-1]) & (usage["outcome"] == "done")]
    steps = [step for step in dict.fromkeys(ran["step"]) if ":" not in step and step not in MEASURED]
    if one.subject not in steps or len(steps) < 2:
        raise MissingData(
            f"run {one.evidence[-1]} had no step beside {one.subject}; there is nothing to see whether it changes"
        )
    partition = str(ran["partition"].iloc[0])
    made, paid = [], []
    for chosen in (steps, [step for step in steps if step != one.subject]):
        with tempfile.TemporaryDirectory(prefix="tradepulse-") as folder:
            copy = Path(folder) / "home"
            shutil.copytree(home, copy, symlinks=True)
            _materialize(chosen, partition, copy, Path(folder) / "reports")
            paid.append(_cost(copy, set(usage["run_id"])))
            made.append(_contents(copy))
    differing = tuple(sorted(name for name in made[0] | made[1] if made[0].get(name) != made[1].get(name)))
    return Rerun(one.id, datetime.now(UTC).isoformat(timespec="seconds"), paid[0], paid[1], len(made[0]), differing)


def _materialize(steps: list[str], partition: str, home: Path, reports: Path) -> None:
    command = [
        "env", f"TRADEPULSE_HOME={home}", f"TRADEPULSE_REPORTS={reports}", "DAGSTER_HOME=", sys.executable, "-m",
        "dagster", "asset", "materialize", "-m", "tradepulse_jobs.definitions", "--select", ",".join(steps),
        *(["--partition", partition] if partition else []),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.splitlines()
        # Ours say in a line what is wrong; Dagster's own last line says that something was.
        lines = [line for line in said if line.startswith("tradepulse.errors.")] or said or [""]
        raise MissingData(f"{', '.join(steps)} cannot be run again: {lines[-1].strip()[:300]}")


def _cost(home: Path, before: set[str]) -> int:
    """Return what the runs of an instance cost that were not there before, in nano-dollars."""
    from tradepulse.finops.attribution import cost_lines
    from tradepulse.finops.prices import load_prices
    from tradepulse.finops.usage import UsageLog

    frame = UsageLog(home / "usage").frame()
    return int(cost_lines(frame[~frame["run_id"].isin(before)], load_prices())["cost_nano_usd"].sum())


def _contents(home: Path) -> dict[str, str]:
    """Return the hash of every partition of the lake, by ``table/partition``, whoever wrote it."""
    import pandas as pd

    from tradepulse.core.tables.base import content_hash

    found = {}
    for path in sorted((home / "lake").glob("[!.]*/[!.]*.parquet")):
        if path.parent.name not in MEASURED:
            frame = pd.read_parquet(path)
            found[f"{path.parent.name}/{path.stem}"] = content_hash(
                frame.drop(columns=[c for c in _WHOSE if c in frame])
            )
    return found


def _shorter_sweep(one: "Suggestion", home: Path, bars: "pd.DataFrame | None", tracking: "Tracking") -> "Rerun":
    """Sweep again, all of it and what is suggested, into ledgers that are empty otherwise."""
    from tradepulse.backtest.ledger import record, trials_of
    from tradepulse.backtest.research import winner
    from tradepulse.backtest.tracking import Tracking
    from tradepulse.finops.suggestions.diminishing import SWEEP, stops_after
    from tradepulse.finops.suggestions.verified import Rerun
    from tradepulse.finops.usage import Tags, UsageLog
    from tradepulse.warehouse.lake import Lake

    ledger = trials_of(Lake(home / "lake"))
    rows = ledger[(ledger["run_id"] == one.evidence[-1]) & (ledger["status"] == "done")].reset_index(drop=True)
    sample = _sample(home, rows, bars)
    asked = [_question(tracking, row, str(rows["data_version"].iloc[0])) for row in rows.to_dict("records")]
    if one.kind == "diminishing":
        fewer = asked[: stops_after(rows["sharpe"].fillna(float("-inf")).to_numpy())]
    else:
        first = ledger.drop_duplicates("trial_id").set_index("trial_id")["run_id"]
        fewer = [question for question in asked if first[question.trial_id] == one.evidence[-1]]
    paid, answers = [], []
    with tempfile.TemporaryDirectory(prefix="tradepulse-") as folder:
        # The first compiles what both need, and is paid by neither.
        for name, chosen in (("warm", asked[:1]), ("all", asked), ("fewer", fewer)):
            scratch = Path(folder) / name
            lake = Lake(scratch / "lake")
            if chosen:
                with UsageLog(scratch / "usage").metered(Tags(name, SWEEP, "", "finops", "shared", "rerun"), lake):
                    answers.append(record(lake, Tracking(scratch / "mlflow"), sample, chosen, name))
            paid.append(_cost(scratch, set()) if chosen else 0)
    whole = answers[1]
    if one.kind == "diminishing":
        best = [winner(chosen, found).trial_id for chosen, found in ((asked, whole), (fewer, answers[2]))]
        compared, differing = 1, () if best[0] == best[1] else (f"winner: {best[0]} of all, {best[1]} of fewer",)
    else:
        figures = ["trial_id", "sharpe", "total_return", "max_drawdown", "n_orders"]
        known = ledger.drop_duplicates("trial_id").set_index("trial_id", drop=False)[figures]
        again = whole[~whole["trial_id"].isin([question.trial_id for question in fewer])][figures]
        pairs = zip(again.to_dict("records"), known.loc[again["trial_id"]].to_dict("records"), strict=True)
        compared = len(again)
        differing = tuple(a["trial_id"] for a, b in pairs if any(a[k] != b[k] and a[k] == a[k] for k in figures))
    return Rerun(one.id, datetime.now(UTC).isoformat(timespec="seconds"), paid[1], paid[2], compared, differing)


def _sample(home: Path, rows: "pd.DataFrame", bars: "pd.DataFrame | None") -> "pd.DataFrame":
    """Return the bars that a sweep was about: from a file, or from the lake, with the content that they had."""
    from tradepulse.core.tables.base import content_hash
    from tradepulse.warehouse.lake import Lake

    version, lake = rows["data_version"].iloc[0], Lake(home / "lake")
    if bars is None and lake.partitions("bars_history"):
        history = lake.read("bars_history", model="bars")
        inside = history["session"].between(rows["first_session"].iloc[0], rows["last_session"].iloc[0])
        bars = history[inside & (history["symbol"] == rows["symbol"].iloc[0])].reset_index(drop=True)
    if bars is None or content_hash(bars) != version:
        raise MissingData(f"the bars of that sweep, version {version}, are not here; name their file with --bars")
    return bars


def _question(tracking: "Tracking", row: "dict[Hashable, Any]", version: str) -> "Question":
    """Return the question that a row of the ledger answers, from it and the tags of its run in MLflow."""
    import json

    from tradepulse.backtest.frictions import friction
    from tradepulse.backtest.research import Question

    run = str(row["mlflow_run_id"])
    tags = tracking.client().get_run(run).data.tags if run else {}
    if "quantity" not in tags:
        raise MissingData(f"trial {row['trial_id']} has no run in MLflow that says how it was asked; sweep again")
    costs = friction(tags["costs"].partition("@")[0], float(tags["commission_bp"]), float(tags["slippage_bp"]))
    params = json.loads(str(row["params"]))
    question = Question(
        str(row["strategy"]).partition("@")[0], params, str(row["symbol"]), version, int(tags["quantity"]),
        float(tags["cash"]), costs,
    )  # fmt: skip
    if question.trial_id != row["trial_id"]:
        raise MissingData(f"trial {row['trial_id']} was asked of another version of its strategy; sweep again")
    return question
