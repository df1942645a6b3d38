from dataclasses import replace

import pytest

from tests.execution.orders import book_of, decided, fill, filled, order, record
from tradepulse.core.orders import OrderStatus, Side
from tradepulse.errors import JournalCorrupt, MissingData
from tradepulse.execution.book import Book, fill_rows, order_rows


def test_an_order_is_unknown_until_the_venue_answers():
    book = book_of(decided(order()))

    assert book.orders["o1"].status is OrderStatus.UNKNOWN
    assert book.exposure("AAA") == 100  # its risk is reserved all the same

    book.apply(record("order_acknowledged", client_order_id="o1"))
    assert book.orders["o1"].status is OrderStatus.WORKING


def test_half_a_fill_is_booked_as_half():
    book = book_of(decided(order()), filled(fill(order(), quantity=40, price=10_000_000, commission=500)))

    state = book.orders["o1"]
    assert (state.status, state.filled, state.known.left) == (OrderStatus.PARTIALLY_FILLED, 40, 60)
    assert book.positions == {"AAA": 40}
    assert book.exposure("AAA") == 100
    assert book.cash_micros == 1_000_000_000_000 - 400_000_000 - 500


def test_the_rest_completes_it():
    book = book_of(decided(order()), filled(fill(order(), quantity=40)), filled(fill(order(), "f2", quantity=60)))

    assert book.orders["o1"].status is OrderStatus.FILLED
    assert (book.positions["AAA"], book.exposure("AAA")) == (100, 100)


def test_a_fill_heard_twice_is_booked_once():
    book = book_of(decided(order()), filled(fill(order())), filled(fill(order())))

    assert book.positions == {"AAA": 100}


def test_a_fill_of_an_unknown_order_still_moves_cash_and_position():
    book = book_of(filled(fill(order("stranger", Side.SELL), price=2_000_000)))

    assert book.positions == {"AAA": -100}
    assert book.cash_micros == 1_000_000_000_000 + 200_000_000
    assert "stranger" not in book.orders


def test_a_refused_order_reserves_nothing():
    from dataclasses import asdict

    book = book_of(record("order_refused", order=asdict(order()), rule="max_position", reason="too much"))

    assert book.exposure("AAA") == 0
    assert order_rows(book)[0]["reason"] == "max_position: too much"


def test_the_book_after_a_session_does_not_know_what_came_later():
    closing = record("session_closed", session="2018-10-01", cash_micros=1, positions={}, closes={})
    later = [closing, filled(fill(order())), replace(closing, body={**closing.body, "session": "2018-10-02"})]
    records = [record("book_opened", book="paper", cash_micros=0), decided(order()), *later]

    assert Book.after(records, "2018-10-01").fills == {}
    assert len(Book.after(records, "2018-10-02").fills) == 1
    with pytest.raises(MissingData, match="book paper has not completed session 2018-10-03; run execute_signals"):
        Book.after(records, "2018-10-03")


def test_rows_name_the_records_they_come_from():
    book = book_of(decided(order()), filled(fill(order())))

    assert (
        order_rows(book)[0] | {"client_order_id": "o1", "side": "buy", "filled": 100, "status": "filled"}
        == order_rows(book)[0]
    )
    assert fill_rows(book)[0]["side"] == "buy"


def test_a_record_of_a_newer_version_is_not_skipped():
    with pytest.raises(JournalCorrupt, match="unknown kind 'order_amended'; a newer version wrote it"):
        book_of(record("order_amended"))
