"""``tradepulse_cli indicators``: list them, compute one over a file."""

from pathlib import Path

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
            [{"name": d.name, "params": dict(d.params), "inputs": d.inputs, "outputs": d.outputs} for d in declared]
        )
    else:
        print_table(
            [
                {
                    "indicator": d.name,
                    "parameters": ", ".join(f"{key}={value}" for key, value in d.params.items()),
                    "outputs": ", ".join(d.outputs),
                }
                for d in declared
            ]
        )


@command.command()
@click.argument("name")
@click.option("--bars", "bars_file", required=True, type=click.Path(path_type=Path), help="File of bars.")
@click.option("--param", "params", multiple=True, help="name=value; may be repeated.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV or Parquet file to write.")
def compute(name: str, bars_file: Path, params: tuple[str, ...], out: Path) -> None:
    """Compute an indicator over a file of bars: the same rows, its key columns, one column per output."""
    from tradepulse.core.indicators import indicator
    from tradepulse.ingestion.files import load_file, load_whole_bars

    declared = indicator(name)
    settings = {key: number(key, value) for key, value in key_values(params).items()}
    declared.settings(**settings)
    check_place(out)
    bars = load_whole_bars(bars_file)
    raw, _ = load_file(bars_file)
    result = raw[[column for column in ("ts", "session", "symbol") if column in raw.columns]].copy()
    for output in declared.outputs:
        result[output] = float("nan")
    for symbol, rows in bars.groupby("symbol", sort=False):
        if not rows["ts"].is_monotonic_increasing:
            raise ConfigError(f"{bars_file}: bars of {symbol} are not in time order; sort them by ts")
        values = declared({column: rows[column].to_numpy() for column in declared.inputs}, **settings)
        for output, column in values.items():
            result.loc[rows.index, output] = column
    write_rows(result, out)
    click.echo(f"{out}: {len(result):,} rows of {', '.join(declared.outputs)}")
