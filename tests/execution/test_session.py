import fcntl
import json
import threading

import pytest

from tests.execution.orders import request_text
from tradepulse.core.sessions import calendar
from tradepulse.errors import BookLocked, ConfigError, ExecutionError, MissingData, SessionOutOfOrder, Unanswered
from tradepulse.execution.__main__ import main
from tradepulse.execution.accounting import BORROW, FUNDING, ledger_of
from tradepulse.execution.book import Book
from tradepulse.execution.brokers.simulated import SimulatedVenue
from tradepulse.execution.journal import Journal, read_journal
from tradepulse.execution.kill_switch import pull_kill_switch
from tradepulse.execution.request import parse_request
from tradepulse.execution.session import kill_book, reset_book, run_session


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


def split(new, old, ex_date="2018-10-02"):
    return {"symbol": "AAA", "ex_date": ex_date, "split": [new, old]}


def dividend(amount, ex_date="2018-10-02"):
    return {"symbol": "AAA", "ex_date": ex_date, "dividend": amount}


def test_what_rests_over_a_split_fills_in_new_units(tmp_path):
    run(tmp_path, "2018-10-01")
    run(tmp_path, "2018-10-02", target=250, opens={"2018-10-02": "40"}, actions=[split(5, 2)])

    ((made, _),) = book(tmp_path).fills.values()
    assert (made.quantity, made.price_micros) == (250, 40_008_000)
    assert book(tmp_path).exposure("AAA") == 250  # so that nothing is sent


def test_what_rests_over_a_split_in_which_nothing_trades_counts_in_new_units(tmp_path):
    run(tmp_path, "2018-10-01")
    report = run(tmp_path, "2018-10-02", target=250, actions=[split(5, 2)])

    assert report.decided == 0
    [state] = book(tmp_path).orders.values()
    assert (state.order.quantity, state.known.left, book(tmp_path).exposure("AAA")) == (250, 250, 250)


def test_units_held_over_a_reverse_split_are_whole_and_the_broken_one_is_paid_out(tmp_path):
    run(tmp_path, "2018-10-01")
    run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"}, closes={"2018-10-02": {"AAA": "102"}})
    before = book(tmp_path).cash_micros
    run(tmp_path, "2018-10-03", target=33, opens={"2018-10-03": "300"}, actions=[split(1, 3, "2018-10-03")])

    # 100 units are 33 and a third; a third of 3 x 102 is 102.
    assert book(tmp_path).positions == {"AAA": 33}
    assert book(tmp_path).cash_micros == before + 102_000_000
    assert len(book(tmp_path).orders) == 1


def test_an_order_that_a_split_leaves_nothing_of_is_canceled(tmp_path):
    run(tmp_path, "2018-10-01", target=2)
    report = run(tmp_path, "2018-10-02", target=0, opens={"2018-10-02": "1000"}, actions=[split(1, 3)])

    assert (report.filled, report.decided) == (0, 0)
    assert next(iter(book(tmp_path).orders.values())).reason == "a split left nothing of it"


def test_a_dividend_is_paid_on_what_was_held_over_the_night_after_the_split_of_the_day(tmp_path):
    run(tmp_path, "2018-10-01")
    run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"}, actions=[dividend("0.5")])  # bought at that open: none
    before = book(tmp_path).cash_micros
    run(tmp_path, "2018-10-03", target=0, opens={"2018-10-03": "50"},
        actions=[dividend("0.25", "2018-10-03"), split(2, 1, "2018-10-03")])  # fmt: skip

    assert book(tmp_path).cash_micros == before + 200 * 250_000
    run(tmp_path, "2018-10-04", target=-200, opens={"2018-10-04": "50"})
    run(tmp_path, "2018-10-05", target=-200, opens={"2018-10-05": "50"})
    before = book(tmp_path).cash_micros
    run(tmp_path, "2018-10-08", target=-200, opens={"2018-10-08": "50"}, actions=[dividend("0.25", "2018-10-07")])
    assert book(tmp_path).positions == {"AAA": -200}
    assert book(tmp_path).cash_micros == before - 200 * 250_000


def test_what_is_told_late_is_booked_where_nothing_was_traded_since(tmp_path):
    run(tmp_path, "2018-10-01")
    run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"})
    run(tmp_path, "2018-10-03", opens={"2018-10-03": "50"})
    before = book(tmp_path).cash_micros

    late = [split(2, 1, "2018-10-03"), dividend("0.25", "2018-10-03")]
    run(tmp_path, "2018-10-04", target=200, opens={"2018-10-04": "50"}, actions=late)
    run(tmp_path, "2018-10-05", target=200, opens={"2018-10-05": "50"}, actions=late)  # told again: booked once
    assert book(tmp_path).positions == {"AAA": 200}
    assert book(tmp_path).cash_micros == before + 200 * 250_000


def test_what_went_ex_before_a_trade_is_refused(tmp_path):
    run(tmp_path, "2018-10-01")
    with pytest.raises(SessionOutOfOrder, match="AAA went ex on 2018-10-01, and book 'paper' has traded it since"):
        run(tmp_path, "2018-10-02", actions=[split(2, 1, "2018-10-01")])  # an order of that day is on its way
    run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"})

    with pytest.raises(SessionOutOfOrder, match="AAA went ex on 2018-10-02, and book 'paper' has traded it since"):
        run(tmp_path, "2018-10-03", actions=[split(2, 1)])


def test_the_broken_unit_of_a_split_needs_a_price(tmp_path):
    run(tmp_path, "2018-10-01", closes={})
    run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"}, closes={})

    with pytest.raises(MissingData, match="AAA is split on 2018-10-03, and no close before is known"):
        run(tmp_path, "2018-10-03", actions=[split(1, 3, "2018-10-03")])


class Died(Exception):
    pass


def dies_after(writes, monkeypatch, what):
    """Do something in a process that dies after so many records."""
    with monkeypatch.context() as patched:
        append, left = Journal.append, iter(range(writes))

        def until(journal, kind, **body):
            if next(left, None) is None:
                raise Died
            return append(journal, kind, **body)

        patched.setattr(Journal, "append", until)
        with pytest.raises(Died):
            what()


@pytest.mark.parametrize("writes", range(10))
def test_a_split_is_booked_once_wherever_the_run_before_died(tmp_path, monkeypatch, writes):
    def ex(folder):
        run(folder, "2018-10-02", target=301, opens={"2018-10-02": "40"},
            actions=[split(3, 1), dividend("1")], limits=WIDE)  # fmt: skip

    run(tmp_path / "whole", "2018-10-01")
    ex(tmp_path / "whole")
    run(tmp_path / "cut", "2018-10-01")
    dies_after(writes, monkeypatch, lambda: ex(tmp_path / "cut"))
    ex(tmp_path / "cut")

    cut, whole = book(tmp_path / "cut"), book(tmp_path / "whole")
    for part in ("positions", "cash_micros", "actions"):
        assert getattr(cut, part) == getattr(whole, part), part
    assert cut.account.state.parts == whole.account.state.parts


def short_100(folder, **more):
    """Sold short at 99.98, 100 less 2 bp; the close of that day is 101.5."""
    run(folder, "2018-10-04", target=-100)
    run(folder, "2018-10-05", target=-100, opens={"2018-10-05": "100"}, **more)
    return book(folder).cash_micros


def test_a_short_pays_for_what_it_borrows_each_night_and_funding_is_paid_or_received(tmp_path):
    rates = {"borrow_bp": {"AAA": "360", "BBB": "1"}}
    before = short_100(tmp_path, **rates)  # nothing was short over the night before
    assert book(tmp_path).actions == {}

    run(
        tmp_path, "2018-10-08", target=-100, opens={"2018-10-08": "110"}, **rates,
        funding=[{"symbol": "AAA", "session": "2018-10-08", "rate": "0.0002"}],
    )  # fmt: skip

    # Friday to Monday: 3 nights of 360 on 10,150 at 3.6 % are 3.045; 2 bp of 10,150 come from the longs, 2.03.
    paid = {kind: body["micros"] for (kind, *_), body in book(tmp_path).actions.items()}
    assert paid == {"borrow": 3_045_000, "funding": -2_030_000}
    assert book(tmp_path).cash_micros == before - 3_045_000 + 2_030_000
    # A long borrows nothing, and pays the funding that a short gets.
    run(tmp_path, "2018-10-09", target=100, opens={"2018-10-09": "100"})
    run(tmp_path, "2018-10-10", target=100, opens={"2018-10-10": "100"})
    before = book(tmp_path).cash_micros
    run(tmp_path, "2018-10-11", target=100, **rates,
        funding=[{"symbol": "AAA", "session": "2018-10-11", "rate": "0.0002"}])  # fmt: skip
    assert book(tmp_path).cash_micros == before - 2_030_000


def test_what_was_charged_is_in_the_books(tmp_path):
    short_100(tmp_path)
    run(tmp_path, "2018-10-08", target=-100, borrow_bp={"AAA": "360"},
        funding=[{"symbol": "AAA", "session": "2018-10-08", "rate": "-0.0001"}])  # fmt: skip
    found = book(tmp_path)

    books = ledger_of(found, calendar())

    assert (books.balance(BORROW), books.balance(FUNDING)) == (3_045_000, 1_015_000)
    assert books.equity({"AAA": 0}) == found.cash_micros


@pytest.mark.parametrize("writes", range(7))
def test_a_night_is_charged_once_wherever_the_run_before_died(tmp_path, monkeypatch, writes):
    def night(folder):
        run(folder, "2018-10-08", target=-50, opens={"2018-10-08": "110"}, borrow_bp={"AAA": "360"},
            funding=[{"symbol": "BBB", "session": "2018-10-08", "rate": "0.01"}])  # fmt: skip

    for name in ("whole", "cut"):
        short_100(tmp_path / name)
    night(tmp_path / "whole")
    dies_after(writes, monkeypatch, lambda: night(tmp_path / "cut"))
    night(tmp_path / "cut")

    for part in ("positions", "cash_micros", "actions"):
        assert getattr(book(tmp_path / "cut"), part) == getattr(book(tmp_path / "whole"), part), part


def test_a_purchase_of_the_day_pays_nothing_for_the_night_before_it_also_after_a_death(tmp_path, monkeypatch):
    def day(folder):
        run(folder, "2018-10-02", opens={"2018-10-02": "100"},
            funding=[{"symbol": "AAA", "session": "2018-10-02", "rate": "0.01"}])  # fmt: skip

    run(tmp_path, "2018-10-01")
    dies_after(4, monkeypatch, lambda: day(tmp_path))  # started, charged, traded at the venue, filled
    assert book(tmp_path).positions == {"AAA": 100}
    day(tmp_path)

    assert book(tmp_path).actions == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"borrow_bp": {"AAA": "-1"}}, "borrow_bp of AAA must lie between 0 and 1000000"),
        ({"borrow_bp": {"AAA": "nan"}}, "is not valid"),
        ({"borrow_bp": ["AAA"]}, "is not valid"),
        ({"funding": [{"symbol": "AAA", "session": "2018-10-01", "rate": "2"}]}, "AAA must lie between -1 and 1"),
        ({"funding": [{"symbol": "AAA", "session": "x", "rate": "0"}]}, "is not valid"),
        ({"funding": [{"symbol": "AAA", "session": "2018-10-01", "rate": "0", "at": 1}]}, "unknown key 'at'"),
        ({"funding": [{"symbol": "AAA", "session": "2018-10-01", "rate": "0"}] * 2}, "two rates of funding"),
    ],
)  # fmt: skip
def test_charges_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        parse_request(request_text(**changes))


def test_a_short_without_a_close_to_go_by_is_refused_and_nothing_is_lost(tmp_path):
    run(tmp_path, "2018-10-04", target=-100)
    run(tmp_path, "2018-10-05", target=-100, opens={"2018-10-05": "100"}, closes={})
    content = book(tmp_path)

    with pytest.raises(MissingData, match="AAA was held over the night of 2018-10-05 and has no close then"):
        run(tmp_path, "2018-10-08", target=-100, borrow_bp={"AAA": "360"})
    assert book(tmp_path).cash_micros == content.cash_micros
    run(tmp_path, "2018-10-08", target=-100, borrow_bp={"AAA": "360"},
        closes={"2018-10-05": {"AAA": "101.5"}, "2018-10-08": {"AAA": "101.5"}})  # fmt: skip
    assert book(tmp_path).cash_micros == content.cash_micros - 3_045_000


# -- cash accounts -----------------------------------------------------------------------------------------------------


def test_a_cash_account_pays_with_what_has_settled(tmp_path):
    def on(session, target, **more):
        run(tmp_path, session, target=target, cash="10000", account="cash", **more)
        return statuses(tmp_path)[-1]

    assert on("2018-10-01", 50) == ("working", "")
    # 50 at 100.02 and a commission of 0.5001: 4,998.4999 are left, and 50 more are worth 5,075.
    unpaid = "unsettled_cash: costs 5,075.00, and 4,998.50 has settled and is free"
    assert on("2018-10-02", 100, opens={"2018-10-02": "100"}) == ("refused", unpaid)
    assert on("2018-10-03", 0) == ("working", "")
    # Sold on Thursday: two business days on is Tuesday, as banks are closed on Columbus Day, when the exchange trades.
    unpaid = "unsettled_cash: costs 6,090.00, and 4,998.50 has settled and is free"
    assert on("2018-10-04", 60, opens={"2018-10-04": "100"}) == ("refused", unpaid)
    assert on("2018-10-08", 60) == ("refused", unpaid)
    assert on("2018-10-09", 60) == ("working", "")


def test_in_a_cash_account_a_purchase_on_its_way_is_paid_for_and_nothing_is_sold_short(tmp_path):
    known = {"reference_close": "100", "strategy": "s@1", "trial_id": "t" * 16}
    wishes = [("AAA", 60), ("BBB", 60), ("CCC", 40), ("DDD", -1)]
    targets = [{"symbol": symbol, "target_quantity": units, **known} for symbol, units in wishes]
    run(tmp_path, targets=targets, cash="10000", account="cash")

    assert statuses(tmp_path) == [
        ("working", ""), ("refused", "unsettled_cash: costs 6,000.00, and 4,000.00 has settled and is free"),
        ("working", ""), ("refused", "max_short: 1 would be short, at most 0"),
    ]  # fmt: skip


def test_a_margin_account_spends_what_has_not_settled(tmp_path):
    run(tmp_path, "2018-10-01", target=50, cash="10000")
    run(tmp_path, "2018-10-02", target=100, cash="10000", opens={"2018-10-02": "100"})

    assert statuses(tmp_path)[-1] == ("working", "")


# -- the kill switch ---------------------------------------------------------------------------------------------------


def statuses(folder):
    return [(state.status.value, state.reason) for state in book(folder).orders.values()]


def test_killed_between_sessions_what_rests_is_canceled_and_nothing_is_added(tmp_path):
    run(tmp_path, "2018-10-01")
    killed = kill_book(tmp_path, "drawdown", "anna")

    assert (killed.killed, killed.left) == ("drawdown (anna)", [])
    assert statuses(tmp_path) == [("canceled", "killed")]
    report = run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"})
    assert (report.filled, report.refused, report.killed) == (0, 1, "drawdown (anna)")
    assert statuses(tmp_path)[1] == ("refused", "killed: the kill switch is pulled: drawdown (anna)")
    assert book(tmp_path).positions == {}


def test_killed_it_may_still_reduce_and_is_released_by_a_person_for_a_reason(tmp_path):
    run(tmp_path, "2018-10-01")
    run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"})
    kill_book(tmp_path, "drawdown", "anna")
    run(tmp_path, "2018-10-03", target=40, opens={"2018-10-03": "100"})
    run(tmp_path, "2018-10-04", target=90, opens={"2018-10-04": "100"})
    assert book(tmp_path).positions == {"AAA": 40}
    assert statuses(tmp_path)[-1][0] == "refused"

    with pytest.raises(ConfigError, match="by somebody for a reason"):
        reset_book(tmp_path, " ", "ben")
    reset_book(tmp_path, "checked", "ben")
    with pytest.raises(ConfigError, match="the kill switch is not pulled; there is nothing to reset"):
        reset_book(tmp_path, "checked", "ben")
    run(tmp_path, "2018-10-05", target=90, opens={"2018-10-05": "100"})
    run(tmp_path, "2018-10-08", target=90, opens={"2018-10-08": "100"})
    assert book(tmp_path).positions == {"AAA": 90}
    said = [record.body for record in read_journal(tmp_path / "orders.journal")[0] if record.kind == "reset"]
    assert said == [{"reason": "checked", "by": "ben"}]


def test_killed_while_a_session_runs_it_sends_nothing_more_and_cancels_what_it_has_sent(tmp_path):
    targets = [
        {"symbol": symbol, "target_quantity": 10, "reference_close": "101.5", "strategy": "s@1", "trial_id": "t" * 16}
        for symbol in ("AAA", "BBB")
    ]
    request = parse_request(request_text(targets=targets))

    def progress(line):
        if line.startswith("sent"):
            assert kill_book(tmp_path, "drawdown", "anna", wait=0) is None  # another process has the book

    report = run_session(tmp_path, request, progress)

    assert statuses(tmp_path) == [
        ("canceled", "killed"), ("refused", "killed: the kill switch is pulled: drawdown (anna)")
    ]  # fmt: skip
    assert (report.killed, report.left) == ("drawdown (anna)", [])


def test_pulled_after_the_last_order_a_session_acts_on_it_at_its_end(tmp_path):
    def progress(line):
        if line.startswith("sent"):
            pull_kill_switch(tmp_path, "drawdown", "anna")

    report = run_session(tmp_path, parse_request(request_text()), progress)

    assert report.killed == "drawdown (anna)"
    assert statuses(tmp_path) == [("canceled", "killed")]


def test_a_session_that_runs_is_waited_for(tmp_path):
    run(tmp_path, "2018-10-01")
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ends = threading.Timer(0.3, fcntl.flock, (lock, fcntl.LOCK_UN))
        ends.start()
        killed = kill_book(tmp_path, "drawdown", "anna")
        ends.join()

    assert killed is not None
    assert statuses(tmp_path) == [("canceled", "killed")]


def test_what_the_broker_does_not_prove_gone_is_escalated_until_it_does(tmp_path, monkeypatch):
    run(tmp_path, "2018-10-01")
    with monkeypatch.context() as patched:
        patched.setattr(SimulatedVenue, "cancel", lambda self, order: None)
        assert len(kill_book(tmp_path, "drawdown", "anna").left) == 1
        assert len(run(tmp_path, "2018-10-02").left) == 1

    assert run(tmp_path, "2018-10-03").left == []
    assert statuses(tmp_path)[0] == ("canceled", "killed")


def test_the_process_of_a_session_that_is_escalated_ends_with_3(tmp_path, monkeypatch, capsys):
    run(tmp_path / "book", "2018-10-01")
    monkeypatch.setattr(SimulatedVenue, "cancel", lambda self, order: None)
    kill_book(tmp_path / "book", "drawdown", "anna")
    (tmp_path / "request.json").write_text(request_text("2018-10-02"))
    given = ["--folder", str(tmp_path / "book"), "--request", str(tmp_path / "request.json")]

    assert main(given) == 3
    assert len(json.loads(capsys.readouterr().out)["left"]) == 1
    assert main(given) == 3  # completed before, and still not proven
    monkeypatch.undo()
    (tmp_path / "request.json").write_text(request_text("2018-10-03"))
    assert main(given) == 0


def test_a_broker_that_does_not_answer_is_escalated_and_what_never_arrived_is_not_sent_again(tmp_path, monkeypatch):
    def unanswered(self, order):
        raise Unanswered("the line is dead")

    with monkeypatch.context() as patched:
        patched.setattr(SimulatedVenue, "submit", unanswered)
        patched.setattr(SimulatedVenue, "cancel", unanswered)
        run(tmp_path, "2018-10-01")
        said = []
        kill_book(tmp_path, "drawdown", "anna", said.append)
    assert any("ESCALATED" in line for line in said)

    run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"})
    assert statuses(tmp_path)[0] == ("canceled", "killed")
    assert read_journal(tmp_path / "venue.journal")[0][-1].kind == "canceled"
    assert book(tmp_path).fills == {}


@pytest.mark.parametrize("writes", range(4))
def test_the_kill_switch_is_acted_on_wherever_the_process_before_died(tmp_path, monkeypatch, writes):
    run(tmp_path, "2018-10-01")
    dies_after(writes, monkeypatch, lambda: kill_book(tmp_path, "drawdown", "anna") and (_ for _ in ()).throw(Died))

    report = run(tmp_path, "2018-10-02", opens={"2018-10-02": "100"})

    assert (report.killed, report.filled) == ("drawdown (anna)", 0)
    assert statuses(tmp_path)[0] == ("canceled", "killed")


def test_where_the_broker_cannot_be_asked_it_is_pulled_all_the_same_and_said(tmp_path, monkeypatch):
    run(tmp_path, "2018-10-01")
    monkeypatch.setattr(SimulatedVenue, "cancel", lambda self, order: (_ for _ in ()).throw(ConfigError("no account")))
    assert len(kill_book(tmp_path, "drawdown", "anna").left) == 1

    other = tmp_path / "other"
    run(other, "2018-10-01")
    Journal(other / "orders.journal").append("session_started", session="2018-10-02", broker="alpaca")
    monkeypatch.delenv("APCA_API_KEY_ID", raising=False)
    with pytest.raises(ExecutionError, match="the kill switch is pulled, and sessions send nothing; but what rests at"):
        kill_book(other, "drawdown", "anna")
    assert run(other, "2018-10-02", opens={"2018-10-02": "100"}).killed == "drawdown (anna)"


def test_a_book_that_there_is_not_has_no_kill_switch(tmp_path):
    with pytest.raises(ConfigError, match="there is no such book; name one that has traded"):
        kill_book(tmp_path, "drawdown", "anna")


WIDE = {"max_order_quantity": 500, "max_order_notional": "100000", "max_position": 500}


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
        (request_text(actions=[{"symbol": "AAA", "ex_date": "2018-10-01"}]), "either a split"),
        (request_text(actions=[{"symbol": "AAA", "ex_date": "2018-10-01", "split": [0, 1]}]), "0 for 1 of AAA is none"),
        (request_text(actions=[{"symbol": "AAA", "ex_date": "2018-10-01", "split": [2]}]), "not enough values"),
        (request_text(actions=[{"symbol": "AAA", "ex_date": "today", "split": [2, 1]}]), "Invalid isoformat"),
        (request_text(actions=[{"symbol": "AAA", "ex_date": "2018-10-01", "dividend": "-1"}]), "price -1 of AAA"),
        (request_text(actions=[{"symbol": "AAA", "ex_date": "2018-10-01", "split": [2, 1]}] * 2), "has two splits"),
        (request_text(account="credit"), "an account is cash or margin, not 'credit'"),
        (request_text(action=[]), "the request has the unknown key 'action'; known are"),
        (request_text(strategies={"sma_cross@1": {"max_daily_loss": "1"}}), "limits has the unknown key"),
        (request_text(limits={"max_order_quantity": 1, "max_position": 1}), "request lacks 'max_order_notional'"),
        (request_text(target=1.5), "1.5 is not a whole number"),
        (request_text(target=True), "True is not a whole number"),
        (request_text(fees={"commission_bp": 1.0}), "request is not valid"),
        (request_text(fees={"commission_bp": 1.0, "slippage_bp": -2.0}), "slippage_bp must lie between"),
        (
            request_text(limits={"max_order_quantity": -1, "max_order_notional": "1", "max_position": 1}),
            "limit max_order_quantity must not be below zero, as -1 is",
        ),
        (
            request_text(
                limits={"max_order_quantity": 1, "max_order_notional": "1", "max_position": 1, "max_leverage": "x"}
            ),
            "request is not valid",
        ),
        (
            request_text(
                limits={"max_order_quantity": 1, "max_order_notional": "1", "max_position": 1, "max_short": "0"}
            ),
            "'0' is not a whole number",
        ),
    ],
)
def test_a_bad_request_is_refused_in_one_line(text, words):
    with pytest.raises(ConfigError, match=words) as refused:
        parse_request(text)

    assert "\n" not in str(refused.value)
