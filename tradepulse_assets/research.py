"""Research: trials, stress, promotion, and the signals of what was promoted."""

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from tradepulse_assets.home import Home
from tradepulse_assets.partitions import SESSIONS
from tradepulse_assets.table_asset import Rows, coverage, plot, table_asset, table_check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    import pandas as pd

    from tradepulse.backtest.research import Question
    from tradepulse.quality.check import Check

    Grids = Mapping[str, Mapping[str, Sequence[float]]]

#: What research trades: the index whose opens are opens.
SYMBOL = "NASDAQ"
#: Units held when long, and the cash they are traded on.
QUANTITY, CASH = 100, 1_000_000.0
#: First session that no trial is asked on: a champion must hold up there, and each look at it is counted.
HOLDOUT = date(2017, 1, 3)
#: Columns that what a trial came to is computed from.
_TRADED = "bars_history.open bars_history.close"


def _history(home: Home) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the bars that research is done on, and those after them that only a champion is looked at on."""
    import pandas as pd

    frame = home.lake.read("bars_history", model="bars")
    frame = frame[frame["symbol"] == SYMBOL]
    held_out = frame["session"] >= pd.Timestamp(HOLDOUT)
    return frame[~held_out].reset_index(drop=True), frame[held_out].reset_index(drop=True)


def _asked(home: Home, more: "Grids | None" = None) -> "tuple[pd.DataFrame, list[Question]]":
    """Return the bars of research, and the questions of the shipped grids and of others, each once."""
    from tradepulse.backtest.frictions import Costs
    from tradepulse.backtest.research import GRIDS, questions

    sample, _ = _history(home)
    asked = {
        question.trial_id: question
        for grids in filter(None, (GRIDS, more))
        for question in questions(sample, grids, quantity=QUANTITY, cash=CASH, costs=Costs())
    }
    return sample, list(asked.values())


def _best(home: Home) -> "tuple[pd.DataFrame, pd.DataFrame, Question]":
    """Return the bars of research, the ledger, and the best that was ever asked on those bars, whoever asked it."""
    from tradepulse.backtest.ledger import answered, distinct
    from tradepulse.backtest.research import asked_again, winner

    sample, asked = _asked(home)
    ledger, tracked = distinct(home.lake), answered(home.lake)
    again = [question for question in asked_again(ledger, asked[0]) if question.trial_id in tracked]
    return sample, ledger, winner([*asked, *again], ledger)


class Sweep(dg.Config):
    """What a run of ``trials`` asks beside the shipped grids."""

    grids: dict[str, dict[str, list[int]]] = Field(
        {},
        description="Values of each parameter by strategy, asked beside the shipped ones; one that is not named has "
        "its default. For instance {sma_cross: {fast: [3, 7], slow: [90, 120]}}.",
    )


@table_asset(
    group="research", team="research", deps=["bars_history", "golden_values"], kinds=("numba", "mlflow", "parquet"),
    columns_from={
        "symbol": "bars_history.symbol",
        **dict.fromkeys(("first_session", "last_session"), "bars_history.session"),
        **dict.fromkeys(("sharpe", "total_return", "max_drawdown", "n_orders"), _TRADED),
    },
)  # fmt: skip
def trials(context: dg.AssetExecutionContext, home: Home, config: Sweep) -> Rows:
    """The trial ledger: every parameter set ever run, one row per run of it. Nothing lowers the count.

    Sweeps `sma_cross` and `donchian` over their grids with the compiled engine on the closed years of Nasdaq
    bars before the holdout, and what the launchpad asks beside them; logs each trial to MLflow. A question that the
    ledger has answered (same strategy, parameters, data and costs) is not run again. The best of all that was ever
    asked on these bars goes on to `stress` and `promotions`.
    """
    from tradepulse.backtest.ledger import answered, distinct, record
    from tradepulse.core.tables import table
    from tradepulse.reporting.market import trials_picture

    sample, asked = _asked(home, config.grids)
    known = answered(home.lake)
    fresh = [question for question in asked if question.trial_id not in known]
    rows = table("trials").no_rows()
    if fresh:
        rows = record(home.lake, home.tracking, sample, fresh, context.run_id, home.ask)
    ledger = distinct(home.lake)
    best = ledger.sort_values("sharpe", ascending=False).head(8)
    shown = best[["trial_id", "strategy", "params", "sharpe", "total_return", "max_drawdown", "n_orders"]]
    return Rows(
        rows,
        {
            **coverage(home, sample),
            "new trials": len(fresh),
            "distinct trials": len(ledger),
            "best": dg.MetadataValue.md(str(shown.to_markdown(index=False))),
            "Sharpe ratio by parameters": plot(trials_picture(ledger[ledger["data_version"] == asked[0].data_version])),
            "trials in MLflow, best first": dg.MetadataValue.url(home.mlflow_page + home.tracking.best_first()),
            "MLflow store": home.tracking.uri,
        },
        appended_as=context.run_id,
    )


# Strategies carry their indicators with them and read none from the table. It is no input: each new session in it would
# make twenty years of research stale. What is wrong with it stops them all the same, through their checks.
@table_check(asset="trials", team="research", additional_deps=["indicators"])
def every_question_was_answered(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """The ledger holds an answer to each parameter set of the grids, with its run in MLflow."""
    from tradepulse.backtest.ledger import answered
    from tradepulse.quality.check import Check

    _, asked = _asked(home)
    missing = {question.trial_id for question in asked} - answered(home.lake)
    return Check("every_question_was_answered", len(asked), len(missing), ", ".join(sorted(missing)[:5]))


@table_asset(
    group="research", team="research", deps=["trials", "bars_history"], kinds=("python", "parquet"),
    columns_from={
        "trial_id": "trials.trial_id", "first_session": "bars_history.session", "last_session": "bars_history.session",
        **dict.fromkeys(("total_return", "max_drawdown", "passed"), f"trials.params {_TRADED}"),
        "holding_drawdown": "bars_history.close",
    },
)  # fmt: skip
def stress(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """The best trial in slices of history that hurt and in shocks on top of them; the order path in its own scenarios.

    Every scenario of `backtest/configs` that can be failed is run; `docs/backtest_scenarios.md` says what each is.
    """
    import pandas as pd

    from tradepulse.backtest.scenario import load_scenario
    from tradepulse.backtest.stress import stress_scenarios, stressed

    sample, ledger, best = _best(home)
    rows = pd.DataFrame([stressed(best, sample, load_scenario(name)) for name in stress_scenarios()])
    home.tracking.record_stress(rows, dict(ledger.set_index("trial_id")["mlflow_run_id"])[best.trial_id])
    shown = rows[["scenario", "passed", "detail"]]
    return Rows(
        rows,
        {
            "trial": best.trial_id,
            "verdict": "passed" if rows["passed"].all() else "failed",
            "scenarios": dg.MetadataValue.md(str(shown.to_markdown(index=False))),
        },
    )


@table_check(asset="stress", team="research")
def every_scenario_ran(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """Each required scenario has a verdict on the best trial. Whether it passed is for the promotion to weigh."""
    from tradepulse.backtest.stress import stress_scenarios
    from tradepulse.quality.check import Check

    required = stress_scenarios()
    absent = set(required) - set(home.lake.read("stress")["scenario"])
    return Check("every_scenario_ran", len(required), len(absent), ", ".join(sorted(absent)))


@table_asset(
    group="research",
    team="research",
    deps=["trials", "stress", "bars_history"],
    same_as="trials",
    columns_from={
        "n_trials": "trials.trial_id",
        "deflated_sharpe": "trials.sharpe bars_history.close",
        "promoted": "trials.sharpe stress.passed bars_history.close",
    },
    kinds=("vectorbt", "mlflow", "parquet"),
)
def promotions(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """Decisions to let the best trial take a step, or not to: candidate, shadow, champion; each gate with its figures.

    A candidate comes out alike from the event engine, the compiled one and vectorbt, pays twice its costs, passes every
    stress scenario and is more likely than not more than luck. A shadow trades on paper: the path of signals must say
    what the backtest did. A champion may trade for money: luck is all but excluded, and it holds on bars that no trial
    was asked on. MLflow's aliases `@candidate`, `@shadow` and `@champion` of `tradepulse-strategy` point at who got so
    far. The same evidence makes the same decision, once.
    """
    import pandas as pd

    from tradepulse.backtest.promotion import decide
    from tradepulse.backtest.report import write_report
    from tradepulse.core.tables import table
    from tradepulse.core.tables.base import records
    from tradepulse.reporting.market import equity_picture

    sample, ledger, best = _best(home)
    _, holdout = _history(home)
    made = home.lake.read("promotions") if home.lake.partitions("promotions") else table("promotions").no_rows()
    decided, result = decide(
        best, sample, ledger, home.lake.read("stress"), run_id=context.run_id, holdout=holdout, made=made
    )
    page = home.reports / "research" / f"{best.trial_id}.html"
    fresh = decided[~decided["promotion_id"].isin(made["promotion_id"])]
    versions = {}
    if len(fresh):
        identity = {
            "strategy": best.strategy_id,
            "params": best.params_json,
            "trial": best.trial_id,
            "data version": best.data_version,
        }
        write_report(result, sample, page, title=f"{best.strategy_id} on {best.symbol}", identity=identity)
        versions = {row["stage"]: home.tracking.record_decision(row, page) for row in records(fresh)}
    gates = [
        {"step": row["stage"], **gate, "granted": row["promoted"]}
        for row in records(decided)
        for gate in json.loads(row["reasons"])
    ]
    reached = [row["stage"] for row in records(decided) if row["promoted"]]
    return Rows(
        fresh,
        {
            **coverage(home, sample),
            "reached": reached[-1] if reached else "none",
            "trial": best.trial_id,
            "gates": dg.MetadataValue.md(str(pd.DataFrame(gates).to_markdown(index=False))),
            "model versions": ", ".join(f"{stage} {version}" for stage, version in versions.items()) or "unchanged",
            "report": dg.MetadataValue.path(str(page)),
            "trial in MLflow": dg.MetadataValue.url(
                home.mlflow_page + home.tracking.page_of(str(decided["mlflow_run_id"].iloc[0]))
            ),
            "equity": plot(equity_picture(result.equity)),
        },
        appended_as=context.run_id,
    )


@table_check(asset="promotions", team="research")
def promotions_follow_their_gates(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """A promotion is granted exactly when every gate passed, and its trial stands in the ledger."""
    from tradepulse.quality.check import Check

    made = home.lake.read("promotions")
    verdicts = [[gate["passed"] for gate in json.loads(text)] for text in made["reasons"]]
    wrong = sum(
        bool(granted) != (bool(gates) and all(gates)) for granted, gates in zip(made["promoted"], verdicts, strict=True)
    )
    unknown = int((~made["trial_id"].isin(home.lake.read("trials")["trial_id"])).sum())
    return [
        Check("granted when every gate passed", len(made), wrong),
        Check("the trial is in the ledger", len(made), unknown),
    ]


@table_asset(
    group="research",
    team="research",
    strategy="champion",
    deps=["bars", "bars_history", "golden_values", "promotions"],
    same_as="promotions",
    columns_from={
        "session": "bars.session",
        "symbol": "bars.symbol",
        "target_quantity": "promotions.params promotions.quantity bars.close bars_history.close",
        "reference_close": "bars.close",
    },
    partitioned=SESSIONS,
    kinds=("python", "parquet"),
)
def signals(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """What the promoted strategy wants to hold after a session, from the bars up to it and nothing later.

    A split is no move of the market: the strategy sees bars adjusted for the splits up to the session, and the units
    that it was promoted with are counted in units of today.
    """
    from tradepulse.backtest.signals import signal_rows, trading

    session = date.fromisoformat(context.partition_key)
    promotion = trading(home.lake.read("promotions"))
    bars, units = _seen(home, promotion, session, until=session)
    rows = signal_rows(bars, promotion, session, units=units)
    return Rows(rows, {**coverage(home, bars), "promotion": promotion["promotion_id"]})


def _seen(home: Home, promotion: dict[str, Any], session: date, until: date | None) -> "tuple[pd.DataFrame, Fraction]":
    """Return bars of the promoted symbol in the units of a session, and what a unit promoted has become by then."""
    from tradepulse.core.adjustment import adjusted, units_after
    from tradepulse.warehouse.bars import read_actions, read_bars

    symbols = [promotion["symbol"]]
    bars, actions = read_bars(home.lake, until=until, symbols=symbols), read_actions(home.lake, symbols, until=session)
    units = units_after(actions[actions["ex_date"] > promotion["last_session"]])
    return adjusted(bars, actions, as_of=session, kind="splits"), units


@table_check(asset="signals", team="research", additional_deps=["indicators"])
def signals_are_causal(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """The signal is the same when later bars are there and when they are absurd, and its bars have this hash."""
    from tradepulse.backtest.signals import promoted_strategy, trading
    from tradepulse.core.causality import leaks
    from tradepulse.core.orders import after_split
    from tradepulse.core.strategies.paths import as_compute, bar_columns, target_path
    from tradepulse.core.tables.base import content_hash
    from tradepulse.quality.check import Check

    session = context.op_execution_context.partition_key
    promotion = trading(home.lake.read("promotions"))
    bars, units = _seen(home, promotion, date.fromisoformat(session), until=None)
    known = int((bars["session"] <= session).sum())
    row = home.lake.read("signals", [session]).iloc[0]
    # A decision hangs on the strategy's memory, not on twenty years: the proof is given on bars that fill it twice.
    first = max(0, known - 2 * promoted_strategy(promotion).run_in - 20)
    recent = bar_columns(bars.iloc[first:])
    looks = leaks(as_compute(lambda: promoted_strategy(promotion)), recent, bars=[known - 1 - first])
    wanted = int(target_path(bars.iloc[:known], promoted_strategy(promotion)).iloc[-1])
    target, _ = after_split(wanted, units.numerator, units.denominator)
    same_bars = content_hash(bars.iloc[:known].reset_index(drop=True)) == row["data_version"]
    return [
        Check("no target looks ahead, whatever comes after it", known - first, len(looks), "; ".join(map(str, looks))),
        Check("the bars give the target", 1, int(target != row["target_quantity"]), f"{target} from the bars"),
        Check("the bars have the hash that the signal names", known, 0 if same_bars else 1, str(row["data_version"])),
    ]


@table_asset(
    group="release",
    team="trading",
    strategy="champion",
    deps=["signals"],
    model="signals",
    same_as="signals",
    partitioned=SESSIONS,
    kinds=("parquet",),
)
def released_signals(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """The gate: signals that every check let through. The execution sensor listens to this asset and to no other."""
    return Rows(home.lake.read("signals", [context.partition_key]))


@table_check(asset="released_signals", team="trading")
def released_is_what_was_checked(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """The released rows are the checked ones, cell by cell."""
    from tradepulse.quality.check import Check

    key = [context.op_execution_context.partition_key]
    checked, released = home.lake.read("signals", key), home.lake.read("released_signals", key, model="signals")
    differing = (
        0 if released.equals(checked) else max(1, int((released.to_numpy() != checked.to_numpy()).any(axis=1).sum()))
    )
    return Check("released_is_what_was_checked", len(released), differing)
