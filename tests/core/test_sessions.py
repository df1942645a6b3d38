from datetime import UTC, date, datetime

import exchange_calendars
import pytest

from tradepulse.core.sessions import Calendar, calendar, settlement_cycle, settlement_date
from tradepulse.errors import MissingData, UnknownName


def day(text):
    return date.fromisoformat(text)


@pytest.fixture(scope="module")
def reference():
    exchange = calendar()
    return exchange_calendars.get_calendar("XNYS", start=str(exchange.first), end=str(exchange.last))


def test_sessions_are_those_of_exchange_calendars(reference):
    ours = calendar().sessions(calendar().first, calendar().last)

    assert list(ours) == [stamp.date() for stamp in reference.sessions]
    assert len(ours) > 16_000


def test_opens_and_closes_are_those_of_exchange_calendars(reference):
    exchange = calendar()
    ours = [(exchange.open_at(d), exchange.close_at(d)) for d in exchange.sessions(exchange.first, exchange.last)]

    assert ours == [
        (o.to_pydatetime(), c.to_pydatetime()) for o, c in zip(reference.opens, reference.closes, strict=True)
    ]


def test_the_open_moves_with_daylight_saving():
    # New York changed on Sunday 2018-03-11 and 2018-11-04.
    opens = [calendar().open_at(day(d)).hour for d in ("2018-03-09", "2018-03-12", "2018-11-02", "2018-11-05")]

    assert opens == [14, 13, 13, 14]


def test_a_half_day_closes_at_one():
    assert calendar().close_at(day("2018-11-23")) == datetime(2018, 11, 23, 18, 0, tzinfo=UTC)


def test_the_last_closed_session_waits_for_the_close():
    before, after = datetime(2018, 11, 23, 17, 59, tzinfo=UTC), datetime(2018, 11, 23, 18, 0, tzinfo=UTC)

    assert calendar().last_closed(before) == day("2018-11-21")  # the 22nd was Thanksgiving
    assert calendar().last_closed(after) == day("2018-11-23")


def test_next_and_previous_skip_holidays():
    assert calendar().next(day("2018-12-04")) == day("2018-12-06")  # day of mourning for George H. W. Bush
    assert calendar().previous(day("2018-12-06")) == day("2018-12-04")
    assert calendar().next(day("2018-12-05")) == day("2018-12-06")


@pytest.mark.parametrize("outside", ["1959-12-31", "2027-11-01"])
def test_a_date_outside_the_calendar_is_an_error_not_a_holiday(outside):
    with pytest.raises(MissingData, match="lies outside the XNYS calendar, which covers 1960-01-01 to 2027-10-31"):
        calendar().is_session(day(outside))


def test_an_unknown_calendar_names_the_known_ones():
    with pytest.raises(UnknownName, match="No calendar named 'XNYZ'; close matches: XNYS"):
        Calendar("XNYZ")


def test_a_holiday_has_no_open():
    with pytest.raises(MissingData, match="2018-12-25 is no session of XNYS"):
        calendar().open_at(day("2018-12-25"))


# FINRA's examples for Columbus Day 1995 (the exchange traded, banks were closed), and the first days of each cycle.
@pytest.mark.parametrize(
    ("traded", "settles"),
    [
        ("1995-10-02", "1995-10-05"),
        ("1995-10-03", "1995-10-06"),
        ("1995-10-04", "1995-10-10"),
        ("1995-10-05", "1995-10-11"),
        ("1995-10-06", "1995-10-12"),
        ("1995-10-09", "1995-10-12"),
        ("1995-10-10", "1995-10-13"),
        ("2017-09-01", "2017-09-07"),  # the last Friday of T+3, Labor Day between
        ("2017-09-05", "2017-09-07"),  # the first day of T+2
        ("2018-11-08", "2018-11-13"),  # Veterans Day on a Sunday, banks closed on the Monday
        ("2024-05-24", "2024-05-29"),  # the last day of T+2, Memorial Day between
        ("2024-05-28", "2024-05-29"),  # the first day of T+1
    ],
)
def test_trades_settle_on_the_published_day(traded, settles):
    assert settlement_date(day(traded), calendar()) == day(settles)


def test_the_cycle_is_that_of_the_trade_date():
    dates = ("1995-06-06", "1995-06-07", "2017-09-04", "2017-09-05", "2024-05-27", "2024-05-28")

    assert [settlement_cycle(day(d)) for d in dates] == [5, 3, 3, 2, 2, 1]
