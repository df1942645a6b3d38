"""The daily book's kill switch as the UI and the nightly run see it."""

import pytest

from tests.assets.conftest import checks
from tests.assets.test_2024 import BARS, prepare, trade
from tradepulse.core.orders import OrderStatus
from tradepulse.execution.book import Book
from tradepulse.execution.brokers.simulated import SimulatedVenue
from tradepulse.execution.journal import read_journal
from tradepulse.execution.session import kill_book, reset_book

_TABLES = ("orders", "fills", "positions", "settlement")


@pytest.mark.slow
def test_a_killed_book_settles_and_sends_nothing_and_what_was_not_proven_gone_is_asked_again(home, make, monkeypatch):
    prepare(home, BARS)
    trade(home, make, ["2024-03-08"])  # a purchase rests for the next open
    kill_book(home.book, "drawdown", "anna")

    make("signals", "released_signals", partition="2024-03-11")
    done = make("order_journal", *_TABLES, partition="2024-03-11")

    assert done.success
    assert all(checks(done).values())
    said = done.asset_materializations_for_node("order_journal")[0].metadata
    assert said["kill switch"].value == "drawdown (anna)"
    assert home.lake.read("fills", ["2024-03-11"]).empty
    refused = home.lake.read("orders", ["2024-03-11"]).to_dict("records")
    assert [row["reason"] for row in refused] == ["killed: the kill switch is pulled: drawdown (anna)"]

    reset_book(home.book, "checked", "ben")
    make("signals", "released_signals", partition="2024-03-12")
    trade(home, make, ["2024-05-23"])
    with monkeypatch.context() as patched:
        patched.setattr(SimulatedVenue, "cancel", lambda self, order: None)
        assert kill_book(home.book, "again", "anna").left
    make("signals", "released_signals", partition="2024-05-24")
    assert make("order_journal", partition="2024-05-24").success
    book = Book.of(read_journal(home.book / "orders.journal")[0])
    assert book.left == []
    ended = [state.reason for state in book.orders.values() if state.status is OrderStatus.CANCELED]
    assert ended == ["killed", "killed"]  # what the first switch ended, and what the second did not at once
