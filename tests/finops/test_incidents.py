"""An incident from its opening to its end, by the clock that the test holds."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from tradepulse.errors import ConfigError, DataError, UnknownName
from tradepulse.finops.forecast import Deviation
from tradepulse.finops.incidents import Incidents

NOON = datetime(2026, 2, 5, 12, tzinfo=UTC)


def deviation(actual=13, team="research"):
    return Deviation(
        team, date(2026, 2, 4), actual * 10**9, 10 * 10**9, "weekday mean", (("s@1", "trials", "run-1", 3),)
    )


@pytest.fixture
def incidents(tmp_path):
    return Incidents(tmp_path / "incidents")


def test_a_deviation_opens_one_incident_however_often_it_is_found(incidents):
    [record] = incidents.open([deviation()], NOON)

    assert incidents.open([deviation()], NOON + timedelta(hours=1)) == []
    assert (record["state"], record["severity"], record["day"]) == ("open", "warning", "2026-02-04")
    assert record["causes"] == [["s@1", "trials", "run-1", 3]]
    assert len(record["playbook"]) == 3
    assert incidents.open([deviation(16, "trading")], NOON)[0]["severity"] == "page"
    assert len(list(incidents.folder.iterdir())) == 2


def test_the_hours_to_acknowledge_and_to_mitigate_are_kept(incidents):
    [record] = incidents.open([deviation()], NOON)
    name = record["id"]

    incidents.move(name, "acknowledged", "ann", "", NOON + timedelta(hours=2))
    incidents.move(name, "mitigated", "ann", "sweep stopped", NOON + timedelta(hours=5))
    incidents.move(name, "closed", "bob", "grid narrowed", NOON + timedelta(hours=30))

    kept = json.loads((incidents.folder / f"{name}.json").read_text())
    assert (kept["hours_to_acknowledge"], kept["hours_to_mitigate"]) == (2.0, 5.0)
    assert [(event["who"], event["what"]) for event in kept["events"]] == [
        ("tradepulse", "opened"), ("ann", "acknowledged"), ("ann", "mitigated"), ("bob", "closed"),
    ]  # fmt: skip


def test_what_is_mitigated_at_once_was_acknowledged_then(incidents):
    [record] = incidents.open([deviation()], NOON)
    incidents.move(record["id"], "mitigated", "ann", "stopped", NOON + timedelta(hours=3))

    [kept] = incidents.all()
    assert (kept["hours_to_acknowledge"], kept["hours_to_mitigate"]) == (3.0, 3.0)


def test_one_that_nobody_looks_at_becomes_a_page_once(incidents):
    incidents.open([deviation()], NOON)
    incidents.open([], NOON + timedelta(hours=4))
    assert incidents.all()[0]["severity"] == "warning"
    for hours in (5, 6):
        incidents.open([], NOON + timedelta(hours=hours))

    [kept] = incidents.all()
    assert kept["severity"] == "page"
    assert [event["what"] for event in kept["events"]] == ["opened", "escalated"]
    assert kept["hours_to_acknowledge"] is None


def test_an_acknowledged_one_is_not_escalated(incidents):
    [record] = incidents.open([deviation()], NOON)
    incidents.move(record["id"], "acknowledged", "ann", "", NOON + timedelta(hours=1))
    incidents.open([], NOON + timedelta(days=3))

    assert incidents.all()[0]["severity"] == "warning"


def test_what_makes_no_sense_is_refused_and_changes_nothing(incidents):
    [record] = incidents.open([deviation()], NOON)
    name, before = record["id"], incidents.all()

    with pytest.raises(UnknownName, match=f"No incident named 'abc'; known: {name}"):
        incidents.move("abc", "acknowledged", "ann", "", NOON)
    with pytest.raises(ConfigError, match="say who: --by NAME"):
        incidents.move(name, "acknowledged", " ", "", NOON)
    with pytest.raises(ConfigError, match="say what was done: --note TEXT"):
        incidents.move(name, "closed", "ann", "", NOON)
    assert incidents.all() == before
    incidents.move(name, "acknowledged", "ann", "", NOON)
    with pytest.raises(ConfigError, match=f"incident {name} is acknowledged already"):
        incidents.move(name, "acknowledged", "bob", "", NOON)
    (incidents.folder / "torn.json").write_text("{")
    with pytest.raises(DataError, match=r"torn\.json: is no incident; mend it or move it away"):
        incidents.all()
