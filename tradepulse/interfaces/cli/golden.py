"""``tradepulse_cli golden``: compare with the golden values, or replace them for a reason."""

import getpass
from datetime import UTC, datetime
from pathlib import Path

import click

from tradepulse.interfaces.cli.params import Places, as_json, print_json, print_table


@click.group()
def command() -> None:
    """Indicators, backtests, settlement and costs against their golden values."""


@command.command()
@click.argument("names", nargs=-1)
@as_json
@click.pass_obj
def compare(obj: Places, names: tuple[str, ...], as_json: bool) -> int:
    """Compare what the code computes with the golden values, all sets or those named. Exit code 1 if any differs."""
    from tradepulse.core.tables.base import records
    from tradepulse.interfaces.golden import COMPUTERS
    from tradepulse.quality import golden

    values = golden.compare(names, computers=COMPUTERS)
    page = golden.write_report(values, obj["reports"] / "data_quality" / "regressions")
    verdict = golden.summary(values)
    passed = int(verdict["differing"].sum()) == 0
    rows = [{**row, "largest_difference": f"{row['largest_difference']:.1e}"} for row in records(verdict)]
    if as_json:
        print_json({"passed": passed, "outputs": rows, "report": str(page)})
    else:
        print_table(rows)
        click.echo(f"\n{'all match' if passed else 'DIFFERENT'}; report: {page}")
    return 0 if passed else 1


@command.command()
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV file to write.")
def shapes(name: str, out: Path) -> None:
    """Write the series that a golden set of an indicator is made on: made shapes with a trap each, and real bars."""
    from tradepulse.core.indicators import indicator
    from tradepulse.interfaces.cli.params import check_place
    from tradepulse.quality.shapes import shapes

    declared = indicator(name)
    check_place(out)
    rows = shapes(declared.inputs, declared.panel)
    rows.to_csv(out, index=False)
    click.echo(f"{out}: {len(rows):,} rows of {', '.join(rows['shape'].unique())}")


@command.command()
@click.argument("name")
@click.option(
    "--expected", required=True, type=click.Path(path_type=Path), help="CSV: a column per output, rows as in shapes."
)
@click.option("--source", required=True, help="Where the values come from: a library with its version, a paper.")
@click.option("--second-source", default="hand arithmetic, in the tests of the indicator", show_default=True)
@click.option("--convention", required=True, help="What was chosen where sources disagree.")
@click.option("--tolerance", default=1e-9, show_default=True, help="Largest relative difference that is none.")
@click.option("--approved-by", default=getpass.getuser, help="Who approves it; by default the user.")
def create(
    name: str, expected: Path, source: str, second_source: str, convention: str, tolerance: float, approved_by: str
) -> None:
    """Write the first golden set of an indicator, with values that its code has not computed."""
    from tradepulse.quality import golden

    folder = golden.create(
        name, expected, golden.Origin(source, second_source, convention, tolerance), approved_by,
        datetime.now(UTC).date(),
    )  # fmt: skip
    click.echo(f"wrote {folder}; commit it with the indicator")


@command.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why the old values no longer hold.")
@click.option("--approved-by", default=getpass.getuser, help="Who approves it; by default the user.")
@click.option("--expected", type=click.Path(path_type=Path), help="CSV of the new values of a set that is a table.")
def update(name: str, reason: str, approved_by: str, expected: Path | None) -> None:
    """Write a new version of a golden set, with values from the independent source."""
    from tradepulse.quality import golden

    folder = golden.update(name, reason, approved_by, datetime.now(UTC).date(), expected=expected)
    click.echo(f"wrote {folder}; commit it with the change that it belongs to")
