"""``tradepulse_cli data``: vendor files into tables, and whether a file can be believed."""

import sys
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradepulse.errors import ConfigError
from tradepulse.interfaces.cli.params import as_json, check_place, print_json, print_table, write_rows

if TYPE_CHECKING:
    import pandas as pd

    from tradepulse.warehouse.lake import Lake


@click.group()
def command() -> None:
    """Ingest bars; say whether a file of bars can be believed."""


@command.command()
@click.option("--source", required=True, help="arch (embedded), or file.")
@click.option("--path", type=click.Path(path_type=Path), help="File of bars, for --source file.")
@click.option("--zone", help="Zone of times that the file writes without one, for instance America/New_York.")
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol; may be repeated.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First session.")
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="Last session.")
@as_json
@click.pass_obj
def ingest(
    obj: dict[str, Path], source: str, path: Path | None, zone: str | None, symbols: tuple[str, ...],
    start: datetime | None, end: datetime | None, as_json: bool,
) -> None:  # fmt: skip
    """Take bars from a source into the lake, one partition per session, and say what was accepted and what was not."""
    from tradepulse.ingestion.arch import ArchSource
    from tradepulse.ingestion.coverage import COVERAGE
    from tradepulse.ingestion.files import load_bars
    from tradepulse.warehouse.lake import Lake

    first = start.date() if start else date.min
    last = end.date() if end else date.max
    if first > last:
        raise ConfigError(f"--start {first} is after --end {last}")
    if source == "arch":
        covered = COVERAGE["arch"]
        delivery = ArchSource().bars(max(first, covered[0]), min(last, covered[1]))
    elif source == "file":
        if path is None:
            raise ConfigError("--source file needs --path FILE")
        delivery = load_bars(path, zone=zone)
    else:
        raise ConfigError(f"no source named {source!r}; there are arch and file")
    bars = delivery.accepted
    days = bars["session"].dt.date
    bars = bars[(days >= first) & (days <= last)]
    if symbols:
        absent = sorted(set(symbols) - set(bars["symbol"]))
        if absent:
            raise ConfigError(
                f"no bars of {', '.join(absent)} in the range; there are {', '.join(sorted(set(bars['symbol'])))}"
            )
        bars = bars[bars["symbol"].isin(symbols)]
    if bars.empty:
        raise ConfigError("no bars in the range asked for; widen --start and --end")
    if bars.duplicated(["session", "symbol"]).any():
        raise ConfigError(f"{path}: has several bars per session; the lake keeps daily bars, resample the file first")
    lake = Lake(obj["home"] / "lake")
    quarantined = delivery.quarantined
    sessions = {f"{day:%Y-%m-%d}": rows for day, rows in _merged(lake, bars).groupby("session")}
    # Progress goes to stderr, and only to a person; standard output is for what was asked.
    years = [list(group) for _, group in groupby(sessions, key=lambda session: session[:4])]
    with click.progressbar(years, label="years", file=sys.stderr, hidden=not sys.stderr.isatty()) as shown:
        for year in shown:
            lake.write_each("bars", {session: sessions[session] for session in year})
    lake.write("quarantine", quarantined, f"ingest_{delivery.source_hash}")
    reasons = quarantined["rule"].value_counts().to_dict()
    found = {
        "source": source, "received": delivery.received, "accepted": len(delivery.accepted), "written": len(bars),
        "quarantined": len(quarantined), "why": reasons, "source_hash": delivery.source_hash,
    }  # fmt: skip
    if as_json:
        print_json(found)
    else:
        click.echo(f"{len(bars):,} bars written of {delivery.received:,} received, {len(quarantined):,} quarantined")
        print_table([{"rule": rule, "rows": count} for rule, count in reasons.items()]) if reasons else None


@command.command()
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol; may be repeated.")
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="Last session.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV or Parquet file to write.")
@click.pass_obj
def export(obj: dict[str, Path], symbols: tuple[str, ...], end: datetime | None, out: Path) -> None:
    """Write the lake's bars, as of a session, to a file that the other commands take as --bars."""
    from tradepulse.warehouse.bars import read_bars
    from tradepulse.warehouse.lake import Lake

    bars = read_bars(Lake(obj["home"] / "lake"), until=end.date() if end else None, symbols=symbols or None)
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
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV or Parquet file to write.")
def resample(file: Path, interval: str, calendar_name: str, hours: str, zone: str | None, out: Path) -> None:
    """Make longer bars from a file of shorter ones, right about sessions, half days and daylight saving."""
    from tradepulse.core.resampling import interval_named, resampled
    from tradepulse.core.sessions import Calendar
    from tradepulse.ingestion.files import load_whole_bars

    length, exchange = interval_named(interval), Calendar(calendar_name)
    check_place(out)
    bars = resampled(load_whole_bars(file, zone=zone), length, exchange, hours=hours)  # type: ignore[arg-type]
    write_rows(bars, out)
    click.echo(f"{out}: {len(bars):,} bars of {interval}")


def _merged(lake: "Lake", bars: "pd.DataFrame") -> "pd.DataFrame":
    """Return bars with those rows of the same sessions that the lake has of other symbols."""
    import pandas as pd

    there = set(lake.partitions("bars"))
    shared = [session for session in bars["session"].dt.strftime("%Y-%m-%d").unique() if session in there]
    if not shared:
        return bars
    kept = lake.read("bars", shared)
    keys = bars.set_index(["session", "symbol"]).index
    kept = kept[~kept.set_index(["session", "symbol"]).index.isin(keys)]
    return pd.concat([kept, bars]).sort_values(["session", "symbol"], kind="stable")


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
@as_json
def quality(
    file: Path, table_name: str, calendar_name: str | None, zone: str | None, actions_file: Path | None, as_json: bool
) -> int:
    """Give a verdict on a file: each check, what it saw and what failed. Exit code 1 if any failed."""
    from tradepulse.core.sessions import Calendar
    from tradepulse.ingestion.files import load_actions, load_bars
    from tradepulse.ingestion.recording import load_recording
    from tradepulse.ingestion.ticks import load_quotes, load_trades
    from tradepulse.quality.bars import examine
    from tradepulse.quality.book import examine_recording
    from tradepulse.quality.ticks import examine_ticks

    exchange = Calendar(calendar_name) if calendar_name else None
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
