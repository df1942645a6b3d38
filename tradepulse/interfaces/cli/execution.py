"""``tradepulse_cli execution``: trade on paper and live, watch and stop a desk, look into journals, run cards."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradepulse.core.files import replace_text
from tradepulse.core.orders import from_micros
from tradepulse.errors import ConfigError, JournalCorrupt, MissingData, UnknownName
from tradepulse.execution.book import Book, fill_rows, order_rows
from tradepulse.execution.brokers import BROKERS, open_counterparties, trades_money
from tradepulse.execution.journal import read_journal, verify_journal
from tradepulse.interfaces.cli.market import (
    OnBook,
    bars_before,
    desk_identity,
    instruments_of,
    limit_option,
    on_book,
    promoted,
    said_of,
    strategy_options,
    teams_of,
)
from tradepulse.interfaces.cli.params import (
    Places,
    as_json,
    book_option,
    check_place,
    key_values,
    number,
    print_json,
    print_table,
    write_rows,
)

if TYPE_CHECKING:
    from tradepulse.core.quoting.base import QuotingStrategy
    from tradepulse.execution.accounting import Ledger, Method
    from tradepulse.execution.watch import Watched


@click.group()
def command() -> None:
    """Trade on paper and live, watch and stop a desk; look into journals; run scenario cards."""


_DESK = (
    book_option("desk", "Name of the book; run again, it goes on."),
    click.option("--until", type=float, help="Stop after so many seconds; by default when the market ends."),
    limit_option,
    click.option("--durability", type=click.Choice(["os", "group", "each"]), default="group", show_default=True,
                 help="What the journal survives when an order leaves."),
    click.option("--silence", default=30.0, show_default=True,
                 help="Seconds without market data after which the kill switch is pulled."),
    click.option("--watch", "watched", is_flag=True, help="Show the desk while it trades."),
)  # fmt: skip


def _on_a_desk(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a desk; pass on what a desk file has of them, and how to run it."""

    @wraps(function)
    def command(
        name: str, until: float | None, limits: tuple[str, ...], durability: str, silence: float, watched: bool,
        **given: Any,
    ) -> int:  # fmt: skip
        found = key_values(limits, "--limit")
        for option, seconds, most in (("--silence", silence, 86_400), ("--until", until, 10**8)):
            if seconds is not None and not 0 < seconds <= most:
                raise ConfigError(f"{option} must lie between 0 and {most} s, not {seconds:g}")
        desk = {
            "book": name, "durability": durability, "silence_s": silence,
            "limits": {key: _limit(key, found) for key in found},
        }  # fmt: skip
        folder = click.get_current_context().obj["home"] / "execution" / "desks" / name
        say = None if watched or given["as_json"] else click.echo
        run = {"until": until, "say": say, "picture": _paint if watched else None}
        return _print_outcome(folder, function(desk=desk, folder=folder, run=run, **given), given["as_json"])

    for option in reversed(_DESK):
        command = option(command)
    return command


@command.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for the verdicts, as JSON.")
def cards(paths: tuple[Path, ...], out: Path | None) -> int:
    """Run scenario cards through the order path and the simulated venue. Exit code 1 if one fails or there is none."""
    from tradepulse.execution.cards import load_cards, run_card

    if out and not out.parent.is_dir():
        raise ConfigError(f"--json {out}: the folder {out.parent} does not exist")
    # All are read before the first is run: a bad file is known before anything is printed.
    verdicts = [run_card(card) for _, card in list(load_cards(list(paths)))]
    for verdict in verdicts:
        click.echo(f"{'passed' if verdict.passed else 'FAILED'}  {verdict.id}")
        for difference in verdict.differences:
            click.echo(f"        {difference}")
    failed = sum(not verdict.passed for verdict in verdicts)
    click.echo(f"\n{len(verdicts):,} cards, {failed:,} failed" if verdicts else "no cards found")
    if out:
        rows = [
            {"id": v.id, "passed": v.passed, "differences": v.differences, "observed": v.observed} for v in verdicts
        ]
        replace_text(out, json.dumps({"cards": rows}, indent=1) + "\n")
    return 1 if failed or not verdicts else 0


@command.command()
@click.argument("journal", type=click.Path(path_type=Path))
@as_json
def verify(journal: Path, as_json: bool) -> int:
    """Check every record of a journal; name the first that is damaged. Exit code 1 if one is."""
    if not journal.is_file():
        raise MissingData(f"{journal}: no such file; name a journal")
    try:
        proof = verify_journal(journal)
    except JournalCorrupt as exc:
        if as_json:
            print_json({"passed": False, "reason": str(exc)})
        else:
            click.echo(str(exc))
        return 1
    found = {"passed": True, "records": proof.records, "head": proof.head, "torn_bytes": proof.torn_bytes}
    if as_json:
        print_json(found)
    else:
        tail = f", {proof.torn_bytes} bytes of a record that was never completed" if proof.torn_bytes else ""
        click.echo(f"{proof.records:,} records follow from one another{tail}; head {proof.head}")
    return 0


@command.command()
@click.argument("journal", type=click.Path(path_type=Path))
@as_json
def replay(journal: Path, as_json: bool) -> None:
    """Rebuild a book's state from its journal, a daily one's or a desk's, and print it."""
    if (journal.parent / "desk.json").is_file():
        _show_desk(journal, as_json)
        return
    records, _ = read_journal(journal)
    if records and records[0].kind in {"started", "snapshot"}:
        raise MissingData(
            f"{journal}: is the journal of a desk, whose terms are not beside it; name the one in its folder, where "
            "desk.json is"
        )
    _show(journal, as_json)


@command.command()
@book_option("paper")
@click.option("--lots", "method", type=click.Choice(["fifo", "lifo", "hifo"]), default="fifo", show_default=True,
              help="Which lot a sale takes first.")  # fmt: skip
@as_json
@click.pass_obj
def ledger(obj: Places, name: str, method: "Method", as_json: bool) -> None:
    """Print the books of a book: double entry, lots, and what has not settled.

    Of a daily book they are those after its last session, marked at its closes; of a desk those after its last fill,
    marked at the last price of each instrument.
    """
    desk, daily = _books(obj, name)
    found = _desk_ledger(desk, method) if daily is None and desk.is_dir() else _daily_ledger(obj, name, method)
    if as_json:
        print_json(found)
        return
    click.echo(f"book {found['book']} after {found['session']}\n")
    print_table([{"account": account, "balance": value} for account, value in found["balances"].items()])
    click.echo()
    print_table([{"what": key, "value": found[key]} for key in ("available", "unsettled", "unrealised", "equity")])
    if found["lots"]:
        click.echo()
        print_table(found["lots"])


def _show_desk(journal: Path, as_json: bool) -> None:
    from tradepulse.core.orders import UNIT
    from tradepulse.execution.journal import ReadOnly
    from tradepulse.execution.orderpath import OrderPath
    from tradepulse.execution.supervision import desk_of
    from tradepulse.execution.terms import MONEY

    head = verify_journal(journal).head
    desk = desk_of(journal.parent)
    path = OrderPath(ReadOnly(journal), desk.terms)
    state, terms = path.state, desk.terms
    symbols = desk.symbols
    orders = [
        {
            "order": id, "symbol": symbols[terms.instrument_of(order.ticket.venue)], "side": order.ticket.side.value,
            "type": order.ticket.type.value, "quantity": _exact(order.ticket.quantity, UNIT),
            "price": None if order.ticket.price is None else _exact(order.ticket.price, UNIT),
            "filled": _exact(order.filled, UNIT), "status": order.status, "reason": order.reason,
        }
        for id, order in state.orders.items()
    ]  # fmt: skip
    fills = [
        {
            "fill": fill.fill_id, "order": fill.order, "symbol": symbols[terms.instrument_of(fill.venue)],
            "side": fill.side.value, "quantity": _exact(fill.quantity, UNIT), "price": _exact(fill.price, UNIT),
            "liquidity": fill.liquidity, "commission": _exact(fill.taken(terms), MONEY), "ns": fill.moment,
        }
        for fill in state.fills
    ]  # fmt: skip
    found: dict[str, Any] = {
        "book": desk.book, "epoch": state.epoch, "cash": _exact(state.cash, MONEY),
        "positions": {symbol: _exact(held.position, UNIT) for symbol, held in zip(symbols, state.held, strict=True)},
        "orders": orders, "fills": fills, "killed": state.kill_reason if state.killed else "",
        "escalated": state.escalated, "flagged": state.flagged, "head": head,
    }  # fmt: skip
    if as_json:
        print_json(found)
        return
    by_status = Counter(order["status"] for order in orders)
    click.echo(f"desk {desk.book}, process {state.epoch}: cash {found['cash']}, head {head[:16]}")
    if state.killed:
        click.echo(f"the kill switch is pulled: {state.kill_reason}{'; ESCALATED' if state.escalated else ''}")
    for what in state.flagged:
        click.echo(f"flagged: {what}")
    click.echo(f"positions: {', '.join(f'{units} {symbol}' for symbol, units in found['positions'].items())}")
    click.echo(f"orders: {', '.join(f'{count} {status}' for status, count in sorted(by_status.items())) or 'none'}")
    for rows in ([order for order in orders if order["order"] in state.open], fills):
        if rows:
            click.echo()
            print_table(rows)


def _daily_ledger(obj: Places, name: str, method: "Method") -> dict[str, Any]:
    from tradepulse.core.orders import MICROS
    from tradepulse.core.sessions import calendar
    from tradepulse.execution.accounting import ledger_of

    book = Book.of(read_journal(_daily_journal(obj, name))[0])
    books = ledger_of(book, calendar(), method)
    closes = book.closed[book.last_session]["closes"] if book.closed else {}
    return {"book": book.name, "session": book.last_session, **_told(books, closes, MICROS, 1)}


def _desk_ledger(folder: Path, method: "Method") -> dict[str, Any]:
    from tradepulse.core.orders import UNIT
    from tradepulse.core.sessions import calendar
    from tradepulse.execution.accounting import ledger_of_desk
    from tradepulse.execution.brokers import SETTLE_AT_ONCE
    from tradepulse.execution.journal import ReadOnly
    from tradepulse.execution.log import check_fills
    from tradepulse.execution.orderpath import OrderPath
    from tradepulse.execution.supervision import desk_of
    from tradepulse.execution.terms import MONEY, WHOLE_BP

    desk, path = desk_of(folder), folder / "orders.journal"
    if not path.is_file():
        raise MissingData(f"{path}: the desk has not traded yet")
    state = OrderPath(ReadOnly(path), desk.terms).state
    check_fills(state, path)
    symbols = desk.symbols
    exchange = None if desk.broker in ("", *SETTLE_AT_ONCE) else calendar()
    books = ledger_of_desk(state, desk.terms, symbols, exchange, method)
    last = {symbols[desk.terms.instrument_of(fill.venue)]: fill.price * WHOLE_BP for fill in state.fills}
    at = datetime.fromtimestamp(state.fills[-1].moment / 1e9, UTC)
    return {"book": desk.book, "session": f"{at:%Y-%m-%d %H:%M:%S}", **_told(books, last, MONEY, UNIT)}


def _exact(parts: int, whole: int) -> str:
    """Return so many parts of a whole as a decimal number, to the last digit."""
    with localcontext(prec=60):
        return f"{(Decimal(parts) / whole).normalize():f}"


def _told(books: "Ledger", marks: dict[str, int], money: int, unit: int) -> dict[str, Any]:
    """Return what a ledger has to say, in units of the currency and of what is traded."""
    from tradepulse.execution.accounting import RECEIVABLE

    return {
        "balances": {account: _exact(amount, money) for account, amount in books.balances().items()},
        "available": _exact(books.available(), money),
        "unsettled": _exact(books.balance(RECEIVABLE), money),
        "unrealised": _exact(books.unrealised(marks), money),
        "equity": _exact(books.equity(marks), money),
        "lots": [
            {
                "symbol": symbol,
                "day": lot.day.isoformat(),
                "units": _exact(lot.units, unit) if unit > 1 else lot.units,
                "cost": _exact(lot.cost, money),
            }
            for symbol, lots in books.lots.items()
            for lot in lots
        ],
    }


@command.command()
@on_book
@_on_a_desk
@click.option("--speed", default=1.0, show_default=True, help="Seconds of the market in a second; 0 for step by step.")
@as_json
def paper(
    asked: OnBook, desk: dict[str, Any], folder: Path, run: dict[str, Any], speed: float, as_json: bool
) -> dict[str, Any]:
    """Trade on paper: replay a real market at a simulated exchange, and trade there with the engine as a process.

    Ctrl-C pulls the kill switch; an engine that dies is started again, and goes on where its journal ends. Exit code 1
    if the kill switch ended it, 3 if that was ESCALATED.
    """
    from tradepulse.execution.supervision import run_paper

    said = {
        **{key: f"{asked.numbers[key]:.12g}" for key in ("cash", "tick", "lot", "maker_bp", "taker_bp")}, **desk,
        **asked.desk, "symbol": asked.market_name,
    }  # fmt: skip
    moves, source_hash = asked.moves()
    outcome = run_paper(folder, said, moves, speed=speed, cancels_ahead=asked.cancels_ahead, **run)
    return {**outcome, "source_hash": source_hash}


@command.command()
@click.option("--symbol", required=True, help="What is traded: a pair as BTC/USDT, at Alpaca a share as AAPL.")
@click.option(
    "--broker",
    type=click.Choice(BROKERS),
    default="ccxt",
    show_default=True,
    help="Whose client: of a crypto exchange that the environment names, or Alpaca's.",
)
@click.option(
    "--instrument",
    "others",
    multiple=True,
    metavar="SYMBOL,KEY=VALUE,...",
    help="Another instrument of the account, for the same money. Keys: max_position, which it has to have, "
    "max_order_quantity, max_order_notional, price_collar_bp. May be repeated.",
)
@click.option(
    "--beside",
    multiple=True,
    metavar="EXCHANGE,KEY=VALUE,...",
    help="Another crypto exchange at which --symbol is traded; what takes goes where it is cheapest. The environment "
    "names the account: TRADEPULSE_CCXT_KRAKEN_KEY and _SECRET for kraken. Keys: latency_us, how far away it is, and "
    "fades_us, after which half of what it displays is gone. May be repeated.",
)
@strategy_options
@click.option("--cash", default=10_000.0, show_default=True, help="Cash that a new book begins with.")
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    help="File of bars before now, of the length of seconds=, which a strategy of bars begins with.",
)
@click.option(
    "--untried", default="", metavar="REASON", help="Why it trades for money without having passed every shock."
)
@_on_a_desk
@as_json
def live(
    symbol: str, broker: str, others: tuple[str, ...], beside: tuple[str, ...], named: tuple[str, ...],
    params: tuple[str, ...], cash: float, history: Path | None, untried: str,
    desk: dict[str, Any], folder: Path, run: dict[str, Any], as_json: bool,
) -> dict[str, Any]:  # fmt: skip
    """Trade at a real exchange: the same engine, order path and strategies as on paper, behind a gateway.

    The environment says at which, and who we are (TRADEPULSE_CCXT_EXCHANGE, _KEY and _SECRET, or APCA_API_KEY_ID and
    APCA_API_SECRET_KEY); it is the exchange's sandbox unless TRADEPULSE_CCXT_LIVE is yes, at Alpaca paper money. Grid
    and fees are the exchange's. With real money it trades what has passed backtest stress-book. Ctrl-C pulls the kill
    switch; whatever ends the run, what is open is canceled. Exit code 1 if the kill switch ended it, 3 if that was
    ESCALATED.
    """
    from tradepulse.execution.supervision import run_live

    instruments = instruments_of(symbol, others)
    symbols = [symbol, *(one["symbol"] for one in instruments)]
    teams, own = teams_of(named, params, symbols)
    if len(teams) > 1:
        raise ConfigError(f"--param asks for {len(teams)} sets; a desk trades one")
    if "max_position" not in desk["limits"]:
        raise ConfigError("a live desk has a bound; say --limit max_position=, in units of what is traded")
    why = ""
    if trades_money(broker):
        most = {symbol: desk["limits"]["max_position"]}
        most |= {one["symbol"]: one["limits"]["max_position"] for one in instruments}
        why = _check_tried(named, teams[0], {name: float(units) for name, units in most.items()}, untried)
    if not 0 <= cash <= 1e12:
        raise ConfigError(f"--cash must lie between 0 and 1e+12, not {cash}")
    # A price that is not renewed is no price to trade on; a quiet exchange still says what is displayed every moment.
    limits = {"max_price_age_ms": 5000, **desk["limits"]}
    said = {
        **desk, **said_of(teams[0], own, symbols), "history": bars_before(teams, history)[0],
        "cash": f"{cash:.12g}", "limits": limits, "symbol": symbol, "broker": broker,
        "reconnect_s": 20, "deadline_s": 10, **({"untried": untried} if untried else {}),
        **({"instruments": instruments} if instruments else {}),
    }  # fmt: skip
    exchanges = [_exchange(text) for text in beside]
    counterparties = open_counterparties(broker, symbols, [name for name, _ in exchanges])
    if why:
        click.echo(f"{why}; it trades all the same: {untried}", err=True)
    return run_live(folder, said, counterparties, beside=[far for _, far in exchanges], **run)


def _exchange(text: str) -> tuple[str, dict[str, float]]:
    """Return another exchange, and how far away it is, from ``EXCHANGE,KEY=VALUE,...``."""
    name, *given = text.split(",")
    said = key_values(tuple(given), f"--beside {name}")
    if unknown := sorted(set(said) - {"latency_us", "fades_us"}):
        raise ConfigError(f"--beside {name}: unknown key {unknown[0]!r}; it takes latency_us, fades_us")
    return name, {key: float(number(key, value, f"--beside {name} ")) for key, value in said.items()}


def _check_tried(
    named: Sequence[str], team: "Sequence[QuotingStrategy]", bounds: dict[str, float], untried: str
) -> str:
    """Return what strategies lack for real money, if anything; raise ConfigError unless it is said why they trade."""
    from tradepulse.backtest.book_stress import objection
    from tradepulse.backtest.provenance import code_version
    from tradepulse.core.tables import table
    from tradepulse.warehouse.lake import Lake

    lake = Lake(click.get_current_context().obj["lake"])
    made = lake.read("book_stress") if lake.partitions("book_stress") else table("book_stress").no_rows()
    why = objection(made, *desk_identity(team), "+".join(bounds), bounds, code_version())
    todo = f"run tradepulse_cli backtest stress-book with --symbol {'+'.join(bounds)}"
    if any(text.partition(",")[0] == "champion" for text in named) and (stage := promoted()["stage"]) != "champion":
        why, todo = f"what was promoted is a {stage}, which trades on paper", "research it until it is a champion"
    if why and not untried.strip():
        raise ConfigError(f"{why}; {todo}, or say why it may trade for money all the same: --untried REASON")
    return why


def _print_outcome(folder: Path, outcome: dict[str, Any], as_json: bool) -> int:
    """Print how a desk ended, and return its exit code."""
    from tradepulse.core.orders import UNIT
    from tradepulse.execution.terms import MONEY

    shown = {
        **outcome, "position": outcome["position"] / UNIT, "cash": outcome["cash"] / MONEY, "folder": str(folder),
        "positions": {symbol: position / UNIT for symbol, position in outcome["positions"].items()},
    }  # fmt: skip
    if not shown["positions"]:
        del shown["positions"]
    if as_json:
        print_json(shown)
    else:
        print_table([{"what": key, "value": value} for key, value in shown.items()])
    return {"closed": 0, "killed": 1}.get(outcome["ended"], 3)


@command.command()
@book_option("desk", "Name of the desk's book.")
@click.option("--once", is_flag=True, help="Print the picture once, and end.")
@click.pass_obj
def watch(obj: Places, name: str, once: bool) -> None:
    """Show a desk live: market, profit, risk in use, orders and fills. Ctrl-C ends the picture, not the desk."""
    import time

    from tradepulse.execution.supervision import watched_desk

    desk = watched_desk(obj["home"] / "execution" / "desks" / name)
    if once:
        click.echo("\n".join(desk.lines(40)))
        return
    try:
        while True:
            desk.refresh()
            _paint(desk)
            time.sleep(0.25)
    except KeyboardInterrupt:
        click.echo()


@command.command()
@book_option("desk", "Name of the desk's book.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write: .csv or .parquet.")
@click.pass_obj
def log(obj: Places, name: str, out: Path) -> None:
    """Write a desk's fills, on paper or live, as an execution log: backtest validate and calibrate read it."""
    check_place(out)
    from tradepulse.execution.log import execution_log

    rows = execution_log(obj["home"] / "execution" / "desks" / name)
    import pandas as pd

    table = pd.DataFrame(rows)
    for column in ("ts", "decided_ts"):
        table[column] = pd.to_datetime(table[column], unit="ns", utc=True)
    write_rows(table, out)
    click.echo(f"{len(table):,} fills: {out}")


@command.command()
@book_option("desk", "Name of the book: a desk's, or a daily one's such as paper.")
@click.option("--reason", required=True, help="Why.")
@click.option("--by", required=True, help="Who.")
@click.pass_obj
def kill(obj: Places, name: str, reason: str, by: str) -> int:
    """Pull a book's kill switch: everything is canceled, and the venue has to prove it. It survives restarts.

    A desk and a daily book of one name are both stopped. Exit code 3 if a daily book's broker does not prove it:
    ESCALATED.
    """
    from tradepulse.execution.kill_switch import pull_kill_switch
    from tradepulse.execution.session import kill_book

    desk, daily = _books(obj, name)
    if daily is None or desk.is_dir():
        click.echo(f"pulled: {pull_kill_switch(desk, reason, by)}")
    if daily is None:
        return 0
    book = kill_book(daily, reason, by, click.echo)
    if book is None:
        click.echo("pulled: the session that runs acts on it before its next order, and at its end")
        return 0
    if not book.left:
        click.echo("pulled: nothing of it rests at its broker")
    return 3 if book.left else 0


@command.command()
@book_option("desk", "Name of the book: a desk's, or a daily one's such as paper.")
@click.option("--reason", required=True, help="Why it may trade again.")
@click.option("--by", required=True, help="Who says so.")
@click.pass_obj
def reset(obj: Places, name: str, reason: str, by: str) -> None:
    """Release a book's kill switch; the reason and who gave it stay in the journal."""
    from tradepulse.execution.kill_switch import reset_kill_switch
    from tradepulse.execution.session import reset_book
    from tradepulse.execution.supervision import desk_of

    desk, daily = _books(obj, name)
    refused = None
    if daily is not None:
        try:
            reset_book(daily, reason, by)
        except ConfigError as exc:
            if not desk.is_dir():
                raise
            refused = exc  # of two of one name the other one may be the one that is meant
    if daily is None or desk.is_dir():
        try:
            reset_kill_switch(desk, desk_of(desk).terms, reason, by)
        except ConfigError:
            if daily is None or refused is not None:
                raise
    click.echo(f"{name} may trade again")


def _books(obj: Places, name: str) -> tuple[Path, Path | None]:
    """Return where a desk of a name is, or would be, and the folder of the daily book of that name, if there is one."""
    daily = obj["home"] / "execution" / name
    return obj["home"] / "execution" / "desks" / name, daily if (daily / "orders.journal").is_file() else None


def _paint(desk: "Watched") -> None:
    size = shutil.get_terminal_size((100, 30))
    lines = [line[: size.columns - 1] for line in desk.lines(size.lines - 1)]
    click.echo("\x1b[H\x1b[2J" + "\n".join(lines))


def _limit(key: str, found: dict[str, str]) -> int | str:
    from tradepulse.execution.engine import LIMIT_UNITS

    if key not in LIMIT_UNITS:
        raise UnknownName("limit", key, LIMIT_UNITS)
    number(key, found[key], "--limit ")
    return found[key]


@command.command()
@book_option("paper")
@as_json
@click.pass_obj
def status(obj: Places, name: str, as_json: bool) -> None:
    """Print where a book of this instance stands."""
    _show(_daily_journal(obj, name), as_json)


def _daily_journal(obj: Places, name: str) -> Path:
    path: Path = obj["home"] / "execution" / name / "orders.journal"
    if not path.is_file():
        raise MissingData(f"{path}: book {name!r} has not traded yet; make run, or launch execute_signals")
    return path


def _show(path: Path, as_json: bool) -> None:
    head = verify_journal(path).head
    book = Book.of(read_journal(path)[0])
    orders, fills = order_rows(book), fill_rows(book)
    found: dict[str, Any] = {
        "book": book.name,
        "last_session": book.last_session,
        "cash": str(from_micros(book.cash_micros)),
        "positions": book.positions,
        "orders": orders,
        "fills": fills,
        "killed": book.killed,
        "left": book.left,
        "head": head,
    }
    if as_json:
        print_json(found)
        return
    by_status = Counter(row["status"] for row in orders)
    click.echo(
        f"book {book.name} after {book.last_session}: cash {from_micros(book.cash_micros):,.2f}, head {head[:16]}"
    )
    if book.killed:
        left = f"; ESCALATED, not proven gone: {', '.join(book.left)}" if book.left else ""
        click.echo(f"the kill switch is pulled: {book.killed}{left}")
    click.echo(f"positions: {', '.join(f'{q} {s}' for s, q in book.positions.items() if q) or 'none'}")
    click.echo(f"orders: {', '.join(f'{count} {status}' for status, count in sorted(by_status.items())) or 'none'}\n")
    print_table(
        [
            {
                "fill": row["fill_id"],
                "session": row["session"],
                "side": row["side"],
                "quantity": row["quantity"],
                "symbol": row["symbol"],
                "price": f"{from_micros(row['price_micros']):,.6f}",
                "commission": f"{from_micros(row['commission_micros']):,.6f}",
            }
            for row in fills
        ]
    )
