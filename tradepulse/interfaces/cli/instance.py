"""``tradepulse_cli instance``: back an instance up, and restore it."""

from pathlib import Path

import click

from tradepulse.interfaces.cli.params import Places


@click.group()
def command() -> None:
    """Back an instance up, and restore it."""


@command.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to make.")
@click.pass_obj
def backup(obj: Places, out: Path) -> None:
    """Copy the whole instance, while it works, with the hash of every file: tables, journals, databases, usage."""
    from tradepulse.warehouse.backup import back_up

    click.echo(f"{back_up(obj['home'], out):,} files in {out}")


@command.command()
@click.argument("backup", type=click.Path(path_type=Path))
@click.pass_obj
def restore(obj: Places, backup: Path) -> None:
    """Put a backup in place of an instance that is not there; nothing is overwritten."""
    from tradepulse.warehouse.backup import restore as put_back

    click.echo(f"{put_back(backup, obj['home']):,} files in {obj['home']}")
