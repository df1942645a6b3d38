"""Alerts through the real library to servers of our own: exactly what PagerDuty and Slack would have been sent."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from apprise.plugins import pagerduty, slack

from tradepulse.errors import ConfigError
from tradepulse.finops.alerts import Channels, channels, message, post
from tradepulse.finops.forecast import Deviation
from tradepulse.finops.incidents import Incidents

NOON = datetime(2026, 2, 5, 12, tzinfo=UTC)
PAGER = "pagerduty://" + "i" * 32 + "@" + "a" * 20
CHAT = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7Q"


def deviation(actual, team="research"):
    return Deviation(
        team, date(2026, 2, 4), actual * 10**9, 10 * 10**9, "weekday mean", (("s@1", "trials", "run-12345", 3 * 10**9),)
    )


@pytest.fixture
def incidents(tmp_path):
    return Incidents(tmp_path / "incidents")


@pytest.fixture
def world(httpserver, monkeypatch):
    """PagerDuty and Slack on loopback: what is posted to them is recorded."""
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", httpserver.url_for("/v2/enqueue"))
    monkeypatch.setattr(slack.NotifySlack, "webhook_url", httpserver.url_for("/services"))
    httpserver.expect_request("/v2/enqueue", method="POST").respond_with_json({"status": "success"}, status=202)
    httpserver.expect_request(f"/services/{CHAT.partition('//')[2]}", method="POST").respond_with_data("ok")

    def posted():
        return [(request.path, json.loads(request.get_data())) for request, _ in httpserver.log]

    return posted


def test_a_page_goes_to_the_pager_and_a_warning_to_the_chat(incidents, world):
    incidents.open([deviation(16), deviation(12, "trading")], NOON)
    assert post(incidents, Channels([PAGER], [CHAT]), NOON) == []

    sent = dict(world())
    assert len(world()) == 2
    pager = sent["/v2/enqueue"]
    assert pager["routing_key"] == "i" * 32
    assert pager["event_action"] == "trigger"
    assert pager["payload"]["severity"] == "critical"
    assert "[page] research cost USD 16.00 on 2026-02-04, forecast 10.00" in json.dumps(pager)
    assert "s@1, trials, run run-1234: USD +3.00" in json.dumps(pager)
    [chat] = [body for path, body in sent.items() if path.startswith("/services/")]
    assert "[warning] trading cost USD 12.00 on 2026-02-04" in json.dumps(chat)
    assert "tradepulse_cli finops ack" in json.dumps(chat)


def test_it_is_told_once_and_again_when_it_has_become_worse(incidents, world):
    incidents.open([deviation(12)], NOON)
    for hour in range(3):
        assert post(incidents, Channels([PAGER], [CHAT]), NOON + timedelta(hours=hour)) == []
    assert len(world()) == 1

    # Nobody acknowledged the warning for four hours: it is a page now.
    later = NOON + timedelta(hours=5)
    incidents.open([], later)
    assert post(incidents, Channels([PAGER], [CHAT]), later) == []
    assert [path for path, _ in world()][-1] == "/v2/enqueue"
    assert post(incidents, Channels([PAGER], [CHAT]), later) == []
    assert len(world()) == 2
    [record] = incidents.all()
    assert [event["what"] for event in record["events"]] == ["opened", "posted", "escalated", "posted"]
    assert [e["note"] for e in record["events"] if e["what"] == "posted"] == ["warning to slack", "page to pagerduty"]


def test_what_could_not_be_posted_is_said_and_tried_again(incidents, httpserver, monkeypatch):
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", httpserver.url_for("/v2/enqueue"))
    httpserver.expect_ordered_request("/v2/enqueue").respond_with_data("busy", status=503)
    httpserver.expect_ordered_request("/v2/enqueue").respond_with_json({}, status=202)
    [record] = incidents.open([deviation(16)], NOON)

    assert post(incidents, Channels([PAGER]), NOON) == [f"incident {record['id']}: pagerduty did not take it"]
    assert post(incidents, Channels([PAGER]), NOON) == []
    assert post(incidents, Channels([PAGER]), NOON) == []
    assert len(httpserver.log) == 2


def test_who_has_acknowledged_is_left_alone(incidents, world):
    [record] = incidents.open([deviation(16)], NOON)
    incidents.move(record["id"], "acknowledged", "ann", "", NOON)

    assert post(incidents, Channels([PAGER], [CHAT]), NOON) == []
    assert world() == []


def test_a_channel_that_is_none_is_one_line_without_its_secret(incidents):
    incidents.open([deviation(16)], NOON)
    with pytest.raises(ConfigError) as told:
        post(incidents, Channels(["pagerdooty://secret@key"]), NOON)

    assert "channel 1 for a page is no URL that apprise knows" in str(told.value)
    assert "secret" not in str(told.value)
    assert "secret" not in repr(Channels(["pagerduty://secret@key"]))


def test_channels_come_from_the_environment_and_stay_out_of_the_incident(incidents, world, monkeypatch):
    monkeypatch.setenv("TRADEPULSE_PAGE_TO", f"{PAGER} {CHAT}")
    monkeypatch.delenv("TRADEPULSE_WARN_TO", raising=False)
    incidents.open([deviation(16)], NOON)
    assert post(incidents, channels(), NOON) == []

    assert len(world()) == 2
    for path in incidents.folder.iterdir():
        assert "iiiiiiii" not in path.read_text()
        assert "TIiajk" not in path.read_text()


def test_without_a_cause_it_says_so(incidents):
    [record] = incidents.open([Deviation("a", date(2026, 2, 4), 2 * 10**9, 10**9, "m", ())], NOON)

    assert "No single cause was found." in message(record)[1]
