import fcntl
import json

import pytest

from tests.execution.orders import request_text
from tradepulse.errors import BookLocked, ConfigError, SessionOutOfOrder
from tradepulse.execution.book import Book
from tradepulse.execution.journal import read_journal
from tradepulse.execution.session import parse_request, run_session


def run(folder, *arguments, **options):
    return run_session(folder, parse_request(request_text(*arguments, **options)))


def book(folder):
    return Book.of(read_journal(folder / "orders.journal")[0])


def test_a_signal_becomes_an_order_and_fills_at_the_next_open(tmp_path):
    first = run(tmp_path, "2018-10-01")
    second = run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"})

    assert (first.decided, first.filled) == (1, 0)
    assert (second.decided, second.filled) == (0, 1)
    state = book(tmp_path)
    # 100 + 2 bp = 100.02; 100 units = 10,002; commission 1 bp = 1.0002.
    assert state.positions == {"AAA": 100}
    assert state.cash_micros == 1_000_000_000_000 - 10_002_000_000 - 1_000_200


def test_the_decision_is_in_the_journal_before_the_order_is_at_the_venue(tmp_path):
    run(tmp_path)

    kinds = [record.kind for record in read_journal(tmp_path / "orders.journal")[0]]
    assert kinds == ["book_opened", "session_started", "order_decided", "order_acknowledged", "session_closed"]


def test_a_session_run_twice_sends_nothing_again(tmp_path):
    first = run(tmp_path)
    content = (tmp_path / "orders.journal").read_bytes()

    again = run(tmp_path)

    assert again.repeated
    assert again.journal_hash == first.journal_hash
    assert (tmp_path / "orders.journal").read_bytes() == content


def test_an_older_session_run_again_later_reports_its_own_hash(tmp_path):
    first = run(tmp_path)
    run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"})

    assert run(tmp_path).journal_hash == first.journal_hash


def test_sessions_that_were_missed_are_filled_in_order(tmp_path):
    run(tmp_path, "2018-10-01")
    run(tmp_path, "2018-10-04", target=0, opens={"2018-10-02": "100", "2018-10-03": "110", "2018-10-04": "120"})

    fills = [(fill.session, fill.price_micros) for fill, _ in book(tmp_path).fills.values()]
    assert fills == [("2018-10-02", 100_020_000)]
    assert book(tmp_path).exposure("AAA") == 0  # and the sale that undoes it is on its way


def test_no_change_in_target_sends_no_order(tmp_path):
    run(tmp_path, "2018-10-01")
    report = run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"})

    assert report.decided == 0


def test_a_refused_order_is_journaled_and_not_sent(tmp_path):
    report = run(tmp_path, target=201)

    assert (report.decided, report.refused) == (1, 1)
    state = next(iter(book(tmp_path).orders.values()))
    assert state.reason == "max_order_quantity: 201 units, at most 200"
    assert read_journal(tmp_path / "venue.journal")[0] == []


def test_an_older_session_is_refused(tmp_path):
    run(tmp_path, "2018-10-02")

    with pytest.raises(SessionOutOfOrder, match="session 2018-10-01 is older than 2018-10-02"):
        run(tmp_path, "2018-10-01")


def test_another_book_s_journal_is_refused(tmp_path):
    run(tmp_path)

    with pytest.raises(ConfigError, match="is the journal of book 'paper', not of 'other'"):
        run(tmp_path, "2018-10-02", book="other")


def test_a_book_that_another_process_trades_is_refused(tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BookLocked, match="another process trades this book"):
            run(tmp_path)

    assert run(tmp_path).decided == 1


def _without(key):
    content = json.loads(request_text())
    del content[key]
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "request is not valid"),
        ("[]", "request is not valid"),
        ("null", "request is not valid"),
        (_without("cash"), "request lacks 'cash'"),
        (_without("limits"), "request lacks 'limits'"),
        (request_text("yesterday"), "request is not valid: Invalid isoformat"),
        (request_text(cash="NaN"), "NaN is no amount of money"),
        (request_text(opens={"2018-10-02": "0"}), "price 0 of AAA on 2018-10-02 is not above zero"),
        (request_text(opens={"2018-10-02": "-1"}), "price -1 of AAA"),
        (request_text(opens={"2018-10-02": "Infinity"}), "Infinity is no amount of money"),
        (request_text(opens={"2018-10-02": "ten"}), "request is not valid"),
        (request_text(target=1.5), "1.5 is not a whole number"),
        (request_text(target=True), "True is not a whole number"),
        (request_text(fees={"commission_bp": 1.0}), "request is not valid"),
        (request_text(fees={"commission_bp": 1.0, "slippage_bp": -2.0}), "slippage_bp must lie between"),
        (
            request_text(limits={"max_order_quantity": -1, "max_order_notional": "1", "max_position": 1}),
            "limit max_order",
        ),
    ],
)
def test_a_bad_request_is_refused_in_one_line(text, words):
    with pytest.raises(ConfigError, match=words) as refused:
        parse_request(text)

    assert "\n" not in str(refused.value)
