"""The page, the metrics and the dashboard of cost: the same numbers, and no query that finds nothing."""

import json
import re
import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest

from tests.conftest import ROOT
from tradepulse.finops.burn import look
from tradepulse.finops.incidents import Incidents
from tradepulse.finops.metrics import METRICS, metrics
from tradepulse.finops.page import write_cost_page
from tradepulse.finops.suggestions.base import Suggestion
from tradepulse.finops.units import Unit

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
SUGGESTIONS = [Suggestion("unchanged", 'bars "x"\n', "data", "found <b>", 7 * 10**9, 5 * 10**9, "proof", "how")]
UNITS = [Unit("backtest", 4, 10**9, ("trials",)), Unit("order", 0, 0, ()), Unit("run of bars", 2, 10**9, ("bars",))]


@pytest.fixture
def costs():
    """Eight weeks of two teams; the last whole day one of them costs twice as much."""
    rows = []
    for n, day in enumerate(pd.date_range("2026-01-05", "2026-03-01")):
        for team, base in (("research", 20 + 5 * (n % 7)), ("trading", 7)):
            amount = base * (2 if team == "research" and n == 55 else 1)
            for meter, share in (("cpu", 0.7), ("memory", 0.3)):
                rows.append(
                    {"date": day, "started_at": day.tz_localize("UTC"), "run_id": f"r{n}", "step": f"{team}-step",
                     "team": team, "strategy": "shared", "environment": "local", "meter": meter, "amount": 1,
                     "price_nano_usd": 1, "cost_nano_usd": round(amount * share * 10**9), "price_book": "p"}
                )  # fmt: skip
    frame = pd.DataFrame(rows)
    frame["date"] = frame["date"].dt.as_unit("ns")
    return frame


@pytest.fixture
def seen(costs, tmp_path):
    return look(costs, Incidents(tmp_path / "incidents"), NOW)


def values(text):
    """Read an exposition with nothing but a regular expression: labels and value of each sample, by name."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            found.setdefault(name, []).append((labels or "", Decimal(value)))
    return found


def test_one_look_says_what_was_spent_and_who_has_to_know(costs, seen):
    assert seen.total_nano_usd == int(costs["cost_nano_usd"].sum())
    assert seen.months.index.tolist() == ["2026-01", "2026-02", "2026-03"]
    assert [(one["team"], one["day"], one["severity"]) for one in seen.waiting] == [("research", "2026-03-01", "page")]
    assert seen.ahead.mape["seasonal naive"] == pytest.approx(
        # Every day is as the one a week before; only the last, of 57 instead of 32 and with 7 beside it, is not.
        np.mean([0] * (seen.ahead.days - 1) + [50 / 107])
    )


def test_the_metrics_are_the_ledger(costs, seen):
    text = metrics(costs, seen, UNITS, SUGGESTIONS)
    found = values(text)

    assert set(found) == set(METRICS)
    assert sum(value for _, value in found["tradepulse_cost_usd_total"]) * 10**9 == seen.total_nano_usd
    days = dict(found["tradepulse_cost_day_usd"])
    assert days['ago="0",team="trading"'] == 7
    assert len(days) == 2 * 35
    assert dict(found["tradepulse_cost_unit_usd"]) == {
        'one="backtest"': Decimal("0.25"),
        'one="run of bars"': Decimal("0.5"),
    }
    assert dict(found["tradepulse_cost_incidents"]) == {'severity="page"': 1, 'severity="warning"': 0}
    assert (r'kind="unchanged",subject="bars \"x\"\n",part="proven"', Decimal(5)) in found["tradepulse_cost_saving_usd"]
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True, capture_output=True)


def test_the_page_has_the_same_numbers_and_escapes_what_it_is_told(costs, seen, tmp_path):
    page = write_cost_page(costs, seen, UNITS, SUGGESTIONS, tmp_path / "new" / "costs.html").read_text()

    total = Decimal(seen.total_nano_usd) / 10**9
    assert f"USD {total:,.6f}" in page
    assert f"<td>USD {total:.6f}</td>" in page
    assert "found &lt;b&gt;" in page
    assert "found <b>" not in page
    assert page.count("<svg") == 2
    assert not re.search(r"""(src|href)=["']http""", page.replace("xlink:href", "href"))
    assert "<td>page</td><td>research</td><td>2026-03-01</td>" in page
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["costs.html"]


def test_before_three_weeks_there_is_no_forecast_and_the_page_says_so(costs, tmp_path):
    young = costs[costs["date"] < pd.Timestamp("2026-01-12")]
    seen = look(young, Incidents(tmp_path / "incidents"), NOW)
    page = write_cost_page(young, seen, UNITS, [], tmp_path / "costs.html").read_text()

    assert seen.ahead is None
    assert "next day, forecast<b>not yet</b>" in page
    assert "Nothing was found." in page
    assert "tradepulse_cost_forecast_usd" not in values(metrics(young, seen, UNITS, []))


DASHBOARD = json.loads((ROOT / "observability" / "grafana" / "cost.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_the_dashboard_asks_for_every_metric_and_for_no_other():
    asked = {name for query in QUERIES for name in re.findall(r"tradepulse_\w+", query)}

    assert asked == set(METRICS)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    boxes = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    covered = [(box["x"] + x, box["y"] + y) for box in boxes for x in range(box["w"]) for y in range(box["h"])]
    assert len(covered) == len(set(covered)), "two panels lie on each other"
    assert max(x for x, _ in covered) < 24


@pytest.mark.slow
def test_no_query_of_the_dashboard_is_dead(costs, seen, tmp_path, httpserver):
    """A real Prometheus scrapes the metrics; every query finds something."""
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not installed; apt-get install prometheus")
    httpserver.expect_request("/metrics").respond_with_data(
        metrics(costs, seen, UNITS, SUGGESTIONS), content_type="text/plain"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n"
        f"- {{job_name: cost, static_configs: [{{targets: ['127.0.0.1:{httpserver.port}']}}]}}\n"
    )
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
               f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(query):
        with urlopen(f"http://127.0.0.1:{port}/api/v1/query?{urlencode({'query': query})}", timeout=5) as answer:
            return json.load(answer)["data"]["result"]

    try:
        for _ in range(100):
            time.sleep(0.2)
            try:
                # Two scrapes, so that there is a rate.
                if ask("count_over_time(tradepulse_cost_forecast_usd[1h]) > 1"):
                    break
            except OSError:
                continue
        dead = [query for query in QUERIES if not ask(query)]
        total = ask(QUERIES[0])[0]["value"][1]
    finally:
        server.terminate()
        server.wait()
    assert dead == []
    assert Decimal(total) * 10**9 == pytest.approx(seen.total_nano_usd, rel=1e-12)
