"""The web server that ``make ui`` starts, driven by a real browser as a person would, on what ``make run`` left.

Pictures of what was seen are kept in ``reports/ui``; those in ``docs/images`` are copies of them.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from tests.conftest import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]
PICTURES = ROOT / "reports" / "ui"
#: What must be seen nowhere: keys of brokers and of clouds, and channels whose URL is the secret.
SECRETS = {
    **{name: f"planted-{name.lower()}-b7f3" for name in (
        "APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AZURE_CLIENT_SECRET", "BINANCE_API_KEY", "BINANCE_SECRET", "DAGSTER_PG_PASSWORD", "GITHUB_TOKEN",
        "GOOGLE_API_KEY", "IB_PASSWORD", "KRAKEN_SECRET", "MLFLOW_TRACKING_PASSWORD", "OCI_CLI_KEY_CONTENT",
        "PGPASSWORD", "SLACK_TOKEN", "TWINE_PASSWORD",
    )},
    # Nothing listens there: what could not be posted must be said without the key.
    "TRADEPULSE_PAGE_TO": "json://planted-page-user-b7f3:planted-page-key-b7f3@127.0.0.1:9/hook",
    "TRADEPULSE_WARN_TO": "json://127.0.0.1:9/planted-warn-key-b7f3",
}  # fmt: skip


@contextmanager
def served(command, home, reports, log, **more):
    """Run a web server of Dagster on loopback; yield its address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"TRADEPULSE_HOME": str(home), "TRADEPULSE_REPORTS": str(reports), "DAGSTER_HOME": str(home / "dagster")}
    dagster = Path(sys.executable).with_name(command[0])
    with log.open("w") as file:
        process = subprocess.Popen(
            [dagster, *command[1:], "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)], cwd=ROOT,
            env={**os.environ, **places, **more}, stdout=file, stderr=subprocess.STDOUT,
            # In the background SIGINT is ignored, and who is started there would not hear it below.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + 120
    try:
        while True:
            try:
                urlopen(f"{address}/server_info", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < until, log.read_text()[-3000:]
                time.sleep(0.5)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="module")
def instance(whole_run, tmp_path_factory):
    """A copy of what ``make run`` left."""
    folder = tmp_path_factory.mktemp("ui")
    shutil.copytree(whole_run.home, folder / "var")
    shutil.copytree(whole_run.reports, folder / "reports")
    return folder


@pytest.fixture(scope="module")
def ui(instance):
    with served(["dagster", "dev"], instance / "var", instance / "reports", instance / "ui.log", **SECRETS) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, request):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(45_000)
    yield page
    page.wait_for_timeout(700)  # dialogs fade in
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{request.node.name.removeprefix('test_').split('@')[0]}.png")
    page.close()


def ask(address, query, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


def test_a_job_is_launched_from_the_launchpad_and_succeeds(ui, page):
    page.goto(f"{ui}/locations/tradepulse/jobs/maintenance/playground")
    page.get_by_text("No errors").wait_for()
    page.get_by_role("button", name="Launch Run").click()

    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    page.get_by_text("Success", exact=True).first.wait_for(timeout=90_000)
    run = page.url.rpartition("/")[2].partition("?")[0]
    [told] = ask(ui, "query($r: ID!) { runOrError(runId: $r) { ... on Run { status } } }", r=run).values()
    assert told["status"] == "SUCCESS"


def test_a_key_that_is_misspelt_is_refused_before_anything_runs(ui, page):
    config = quote("ops:\n  event_log:\n    config:\n      dayz: 3\n")
    page.goto(f"{ui}/locations/tradepulse/jobs/maintenance/playground/setup?config={config}")

    page.get_by_text('Received unexpected config entry "dayz"').first.wait_for()
    assert page.get_by_role("button", name="Launch Run").is_disabled()


def test_lineage_leads_from_bars_to_cost(ui, page):
    page.goto(f"{ui}/assets/cost_page?view=lineage&lineageScope=upstream&lineageDepth=12")

    for name in ("costs", "usage", "settlement", "fills", "order_journal", "released_signals", "signals", "bars"):
        page.get_by_text(name, exact=True).first.wait_for()


def test_a_golden_check_that_failed_says_which_value_and_by_how_much(ui, page, instance, broken_checkout):
    places = {"TRADEPULSE_HOME": str(instance / "var"), "TRADEPULSE_REPORTS": str(instance / "reports"),
              "DAGSTER_HOME": str(instance / "var" / "dagster"), "PYTHONPATH": str(broken_checkout)}  # fmt: skip
    dagster = Path(sys.executable).with_name("dagster")
    done = subprocess.run(
        [dagster, "job", "execute", "-m", "tradepulse_jobs.definitions", "-j", "golden_regression"],
        cwd=broken_checkout, env={**os.environ, **places}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1

    page.goto(f"{ui}/assets/golden_values?view=checks")
    page.get_by_text("Failed", exact=True).first.wait_for()
    page.get_by_text("[Show Markdown]").click()
    # What failed stands first: verdict, golden set and column.
    table = page.locator("table", has=page.get_by_role("columnheader", name="detail"))
    first = table.get_by_role("row").nth(1)
    first.wait_for()
    assert first.inner_text().split()[:2] == ["FAILED", "sma.sma"]
    page.get_by_text("more, all of them ok").wait_for()


def test_an_asset_shows_owner_columns_with_units_and_rows(ui, page):
    page.goto(f"{ui}/assets/costs")

    for words in ("team: finops", "cost_nano_usd", "nano USD", "The cost ledger"):
        page.get_by_text(words).first.wait_for()


def test_the_run_of_a_session_carries_its_tags(ui, page):
    page.goto(f"{ui}/runs?q[0]=job%3Aexecute_signals")

    for words in ("strategy: champion", "team: trading", "2018-10-31"):
        page.get_by_text(words).first.wait_for()


def test_sensors_and_schedules_say_what_they_are_for(ui, page):
    page.goto(f"{ui}/automation")

    for name in ("audit_sensor", "stuck_runs_sensor", "missed_nightly_sensor", "nightly_schedule"):
        page.get_by_text(name).first.wait_for()


def test_a_year_is_backfilled_in_one_run(ui, page):
    """As the dialog does it: every session of 2018 of ``bars``, asked for at once."""
    page.goto(f"{ui}/assets/bars")
    page.get_by_role("button", name=re.compile("Materialize")).first.click()
    page.get_by_text(re.compile("partitions")).first.wait_for()
    page.get_by_role("button", name="Cancel").click()

    mutation = (
        "mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {"
        " ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"
    )
    query = 'query { assetNodeOrError(assetKey: {path: ["bars"]}) { ... on AssetNode { partitionKeys } } }'
    year = [key for key in ask(ui, query)["assetNodeOrError"]["partitionKeys"] if key.startswith("2018")]
    assert len(year) == 251
    parameters = {"assetSelection": [{"path": ["bars"]}], "partitionNames": year, "fromFailure": False}
    started = ask(ui, mutation, p=parameters)["launchPartitionBackfill"]
    about = (
        "query($b: String!) { partitionBackfillOrError(backfillId: $b) {"
        " ... on PartitionBackfill { status runs { id status } } } }"
    )
    until = time.monotonic() + 150
    while (now := ask(ui, about, b=started["backfillId"])["partitionBackfillOrError"])["status"] == "REQUESTED":
        assert time.monotonic() < until, now
        time.sleep(1)
    assert (now["status"], len(now["runs"])) == ("COMPLETED_SUCCESS", 1)
    page.goto(f"{ui}/runs/b/{started['backfillId']}")
    page.get_by_text("Completed").first.wait_for()


def test_a_viewer_sees_everything_and_starts_nothing(instance, page):
    with served(
        ["dagster-webserver", "--read-only"], instance / "var", instance / "reports", instance / "viewer.log"
    ) as viewer:
        page.goto(f"{viewer}/assets/golden_values")
        page.get_by_text("What the code computes on the golden inputs").first.wait_for()
        assert page.get_by_role("button", name=re.compile("Materialize")).first.is_disabled()
        mutation = (
            'mutation { launchRun(executionParams: {selector: {repositoryLocationName: "tradepulse", repositoryName:'
            ' "__repository__", jobName: "maintenance"}, runConfigData: {}}) { __typename } }'
        )
        assert ask(viewer, mutation)["launchRun"]["__typename"] == "UnauthorizedError"


def test_no_secret_is_in_what_was_stored_logged_or_served(ui, instance):
    """After all of the above, a failed run among it that could not be told to the pager."""
    until = time.monotonic() + 90
    ticks = (
        'query { sensorOrError(sensorSelector: {repositoryLocationName: "tradepulse", repositoryName:'
        ' "__repository__", sensorName: "failed_runs_sensor"}) { ... on Sensor { sensorState { ticks(limit: 50)'
        " { status error { message } } } } } }"
    )
    while not (
        failed := [t for t in ask(ui, ticks)["sensorOrError"]["sensorState"]["ticks"] if t["status"] == "FAILURE"]
    ):
        assert time.monotonic() < until, "the failed run was never told"
        time.sleep(2)
    assert "json did not take it" in failed[0]["error"]["message"]

    values = [*SECRETS.values(), "planted-page-user-b7f3", "planted-page-key-b7f3", "planted-warn-key-b7f3"]
    assert len(SECRETS) == 20
    looked = 0
    for path in [*instance.rglob("*")]:
        if path.is_file():
            looked += 1
            content = path.read_bytes()
            assert [value for value in values if value.encode() in content] == [], path
    assert looked > 500
    runs = ask(ui, "query { runsOrError { ... on Runs { results { runConfigYaml tags { key value } } } } }")
    assert "b7f3" not in json.dumps(runs)
