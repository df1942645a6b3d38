"""Bills in, bills out, and the bill divided."""

import json
from decimal import Decimal

import pandas as pd
import pytest

from tests.finops.test_focus import GOOD


@pytest.fixture
def focus(tmp_path):
    """Write a FOCUS file."""

    def write(name, *changes):
        path = tmp_path / name
        pd.DataFrame([{**GOOD, **change} for change in changes]).to_csv(path, index=False)
        return path

    return write


def test_a_bill_is_taken_once_and_judged(cli, refused, focus):
    path = focus("bill.csv", {}, {"BilledCost": "2.25"}, {"BillingCurrency": "EUR", "BilledCost": "-0.5"})

    done = cli("finops", "import", "--focus", path, "--json")

    assert done.code == 0
    assert done.json["billed"] == {"EUR": "-0.5", "USD": "3.75"}
    assert (done.json["accepted"], done.json["quarantined"], done.json["conforms"]) == (3, 0, True)
    assert "this very file is imported already" in refused("finops", "import", "--focus", path)


def test_another_bill_of_the_same_days_must_say_what_it_is(cli, refused, focus):
    cli("finops", "import", "--focus", focus("first.csv", {}))
    part = focus("part.csv", {"BilledCost": "4"})
    late = focus("late.csv", {"BilledCost": "1"})

    assert "account a-1 has a bill of 2024-01-01 already; say --correct" in refused("finops", "import", "--focus", part)
    assert "one or the other" in refused("finops", "import", "--focus", part, "--add", "--correct")
    assert cli("finops", "import", "--focus", part, "--add", "--json").json["restated"] == ["2024-01-01"]
    both = cli("finops", "allocate", "--json").json["totals"]
    assert sum(Decimal(amount) for *_, amount in both) == Decimal("5.5")
    corrected = cli("finops", "import", "--focus", late, "--correct", "--json").json
    assert corrected["restated"] == ["2024-01-01"]
    (left,) = {
        amount
        for kind, amount in ((row[1], row[3]) for row in cli("finops", "allocate", "--json").json["totals"])
        if kind == "idle"
    }
    assert Decimal(left) == 1
    changes = cli("data", "restatements", "--json").json["restatements"]
    assert {"1.50", "1"} <= {str(row["old"]) for row in changes} | {str(row["new"]) for row in changes}


def test_what_breaks_a_row_rule_is_quarantined_and_counted(cli, focus):
    done = cli("finops", "import", "--focus", focus("odd.csv", {}, {"BilledCost": "much"}, {"ChargeCategory": "Gift"}))

    assert "1 charges accepted of 3, 2 quarantined" in done.out
    assert "The file breaks 2 of " in done.out


def test_times_without_a_zone_are_utc_as_focus_says(cli, focus):
    naive = {"ChargePeriodStart": "2024-01-01 00:00:00", "ChargePeriodEnd": "2024-01-02 00:00:00"}

    done = cli("finops", "import", "--focus", focus("naive.csv", naive), "--json").json

    assert (done["accepted"], done["conforms"]) == (1, False)


def test_nothing_metered_is_nothing_to_export(refused, tmp_path):
    assert "nothing has been measured" in refused("finops", "export", "--focus", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_is_no_bill_is_one_line(refused, tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert "it is no FOCUS file" in refused("finops", "import", "--focus", tmp_path / "other.csv")
    assert "there is no bill to allocate" in refused("finops", "allocate")


@pytest.fixture
def measured(tmp_path):
    """Five weeks of usage, a spike on one day, and a step that wrote the same thing every day."""
    week = [10, 12, 11, 13, 14, 2, 1]
    for place in range(35):
        day = pd.Timestamp("2026-01-05", tz="UTC") + pd.Timedelta(days=place)
        cpu = week[place % 7] * 100_000_000 * (4 if place == 30 else 1)
        line = {
            "run_id": f"run-{place}", "step": "bars", "partition": "", "team": "data", "strategy": "shared",
            "environment": "test", "started_at": day.isoformat(), "outcome": "done", "cpu_ms": cpu, "wall_ms": 1,
            "peak_memory_bytes": 0, "written_bytes": 0, "outputs": {"bars/2018": "a" * 16},
        }  # fmt: skip
        path = tmp_path / "var" / "usage" / f"run-{place}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(line) + "\n")


@pytest.mark.parametrize("key", ["partition", "job", "user", "trial_id"])
def test_cost_is_split_by_what_a_run_was_for_and_adds_up(cli, measured, tmp_path, key):
    path = tmp_path / "var" / "usage" / "run-3.jsonl"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: "mine"}) + "\n")

    split, whole = cli("finops", "report", "--by", key, "--json").json, cli("finops", "report", "--json").json

    assert split["total_nano_usd"] == whole["total_nano_usd"]
    # Run 3 used 13 parts of 5 x 63 + 3 x 11; the others say nothing, and are shown.
    parts = {part[key]: part["cost_nano_usd"] for part in split["parts"]}
    assert set(parts) == {"", "mine"}
    assert parts["mine"] / split["total_nano_usd"] == pytest.approx(13 / 348, rel=1e-6)


def test_suggestions_say_what_is_proven(cli, measured, refused, tmp_path):
    done = cli("finops", "suggestions", "--json")

    [one] = done.json["suggestions"]
    assert (one["kind"], one["subject"], len(one["evidence"])) == ("unchanged", "bars", 34)
    # All but the first day's 10 parts of 5 x 63 + 3 x 11.
    assert one["proven_nano_usd"] / done.json["total_nano_usd"] == pytest.approx(1 - 10 / 348, rel=1e-6)
    assert "could have been saved" in cli("finops", "suggestions").out
    assert "nothing has been measured" in refused("finops", "suggestions", home=tmp_path / "elsewhere")


def test_a_spike_is_burned_acknowledged_and_closed(cli, measured, refused):
    burned = cli("finops", "burn", "--json")

    assert burned.code == 1
    [one] = burned.json["incidents"]
    assert (one["team"], one["day"], one["severity"]) == ("data", "2026-02-04", "page")
    assert one["causes"][0][:3] == ["shared", "bars", "run-30"]
    assert len(burned.json["days"]) == 35
    assert burned.json["forecast"]["days"] == 14
    assert "finops ack ID --by NAME" in cli("finops", "burn").out

    assert "say who: --by NAME" in refused("finops", "ack", one["id"])
    assert cli("finops", "ack", one["id"], "--by", "ann", "--json").json["state"] == "acknowledged"
    assert cli("finops", "burn").code == 0
    closed = cli("finops", "ack", one["id"], "--by", "ann", "--state", "closed", "--note", "a backfill", "--json").json
    assert closed["events"][-1]["note"] == "a backfill"
    assert [record["state"] for record in cli("finops", "ack", "--json").json] == ["closed"]
    assert "No incident named 'x'" in refused("finops", "ack", "x", "--by", "ann")
    assert "a fraction above 0" in refused("finops", "burn", "--share", 0)
