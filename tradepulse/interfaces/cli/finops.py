"""``tradepulse_cli finops``: what everything cost."""

from pathlib import Path

import click

from tradepulse.interfaces.cli.params import as_json, print_json, print_table

_KEYS = ("team", "strategy", "environment", "meter", "step", "run_id", "date")


@click.group()
def command() -> None:
    """What everything cost."""


@command.command()
@click.option(
    "--by",
    "keys",
    multiple=True,
    type=click.Choice(_KEYS),
    help="What to split by; team, strategy and environment by default.",
)
@as_json
@click.pass_obj
def report(obj: dict[str, Path], keys: tuple[str, ...], as_json: bool) -> None:
    """Print cost by team, strategy and environment, from what has been measured up to now."""
    from tradepulse.errors import MissingData
    from tradepulse.finops.attribution import cost_lines, rounded, spend
    from tradepulse.finops.prices import load_prices
    from tradepulse.finops.usage import UsageLog

    usage = UsageLog(obj["home"] / "usage").frame()
    if usage.empty:
        raise MissingData(f"nothing has been measured under {obj['home']}; make run, or name the instance with --home")
    chosen = list(keys) or ["team", "strategy", "environment"]
    parts = spend(cost_lines(usage, load_prices()), chosen)
    amounts = parts["cost_nano_usd"].tolist()
    total = sum(amounts)
    if as_json:
        rows = parts.assign(date=parts["date"].dt.strftime("%Y-%m-%d")) if "date" in chosen else parts
        print_json({"parts": rows.to_dict("records"), "total_nano_usd": total, "steps": len(usage)})
        return
    shown = [
        {**{key: f"{row[key]:%Y-%m-%d}" if key == "date" else row[key] for key in chosen}, "USD": f"{amount:.6f}"}
        for row, amount in zip(parts.to_dict("records"), rounded(amounts, 6), strict=True)
    ]
    print_table([*shown, {**dict.fromkeys(chosen, ""), chosen[0]: "total", "USD": f"{rounded([total], 6)[0]:.6f}"}])
    click.echo(f"\n{len(usage):,} steps measured")
