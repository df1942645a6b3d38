"""``tradepulse_cli finops``: what everything cost."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tradepulse.core.files import replace_text
from tradepulse.interfaces.cli.params import Places, as_json, key_values, print_json, print_table

if TYPE_CHECKING:
    from decimal import Decimal

    import pandas as pd

    from tradepulse.finops.burn import Burn
    from tradepulse.finops.suggestions.base import Suggestion
    from tradepulse.finops.units import Unit
    from tradepulse.warehouse.lake import Lake

_KEYS = ("team", "strategy", "environment", "meter", "step", "run_id", "date")
#: What the ledger does not repeat: it stands in the usage that each of its lines prices.
_OF_USAGE = ("partition", "job", "user", "trial_id")


@click.group()
def command() -> None:
    """What everything cost."""


def _measured(home: Path) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the usage of an instance, and what all of it cost; refuse one that has measured nothing."""
    from tradepulse.errors import MissingData
    from tradepulse.finops.attribution import cost_lines
    from tradepulse.finops.prices import load_prices
    from tradepulse.finops.usage import UsageLog

    usage = UsageLog(home / "usage").frame()
    if usage.empty:
        raise MissingData(f"nothing has been measured under {home}; make run, or name the instance with --home")
    return usage, cost_lines(usage, load_prices())


@command.command()
@click.option(
    "--by",
    "keys",
    multiple=True,
    type=click.Choice([*_KEYS, *_OF_USAGE]),
    help="What to split by; team, strategy and environment by default.",
)
@as_json
@click.pass_obj
def report(obj: Places, keys: tuple[str, ...], as_json: bool) -> None:
    """Print cost by team, strategy and environment, from what has been measured up to now."""
    from tradepulse.finops.attribution import rounded, spend

    usage, costs = _measured(obj["home"])
    chosen = list(keys) or ["team", "strategy", "environment"]
    if also := [key for key in chosen if key in _OF_USAGE]:
        line = ["run_id", "step", "started_at"]
        costs = costs.merge(usage[[*line, *also]], on=line, how="left", validate="many_to_one")
    parts = spend(costs, chosen)
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


@command.command()
@as_json
@click.pass_obj
def suggestions(obj: Places, as_json: bool) -> None:
    """Say what could cost less, with its evidence, what it would have saved, and how much of that is proven."""
    _, costs = _measured(obj["home"])
    found = _suggested(obj, costs)
    total = int(costs["cost_nano_usd"].sum())
    if as_json:
        print_json({"suggestions": [one.row() for one in found], "total_nano_usd": total})
        return
    print_table(
        [
            {
                "id": one.id, "team": one.team, "what": one.finding, "saves USD": f"{one.expected_nano_usd / 1e9:.6f}",
                "proven USD": f"{one.proven_nano_usd / 1e9:.6f}",
                "verified USD": "" if one.verified_nano_usd is None else f"{one.verified_nano_usd / 1e9:.6f}",
                "how": one.how,
            }
            for one in found
        ]
    )  # fmt: skip
    proven = sum(one.proven_nano_usd for one in found)
    click.echo(
        f"\n{len(found)} suggestions; {proven / 1e9:.6f} of USD {total / 1e9:.6f} measured could have been saved"
    )


@command.command()
@click.argument("id")
@click.option("--bars", "bars_file", type=click.Path(path_type=Path), help="Bars of a sweep that the lake has not.")
@click.option("--mlflow-uri", envvar="TRADEPULSE_MLFLOW_URI", default="", help="MLflow store of a sweep's trials.")
@as_json
@click.pass_obj
def verify(obj: Places, id: str, bars_file: Path | None, mlflow_uri: str, as_json: bool) -> int:
    """Do the last run that a suggestion stands on twice, as it was and as suggested, and say what that saves.

    Both are done in copies of the instance. What they make is held against each other: exit code 1 where a result
    changed, and then nothing is saved. It takes as long, and costs as much, as the run twice.
    """
    from tradepulse.errors import ConfigError, UnknownName
    from tradepulse.finops.suggestions.verified import keep, verified
    from tradepulse.ingestion.files import load_whole_bars
    from tradepulse.interfaces.counterfactual import rerun

    usage, costs = _measured(obj["home"])
    found = {one.id: one for one in _suggested(obj, costs)}
    if id not in found:
        raise UnknownName("suggestion", id, found)
    if obj["lake"] != obj["home"] / "lake":
        raise ConfigError(f"a re-run copies the instance, and its lake is not in it but at {obj['lake']}")
    folder = obj["reports"] / "finops" / "verified"
    bars = None if bars_file is None else load_whole_bars(bars_file)
    done = rerun(found[id], obj["home"], usage, bars, mlflow_uri)
    keep(done, folder)
    [one] = verified([found[id]], folder)
    if as_json:
        print_json({**asdict(done), "share": done.share, "suggestion": one.row()})
        return 1 if done.differing else 0
    click.echo(
        f"as it was USD {done.as_was_nano_usd / 1e9:.9f}, as suggested USD {done.as_suggested_nano_usd / 1e9:.9f}; "
        f"{done.compared} results compared, {len(done.differing)} differ"
    )
    for name in done.differing[:10]:
        click.echo(f"  {name}")
    saved = one.verified_nano_usd or 0
    click.echo(f"verified: USD {saved / 1e9:.9f} of the USD {one.expected_nano_usd / 1e9:.9f} expected")
    return 1 if done.differing else 0


@command.command()
@as_json
@click.pass_obj
def units(obj: Places, as_json: bool) -> None:
    """Say what one backtest, order, promoted strategy, point of Sharpe and run of each asset have cost."""
    from tradepulse.finops.units import units as unit_costs
    from tradepulse.warehouse.lake import Lake

    _, costs = _measured(obj["home"])
    lake = Lake(obj["lake"])
    tables = (_rows(lake, name) for name in ("trials", "promotions", "orders"))
    found = unit_costs(costs, *tables)
    if as_json:
        print_json([{**asdict(one), "each_nano_usd": one.each_nano_usd} for one in found])
        return
    print_table(
        [
            {"one": one.name, "there are": f"{one.count:g}", "USD together": f"{one.total_nano_usd / 1e9:.6f}",
             "USD each": "" if one.each_nano_usd is None else f"{one.each_nano_usd / 1e9:.9f}"}
            for one in found
        ]
    )  # fmt: skip


@command.command()
@click.option("--share", default=0.15, show_default=True, help="Deviation from forecast that opens an incident.")
@click.option("--floor-usd", default=1.0, show_default=True, help="Smallest deviation worth an incident, USD a day.")
@as_json
@click.pass_obj
def burn(obj: Places, share: float, floor_usd: float, as_json: bool) -> int:
    """Say what each day and month costs, what tomorrow should, and where a team deviated; opens incidents.

    Incidents are posted to the channels of their severity: the URLs of apprise in the environment's TRADEPULSE_PAGE_TO
    and TRADEPULSE_WARN_TO, which are secrets. Exit code 1 while an incident is open that nobody has acknowledged, or
    one could not be posted.
    """
    from datetime import UTC, datetime

    from tradepulse.errors import ConfigError
    from tradepulse.finops.alerts import channels, post
    from tradepulse.finops.burn import look
    from tradepulse.finops.forecast import LEAST
    from tradepulse.finops.incidents import Incidents
    from tradepulse.finops.prices import NANO

    if not 0 < share < 100 or not 0 <= floor_usd < 1e9:
        raise ConfigError(f"--share {share:g} and --floor-usd {floor_usd:g}: a fraction above 0, and an amount")
    _, costs = _measured(obj["home"])
    incidents, now = Incidents(obj["reports"] / "finops" / "incidents"), datetime.now(UTC)
    seen = look(costs, incidents, now, share=share, floor_usd=floor_usd)
    days, months, ahead, waiting = seen.days, seen.months, seen.ahead, seen.waiting
    failed = post(incidents, channels(), now)
    for line in failed:
        click.echo(line, err=True)
    if as_json:
        print_json(
            {
                "days": {f"{day:%Y-%m-%d}": int(amount) for day, amount in days.items()},
                "months": {str(month): int(amount) for month, amount in months.items()},
                "forecast": None if ahead is None else {"nano_usd": round(ahead.nano_usd), "model": ahead.model,
                                                        "mape": ahead.mape, "days": ahead.days},
                "incidents": waiting,
            }
        )  # fmt: skip
        return 1 if waiting or failed else 0
    print_table([{"day": f"{day:%Y-%m-%d}", "USD": f"{amount / NANO:.6f}"} for day, amount in days.tail(14).items()])
    print_table([{"month": month, "USD": f"{amount / NANO:.6f}"} for month, amount in months.items()])
    if ahead is None:
        click.echo(f"\n{len(days)} days measured; a forecast needs {LEAST}")
    else:
        errors = ", ".join(f"{name} {error:.1%}" for name, error in ahead.mape.items())
        click.echo(f"\nthe next day should cost USD {ahead.nano_usd / NANO:.6f} by {ahead.model}")
        click.echo(f"mean absolute error a day ahead over {ahead.days} days: {errors}")
    if waiting:
        print_table(
            [
                {"id": one["id"], "severity": one["severity"], "team": one["team"], "day": one["day"],
                 "USD": f"{one['actual_nano_usd'] / NANO:.6f}", "forecast": f"{one['forecast_nano_usd'] / NANO:.6f}",
                 "cause": " ".join(str(part) for part in one["causes"][0][:3]) if one["causes"] else ""}
                for one in waiting
            ]
        )  # fmt: skip
        click.echo("\nacknowledge one with: tradepulse_cli finops ack ID --by NAME")
    return 1 if waiting or failed else 0


def _suggested(obj: Places, costs: "pd.DataFrame") -> "list[Suggestion]":
    """Return the suggestions of an instance, each with what its re-run has verified."""
    from tradepulse.finops.suggestions.base import suggestions as suggested
    from tradepulse.finops.suggestions.verified import verified
    from tradepulse.finops.usage import UsageLog
    from tradepulse.warehouse.lake import Lake

    lake, outputs = Lake(obj["lake"]), UsageLog(obj["home"] / "usage").outputs()
    found = suggested(costs, outputs, _rows(lake, "trials"), _rows(lake, "bills"))
    return verified(found, obj["reports"] / "finops" / "verified")


def _picture(obj: Places) -> "tuple[pd.DataFrame, Burn, list[Unit], list[Suggestion]]":
    """Return the ledger, and what it says, for every view of it."""
    from datetime import UTC, datetime

    from tradepulse.finops.burn import look
    from tradepulse.finops.incidents import Incidents
    from tradepulse.finops.units import units as unit_costs
    from tradepulse.warehouse.lake import Lake

    _, costs = _measured(obj["home"])
    lake = Lake(obj["lake"])
    trials, promotions, orders = (_rows(lake, name) for name in ("trials", "promotions", "orders"))
    seen = look(costs, Incidents(obj["reports"] / "finops" / "incidents"), datetime.now(UTC))
    return costs, seen, unit_costs(costs, trials, promotions, orders), _suggested(obj, costs)


def _check_file(out: Path | None) -> None:
    from tradepulse.errors import ConfigError

    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise ConfigError(f"--out {out}: name a file in a folder that exists")


@command.command()
@click.option("--out", type=click.Path(path_type=Path), help="File to write; finops/costs.html of the reports.")
@click.pass_obj
def page(obj: Places, out: Path | None) -> None:
    """Write the cost page: burn, forecast, incidents, who paid for what, unit costs, savings."""
    from tradepulse.finops.page import write_cost_page

    _check_file(out)
    costs, seen, one_of_each, suggested = _picture(obj)
    click.echo(write_cost_page(costs, seen, one_of_each, suggested, out or obj["reports"] / "finops" / "costs.html"))


@command.command()
@click.option("--out", type=click.Path(path_type=Path), help="File for a node exporter to pick up; standard output.")
@click.pass_obj
def metrics(obj: Places, out: Path | None) -> None:
    """Print the metrics of what everything costs, in the text format of Prometheus."""
    from tradepulse.finops.metrics import metrics as exposition

    _check_file(out)
    text = exposition(*_picture(obj))
    if out is None:
        click.echo(text, nl=False)
        return
    click.echo(replace_text(out, text))


@command.command()
@click.option("--ledger", required=True, type=click.Path(path_type=Path), help="Folder of a Parquet file a day.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the roll-up.")
@as_json
def rollup(ledger: Path, out: Path, as_json: bool) -> None:
    """Roll a ledger too large for memory up by day, team, strategy, environment and meter; only days that changed.

    The files have the columns of costs and are named by their day, such as 2026-01-31.parquet.
    """
    from tradepulse.warehouse.ledger_rollup import roll_up

    rolled = roll_up(ledger, out)
    if as_json:
        print_json(asdict(rolled))
        return
    click.echo(
        f"{len(rolled.changed):,} of {rolled.days:,} days rolled up; {rolled.rows:,} rows, "
        f"USD {rolled.total_nano_usd / 1e9:,.6f}"
    )


@command.command()
@click.argument("id", required=False)
@click.option("--by", "who", default="", help="Who says so.")
@click.option(
    "--state", type=click.Choice(["acknowledged", "mitigated", "closed"]), default="acknowledged", show_default=True
)
@click.option("--note", default="", help="What was done; asked for when it is mitigated or closed.")
@as_json
@click.pass_obj
def ack(obj: Places, id: str | None, who: str, state: str, note: str, as_json: bool) -> None:
    """Acknowledge an incident, or say what was done about it; without an ID, list them."""
    from datetime import UTC, datetime

    from tradepulse.finops.incidents import Incidents

    incidents = Incidents(obj["reports"] / "finops" / "incidents")
    found = incidents.all() if id is None else [incidents.move(id, state, who, note, datetime.now(UTC))]
    if as_json:
        print_json(found if id is None else found[0])
        return
    print_table(
        [
            {
                key: one[key]
                for key in ("id", "state", "severity", "team", "day", "hours_to_acknowledge", "hours_to_mitigate")
            }
            for one in found
        ]
    )


def _rows(lake: "Lake", name: str) -> "pd.DataFrame":
    """Return a table of the lake; no rows where it has not been made."""
    from tradepulse.core.tables import table

    return lake.read(name) if lake.partitions(name) else table(name).no_rows()


@command.command(name="import")
@click.option("--focus", type=click.Path(path_type=Path), help="FOCUS 1.0 to 1.2: CSV or Parquet.")
@click.option("--aws-cur", "aws", type=click.Path(path_type=Path), help="AWS Cost and Usage Report.")
@click.option("--azure", type=click.Path(path_type=Path), help="Azure cost details.")
@click.option("--oci", type=click.Path(path_type=Path), help="OCI cost report.")
@click.option("--zone", default="UTC", show_default=True, help="Zone of times written without one; FOCUS says UTC.")
@click.option("--correct", is_flag=True, help="It replaces what was billed to its accounts on its days.")
@click.option("--add", is_flag=True, help="It is another part of a bill that is there already.")
@as_json
@click.pass_obj
def import_bill(
    obj: Places, focus: Path | None, aws: Path | None, azure: Path | None, oci: Path | None, zone: str,
    correct: bool, add: bool, as_json: bool,
) -> None:  # fmt: skip
    """Take a bill into the lake; say what was accepted, what was not and why, and whether the file keeps FOCUS.

    A file that is there already is refused, and so is another bill of the same account and days unless it is said
    what it is: a correction (the old charges are kept beside, see data restatements) or another part.
    """
    from collections import Counter
    from decimal import Decimal

    import pandas as pd

    from tradepulse.errors import ConfigError, MissingData
    from tradepulse.finops.focus import conformance
    from tradepulse.ingestion.files import load_file
    from tradepulse.ingestion.focus import load_bills
    from tradepulse.warehouse.intake import take
    from tradepulse.warehouse.lake import Lake

    given = {name: path for name, path in (("focus", focus), ("aws", aws), ("azure", azure), ("oci", oci)) if path}
    if len(given) != 1:
        raise ConfigError("name one file: --focus FILE, --aws-cur FILE, --azure FILE or --oci FILE")
    [(export, path)] = given.items()
    if correct and add:
        raise ConfigError("--correct and --add: a bill is one or the other")
    delivery = load_bills(path, zone=zone, export=None if export == "focus" else export)
    # A provider's own export is not in FOCUS, and is not held against it.
    verdict = conformance(load_file(path, text=True)[0].fillna("")) if export == "focus" else []
    lake = Lake(obj["lake"])
    rows = delivery.accepted.assign(source=export)
    days = rows["ts"].dt.strftime("%Y-%m-%d")
    there = _bills_of(lake, sorted(set(days)))
    if (there["source_hash"] == delivery.source_hash).any():
        raise ConfigError(f"{path}: this very file is imported already; nothing is charged twice")
    pairs = set(zip(days, rows["symbol"], strict=True))
    again = sorted(pairs & set(zip(there["ts"].dt.strftime("%Y-%m-%d"), there["symbol"], strict=True)))
    if again and not (correct or add):
        raise ConfigError(
            f"{path}: account {again[0][1]} has a bill of {again[0][0]} already; say --correct if this one replaces "
            "it, or --add if it is another part"
        )
    if rows.empty and not len(delivery.quarantined):
        raise MissingData(f"{path}: no charge in it")
    if add and again:
        # The lake replaces what it has of an account and day: the part goes in together with what is there.
        same = [pair in pairs for pair in zip(there["ts"].dt.strftime("%Y-%m-%d"), there["symbol"], strict=True)]
        restated = take(lake, "bills", pd.concat([there[same], rows], ignore_index=True))
    else:
        restated = take(lake, "bills", rows)
    if len(delivery.quarantined):
        lake.write("quarantine", delivery.quarantined, f"ingest_{delivery.source_hash}")
    totals: dict[str, Decimal] = {}
    for currency, billed in zip(rows["currency"], rows["billed"], strict=True):
        totals[currency] = totals.get(currency, Decimal(0)) + Decimal(billed)
    broken = [rule for rule in verdict if not rule.kept]
    why = Counter(delivery.quarantined["rule"].tolist())
    if as_json:
        print_json(
            {
                "file": str(path), "source_hash": delivery.source_hash, "received": delivery.received,
                "accepted": len(rows), "quarantined": len(delivery.quarantined), "why": dict(why),
                "billed": {currency: f"{amount:f}" for currency, amount in sorted(totals.items())},
                "restated": restated, "conforms": not broken,
                "broken_rules": [{"rule": r.name, "rows": r.broken, "first": r.first} for r in broken],
            }
        )  # fmt: skip
        return
    click.echo(f"{len(rows):,} charges accepted of {delivery.received:,}, {len(delivery.quarantined):,} quarantined")
    print_table([{"rule": rule, "rows": count} for rule, count in why.items()]) if why else None
    for currency, amount in sorted(totals.items()):
        click.echo(f"billed {amount:f} {currency}")
    if restated:
        click.echo(f"{len(restated):,} days say something else than before; see tradepulse_cli data restatements")
    if broken:
        click.echo(f"\nThe file breaks {len(broken)} of {len(verdict)} rules of FOCUS:")
        print_table([{"rule": rule.name, "rows": rule.broken, "first": rule.first} for rule in broken])
    else:
        click.echo(f"the file keeps all {len(verdict)} rules of FOCUS that were asked")


def _rate(currency: str, text: str) -> "Decimal":
    from decimal import Decimal, InvalidOperation

    from tradepulse.errors import ConfigError

    try:
        rate = Decimal(text)
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or rate <= 0:
        raise ConfigError(f"--rate {currency}={text}: USD for one {currency}, a number above zero")
    return rate


def _bills_of(lake: "Lake", days: list[str]) -> "pd.DataFrame":
    from tradepulse.core.tables import table

    held = [day for day in days if day in set(lake.partitions("bills"))]
    return lake.read("bills", held) if held else table("bills").no_rows()


@command.command()
@click.option("--focus", "path", required=True, type=click.Path(path_type=Path), help="CSV or Parquet file to write.")
@click.option("--account", default="tradepulse", show_default=True, help="Billing account that the charges are of.")
@click.pass_obj
def export(obj: Places, path: Path, account: str) -> None:
    """Write what has been metered as a FOCUS 1.2 file that keeps all of its mandatory rules."""
    from tradepulse.errors import DataError
    from tradepulse.finops.focus import conformance, exported
    from tradepulse.interfaces.cli.params import check_place, write_rows

    check_place(path)
    rows = exported(_measured(obj["home"])[1], account)
    broken = [rule for rule in conformance(rows) if not rule.kept]
    if broken:
        raise DataError(
            f"the export would break a rule of FOCUS: {broken[0].name} ({broken[0].first}); nothing is written"
        )
    write_rows(rows, path)
    days = rows["ChargePeriodStart"].str[:10]
    click.echo(f"{path}: {len(rows):,} charges of {days.min()} to {days.max()}")


@command.command()
@click.option("--overhead-service", "overhead", multiple=True, help="Service whose usage is nobody's workload.")
@click.option("--rate", "rates", multiple=True, help="EUR=1.08: USD for one of another currency that was billed in.")
@as_json
@click.pass_obj
def allocate(obj: Places, overhead: tuple[str, ...], rates: tuple[str, ...], as_json: bool) -> None:
    """Divide the imported bills into workload by team, idle and overhead; day by day they add up to the bill."""
    from decimal import Decimal

    from tradepulse.core.money import apportioned
    from tradepulse.errors import UnknownName
    from tradepulse.finops.allocation import allocated
    from tradepulse.finops.attribution import cost_lines
    from tradepulse.finops.prices import load_prices
    from tradepulse.finops.usage import UsageLog
    from tradepulse.warehouse.lake import Lake

    lake = Lake(obj["lake"])
    bills = _bills_of(lake, lake.partitions("bills"))
    for name in overhead:
        if name not in set(bills["service"]):
            raise UnknownName("service on the bills", name, sorted(set(bills["service"])))
    costs = cost_lines(UsageLog(obj["home"] / "usage").frame(), load_prices())
    usd = {currency: _rate(currency, text) for currency, text in key_values(rates, "--rate").items()}
    rows = allocated(bills, costs, overhead_services=overhead, usd_for_one=usd).to_dict("records")
    groups: dict[tuple[str, str, str], Decimal] = {}
    for row in rows:
        key = (row["currency"], row["kind"], row["team"])
        groups[key] = groups.get(key, Decimal(0)) + Decimal(row["amount"])
    if as_json:
        print_json({"rows": rows, "totals": [[*key, f"{amount:f}"] for key, amount in sorted(groups.items())]})
        return
    shown = []
    for currency in sorted({key[0] for key in groups}):
        mine = {key: amount for key, amount in sorted(groups.items()) if key[0] == currency}
        shown += [
            {"currency": currency, "kind": key[1], "team": key[2], "amount": f"{cents:,.2f}"}
            for key, cents in zip(mine, apportioned(list(mine.values())), strict=True)
        ]
        billed = sum(mine.values(), Decimal(0))
        shown.append({"currency": currency, "kind": "billed", "team": "", "amount": f"{billed:,.2f}"})
    print_table(shown)
