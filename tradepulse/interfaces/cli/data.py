"""``tradepulse_cli data``: vendor files into tables, and whether a file can be believed."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from tradepulse.errors import ConfigError, MissingData
from tradepulse.interfaces.cli.params import (
    Places,
    as_json,
    check_place,
    key_values,
    print_json,
    print_table,
    write_rows,
)


@click.group()
def command() -> None:
    """Ingest market data; say whether a file of them can be believed."""


@command.command()
@click.option(
    "--source", required=True, help="Where from: arch (embedded), file, folder, ccxt, yahoo, calendar, or a plug-in."
)
@click.option("--table", "table_name", default=None, help="Rows of which table; the source's first by default.")
@click.option("--path", type=click.Path(path_type=Path), help="File or folder, for the sources file and folder.")
@click.option("--zone", help="Zone of times that the file writes without one, for instance America/New_York.")
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol; may be repeated.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First session.")
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="Last session.")
@click.option(
    "--interval", default="1D", show_default=True, help="Length of bars, where the source has several: 1h, 5min."
)
@click.option("--option", "options", multiple=True, help="Option of the source, as name=value; may be repeated.")
@click.option("--refresh", is_flag=True, help="Fetch again what is already covered: the vendor may have changed it.")
@as_json
@click.pass_obj
def ingest(
    obj: Places, source: str, table_name: str | None, path: Path | None, zone: str | None,
    symbols: tuple[str, ...], start: datetime | None, end: datetime | None, interval: str, options: tuple[str, ...],
    refresh: bool, as_json: bool,
) -> None:  # fmt: skip
    """Take rows from a source into the lake, and say what was accepted and what was not.

    Stopped at any point, the same command goes on where it was.
    """
    import pandas as pd

    from tradepulse.ingestion.backfill import Manifest, backfill
    from tradepulse.ingestion.source import Delivery, Part, Wanted, open_source
    from tradepulse.warehouse.intake import take
    from tradepulse.warehouse.lake import Lake

    first, last = start.date() if start else date.min, end.date() if end else date.max
    if first > last:
        raise ConfigError(f"--start {first} is after --end {last}")
    given = {
        **key_values(options, "--option"),
        **({"path": str(path)} if path else {}),
        **({"zone": zone} if zone else {}),
    }
    opened = open_source(source, given)
    wanted = Wanted(table_name or opened.tables[0], symbols, first, last, interval)
    lake = Lake(obj["lake"])

    def store(delivery: Delivery, rows: "pd.DataFrame", part: Wanted) -> list[str]:
        absent = sorted(set(part.symbols) - set(delivery.accepted["symbol"]))
        if absent and len(delivery.accepted):
            there = ", ".join(sorted(set(delivery.accepted["symbol"]))[:8]) or "none"
            raise ConfigError(f"no {part.table} of {', '.join(absent)} in the range; there are {there}")
        if delivery.received and rows.empty and not len(delivery.quarantined):
            raise ConfigError(f"no {part.table} in the range asked for; widen --start and --end")
        restated = take(lake, delivery.place, rows, first=part.first, last=part.last, symbols=part.symbols)
        if len(delivery.quarantined):
            refused = delivery.quarantined.assign(
                table=pd.Series(delivery.place, delivery.quarantined.index, dtype="str")
            )
            lake.write("quarantine", refused, f"ingest_{delivery.source_hash}")
        return [f"{delivery.place}/{name}" for name in restated]

    def progress(part: Part, number: int, of: int) -> None:
        if sys.stderr.isatty():  # to a person, and never into what was asked for
            dates = "" if part.wanted.first == date.min else f" {part.wanted.first} to {part.wanted.last}"
            click.echo(f"{number}/{of} {part.stream}{dates}", err=True)

    manifest = Manifest(obj["home"] / "ingestion", opened.identity)
    taken = backfill(opened, wanted, manifest, store, refresh=refresh, progress=progress)
    if taken.parts and not taken.received:
        raise MissingData(f"{opened.identity} has no {wanted.table} in the range asked for; widen --start and --end")
    found = {
        "source": source, "table": wanted.table, "parts": taken.parts, "received": taken.received,
        "accepted": taken.accepted, "written": taken.written, "quarantined": taken.quarantined, "why": taken.why,
        "source_hash": taken.source_hash, "restated": taken.restated,
    }  # fmt: skip
    if as_json:
        print_json(found)
    elif not taken.parts:
        click.echo(f"{opened.identity}: everything asked for is covered already; --refresh fetches it again")
    else:
        click.echo(
            f"{taken.written:,} {wanted.table} written of {taken.received:,} received, "
            f"{taken.quarantined:,} quarantined"
        )
        print_table([{"rule": rule, "rows": count} for rule, count in taken.why.items()]) if taken.why else None
        if taken.restated:
            click.echo(
                f"{len(taken.restated):,} partitions say something else than before, {taken.restated[0]} first; "
                "see tradepulse_cli data restatements"
            )


@command.command()
@as_json
@click.pass_obj
def restatements(obj: Places, as_json: bool) -> None:
    """Show what vendors have changed of the past, and which results were made from what they said before."""
    from tradepulse.core.tables.base import records
    from tradepulse.reporting.restatements import write_page
    from tradepulse.warehouse.intake import restatements as restated
    from tradepulse.warehouse.lake import Lake
    from tradepulse.warehouse.stale import stale

    lake = Lake(obj["lake"])
    changes, outdated = restated(lake), stale(lake)
    page = write_page(changes, outdated, obj["reports"] / "data_quality" / "restatements")
    if as_json:
        print_json({"restatements": records(changes), "stale": records(outdated), "report": str(page)})
        return
    shown = [
        {"table": row["table"], "partition": row["partition"], "symbol": row["symbol"],
         "change": f"{row['column'] or 'row'} {row['change']}", "old": row["old"], "new": row["new"]}
        for row in records(changes)
    ]  # fmt: skip
    print_table(shown[:40])
    if len(shown) > 40:
        click.echo(f"and {len(shown) - 40:,} more")
    click.echo(f"\nmade from what was said before ({len(outdated):,}):")
    print_table(records(outdated)[:40])
    click.echo(f"\nreport: {page}")


@command.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV or Parquet file to write.")
@click.option("--table", "table_name", help="Only rows meant for this table.")
@click.pass_obj
def quarantine(obj: Places, out: Path, table_name: str | None) -> None:
    """Write quarantined rows to a file, each with its rule, to be mended there and given to data replay."""
    from tradepulse.warehouse.lake import Lake
    from tradepulse.warehouse.quarantine import refused_rows

    check_place(out)
    rows = refused_rows(Lake(obj["lake"]), table_name)
    write_rows(rows, out)
    click.echo(f"{out}: {len(rows):,} rows; mend them there, then tradepulse_cli data replay {out}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def replay(obj: Places, file: Path, as_json: bool) -> int:
    """Take mended rows out of quarantine. Exit code 1 if one still breaks a rule; it stays where it is."""
    from tradepulse.quality.replay import replayed
    from tradepulse.warehouse.lake import Lake

    outcome = replayed(Lake(obj["lake"]), file)
    if as_json:
        print_json(outcome)
    else:
        click.echo(
            f"{outcome['accepted']:,} of {outcome['replayed']:,} rows accepted, {outcome['left']:,} stay in quarantine"
        )
        print_table(outcome["why"]) if outcome["why"] else None
    return 1 if outcome["why"] else 0


@command.command()
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol; may be repeated.")
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="Last session.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV or Parquet file to write.")
@click.pass_obj
def export(obj: Places, symbols: tuple[str, ...], end: datetime | None, out: Path) -> None:
    """Write the lake's bars, as of a session, to a file that the other commands take as --bars."""
    from tradepulse.warehouse.bars import read_bars
    from tradepulse.warehouse.lake import Lake

    bars = read_bars(Lake(obj["lake"]), until=end.date() if end else None, symbols=symbols or None)
    write_rows(bars, out)
    click.echo(f"{out}: {len(bars):,} bars of {', '.join(sorted(bars['symbol'].unique()))}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "interval", required=True, help="Length of the new bars: 5min, 1h, 1D (a session).")
@click.option("--calendar", "calendar_name", default="XNYS", show_default=True, help="Exchange whose sessions count.")
@click.option(
    "--hours",
    type=click.Choice(["regular", "all"]),
    default="regular",
    show_default=True,
    help="all takes in what lies before the open and after the close.",
)
@click.option("--zone", help="Zone of times that the file writes without one, for instance America/New_York.")
@click.option(
    "--table",
    "table_name",
    type=click.Choice(["bars", "trades"]),
    default="bars",
    show_default=True,
    help="What the file holds.",
)
@click.option("--without-price", multiple=True, help="Sale condition whose trades count for volume only; repeatable.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV or Parquet file to write.")
def resample(
    file: Path, interval: str, calendar_name: str, hours: str, zone: str | None, table_name: str,
    without_price: tuple[str, ...], out: Path,
) -> None:  # fmt: skip
    """Make bars from a file of shorter ones or of trades, right about sessions, half days and daylight saving."""
    from tradepulse.core.resampling import bars_of_trades, interval_named, resampled
    from tradepulse.core.sessions import Calendar
    from tradepulse.ingestion.files import load_whole_bars
    from tradepulse.ingestion.ticks import load_trades

    length, exchange = interval_named(interval), Calendar(calendar_name)
    check_place(out)
    if table_name == "trades":
        trades = load_trades(file, zone=zone).accepted
        bars = bars_of_trades(trades, length, exchange, hours=hours, without_price=without_price)  # type: ignore[arg-type]
    else:
        bars = resampled(load_whole_bars(file, zone=zone), length, exchange, hours=hours)  # type: ignore[arg-type]
    write_rows(bars, out)
    click.echo(f"{out}: {len(bars):,} bars of {interval}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--table",
    "table_name",
    default="bars",
    show_default=True,
    help="What the file should hold: bars, trades, quotes, or book_events (a level-2 recording).",
)
@click.option("--calendar", "calendar_name", help="Exchange whose sessions are expected, for instance XNYS.")
@click.option("--zone", help="Zone of times that are written without one, for instance America/New_York.")
@click.option(
    "--actions", "actions_file", type=click.Path(path_type=Path),
    help="File of corporate actions, with symbol and ex_date, that explain jumps.",
)  # fmt: skip
@click.option("--tick", type=float, help="Smallest step of the price: prices off it are named, for instance 0.01.")
@as_json
def quality(
    file: Path, table_name: str, calendar_name: str | None, zone: str | None, actions_file: Path | None,
    tick: float | None, as_json: bool,
) -> int:  # fmt: skip
    """Give a verdict on a file: each check, what it saw and what failed. Exit code 1 if any failed."""
    from tradepulse.core.sessions import Calendar
    from tradepulse.ingestion.files import load_actions, load_bars
    from tradepulse.ingestion.recording import load_recording
    from tradepulse.ingestion.ticks import load_quotes, load_trades
    from tradepulse.quality.bars import examine
    from tradepulse.quality.book import examine_recording
    from tradepulse.quality.series import prices_are_on_tick
    from tradepulse.quality.ticks import examine_ticks

    exchange = Calendar(calendar_name) if calendar_name else None
    if tick is not None and (not 0 < tick < float("inf") or table_name == "book_events"):
        raise ConfigError(f"--tick {tick}: a price step above zero, of bars, trades or quotes")
    now = datetime.now(UTC)
    match table_name:
        case "bars":
            actions = load_actions(actions_file) if actions_file else set()
            delivery = load_bars(file, exchange=exchange, zone=zone)
            checks, received = examine(delivery, exchange=exchange, actions=actions, now=now), delivery.received
        case "trades" | "quotes":
            delivery = (load_trades if table_name == "trades" else load_quotes)(file, zone=zone)
            checks, received = examine_ticks(delivery, exchange=exchange, now=now), delivery.received
        case "book_events":
            recording = load_recording(file)
            checks, received = examine_recording(recording), recording.lines
        case _:
            raise ConfigError(f"no checks for files of {table_name!r}; there are bars, trades, quotes, book_events")
    if tick is not None:
        checks.append(prices_are_on_tick(delivery.accepted, tick))
    passed = all(check.passed for check in checks)
    rows: list[dict[str, Any]] = [
        {
            "passed": check.passed,
            "verdict": check.verdict,
            "check": check.name,
            "seen": check.seen,
            "failing": check.failing,
            "detail": check.detail,
        }
        for check in checks
    ]
    if as_json:
        print_json({"file": str(file), "passed": passed, "received": received, "checks": rows})
    else:
        print_table(
            [{"": row["verdict"], **{k: row[k] for k in ("check", "seen", "failing", "detail")}} for row in rows]
        )
        click.echo(f"\n{file}: {'passed' if passed else 'FAILED'}")
    return 0 if passed else 1
