"""``tradepulse_cli backtest``: run a strategy over bars, sweep its parameters."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from tradepulse.errors import ConfigError, DataError, TradePulseError
from tradepulse.interfaces.cli.backtest_book import book, stress_book, sweep_book
from tradepulse.interfaces.cli.market import (
    market_options,
    moves_from,
)
from tradepulse.interfaces.cli.params import (
    Places,
    as_json,
    fresh_folder,
    key_values,
    mlflow_uri,
    number,
    print_json,
    print_table,
    values_of,
)  # fmt: skip

if TYPE_CHECKING:
    import pandas as pd

    from tradepulse.backtest.calibration import Estimate
    from tradepulse.backtest.frictions import Costs
    from tradepulse.backtest.research import Question

#: Parts that a sweep with a budget is run in: it is stopped between two of them.
PARTS = 20
#: Most of them whose returns are compared with each other; of more, so many drawn evenly.
MOST_COMPARED = 1_000


@click.group()
def command() -> None:
    """Run a strategy over bars or books; sweep its parameters."""


for _on_books in (book, sweep_book, stress_book):
    command.add_command(_on_books)


def _shared(function: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(
        (
            click.option("--bars", "bars_file", required=True, type=click.Path(path_type=Path), help="File of bars."),
            click.option("--strategy", "strategy_name", required=True, help="Name of a strategy."),
            click.option("--param", "params", multiple=True, help="name=value; may be repeated."),
            click.option("--quantity", default=100, show_default=True, help="Units held when long."),
            click.option("--cash", default=1_000_000.0, show_default=True, help="Cash at the start."),
            click.option("--commission-bp", type=float, help="Commission, bp of notional; 1 by default."),
            click.option("--slippage-bp", type=float, help="Adverse move of each fill, bp of its price; 1 by default."),
        )
    ):
        function = option(function)
    return function


@command.command()
@_shared
@click.option(
    "--fill",
    type=click.Choice(["next_open", "next_close", "same_close"]),
    default="next_open",
    show_default=True,
    help="Opening or closing auction of the bar after the decision; same_close looks ahead.",
)
@click.option(
    "--friction", default="bp", show_default=True, help="bp, a venue, a YAML file of one, or that of a plug-in."
)
@click.option("--account", help="Terms of the account: cash, reg_t, perpetual_5x, or a YAML file.")
@click.option("--stop-bp", type=float, help="Close a position that has lost so much against its entry, bp.")
@click.option("--take-bp", type=float, help="Close a position that has gained so much against its entry, bp.")
@click.option(
    "--path",
    type=click.Choice(["worst", "best"]),
    help="Which came first in a bar that reached both; worst by default.",
)
@click.option("--events", multiple=True, help="KIND=FILE: actions, funding, recalls or delistings; may be repeated.")
@click.option(
    "--rates",
    type=click.Path(path_type=Path),
    help="Bars of the rate into the account's currency.",
)
@click.option("--scenario", help="Shipped scenario by name, or a YAML file.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@as_json
@click.pass_obj
def run(
    obj: Places, bars_file: Path, strategy_name: str, params: tuple[str, ...], quantity: int, cash: float,
    commission_bp: float | None, slippage_bp: float | None, fill: str, friction: str, account: str | None,
    stop_bp: float | None, take_bp: float | None, path: str | None, events: tuple[str, ...], rates: Path | None,
    scenario: str | None, out: Path, as_json: bool,
) -> None:  # fmt: skip
    """Run a strategy over a file of bars; write fills, trades, equity, summary and a report."""
    from dataclasses import asdict, replace

    import numpy as np
    import pandas as pd

    from tradepulse.backtest import frictions
    from tradepulse.backtest.engine import backtest
    from tradepulse.backtest.feed import Feed
    from tradepulse.backtest.report import write_report
    from tradepulse.backtest.research import Question, refuse_lookers
    from tradepulse.backtest.result import Result
    from tradepulse.backtest.scenario import load_scenario
    from tradepulse.backtest.selection import sharpe_interval
    from tradepulse.backtest.terms import Terms, holding_of, load_account
    from tradepulse.backtest.venue import Venue
    from tradepulse.core.currency import converted
    from tradepulse.core.sessions import calendar
    from tradepulse.core.strategies.loader import strategy_class
    from tradepulse.core.tables.base import content_hash, records
    from tradepulse.finops.usage import Tags, UsageLog
    from tradepulse.ingestion.files import load_whole_bars
    from tradepulse.quality.fills import fills_could_happen
    from tradepulse.quality.gaps import certificates

    chosen = strategy_class(strategy_name)
    settings = {key: number(key, value) for key, value in key_values(params).items()}
    made = chosen(quantity=quantity, **settings)
    costs = frictions.friction(friction, commission_bp, slippage_bp)
    bars = _bars_to_trade(bars_file)
    if rates is not None:
        bars = converted(bars, load_whole_bars(rates))
    if scenario:
        slice_ = load_scenario(scenario)
        costs = slice_.costs(costs)
        days = bars["session"].dt.date
        if slice_.start:
            bars = bars[days >= slice_.start]
        if slice_.end:
            bars = bars[bars["session"].dt.date <= slice_.end]
        if bars.empty:
            raise ConfigError(f"{bars_file}: has no bars in scenario {slice_.name}, {slice_.start} to {slice_.end}")
        if slice_.shocks:
            bars = pd.concat([slice_.slice(rows) for _, rows in bars.groupby("symbol", sort=False)])
            bars = bars.sort_values("ts", kind="stable")
        bars = bars.reset_index(drop=True)
    symbols = "+".join(sorted(bars["symbol"].unique()))
    terms = load_account(account, stop_bp=stop_bp, take_bp=take_bp, path=path)
    tables, digest = _events(events)
    question = Question(
        strategy_name, made.settings, symbols, content_hash(bars), quantity, cash, costs, fill, terms, digest  # type: ignore[arg-type]
    )  # fmt: skip
    run_id = f"cli-{uuid4().hex[:12]}"
    log, meter = UsageLog(obj["home"] / "usage"), Tags(
        run_id, "trials", "", "research", question.strategy_id, "local", trial_id=question.trial_id
    )  # fmt: skip
    try:
        with log.metered(meter):
            feed = Feed(bars)  # refuses bars that are none before a strategy is shown them
            refuse_lookers(bars, [question])
            held = holding_of(feed, terms, **tables)

            def replay(terms: Terms) -> Result:
                return backtest(
                    feed, question.make, cash=cash, costs=costs, fill=question.fill, book=question.trial_id,
                    terms=terms, holding=held,
                )  # fmt: skip

            result = replay(terms)
            # Where bars do not say what came first, the profit lies between the two ways that it can have been.
            between = None
            if result.summary["bars_of_unclear_order"]:
                other = replay(replace(terms, path="best" if terms.path == "worst" else "worst"))
                between = sorted(one.summary["final_equity"] for one in (result, other))
    except TradePulseError:
        _count(obj["lake"], question, bars, run_id, None)
        raise
    evidence = fills_could_happen(
        result.fills, bars, result.equity, cash=cash, same_close=fill == "same_close",
        participation=costs.depth.participation if isinstance(costs, Venue) else 1.0,
        stop_bp=terms.stop_bp, take_bp=terms.take_bp, flows=result.flows, borrow_bp=terms.borrow_bp,
        **{kind: table for kind, table in tables.items() if kind != "recalls"},
        # Plain costs fill whatever the volume; another package's may give rebates and better prices.
        **_least(costs),
    )  # fmt: skip
    if isinstance(costs, Venue):
        impossible = [check for check in evidence if check.failing]
    else:
        impossible = [check for check in evidence if check.failing and not check.name.startswith("volume")]
    if impossible:
        raise DataError(f"the fills could not have happened: {impossible[0]}; nothing is written")
    marked = result.equity["equity"].to_numpy()
    low, high = sharpe_interval(np.diff(marked) / marked[:-1], result.summary["bars_per_year"])
    interval = None if low != low else [low, high]
    summary = {
        **result.summary, "sharpe_interval": interval, "final_equity_between": between,
        "account": {key: value for key, value in asdict(terms).items() if value != getattr(Terms(), key)},
        "evidence": {check.name: {"asked": check.seen, "broken": check.failing} for check in evidence},
        "strategy": question.strategy_id,
        "params": dict(question.params), "quantity": quantity,
        "friction": costs.id, "commission_bp": costs.commission_bp, "slippage_bp": costs.slippage_bp,
        "scenario": scenario,
        "data_version": question.data_version, "trial_id": question.trial_id,
        "source_hash": bars["source_hash"].iloc[0],
        # A file of which a row breaks a rule is refused as a whole, so that none is in quarantine.
        "coverage": records(certificates(bars, calendar())),
    }  # fmt: skip
    identity = {**({} if interval is None else {"Sharpe ratio, 95 % interval": f"{low:.2f} to {high:.2f}"}),
                "strategy": question.strategy_id, "parameters": question.params_json, "trial": question.trial_id,
                "data version": question.data_version, "SHA-256 of the file": str(summary["source_hash"]),
                **{f"coverage of {row['symbol']}": _words(row) for row in summary["coverage"]}}  # fmt: skip
    with fresh_folder(out) as fresh:
        for name in ("fills", "trades", "equity", "flows"):
            getattr(result, name).to_parquet(fresh / f"{name}.parquet", index=False)
        (fresh / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True, allow_nan=False) + "\n")
        write_report(
            result,
            bars,
            fresh / "report.html",
            title=f"{question.strategy_id} on {symbols}",
            identity=identity,
            evidence=[(check.name, check.seen, check.failing) for check in evidence],
            between=between,
        )
    _count(obj["lake"], question, bars, run_id, summary)
    if as_json:
        print_json(summary)
    else:
        shown = (
            "final_equity",
            "total_return",
            "sharpe",
            "max_drawdown",
            "n_fills",
            "n_round_trips",
            "total_commission",
            "trial_id",
        )
        print_table([{"what": key, "value": summary[key]} for key in shown])
        if summary["looks_ahead"]:
            click.echo("This result looks ahead: it fills at the close that the decision was made on.", err=True)
        click.echo(f"\n{out / 'report.html'}")


@command.command()
@_shared
@click.option("--top", default=10, show_default=True, help="Best trials to print.")
@click.option("--budget-usd", "budget", type=float, help="Refuse a sweep that would cost more; stop one that does.")
@click.option("--trim", is_flag=True, help="Ask as many parameter sets as the budget is enough for.")
@click.option("--reuse", is_flag=True, help="Take from the ledger what it has answered, and ask only the rest.")
@click.option("--walk-forward", "forward", help="TRAIN:TEST: choose on so many bars, trade on those after, go on.")
@mlflow_uri
@click.option(
    "--ray", "ray_address", envvar="TRADEPULSE_RAY_ADDRESS", default="", help="Head of a Ray cluster that asks them."
)
@as_json
@click.pass_obj
def sweep(
    obj: Places, bars_file: Path, strategy_name: str, params: tuple[str, ...], quantity: int, cash: float,
    commission_bp: float | None, slippage_bp: float | None, top: int, budget: float | None, trim: bool,
    reuse: bool, forward: str | None, mlflow_uri: str, ray_address: str, as_json: bool,
) -> None:  # fmt: skip
    """Run every combination of --param name=a:b:step; each one counts in the trial ledger.

    Says how much of the best is choice: to how many independent trials they amount, and in how many halvings of the
    bars the best of one half is below the middle on the other.
    """
    from datetime import UTC, datetime

    import pandas as pd

    from tradepulse.backtest import research
    from tradepulse.backtest.fanout import Cluster
    from tradepulse.backtest.frictions import friction
    from tradepulse.backtest.ledger import distinct, record, trials_of
    from tradepulse.backtest.research import questions, walk_forward
    from tradepulse.backtest.selection import walk_forward_splits
    from tradepulse.backtest.tracking import Tracking
    from tradepulse.core.tables.base import records
    from tradepulse.finops.attribution import cost_lines
    from tradepulse.finops.budgets import Spending, affordable, price_of_a_trial
    from tradepulse.finops.prices import load_prices
    from tradepulse.finops.usage import Tags, UsageLog
    from tradepulse.warehouse.lake import Lake

    grids = {strategy_name: {key: values_of(key, value) for key, value in key_values(params).items()}}
    bars = _bars_to_trade(bars_file)
    costs = friction("bp", commission_bp, slippage_bp)
    asked = questions(bars, grids, quantity=quantity, cash=cash, costs=costs)
    train, test = _two_lengths(forward) if forward else (0, 0)
    if forward:
        next(walk_forward_splits(len(bars), train, test))  # refuses bars that are too few before anything is counted
    lake, tracking = Lake(obj["lake"]), Tracking(obj["home"] / "mlflow", mlflow_uri)
    run_id = f"cli-{uuid4().hex[:12]}"
    log = UsageLog(obj["home"] / "usage")
    ask = Cluster(ray_address, log.elsewhere).sweep if ray_address else research.sweep
    made: list[pd.DataFrame] = []
    strategy_id = asked[0].strategy_id
    reused: list[Question] = []
    if reuse:
        ledger = distinct(lake)
        ledger = ledger[ledger["status"] == "done"] if len(ledger) else ledger
        answers = set(ledger["trial_id"])
        reused = [question for question in asked if question.trial_id in answers]
        asked = [question for question in asked if question.trial_id not in answers]
        made = [ledger[ledger["trial_id"].isin([question.trial_id for question in reused])]] if reused else []
    spending, part = None, max(1, len(asked))
    if budget is not None or trim:
        if forward:
            raise ConfigError(
                "--budget-usd and --walk-forward do not go together: how often it fits is not known before"
            )
        limit = _budget(budget)
        each = price_of_a_trial(cost_lines(log.frame(), load_prices()), trials_of(lake))
        asked = asked[: affordable(limit, each, len(asked), trim=trim)]
        spending, part = Spending(limit, load_prices(), datetime.now(UTC).date()), max(1, -(-len(asked) // PARTS))
    with log.metered(Tags(run_id, "trials", "", "research", strategy_id, "local"), lake):
        for begin in range(0, len(asked), part):
            name = run_id if part >= len(asked) else f"{run_id}#{begin}"
            made.append(record(lake, tracking, bars, asked[begin : begin + part], name, ask))
            if spending is not None and spending.over:
                break
    rows = pd.concat(made, ignore_index=True)
    stopped = len(reused) + len(asked) - len(rows)
    asked = [*reused, *asked[: len(rows) - len(reused)]]
    chosen = _choice(bars, asked)
    folds = None
    if forward:

        def fit(inside: "pd.DataFrame") -> "pd.DataFrame":
            again = questions(inside, grids, quantity=quantity, cash=cash, costs=costs)
            number = f"{run_id}-{inside['session'].iloc[0]:%Y%m%d}"
            return record(lake, tracking, inside, again, number, ask)  # what is fitted is a trial like any other

        folds, _ = walk_forward(bars, asked, train=train, test=test, fit=fit)
    best = rows.sort_values("sharpe", ascending=False).head(top)
    shown = records(best[["trial_id", "params", "sharpe", "total_return", "max_drawdown", "n_orders"]])
    shown = [{key: None if value != value else value for key, value in row.items()} for row in shown]
    if as_json:
        walked = None if folds is None else json.loads(folds.to_json(orient="records", date_format="iso"))
        print_json(
            {
                "trials": len(rows),
                "reused": len(reused),
                "not_asked": stopped,
                "best": shown,
                **chosen,
                "walk_forward": walked,
            }
        )
        return
    print_table(shown)
    answered = f"; {len(reused)} had been answered before" if reused else ""
    click.echo(f"\n{len(rows)} trials, all of them in the ledger{answered}")
    if stopped:
        click.echo(f"the budget was spent before the last {stopped} were asked")
    if chosen["probability_of_overfitting"] is not None:
        click.echo(
            f"they amount to {chosen['effective_trials']:.1f} independent ones; the best of one half of the bars is "
            f"below the middle on the other in {chosen['probability_of_overfitting']:.0%} of all halvings"
        )
    if folds is not None:
        click.echo(f"\nWalk forward, chosen on {train:,} bars and traded on the {test:,} after them:")
        days = ("first_session", "last_session")
        print_table(records(folds.assign(**{name: folds[name].dt.strftime("%Y-%m-%d") for name in days})))
        click.echo(f"profit of all folds {folds['profit'].sum():,.2f}")


def _budget(usd: float | None) -> int:
    if usd is None:
        raise ConfigError("--trim goes with --budget-usd")
    if not 0 < usd < 1e9:
        raise ConfigError(f"--budget-usd must be an amount above 0, not {usd:g}")
    return round(usd * 1e9)


def _bars_to_trade(path: Path) -> "pd.DataFrame":
    """Return the bars of a file that is to be traded: what is decided on one bar needs another to trade on."""
    from tradepulse.ingestion.files import load_whole_bars

    bars = load_whole_bars(path)
    if bars["ts"].nunique() < 2:
        raise DataError(f"{path}: has one bar, and what is decided on it would trade on the next; name a file of more")
    return bars


def _choice(bars: "pd.DataFrame", asked: "list[Question]") -> dict[str, float | None]:
    """Return how much of the best of a sweep is choice; None where the bars or trials are too few to say."""
    import numpy as np

    from tradepulse.backtest.research import equities
    from tradepulse.backtest.selection import effective_trials, probability_of_overfitting
    from tradepulse.errors import DataError

    if len(asked) < 2:
        return {"effective_trials": float(len(asked)), "probability_of_overfitting": None}
    asked = asked[:: -(-len(asked) // MOST_COMPARED)]
    equity = equities(bars, asked)
    returns = np.diff(equity, axis=0) / equity[:-1]
    try:
        return {
            "effective_trials": effective_trials(returns),
            "probability_of_overfitting": probability_of_overfitting(returns),
        }
    except DataError:
        return {"effective_trials": effective_trials(returns), "probability_of_overfitting": None}


def _two_lengths(text: str) -> tuple[int, int]:
    parts = text.split(":")
    if len(parts) != 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ConfigError(f"--walk-forward {text}: write bars to choose on and to trade on, as 500:125")
    return int(parts[0]), int(parts[1])


@command.command()
@click.argument("log_file", metavar="LOG", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="YAML file to write: the venue that the log shows.")
@market_options
@click.option("--lot", default=0.00001, show_default=True, help="Smallest step of a quantity on that market.")
@as_json
def calibrate(
    log_file: Path, out: Path | None, recording: Path | None, quotes: Path | None, trades: Path | None, lot: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Say what an execution log shows of its venue: fees, slippage, impact, latency and queue, with 95 % intervals.

    The columns are those of backtest validate. A log of a book has liquidity (maker or taker), and arrived_ts and
    heard_ts beside decided_ts and ts, as the fills of backtest book have; with the market that it was traded on it
    tells the queue too. --out writes the venue: backtest run takes it as its --friction, backtest book as its --venue.
    """
    from tradepulse.backtest.calibration import calibrated
    from tradepulse.core.orders import UNIT
    from tradepulse.ingestion.files import load_file

    log, source_hash = load_file(log_file)
    if not 1e-9 <= lot <= 1e12:
        raise ConfigError(f"--lot must lie between 1e-09 and 1e+12, not {lot}")
    moves = moves_from(recording, quotes, trades)[0] if recording or quotes or trades else None
    estimates = calibrated(log, moves=moves, lot=round(lot * UNIT))
    if out is not None:
        _write_venue(out, estimates, log, log_file, source_hash)
    rows = [
        {
            "figure": one.name, "value": one.value, "low": one.low, "high": one.high, "fills": one.fills,
            "why not": one.why_not,
        }
        for one in estimates
    ]  # fmt: skip
    if as_json:
        print_json([{key: None if value != value else value for key, value in row.items()} for row in rows])
    else:
        print_table(
            [
                {**row, **{key: f"{row[key]:.4g}" if one.identified else "" for key in ("value", "low", "high")}}
                for one, row in zip(estimates, rows, strict=True)
            ]
        )


def _write_venue(
    path: Path, estimates: "Sequence[Estimate]", log: "pd.DataFrame", log_file: Path, source_hash: str
) -> None:
    import pandas as pd
    import yaml

    from tradepulse.backtest.calibration import venue_of
    from tradepulse.core.files import replace_text

    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{path}: a venue is a .yaml file")
    last = pd.to_datetime(log["ts"], utc=True).max().date()
    made = venue_of(estimates, f"What {log_file.name} shows", f"execution log, SHA-256 {source_hash}", last)
    replace_text(path, yaml.safe_dump(made, sort_keys=False))


@command.command()
@click.option(
    "--live", "live_file", required=True, type=click.Path(path_type=Path), help="Execution log: CSV or Parquet."
)
@click.option("--simulated", required=True, type=click.Path(path_type=Path), help="Folder of a backtest run.")
@click.option("--budget", "budgets", multiple=True, help="PART=BP, for instance price=3; may be repeated.")
@click.option("--within", default="1D", show_default=True, help="How far apart orders without a common id may be.")
@click.option("--venue-out", type=click.Path(path_type=Path), help="YAML file to write: the venue that the log shows.")
@as_json
@click.pass_obj
def validate(
    obj: Places, live_file: Path, simulated: Path, budgets: tuple[str, ...], within: str, venue_out: Path | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Say where the profit of a live log differs from that of its simulation. Exit code 1 if a part is over its budget.

    The log has ts (with a zone), symbol, side, quantity, price and commission of each fill; order_id joins fills,
    quoted_price is the market that a fill met, and decided_ts and bar_volume let latency and
    impact be read from it. --venue-out writes commission, slippage and impact as a venue that the next
    backtest takes as its --friction.
    """
    import pandas as pd

    from tradepulse.backtest.calibration import calibrated
    from tradepulse.backtest.validation import orders_of, validate
    from tradepulse.backtest.validation_report import write_validation
    from tradepulse.ingestion.files import load_file

    limits = {key: float(number(key, value, "--budget ")) for key, value in key_values(budgets, "--budget").items()}
    try:
        apart = pd.Timedelta(within)
    except ValueError as exc:
        raise ConfigError(f"--within {within}: no length of time, such as 1D or 5min") from exc
    if not apart >= pd.Timedelta(0):
        raise ConfigError(f"--within {within}: must not be negative")
    log, source_hash = load_file(live_file)
    summary = _summary(simulated)
    fills, _ = load_file(simulated / "fills.parquet")
    found = validate(
        orders_of(log, str(live_file)), orders_of(fills, str(simulated / "fills.parquet")), summary["marks"],
        budgets=limits, within=apart,
    )  # fmt: skip
    estimates = calibrated(log)
    if venue_out is not None:
        _write_venue(venue_out, estimates, log, live_file, source_hash)
    identity = {
        "strategy": str(summary.get("strategy", "")), "trial": str(summary.get("trial_id", "")),
        "data version": str(summary.get("data_version", "")), "SHA-256 of the log": source_hash,
    }  # fmt: skip
    page = write_validation(found, estimates, obj["reports"] / "backtest_validation", identity)
    if as_json:
        print_json(json.loads((page.parent / "verdict.json").read_text()))
    else:
        print_table(
            [
                {
                    "part": name, "amount": f"{found.components[name]:,.2f}", "bp": f"{found.bp[name]:.2f}",
                    "budget": f"{found.budgets[name]:.2f}", "": "OVER" if name in found.over else "",
                }
                for name in found.components
            ]
        )  # fmt: skip
        verdict = "within every budget" if found.passed else f"OVER BUDGET: {', '.join(found.over)}"
        click.echo(f"\ngap {found.gap:,.2f} (live less simulated); {verdict}; report: {page}")
    return 0 if found.passed else 1


def _summary(folder: Path) -> dict[str, Any]:
    try:
        summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    except (OSError, ValueError) as exc:
        raise ConfigError(f"--simulated {folder}: no folder of a backtest run ({exc})") from exc
    if not isinstance(summary, dict) or not summary.get("marks"):
        raise ConfigError(f"--simulated {folder}: its summary has no prices at the end; run the backtest again")
    return summary


#: Columns of each kind of events, and which of them are times.
_EVENTS = {
    "actions": ("symbol", "ex_date", "action"), "funding": ("symbol", "ts", "rate"),
    "recalls": ("symbol", "session", "available"), "delistings": ("symbol", "session", "price"),
}  # fmt: skip


def _events(given: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """Return the tables of --events by kind, and a hash of what they say; empty where there are none."""
    import pandas as pd

    from tradepulse.ingestion.files import load_file

    tables, hashes = {}, []
    for kind, name in key_values(given, "--events").items():
        if kind not in _EVENTS:
            raise ConfigError(f"--events {kind}={name}: no such kind; there are {', '.join(_EVENTS)}")
        table, source_hash = load_file(Path(name))
        if absent := [column for column in _EVENTS[kind] if column not in table.columns]:
            raise DataError(f"{name}: lacks the column {absent[0]!r}; {kind} have {', '.join(_EVENTS[kind])}")
        when = _EVENTS[kind][1]
        try:
            table[when] = pd.to_datetime(table[when])
        except (ValueError, TypeError) as exc:
            raise DataError(f"{name}: column {when!r} is not a time throughout ({str(exc)[:80]})") from exc
        tables[kind] = table
        hashes.append(f"{kind}={source_hash}")
    return tables, "+".join(sorted(hashes))


def _least(costs: "Costs") -> dict[str, Any]:
    """Return what each fill costs at least, and what the venue takes, as far as the kind of costs says."""
    from tradepulse.backtest.frictions import Costs
    from tradepulse.backtest.venue import Venue

    if type(costs) is Costs:
        return {"least_commission_bp": costs.commission_bp, "least_slippage_bp": costs.slippage_bp}
    if isinstance(costs, Venue):
        return {
            "least_slippage_bp": costs.slippage_bp + costs.worse.bp + costs.worse.half_spread_bp,
            "grid": [(step.since, step.tick, step.lot, step.minimum_notional) for step in costs.grid.steps],
            "shut": costs.grid.shut,
            "rate": costs.grid.rate and (costs.grid.rate.orders, costs.grid.rate.seconds),
        }
    return {"least_commission_bp": -1e4, "least_slippage_bp": -1e4}


def _count(
    lake: Path | str, question: "Question", bars: "pd.DataFrame", run_id: str, summary: dict[str, Any] | None
) -> None:
    """Write a hand-run trial to the ledger: it counts like any other."""
    from tradepulse.backtest.ledger import failed_rows
    from tradepulse.warehouse.lake import Lake

    rows = failed_rows([question], bars, run_id)
    if summary is not None:
        figures = {key: summary[key] for key in ("total_return", "max_drawdown")}
        ratio = summary["sharpe"]
        rows = rows.assign(
            status="done", n_orders=summary["n_fills"], sharpe=float("nan") if ratio is None else ratio, **figures
        )
    Lake(lake).write("trials", rows, run_id)


def _words(row: dict[str, Any]) -> str:
    """Return a coverage certificate in words."""
    return (
        f"{row['present']:,} of {row['expected']:,} expected bars, {row['holes']:,} holes, "
        f"{row['no_trade'] + row['halted']:,} explained, {row['quarantined']:,} quarantined"
    )
