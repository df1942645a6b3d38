"""``tradepulse_cli execution``: look into a book's journal, and run scenario cards. Nothing here can trade."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import click

from tradepulse.core.orders import from_micros
from tradepulse.errors import ConfigError, JournalCorrupt, MissingData
from tradepulse.execution.book import Book, fill_rows, order_rows
from tradepulse.execution.journal import read_journal, verify_journal
from tradepulse.interfaces.cli.params import as_json, print_json, print_table


@click.group()
def command() -> None:
    """Look into the order path's journal; run scenario cards against the simulated venue."""


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
        fresh = out.with_name(f".{out.name}.{os.getpid()}")
        fresh.write_text(json.dumps({"cards": rows}, indent=1) + "\n")
        os.replace(fresh, out)
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
    """Rebuild a book's state from its journal and print it."""
    _show(journal, as_json)


@command.command()
@click.option("--book", "book_name", default="paper", show_default=True, help="Name of the book.")
@as_json
@click.pass_obj
def status(obj: dict[str, Path], book_name: str, as_json: bool) -> None:
    """Print where a book of this instance stands."""
    path = obj["home"] / "execution" / book_name / "orders.journal"
    if not path.is_file():
        raise MissingData(f"{path}: book {book_name!r} has not traded yet; make run, or launch execute_signals")
    _show(path, as_json)


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
        "head": head,
    }
    if as_json:
        print_json(found)
        return
    by_status = Counter(row["status"] for row in orders)
    click.echo(
        f"book {book.name} after {book.last_session}: cash {from_micros(book.cash_micros):,.2f}, head {head[:16]}"
    )
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
