"""``execution kill``, ``reset`` and ``ledger``."""

import pandas as pd

from tests.execution.orders import request_text
from tradepulse.execution.brokers.simulated import SimulatedVenue
from tradepulse.execution.request import parse_request
from tradepulse.execution.session import run_session


def test_a_daily_book_is_killed_and_released(cli, tmp_path, monkeypatch):
    folder = tmp_path / "var" / "execution" / "paper"
    run_session(folder, parse_request(request_text()))
    switch = ("--book", "paper", "--by", "anna", "--reason")

    assert (
        cli("execution", "kill", *switch, "drawdown").out.splitlines()[-1]
        == "pulled: nothing of it rests at its broker"
    )
    assert "the kill switch is pulled: drawdown (anna)\n" in cli("execution", "status").out
    assert cli("execution", "status", "--json").json["killed"] == "drawdown (anna)"
    assert cli("execution", "reset", *switch, "checked").out == "paper may trade again\n"
    assert "kill switch" not in cli("execution", "status").out

    monkeypatch.setattr(SimulatedVenue, "cancel", lambda self, order: None)
    run_session(folder, parse_request(request_text("2018-10-02", closes={"2018-10-02": {"AAA": "101.5"}})))
    done = cli("execution", "kill", *switch, "again")
    assert done.code == 3
    assert done.out.splitlines()[-1].startswith("ESCALATED: the broker has not proven that these are gone: ")
    assert "ESCALATED, not proven gone: " in cli("execution", "status").out


def test_a_desk_and_a_daily_book_of_one_name_are_stopped_and_released_together(cli, refused, tmp_path):
    run_session(tmp_path / "var" / "execution" / "paper", parse_request(request_text()))
    quotes = tmp_path / "quotes.csv"
    quotes.write_text(
        "ts,bid,bid_size,ask,ask_size\n2026-01-05T10:00:00Z,99,9,101,9\n2026-01-05T10:00:01Z,98,9,101,9\n"
    )
    given = ("--quotes", quotes, "--strategy", "touch_maker", "--speed", 0, "--book", "paper")
    assert cli("execution", "paper", *given).code == 0
    switch = ("--book", "paper", "--by", "anna", "--reason")

    said = cli("execution", "kill", *switch, "drawdown").out.splitlines()
    assert said[0].startswith("pulled: ")
    assert said[-1] == "pulled: nothing of it rests at its broker"
    assert (tmp_path / "var" / "execution" / "desks" / "paper" / "kill").exists()
    assert cli("execution", "reset", *switch, "checked").out == "paper may trade again\n"
    assert not list((tmp_path / "var" / "execution").rglob("kill"))
    assert "the kill switch is not pulled; there is nothing to reset" in refused("execution", "reset", *switch, "again")


def test_the_books_of_a_desk_are_printed_to_the_last_digit(cli, refused, tmp_path):
    stamps = pd.date_range("2026-01-05T10:00:00Z", periods=40, freq="250ms")
    quotes = pd.DataFrame({"ts": stamps, "bid": 99.99, "bid_size": 95.0, "ask": 100.01, "ask_size": 5.0})
    quotes.to_csv(tmp_path / "quotes.csv", index=False)
    given = ("--quotes", tmp_path / "quotes.csv", "--lot", 0.001, "--tick", 0.01, "--cash", 1000, "--taker-bp", 4,
             "--strategy", "imbalance_taker,size=0.123,most=0.3")  # fmt: skip
    assert "has not traded yet" in refused("execution", "ledger", "--book", "desk")
    quotes.head(0).to_csv(tmp_path / "none.csv", index=False)
    none = ("--quotes", tmp_path / "none.csv", *given[2:])
    assert "none.csv: has columns but no rows" in refused("execution", "paper", *none)
    done = cli("execution", "paper", *given, "--speed", 0, "--silence", 5, "--json")
    assert done.json["position"] == 0.246

    found = cli("execution", "ledger", "--book", "desk", "--json").json

    # 0.246 at 100.01 are 24.60246, and 4 bp of it 0.009840984.
    assert found["balances"] == {
        "assets:cash": "975.387699016", "assets:inventory:quotes": "24.60246", "equity:capital": "-1000",
        "expenses:commission": "0.009840984",
    }  # fmt: skip
    assert (found["equity"], found["unrealised"], found["unsettled"]) == ("999.990159016", "0", "0")
    assert found["lots"] == [
        {"symbol": "quotes", "day": "2026-01-05", "units": "0.123", "cost": "12.30123"} for _ in range(2)
    ]
    assert "quotes" in cli("execution", "ledger", "--book", "desk").out

    journal = tmp_path / "var" / "execution" / "desks" / "desk" / "orders.journal"
    again = cli("execution", "replay", journal, "--json").json
    assert (again["cash"], again["positions"]) == ("975.387699016", {"quotes": "0.246"})
    assert [order["status"] for order in again["orders"]] == ["filled", "filled"]
    assert [(fill["quantity"], fill["price"], fill["commission"]) for fill in again["fills"]] == [
        ("0.123", "100.01", "0.004920492") for _ in range(2)
    ]
    assert again["head"] == cli("execution", "verify", journal, "--json").json["head"]
    assert "positions: 0.246 quotes\norders: 2 filled\n" in cli("execution", "replay", journal).out
    lone = tmp_path / "lone.journal"
    lone.write_bytes(journal.read_bytes())
    assert "is the journal of a desk, whose terms are not beside it" in refused("execution", "replay", lone)
