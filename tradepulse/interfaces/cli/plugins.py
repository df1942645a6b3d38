"""``tradepulse_cli plugins``: strategies that are shipped and installed."""

import click

from tradepulse.interfaces.cli.params import as_json, print_json, print_table


@click.group()
def command() -> None:
    """Strategies that are shipped and installed."""


@command.command(name="list")
@as_json
def list_plugins(as_json: bool) -> None:
    """List every strategy that can be named, and where it comes from."""
    from tradepulse.core.strategies.loader import strategy_class, strategy_paths

    rows = [
        {
            "strategy": name,
            "version": strategy_class(name).version,
            "parameters": ", ".join(f"{key}={value}" for key, value in strategy_class(name).params.items()),
            "from": path,
        }
        for name, path in strategy_paths().items()
    ]
    print_json(rows) if as_json else print_table(rows)
