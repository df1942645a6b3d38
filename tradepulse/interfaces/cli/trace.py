"""``tradepulse_cli trace``: from a fill back to the vendor's file."""

from dataclasses import asdict

import click

from tradepulse.interfaces.cli.params import Places, as_json, print_json, print_table


@click.command()
@click.argument("fill_id", required=False)
@as_json
@click.pass_obj
def command(obj: Places, fill_id: str | None, as_json: bool) -> int:
    """Walk from a fill to the vendor's file, recomputing each hash. Exit code 1 if a link is broken.

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
    if as_json:
        print_json(
            {"whole": whole, "links": [asdict(link) for link in links], "vendor_file": str(vendor) if vendor else None}
        )
    else:
        print_table([{"": "ok" if k.holds else "BROKEN", "table": k.table, "id": k.id, "says": k.facts} for k in links])
        click.echo(f"\nvendor file with that SHA-256: {vendor or 'not on this machine'}")
    return 0 if whole else 1
