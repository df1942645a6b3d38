"""What a person who opens the UI, or an engineer who runs a job, may rely on."""

import re
import subprocess
import sys

import dagster as dg
import pytest

from tests.conftest import ROOT
from tradepulse.core.tables import TABLES
from tradepulse_assets.table_asset import column_schema
from tradepulse_jobs.definitions import defs

GRAPH = defs.resolve_asset_graph()
ASSETS = sorted(key.to_user_string() for key in GRAPH.get_all_asset_keys())
#: Assets that are no table of the lake, and what they are.
FILES = {"order_journal": "a binary journal", "sbom": "a JSON file", "recommendations": "a page", "cost_page": "a page",
         "event_log": "databases of Dagster"}  # fmt: skip
GROUPS = {"ingestion", "indicators", "golden", "research", "execution", "finops", "release", "instance", "catalogue"}


@pytest.mark.parametrize("name", ASSETS)
def test_each_asset_says_what_it_is_and_whose(name):
    node = GRAPH.get(dg.AssetKey(name))

    assert len(node.description.split()) > 5
    assert node.owners
    assert all(owner.startswith("team:") for owner in node.owners)
    assert node.group_name in GROUPS
    assert node.kinds
    assert {"team", "strategy", "environment"} <= set(node.tags)


@pytest.mark.parametrize("name", ASSETS)
def test_each_table_shows_its_columns(name):
    schema = GRAPH.get(dg.AssetKey(name)).metadata.get("dagster/column_schema")

    assert (schema is None) == (name in FILES)
    if name in TABLES:
        assert schema == column_schema(name)


#: Tables that are not computed from tables: from vendors' files, from what ran, from golden inputs.
SOURCES = {"closes", "golden_values", "usage"}


@pytest.mark.parametrize("name", sorted(set(ASSETS) & set(TABLES) - {"bars"} | {"released_signals"}))
def test_each_column_that_comes_from_another_names_one_that_there_is(name):
    lineage = GRAPH.get(dg.AssetKey(name)).metadata["dagster/column_lineage"]
    above, left = set(), [dg.AssetKey(name)]
    while left:
        left += [key for key in GRAPH.get(left.pop()).parent_keys if key not in above]
        above |= set(left)
    if name in {"fills", "positions"}:  # through the journal, which has no columns
        above |= {dg.AssetKey("orders"), dg.AssetKey("fills")}

    assert bool(lineage.deps_by_column) == (name not in SOURCES)
    for column, sources in lineage.deps_by_column.items():
        assert column in {one.name for one in column_schema(name if name in TABLES else "signals").columns}
        for source in sources:
            assert source.asset_key in above
            schema = GRAPH.get(source.asset_key).metadata["dagster/column_schema"]
            assert source.column_name in {one.name for one in schema.columns}


def test_what_a_schedule_makes_is_overdue_after_one_that_did_not_come():
    hours = {
        name: GRAPH.get(dg.AssetKey(name)).freshness_policy.fail_window.to_timedelta().total_seconds() / 3600
        for name in ("cost_page", "recommendations", "event_log")
    }

    # A day and two hours; a week and a day.
    assert hours == {"cost_page": 26, "recommendations": 192, "event_log": 192}


def test_every_check_blocks():
    specs = [spec for checks in defs.asset_checks for spec in checks.check_specs]

    assert len(specs) >= 20
    assert [spec.name for spec in specs if not spec.blocking] == []
    assert [spec.name for spec in specs if not spec.description] == []


def test_every_asset_has_a_check():
    checked = {key.asset_key.to_user_string() for key in GRAPH.asset_check_keys}

    assert set(ASSETS) - checked == set()


JOBS = (
    "nightly",
    "ingest",
    "research",
    "golden_regression",
    "execute_signals",
    "finops_rollup",
    "finops_weekly",
    "release",
    "maintenance",
)


def test_there_are_these_jobs():
    assert {job.name for job in defs.jobs} == set(JOBS)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_runs_the_checks_of_what_it_makes(name):
    job = defs.resolve_job_def(name)
    made = set(job.asset_layer.selected_asset_keys)
    expected = {key for key in GRAPH.asset_check_keys if key.asset_key in made}

    assert expected
    assert set(job.asset_layer.asset_graph.asset_check_keys) >= expected


def test_the_gate_stands_behind_every_check_of_the_chain():
    """Released signals have each asset that a signal is made from among their ancestors, so its checks block them."""
    upstream, left = set(), [dg.AssetKey("released_signals")]
    while left:
        key = left.pop()
        upstream.add(key.to_user_string())
        left += GRAPH.get(key).parent_keys

    assert {
        "bars_history",
        "bars",
        "golden_values",
        "trials",
        "stress",
        "promotions",
        "signals",
    } <= upstream


def test_the_readme_s_jobs_exist_and_the_jobs_stand_in_the_readme():
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"-j (\w+)", text)) | set(re.findall(r"^\| `(\w+)` \| .* job", text, re.MULTILINE))

    assert named
    assert named <= set(JOBS)
    assert all(f"`{job}`" in text for job in JOBS)


def test_loading_the_definitions_imports_nothing_heavy():
    heavy = (
        "pandas",
        "pandera",
        "vectorbt",
        "mlflow",
        "great_expectations",
        "numpy",
        "duckdb",
        "pyarrow",
        "scipy",
        "matplotlib",
    )
    code = f"import sys, tradepulse_jobs.definitions; print([m for m in {heavy!r} if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_every_run_is_in_one_process_by_default():
    assert defs.executor is dg.in_process_executor


def test_runs_of_the_execution_lane_wait_for_one_another():
    import yaml

    config = yaml.safe_load((ROOT / "deploy" / "dagster.yaml").read_text())
    limits = config["run_coordinator"]["config"]["tag_concurrency_limits"]

    assert limits == [{"key": "tradepulse/lane", "value": "execution", "limit": 1}]
    assert defs.resolve_job_def("execute_signals").tags["tradepulse/lane"] == "execution"
    assert config["telemetry"] == {"enabled": False}
