"""``tradepulse_cli golden``: compare with the golden values, or replace them for a reason."""

import getpass
from datetime import UTC, datetime
from pathlib import Path

import click

from tradepulse.interfaces.cli.params import as_json, print_json, print_table


@click.group()
def command() -> None:
    """Indicators, backtests, settlement and costs against their golden values."""


@command.command()
@click.argument("names", nargs=-1)
@as_json
@click.pass_obj
def compare(obj: dict[str, Path], names: tuple[str, ...], as_json: bool) -> int:
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
@click.option("--reason", required=True, help="Why the old values no longer hold.")
@click.option("--approved-by", default=getpass.getuser, help="Who approves it; by default the user.")
@click.option("--expected", type=click.Path(path_type=Path), help="CSV of the new values of a set that is a table.")
def update(name: str, reason: str, approved_by: str, expected: Path | None) -> None:
    """Write a new version of a golden set, with values from the independent source."""
    from tradepulse.quality import golden

    folder = golden.update(name, reason, approved_by, datetime.now(UTC).date(), expected=expected)
    click.echo(f"wrote {folder}; commit it with the change that it belongs to")
