"""What several commands take and print."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click

from tradepulse.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd


class Places(TypedDict):
    """Where an instance keeps its state, its pages, and its tables: a folder, or the URI of a bucket."""

    home: Path
    reports: Path
    lake: Path | str


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
mlflow_uri = click.option(
    "--mlflow-uri", envvar="TRADEPULSE_MLFLOW_URI", default="", help="MLflow store other than the instance's own."
)


def key_values(pairs: Sequence[str], option: str = "--param") -> dict[str, str]:
    """Return ``k=v`` pairs as a dict.

    Parameters
    ----------
    pairs : as given
    option : that they were given with, for messages

    Raises
    ------
    ConfigError
        If one has no ``=``, or a key comes twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key or not value:
            raise ConfigError(f"{option} {pair!r}: write it as name=value")
        if key in found:
            raise ConfigError(f"{option} {key}: given twice")
        found[key] = value
    return found


def number(name: str, text: str, option: str = "--param ") -> float:
    """Return a parameter's value as a number, a whole one as int; ``option`` is what it was given with."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError as exc:
        raise ConfigError(f"{option}{name}={text}: not a number") from exc
    return int(value) if value.is_integer() else value


def book_option(default: str, help: str = "Name of the book.") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option that names a book; it becomes a folder, so it is no path."""

    def checked(context: click.Context, option: click.Parameter, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise ConfigError(
                f"--book {name!r}: a name is made of up to 64 letters, digits, dots, dashes and underscores, and "
                "begins with a letter or digit"
            )
        return name

    return click.option("--book", "name", default=default, show_default=True, callback=checked, help=help)


def values_of(name: str, text: str) -> tuple[float, ...]:
    """Return the values of a parameter: one, or ``first:last:step`` in exact decimal steps.

    Raises
    ------
    ConfigError
        If it is neither, or has more than a hundred thousand.
    """
    parts = text.split(":")
    if len(parts) == 1:
        return (number(name, text),)
    numbers = [number(name, part) for part in (*parts, "1")[:3]]
    if not all(map(isfinite, numbers)):
        raise ConfigError(f"--param {name}={text}: not a number")
    first, last, step = (Decimal(str(value)) for value in numbers)
    fractions = len(parts) == 2 and not (first == int(first) and last == int(last))
    if len(parts) > 3 or step <= 0 or last < first or fractions:
        raise ConfigError(f"--param {name}={text}: write first:last:step with first <= last and step above 0")
    count = int((last - first) / step) + 1
    if count > 100_000:
        raise ConfigError(f"--param {name}={text}: {count:,} values, at most 100,000")
    return tuple(number(name, str(first + at * step)) for at in range(count))


def check_place(out: Path) -> None:
    """Refuse a place for a table that nothing can be written to, before anything is computed for it.

    Raises
    ------
    ConfigError
        If it ends in neither .csv nor .parquet, or its folder does not exist.
    """
    if out.suffix not in {".csv", ".parquet"}:
        raise ConfigError(f"--out {out}: end it in .csv or .parquet")
    if not out.parent.is_dir():
        raise ConfigError(f"--out {out}: the folder {out.parent} does not exist")


def write_rows(rows: "pd.DataFrame", out: Path) -> None:
    """Write rows as CSV or Parquet, by the file's ending, whole or not at all."""
    check_place(out)
    fresh = out.with_name(f".{os.getpid()}.{out.name}")
    try:
        rows.to_csv(fresh, index=False) if out.suffix == ".csv" else rows.to_parquet(fresh, index=False)
        os.replace(fresh, out)
    finally:
        fresh.unlink(missing_ok=True)


def print_json(content: Any) -> None:
    """Print a value as JSON with sorted keys; dates and exact amounts as text."""
    click.echo(json.dumps(content, indent=1, sort_keys=True, default=str, allow_nan=False))


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as an aligned table, numbers to the right, or say that there are none."""
    from tabulate import tabulate

    if not rows:
        click.echo("none")
        return
    numeric = [
        all(isinstance(row[key], int | float) and not isinstance(row[key], bool) for row in rows) for key in rows[0]
    ]
    cells = [[f"{value:,.6g}" if isinstance(value, float) else value for value in row.values()] for row in rows]
    alignment = ["right" if right else "left" for right in numeric]
    click.echo(tabulate(cells, headers=list(rows[0]), disable_numparse=True, colalign=alignment))


@contextmanager
def fresh_folder(out: Path) -> Iterator[Path]:
    """Give a fresh folder that takes the place of ``out`` once it is whole; refuse one that is no backtest's."""
    if out.exists() and not (out.is_dir() and ((out / "summary.json").exists() or not any(out.iterdir()))):
        raise ConfigError(f"--out {out}: exists and is no folder of a backtest; name another")
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        fresh.mkdir(parents=True)
        yield fresh
        shutil.rmtree(out, ignore_errors=True)
        os.replace(fresh, out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
