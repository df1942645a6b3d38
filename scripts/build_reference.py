"""Write what is derived: Dagster's column schemas, and the pages of tables, dependencies and scenarios.

``python -m scripts.build_reference`` rewrites them (``make docs-reference``); a test fails when they are stale.
"""

import json
from pathlib import Path

from scripts.licences import packages
from tradepulse.backtest.scenario import load_scenario
from tradepulse.backtest.shocks import SHOCKS
from tradepulse.backtest.stress import stress_scenarios

ROOT = Path(__file__).parents[1]


def column_schemas() -> str:
    """Return the column schemas of every table as JSON."""
    from tradepulse.core.tables import TABLES, table

    return json.dumps({name: table(name).column_schema() for name in TABLES}, indent=1) + "\n"


def tables_page() -> str:
    """Return the reference page of the tables as Markdown."""
    from tradepulse.core.tables import TABLES, table

    lines = ["# Tables", "", "<!-- written by scripts/build_reference.py, not by hand -->", ""]
    lines += [
        "Each table of the lake, in the order of the chain of evidence. One pandera model declares each",
        "(`tradepulse/core/tables/`).",
        "",
    ]
    for name in TABLES:
        model = table(name)
        about = (model.__doc__ or "").strip().split("\n")[0]
        key = model.to_schema().unique or []
        lines += [f"## {name}", "", about, "", f"Key: {', '.join(key) or 'none'}.", ""]
        lines += ["| column | type | unit | description |", "|---|---|---|---|"]
        lines += [f"| {c['name']} | {c['type']} | {c['unit']} | {c['description']} |" for c in model.column_schema()]
        lines.append("")
    return "\n".join(lines)


def dependencies_page() -> str:
    """Return the licences of all dependencies as Markdown."""
    found = packages()
    lines = ["# Dependencies and their licences", "", "<!-- written by scripts/build_reference.py, not by hand -->", ""]
    lines += [
        "Every package of `requirements.lock`. *Run* comes with TradePulse; *develop* only with the extras `dev` and",
        "`release`. vectorbt is Apache-2.0 with the Commons Clause: it may be used and shipped, but not sold as a",
        "service whose value derives from it.",
        "",
        "| package | version | licence | needed to |",
        "|---|---|---|---|",
    ]
    lines += [f"| {p.name} | {p.version} | {p.licence} | {'run' if p.at_run_time else 'develop'} |" for p in found]
    return "\n".join([*lines, ""])


def scenarios_page() -> str:
    """Return what the shipped scenarios are, as Markdown."""
    lines = ["# Backtest scenarios", "", "<!-- written by scripts/build_reference.py, not by hand -->", ""]
    lines += [
        "A scenario is a YAML file in `tradepulse/backtest/configs/`: a slice of history, costs, shocks on top of",
        "real bars, and what must hold. No trial is promoted that has not passed every one; the verdicts are in the",
        "table `stress`, on the asset `stress`, and in MLflow as `stress.csv` of the trial. A scenario of your own is",
        "given to `backtest run --scenario FILE`, which takes its slice, its costs and its shocks.",
        "",
        "*At most* is the largest drawdown that passes, as a share of that of holding the same quantity through",
        "these prices. *Refused* means that such bars must give one line and no result. *Cards* are played against the",
        "order path.",
        "",
        "| scenario | what happens | expected | slice | shocks | passes |",
        "|---|---|---|---|---|---|",
    ]
    for name in stress_scenarios():
        one = load_scenario(name)
        shocks = ", ".join(f"{s.kind} {s.size:g}" + (f" for {s.bars} bars" if s.bars > 1 else "") for s in one.shocks)
        verdict = f"at most {one.drawdown_of_holding:.0%}" if one.drawdown_of_holding else "refused"
        verdict = f"cards `{one.cards}.yaml`" if one.cards else verdict
        dates = f"{one.start} to {one.end}" if one.start else ""
        lines.append(f"| `{name}` | {one.description} | {one.expected} | {dates} | {shocks} | {verdict} |")
    lines += [
        "",
        "A shock has a `kind`, where it strikes (`at`, a fraction of the slice; drawn by `seed` where it is absent), a",
        "`size`, and for how many `bars` it lasts:",
        "",
        "| kind | what it does |",
        "|---|---|",
        *(f"| `{kind}` | {(made.__doc__ or '').strip()} |" for kind, made in SHOCKS.items()),
    ]
    return "\n".join([*lines, ""])


def assets_page() -> str:
    """Return every asset of the graph, but for the catalogue, as Markdown: what changes here changes what runs."""
    from dagster import AssetKey

    from tradepulse_jobs.definitions import defs
    from tradepulse_jobs.jobs import JOBS

    graph = defs.resolve_asset_graph()
    made_by: dict[AssetKey, list[str]] = {}
    for job in JOBS:
        for key in defs.resolve_job_def(job.name).asset_layer.selected_asset_keys:
            made_by.setdefault(key, []).append(job.name)
    keys = [key for key in graph.toposorted_asset_keys if graph.get(key).group_name != "catalogue"]
    lines = ["# Assets", "", "<!-- written by scripts/build_reference.py, not by hand -->", ""]
    lines += [
        "Every asset in the order in which it can be made; a test fails when this page is not what Dagster loads, so",
        "that a change of the graph is seen where it is reviewed. The catalogue, an asset for each indicator and",
        "strategy, is not listed. Where columns come from is recorded in each asset's metadata, too; the open-source",
        "UI has no view of it.",
        "",
    ]
    for key in keys:
        node, name = graph.get(key), key.to_user_string()
        checks = sorted(check.name for check in graph.asset_check_keys if check.asset_key == key)
        parents = sorted(parent.to_user_string() for parent in node.parent_keys)
        facts = {
            "group": node.group_name, "owner": ", ".join(node.owners), "made from": ", ".join(parents) or "nothing",
            "partitions": "sessions" if node.partitions_def else "none",
            "jobs": ", ".join(made_by.get(key, [])) or "none",
            "blocked by": ", ".join(f"`{check}`" for check in checks),
        }  # fmt: skip
        lines += [f"## {name}", "", " ".join((node.description or "").split("\n\n")[0].split()), ""]
        lines += [f"* {what}: {said}" for what, said in facts.items()]
        lineage = node.metadata.get("dagster/column_lineage")
        if lineage is not None and lineage.deps_by_column:
            lines += ["", "| column | comes from |", "|---|---|"]
            lines += [
                f"| {column} | {', '.join(f'{d.asset_key.to_user_string()}.{d.column_name}' for d in deps)} |"
                for column, deps in lineage.deps_by_column.items()
            ]
        lines.append("")
    return "\n".join(lines)


#: Each derived file and what writes it.
DERIVED = {
    ROOT / "tradepulse_assets" / "column_schemas.json": column_schemas,
    ROOT / "docs" / "reference" / "tables.md": tables_page,
    ROOT / "docs" / "reference" / "assets.md": assets_page,
    ROOT / "docs" / "reference" / "dependencies.md": dependencies_page,
    ROOT / "docs" / "backtest_scenarios.md": scenarios_page,
}


def main() -> None:
    """Write the derived files."""
    for path, text in DERIVED.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text())


if __name__ == "__main__":
    main()
