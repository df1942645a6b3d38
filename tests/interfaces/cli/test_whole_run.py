"""The commands that look at an instance, on the one that a whole run has left."""

import json

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from tradepulse.warehouse.lake import Lake


@pytest.fixture
def on(cli, whole_run):
    return lambda *arguments: cli(*arguments, home=whole_run.home, reports=whole_run.reports)


def test_the_book_s_status_is_that_of_its_journal(on, whole_run):
    journal = whole_run.home / "execution" / "paper" / "orders.journal"
    status, replayed, verified = on("execution", "status", "--json"), on("execution", "replay", journal, "--json"), on(
        "execution", "verify", journal, "--json"
    )  # fmt: skip

    assert (status.code, replayed.code, verified.code) == (0, 0, 0)
    assert status.json == replayed.json
    assert verified.json["head"] == status.json["head"]
    assert status.json["last_session"] == "2018-10-31"
    assert len(status.json["fills"]) > 0
    assert on("execution", "status").out.startswith("book paper after 2018-10-31: cash ")


def test_tampering_is_exit_code_1(on, cli, whole_run, tmp_path):
    content = (whole_run.home / "execution" / "paper" / "orders.journal").read_bytes()
    (tmp_path / "j").write_bytes(content.replace(b'"side":"buy"', b'"side":"sel"', 1))

    done = cli("execution", "verify", tmp_path / "j", "--json")

    assert (done.code, done.json["passed"]) == (1, False)
    assert "is damaged" in done.json["reason"]
    assert cli("execution", "verify", tmp_path / "j").out.startswith(str(tmp_path / "j"))


def test_a_journal_in_words(on, whole_run):
    done = on("execution", "verify", whole_run.home / "execution" / "paper" / "orders.journal")

    assert "records follow from one another; head " in done.out


def test_what_is_not_there_is_refused(refused, tmp_path):
    assert "no such file; name a journal" in refused("execution", "verify", tmp_path / "none")
    assert "cannot be read" in refused("execution", "replay", tmp_path / "none")
    assert "book 'other' has not traded yet" in refused("execution", "status", "--book", "other")
    assert "nothing has been measured" in refused("finops", "report")
    assert "has no fills yet" in refused("trace")
    assert "no row of fills has the fill_id 'V9'" in refused("trace", "V9")


@pytest.mark.parametrize("keys", [[], ["team"], ["step"], ["date", "meter"], ["run_id"]])
def test_costs_add_up_however_they_are_split(on, keys):
    options = [part for key in keys for part in ("--by", key)]
    done = on("finops", "report", *options, "--json")

    assert sum(part["cost_nano_usd"] for part in done.json["parts"]) == done.json["total_nano_usd"] > 0
    lines = on("finops", "report", *options).out.splitlines()
    shown = [float(line.split()[-1]) for line in lines[2:] if line and "steps measured" not in line]
    assert sum(shown[:-1]) == pytest.approx(shown[-1], abs=1e-9)


def test_a_fill_is_followed_back_to_the_vendor_s_file(on):
    listed = on("trace", "--json").json
    done = on("trace", listed[-1]["fill_id"], "--json")

    assert done.code == 0
    assert done.json["whole"]
    tables = [link["table"] for link in done.json["links"]]
    assert tables == ["settlement", "fills", "orders", "released_signals", "promotions", "trials", "bars"]
    assert done.json["vendor_file"].endswith("nasdaq.csv.gz")
    assert "BROKEN" not in on("trace", listed[-1]["fill_id"]).out
    # Its cost is that of the two runs that made it, the release of its signal and the session that traded it.
    steps, report = done.json["cost_steps"], on("finops", "report", "--by", "run_id", "--json").json
    of_run = {part["run_id"]: part["cost_nano_usd"] for part in report["parts"]}
    runs = {step["run_id"] for step in steps}
    assert len(runs) == 2
    assert done.json["cost_nano_usd"] == sum(of_run[run] for run in runs) == sum(step["nano_usd"] for step in steps) > 0


def test_plugins_are_listed(cli):
    rows = {row["name"]: row for row in cli("plugins", "list", "--kind", "strategy", "--json").json}

    assert rows["sma_cross"]["parameters"] == "fast=20, slow=50"
    assert "donchian" in cli("plugins", "list").out


def test_the_ledger_adds_up_to_the_book_whatever_lots_are_taken(on, whole_run):
    """Capital, profit and costs by double entry; cash and equity are those of the positions table."""
    from decimal import Decimal

    status = on("execution", "status", "--json").json
    found = {method: on("execution", "ledger", "--lots", method, "--json").json for method in ("fifo", "lifo", "hifo")}

    for books in found.values():
        balances = {account: Decimal(value) for account, value in books["balances"].items()}
        assert sum(balances.values()) == 0
        cash = sum(balances.get(name, 0) for name in ("assets:cash", "assets:receivable", "liabilities:payable"))
        assert cash == Decimal(status["cash"])
        commission = sum(Decimal(fill["commission_micros"]) for fill in status["fills"]) / 1_000_000
        assert balances["expenses:commission"] == commission
    assert len({books["equity"] for books in found.values()}) == 1
    assert "equity:capital" in on("execution", "ledger").out


def test_what_was_promoted_trades_on_a_book_by_the_trades_of_its_market(
    on, cli, refused, whole_run, tmp_path, monkeypatch
):
    stamps = pd.date_range("2024-08-08T12:00:00Z", periods=300, freq="250ms")
    # A minute of a price that rises and one of a fall; a trade at the offer in every bar.
    mid = np.r_[np.full(80, 100), np.arange(100, 210), np.arange(210, 100, -1)].astype(float)
    quotes = pd.DataFrame({"ts": stamps, "bid": mid - 1, "bid_size": 1e6, "ask": mid + 1, "ask_size": 1e6})
    quotes.to_csv(tmp_path / "quotes.csv", index=False)
    trades = pd.DataFrame({"ts": stamps + pd.Timedelta("1ms"), "price": mid + 1, "size": 7.0})
    trades.to_csv(tmp_path / "trades.csv", index=False)
    market = ("--quotes", tmp_path / "quotes.csv", "--trades", tmp_path / "trades.csv", "--lot", 1, "--tick", 1)
    promoted = Lake(whole_run.home / "lake").read("promotions").query("promoted").iloc[-1]

    given = ("--strategy", "champion,seconds=0.25", "--cash", 1e7, "--speed", 0, "--book", "champion", "--json")
    done = on("execution", "paper", *market, *given)

    assert done.code == 0
    desk = json.loads((whole_run.home / "execution" / "desks" / "champion" / "desk.json").read_text())
    assert f"{desk['strategy']}@1" == promoted["strategy"]
    assert desk["params"] == {
        **json.loads(promoted["params"]),
        "quantity": promoted["quantity"],
        "unit": 1.0,
        "seconds": 0.25,
    }
    assert done.json["fills"] > 0
    assert done.json["position"] % promoted["quantity"] == 0
    picture = on("execution", "watch", "--book", "champion", "--once").out
    assert f"{done.json['fills']} fills" in picture
    # On paper; real money is not for a shadow, wherever it comes from.
    monkeypatch.setenv("APCA_API_BASE_URL", "https://api.alpaca.markets")
    live = on("execution", "live", "--broker", "alpaca", "--symbol", "AAPL", *given[:2], "--limit", "max_position=500")
    assert live.code == 2
    assert live.err.startswith("what was promoted is a shadow, which trades on paper; research it until")
    assert "nothing has been promoted yet; make run" in refused("execution", "paper", *market, "--strategy", "champion")


def test_a_whole_instance_is_the_same_after_the_way_back(whole_run, tmp_path, cli):
    elsewhere = tmp_path / "restored"
    assert cli("instance", "backup", "--out", tmp_path / "backup", home=whole_run.home).code == 0
    assert cli("instance", "restore", tmp_path / "backup", home=elsewhere).code == 0

    was, now = Lake(whole_run.home / "lake"), Lake(elsewhere / "lake")
    for name in ("fills", "orders", "trials", "costs"):
        assert now.read(name).equals(was.read(name))
    fill = was.read("fills")["fill_id"].iloc[0]
    assert cli("trace", fill, home=elsewhere).code == 0
    assert cli("execution", "verify", elsewhere / "execution" / "paper" / "orders.journal", home=elsewhere).code == 0
    with dg.DagsterInstance.from_config(str(whole_run.home / "dagster")) as first:
        runs = {run.run_id: run.status for run in first.get_runs()}
    with dg.DagsterInstance.from_config(str(elsewhere / "dagster")) as second:
        assert {run.run_id: run.status for run in second.get_runs()} == runs
