"""``tradepulse_cli trace``: from a fill back to the vendor's file."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tradepulse.interfaces.cli.params import Places, as_json, print_json, print_table

if TYPE_CHECKING:
    from tradepulse.warehouse.lake import Lake


@click.command()
@click.argument("fill_id", required=False)
@as_json
@click.pass_obj
def command(obj: Places, fill_id: str | None, as_json: bool) -> int:
    """Walk from a fill to the vendor's file, recomputing each hash, and to its cost. Exit code 1 if a link is broken.

    Without FILL_ID it lists the fills.
    """
    from tradepulse.core.tables.base import records
    from tradepulse.warehouse.lake import Lake
    from tradepulse.warehouse.trace import trace, vendor_file_matches

    lake = Lake(obj["lake"])
    if fill_id is None:
        fills = lake.read("fills")[["fill_id", "session", "symbol", "side", "quantity"]]
        rows = [{**row, "session": f"{row['session']:%Y-%m-%d}"} for row in records(fills)]
        print_json(rows) if as_json else print_table(rows)
        return 0
    links = trace(lake, fill_id)
    vendor = vendor_file_matches(links[-1].id)
    whole = all(link.holds for link in links)
    cost, steps = _cost(obj["home"], lake, fill_id)
    if as_json:
        print_json(
            {
                "whole": whole,
                "links": [asdict(link) for link in links],
                "vendor_file": str(vendor) if vendor else None,
                "cost_nano_usd": cost,
                "cost_steps": [dict(zip(("run_id", "step", "session", "nano_usd"), one, strict=True)) for one in steps],
            }
        )
    else:
        print_table([{"": "ok" if k.holds else "BROKEN", "table": k.table, "id": k.id, "says": k.facts} for k in links])
        click.echo(f"\nvendor file with that SHA-256: {vendor or 'not on this machine'}")
        runs = ", ".join(dict.fromkeys(run[:8] for run, *_ in steps))
        click.echo(
            f"cost: USD {cost / 1e9:.9f}, of {len(steps)} steps in runs {runs}" if steps else "cost: was not measured"
        )
    return 0 if whole else 1


def _cost(home: Path, lake: "Lake", fill_id: str) -> tuple[int, list[tuple[str, str, str, int]]]:
    """Return what the sessions of a fill have cost, and the steps that made it."""
    from tradepulse.finops.attribution import cost_lines
    from tradepulse.finops.prices import load_prices
    from tradepulse.finops.units import cost_of_a_fill
    from tradepulse.finops.usage import UsageLog

    usage = UsageLog(home / "usage").frame()
    fills, orders = lake.read("fills"), lake.read("orders")
    fill = fills[fills["fill_id"] == fill_id].iloc[0]
    order = orders[orders["client_order_id"] == fill["client_order_id"]].iloc[0]
    decided, traded = (f"{row['session']:%Y-%m-%d}" for row in (order, fill))
    return cost_of_a_fill(usage, cost_lines(usage, load_prices()), decided, traded)
