"""``tradepulse_cli plugins``: what is shipped and installed, what is kept out and why, and whether a wheel conforms."""

from pathlib import Path

import click

from tradepulse.interfaces.cli.params import as_json, print_json, print_table


@click.group()
def command() -> None:
    """Strategies, indicators, sources and more: what is shipped and installed; whether a wheel conforms."""


@command.command(name="list")
@click.option("--kind", help="strategy, quoting, indicator, source, broker, friction or cost_source.")
@as_json
def list_plugins(kind: str | None, as_json: bool) -> None:
    """List everything that can be named, where it comes from, and what is quarantined and why."""
    from tradepulse.core import plugins
    from tradepulse.errors import UnknownName

    if kind is not None and kind not in plugins.KINDS:
        raise UnknownName("kind of plug-in", kind, plugins.KINDS)
    shipped = plugins.shipped_names()
    rows = [_row(each, name, "tradepulse", "", "") for each, names in shipped.items() for name in sorted(names)]
    for verdict in plugins.on_paper(plugins.declared(), shipped):
        plugin = verdict.plugin
        if not verdict.code and not plugin.ours:
            verdict = plugins.probation(plugin)
        package = "tradepulse" if plugin.ours else f"{plugin.package} {plugin.version}".strip()
        rows.append(_row(plugin.kind, plugin.name, package, verdict.code, verdict.detail))
    rows = sorted((row for row in rows if kind in (None, row["kind"])), key=lambda row: (row["kind"], row["name"]))
    print_json(rows) if as_json else print_table(rows)


def _row(kind: str, name: str, package: str, code: str, detail: str) -> dict[str, str]:
    from tradepulse.core.indicators import indicator
    from tradepulse.core.quoting.loader import quoting_strategy
    from tradepulse.core.strategies.loader import strategy_class

    parameters = version = ""
    if not code and kind in {"strategy", "quoting"}:
        found = strategy_class(name) if kind == "strategy" else quoting_strategy(name)
        version = found.version
        parameters = ", ".join(f"{key}={value}" for key, value in found.params.items())
    elif not code and kind == "indicator":
        parameters = ", ".join(f"{key}={value}" for key, value in indicator(name).params.items())
    return {
        "kind": kind, "name": name, "version": version, "parameters": parameters, "from": package,
        "state": f"quarantined: {code}" if code else "loaded", "why": detail,
    }  # fmt: skip


@command.command()
@click.argument("wheel", type=click.Path(path_type=Path))
@as_json
def verify(wheel: Path, as_json: bool) -> int:
    """Put a wheel's plug-ins through the conformance kit, without installing it. Exit code 1 if one does not conform.

    Paper (names, licence), requirements, probation (import, lifecycle, time, memory, what it leaves changed), schema,
    causality, the same bar by bar, documentation, and the same result under two hash seeds.
    """
    from tradepulse.quality.conformance import verify

    found = verify(wheel)
    rows = [
        {
            "plug-in": f"{plugin.kind}.{plugin.name}", "check": finding.check,
            "verdict": "ok" if finding.passed else f"FAILED: {finding.code}", "detail": finding.detail,
        }
        for plugin, finding in found
    ]  # fmt: skip
    passed = all(finding.passed for _, finding in found)
    if as_json:
        findings = [
            {"kind": p.kind, "name": p.name, "check": f.check, "passed": f.passed, "code": f.code, "detail": f.detail}
            for p, f in found
        ]
        print_json({"passed": passed, "findings": findings})
    else:
        print_table(rows)
        click.echo(f"\n{wheel.name} {'conforms' if passed else 'does NOT conform'}")
    return 0 if passed else 1
