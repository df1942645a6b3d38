"""``execution kill`` and ``reset`` of a daily book."""

from tests.execution.orders import request_text
from tradepulse.execution.brokers.simulated import SimulatedVenue
from tradepulse.execution.session import parse_request, run_session


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
