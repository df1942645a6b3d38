"""``tradepulse_cli backtest book`` and its like: quoting strategies over books."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import click

from tradepulse.errors import ConfigError, DataError
from tradepulse.interfaces.cli.market import (
    Conditions,
    OnBook,
    desk_identity,
    identity_of,
    numbers_of,
    on_book,
    under_conditions,
)
from tradepulse.interfaces.cli.params import (
    Places,
    as_json,
    check_place,
    fresh_folder,
    mlflow_uri,
    print_json,
    print_table,
    write_rows,
)

if TYPE_CHECKING:
    import pandas as pd

    from tradepulse.backtest.book import BookQuestion, BookResult, Ways
    from tradepulse.backtest.book_shocks import Strike
    from tradepulse.core.quoting.base import QuotingStrategy
    from tradepulse.execution.desk import Move
    from tradepulse.quality.check import Check


@click.command()
@on_book
@under_conditions
@click.option("--symbol", default="", help="What is traded, for the ledger; the name of the file by default.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@as_json
@click.pass_obj
def book(obj: Places, asked: OnBook, under: Conditions, symbol: str, out: Path, as_json: bool) -> None:
    """Run a quoting strategy over a book: a level-2 recording, or quotes and trades; orders take their time.

    It counts in the trial ledger like any other run.
    """
    from tradepulse.backtest.book_report import write_book_report

    team = asked.team
    moves, source_hash, ways = asked.market(under)
    latency = {name: asked.numbers[name] for name in ("feed", "order", "answer")}
    name = symbol or "+".join(asked.symbols)
    run_id = f"cli-{uuid4().hex[:12]}"
    with _counting(obj["lake"], run_id) as counted:
        question, result = _on_book(obj, asked, team, moves, source_hash, ways, name, run_id, counted)
    evidence = _evidence(asked, result, moves, ways)
    summary = {
        **result.summary,
        "evidence": {check.name: {"asked": check.seen, "broken": check.failing} for check in evidence},
        "strategy": question.strategy_id, "params": question.params, "source_hash": source_hash,
        "latency_us": latency, "cancels_ahead": asked.cancels_ahead, "seed": under.seed, "shocks": list(under.shocks),
        "trial_id": question.trial_id, "run_id": run_id, "marks": {name: float(result.equity["mid"].iloc[-1])},
    }  # fmt: skip
    if asked.terms.instruments:
        summary["marks"] = {symbol: one["mark"] for symbol, one in summary["instruments"].items()}
    else:
        result.fills["symbol"] = result.orders["symbol"] = name
    tables = {"fills": result.fills, "orders": result.orders, "equity": result.equity}
    with fresh_folder(out) as fresh:
        for table, rows in tables.items():
            rows.to_parquet(fresh / f"{table}.parquet", index=False)
        (fresh / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True, allow_nan=False) + "\n")
        write_book_report(
            result,
            fresh / "report.html",
            title=f"{question.strategy_id} on {name}",
            identity={
                "strategy": question.strategy_id,
                "params": question.params_json,
                "trial": question.trial_id,
                "run": run_id,
                "SHA-256 of the source": source_hash,
                "median latencies, microseconds": json.dumps(latency),
                **{what: "; ".join(said) for what in ("shocks", "limits") if (said := getattr(under, what))},
            },
            evidence=[(check.name, check.seen, check.failing) for check in evidence],
        )
    if as_json:
        print_json(summary)
        return
    shown = (
        "n_moves",
        "n_orders",
        "n_fills",
        "maker_fills",
        "traded",
        "total_commission",
        "final_position",
        "final_equity",
        "trial_id",
    )
    print_table([{"what": key, "value": summary[key]} for key in shown])
    click.echo(f"\n{out / 'report.html'}")


def _evidence(asked: OnBook, result: "BookResult", moves: "list[Move]", ways: "Ways") -> "list[Check]":
    """Return what proves the fills of a run; raise DataError where one could not have happened."""
    from tradepulse.quality.book_fills import book_fills_could_happen

    # Of several venues, each is as far away as it is said to be, or as the first.
    apart = [place.latency_us for place in asked.terms.venues[1:]]
    least = [ways.order.least_us if us == ways.order.median_us else us for us in (ways.order.median_us, *apart)]
    evidence = book_fills_could_happen(
        result.fills, result.orders, result.equity, moves, asked.terms, order_us=least, answer_us=ways.answer.least_us,
        cancels_ahead=asked.cancels_ahead, shut=asked.grid.shut,
        rate=None if (limit := asked.grid.rate) is None else (limit.orders, limit.seconds),
        stop_us=ways.feed.least_us + ways.order.least_us if ways.stops_at_desk else None,
    )  # fmt: skip
    if impossible := [check for check in evidence if check.failing]:
        raise DataError(f"the fills could not have happened: {impossible[0]}; nothing is written")
    return evidence


def _on_book(
    obj: Places, asked: OnBook, team: "list[QuotingStrategy]", moves: "list[Move]", source_hash: str, ways: "Ways",
    name: str, run_id: str, counted: "list[pd.DataFrame]",
) -> "tuple[BookQuestion, BookResult]":  # fmt: skip
    """Run those who trade together, metered, and add their row of the ledger to those counted, also where it fails."""
    from tradepulse.backtest.book import BookQuestion, backtest_book
    from tradepulse.finops.usage import Tags, UsageLog

    id, params = identity_of(team)
    question = BookQuestion(id, params, name, source_hash, asked.numbers)
    result = None
    try:
        who = Tags(run_id, "trials", "", "research", id, "local", trial_id=question.trial_id)
        with UsageLog(obj["home"] / "usage").metered(who):
            result = backtest_book(
                moves, team, asked.terms, ways=ways, book=f"cli|{source_hash}", runs=len(asked.teams),
                cancels_ahead=asked.cancels_ahead, grid=asked.grid, history=asked.history,
            )  # fmt: skip
    finally:
        if moves:
            counted.append(question.row(moves, result, run_id))
    return question, result


@click.command("stress-book")
@on_book
@under_conditions
@click.option("--symbol", default="", help="What is traded, as a desk names it; the name of the file by default.")
@mlflow_uri
@as_json
@click.pass_obj
def stress_book(
    obj: Places, asked: OnBook, under: Conditions, symbol: str, mlflow_uri: str, as_json: bool
) -> int:  # fmt: skip
    """Put a quoting strategy through every shock, each at three moments of a book: it may then trade for money.

    Its bound, --limit max_position=, is the most that it may then hold. Each run counts in the trial ledger; the
    verdicts are in the table book_stress and in MLflow. Exit code 1 if a shock costs more than holding its bound would.
    """
    import pandas as pd

    from tradepulse.backtest.book_report import write_stress_report
    from tradepulse.backtest.book_shocks import SHOCKS, struck
    from tradepulse.backtest.book_stress import PLACES, bounds_of, stressed
    from tradepulse.backtest.provenance import code_version
    from tradepulse.backtest.tracking import Tracking
    from tradepulse.warehouse.lake import Lake

    if under.shocks:
        raise ConfigError("stress-book lets every shock strike by itself; leave --shock out")
    team = asked.team
    moves, source_hash, ways = asked.market(under)
    name = symbol or "+".join(asked.symbols)
    bounds = bounds_of(asked.terms, name.split("+"))
    run_id, (id, params) = f"cli-{uuid4().hex[:12]}", desk_identity(team)
    trials: list[BookQuestion] = []
    total = 1 + len(SHOCKS) * len(PLACES)
    bar = click.progressbar(length=total, label="shocks", file=sys.stderr, hidden=not sys.stderr.isatty())
    with _counting(obj["lake"], run_id) as counted, bar:

        def run(strike: "Strike | None") -> "BookResult":
            its, one = moves, asked
            if strike is not None:
                its = struck(moves, strike, asked.steps)
                one = replace(asked, numbers={**asked.numbers, **numbers_of(strike, 0)})
            question, result = _on_book(obj, one, deepcopy(team), its, source_hash, ways, name, run_id, counted)
            trials.append(question)
            _evidence(one, result, its, ways)
            bar.update(1)
            return result

        calm, found = stressed(run, bounds)
    verdicts = [verdict.row for verdict in found]
    rows = pd.DataFrame(
        {
            "trial_id": trials[0].trial_id, "run_id": run_id, "strategy": id, "params": params, "symbol": name,
            **verdict, "code_version": code_version(),
        }
        for verdict in verdicts
    )  # fmt: skip
    Lake(obj["lake"]).write("book_stress", rows, run_id)
    page = write_stress_report(
        calm, found, obj["reports"] / "stress" / f"{run_id}.html", title=f"{id} on {name}, under stress",
        identity={"strategy": id, "params": params, "trial": trials[0].trial_id, "run": run_id,
                  "SHA-256 of the source": source_hash, "code": code_version()},
    )  # fmt: skip
    mlflow_run = Tracking(obj["home"] / "mlflow", mlflow_uri).record_desk(rows, page)
    passed = bool(rows["passed"].all())
    if as_json:
        # Where a strategy broke there are no figures, and JSON has no word for that but null.
        shocks = [{key: None if value != value else value for key, value in row.items()} for row in verdicts]
        ids = {"run_id": run_id, "mlflow_run_id": mlflow_run, "report": str(page)}
        print_json({**ids, "passed": passed, "shocks": shocks})
    else:
        for verdict in verdicts:
            click.echo(f"{'passed' if verdict['passed'] else 'FAILED'}  {verdict['scenario']}: {verdict['detail']}")
        click.echo(f"\n{id} on {name}, {total} runs over {len(moves):,} moves; run {run_id}, in MLflow {mlflow_run}")
        click.echo(page)
    return 0 if passed else 1


@contextmanager
def _counting(lake: Path | str, run_id: str) -> "Iterator[list[pd.DataFrame]]":
    """Take rows of the ledger, and write them together at the end, whatever it is."""
    import pandas as pd

    from tradepulse.warehouse.lake import Lake

    counted: list[pd.DataFrame] = []
    try:
        yield counted
    finally:
        if counted:
            Lake(lake).write("trials", pd.concat(counted, ignore_index=True), run_id)


@click.command("sweep-book")
@on_book
@under_conditions
@click.option("--symbol", default="", help="What is traded, for the ledger; the name of the file by default.")
@click.option("--out", type=click.Path(path_type=Path), help="Table of all sets to write, .csv or .parquet.")
@as_json
@click.pass_obj
def sweep_book(obj: Places, asked: OnBook, under: Conditions, symbol: str, out: Path | None, as_json: bool) -> None:
    """Run a quoting strategy over a book once for each set of parameters; each counts in the trial ledger.

    Prints the best ten by final equity. The best of many is lucky too: hold it against another day.
    """
    import pandas as pd

    if out is not None:
        check_place(out)
    moves, source_hash, ways = asked.market(under)
    run_id = f"cli-{uuid4().hex[:12]}"
    rows = []
    name, shown = symbol or "+".join(asked.symbols), ("final_equity", "max_drawdown", "n_orders", "n_fills", "traded",
                                                "total_commission", "final_position")  # fmt: skip
    bar = click.progressbar(asked.teams, label="sets", file=sys.stderr, hidden=not sys.stderr.isatty())
    with _counting(obj["lake"], run_id) as counted, bar as sets:
        for team in sets:
            question, result = _on_book(obj, asked, team, moves, source_hash, ways, name, run_id, counted)
            figures = {key: result.summary[key] for key in shown}
            rows.append({**team[0].settings, **figures, "trial_id": question.trial_id})
    rows.sort(key=lambda row: (-row["final_equity"], row["trial_id"]))
    if out is not None:
        write_rows(pd.DataFrame(rows), out)
    if as_json:
        print_json({"run_id": run_id, "sets": len(rows), "best": rows[:10]})
        return
    print_table(rows[:10])
    click.echo(f"\n{len(rows):,} sets on {len(moves):,} moves, each a trial of the ledger; run {run_id}")
