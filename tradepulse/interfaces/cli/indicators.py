"""``tradepulse_cli indicators``: list them, compute one over a file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tradepulse.errors import ConfigError
from tradepulse.interfaces.cli.params import (
    as_json,
    check_place,
    key_values,
    number,
    print_json,
    print_table,
    write_rows,
)

if TYPE_CHECKING:
    import pandas as pd

    from tradepulse.core.indicators.base import Indicator


@click.group()
def command() -> None:
    """List indicators; compute one over a file of bars."""


@command.command(name="list")
@as_json
def list_indicators(as_json: bool) -> None:
    """List the indicators with their parameters and outputs."""
    from tradepulse.core.indicators import indicator, names

    declared = [indicator(name) for name in names()]
    if as_json:
        print_json(
            [
                {
                    "name": d.name, "params": dict(d.params), "inputs": d.inputs, "outputs": d.outputs,
                    "warmup": d.warmup(**d.params), "panel": d.panel,
                }
                for d in declared
            ]
        )  # fmt: skip
    else:
        print_table(
            [
                {
                    "indicator": d.name,
                    "parameters": ", ".join(f"{key}={value}" for key, value in d.params.items()),
                    "inputs": " ".join(d.inputs) + (" of each symbol" if d.panel else ""),
                    "outputs": ", ".join(d.outputs),
                    "warm-up": d.warmup(**d.params),
                }
                for d in declared
            ]
        )


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Say what an indicator is: formula, source, shapes, units, NaN, and where its golden values come from."""
    from inspect import getdoc

    from tradepulse.core.indicators import indicator
    from tradepulse.errors import UnknownName
    from tradepulse.quality.golden import load_golden

    declared = indicator(name)
    params = ", ".join(f"{key}={value}" for key, value in declared.params.items())
    click.echo(f"{name}({params}) of {', '.join(declared.inputs)} -> {', '.join(declared.outputs)}\n")
    click.echo(getdoc(declared.compute))
    try:
        about = load_golden(name).metadata
    except UnknownName:
        click.echo("\nGolden values: none; it comes from a plug-in.")
        return
    second = about["second_source"]
    click.echo(f"\nGolden values ({about['version']}): {about['expected_from']}; second source: {second['name']}.")
    click.echo(f"Convention: {about['convention']}.")
    for shape, how in second.get("differs_on", {}).items():
        click.echo(f"The second source differs on the shape {shape}: {how}.")


@command.command()
@click.argument("name")
@click.option("--bars", "bars_file", required=True, type=click.Path(path_type=Path), help="File of bars, or of quotes.")
@click.option("--param", "params", multiple=True, help="name=value; may be repeated.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV or Parquet file to write.")
def compute(name: str, bars_file: Path, params: tuple[str, ...], out: Path) -> None:
    """Compute an indicator over a file of bars: the same rows, its key columns, one column per output.

    An indicator of quotes (queue_imbalance, order_flow_imbalance) takes a file with their columns instead of bars. One
    of many symbols (kuramoto) has the same value in the rows of all symbols at one time.
    """
    import pandas as pd

    from tradepulse.core.indicators import indicator
    from tradepulse.core.indicators.base import BAR_COLUMNS
    from tradepulse.ingestion.files import load_file, load_whole_bars

    declared = indicator(name)
    settings = {key: number(key, value) for key, value in key_values(params).items()}
    declared.settings(**settings)
    check_place(out)
    raw, _ = load_file(bars_file)
    result = raw[[column for column in ("ts", "session", "symbol") if column in raw.columns]].copy()
    for output in declared.outputs:
        result[output] = float("nan")
    if not set(declared.inputs) <= set(BAR_COLUMNS):
        rows = _columns(raw, declared, bars_file)
        groups = rows.groupby("symbol", sort=False) if "symbol" in rows.columns else [("", rows)]
    else:
        rows = load_whole_bars(bars_file)
        groups = rows.groupby("symbol", sort=False)
    for symbol, part in groups:
        if "ts" in part.columns and not part["ts"].is_monotonic_increasing:
            raise ConfigError(f"{bars_file}: bars of {symbol} are not in time order; sort them by ts")
        if not declared.panel:
            values = declared({column: part[column].to_numpy() for column in declared.inputs}, **settings)
            for output, column in values.items():
                result.loc[part.index, output] = column
    if declared.panel:
        if rows["symbol"].nunique() < 2:
            raise ConfigError(f"{bars_file}: {name} compares symbols, and there is only {rows['symbol'].iloc[0]}")
        wide = {column: rows.pivot(index="ts", columns="symbol", values=column) for column in declared.inputs}
        times = next(iter(wide.values())).index
        values = declared({column: frame.to_numpy() for column, frame in wide.items()}, **settings)
        for output, column in values.items():
            result[output] = column[times.get_indexer(pd.Index(rows["ts"]))]
    write_rows(result, out)
    click.echo(f"{out}: {len(result):,} rows of {', '.join(declared.outputs)}")


def _columns(raw: "pd.DataFrame", declared: "Indicator", path: Path) -> "pd.DataFrame":
    """Return the rows of a file that is not of bars, refused if what the indicator reads is not numbers."""
    lacking = [column for column in declared.inputs if column not in raw.columns]
    if lacking:
        raise ConfigError(f"{path}: lacks the column {lacking[0]!r}, which {declared.name} reads")
    if raw.empty:
        raise ConfigError(f"{path}: there are no rows in it")
    for column in declared.inputs:
        if raw[column].dtype.kind not in "fiu":
            raise ConfigError(f"{path}: the column {column!r} is not of numbers")
    return raw
