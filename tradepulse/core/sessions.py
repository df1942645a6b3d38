"""Trading days: which dates are sessions, when they open and close, when their trades settle."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import import_module
from zoneinfo import ZoneInfo

from tradepulse.errors import MissingData, UnknownName

CALENDARS = ("XNYS",)
_DAY = timedelta(days=1)

# The day from which trades settle that many business days later. 1995-06-07: SEC release 33-7177. 2017-09-05: SEC
# release 34-80295. 2024-05-28: SEC release 34-96930. Before June 1995 it was five.
_CYCLES = ((date(1995, 6, 7), 3), (date(2017, 9, 5), 2), (date(2024, 5, 28), 1))


class Calendar:
    """The sessions of one exchange.

    Parameters
    ----------
    name : the exchange's ISO 10383 code, one of :data:`CALENDARS`
    """

    def __init__(self, name: str = "XNYS") -> None:
        if name not in CALENDARS:
            raise UnknownName("calendar", name, CALENDARS)
        data = import_module(f"tradepulse.core.calendars.{name.lower()}")
        self.name = name
        self.first, self.last = date.fromisoformat(data.FIRST), date.fromisoformat(data.LAST)
        self.zone = ZoneInfo(data.ZONE)
        self._open, self._close = data.OPEN, data.CLOSE
        self._odd_opens: dict[str, str] = data.ODD_OPENS
        self._odd_closes: dict[str, str] = data.ODD_CLOSES
        self.holidays = tuple(
            date.fromisoformat(f"{year}-{day}") for year, days in data.HOLIDAYS.items() for day in days.split()
        )
        closed = frozenset(self.holidays)
        span = ((self.first + _DAY * n) for n in range((self.last - self.first).days + 1))
        self._sessions = tuple(d for d in span if d.weekday() < 5 and d not in closed)
        self._set = frozenset(self._sessions)

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on that date."""
        self._check(day)
        return day in self._set

    def sessions(self, start: date, end: date) -> Sequence[date]:
        """Return the sessions from ``start`` to ``end``, both included, in order."""
        self._check(start)
        self._check(end)
        return self._sessions[bisect_left(self._sessions, start) : bisect_right(self._sessions, end)]

    def next(self, day: date) -> date:
        """Return the first session after a date."""
        self._check(day)
        return self._sessions[bisect_right(self._sessions, day)]

    def previous(self, day: date) -> date:
        """Return the last session before a date."""
        self._check(day)
        return self._sessions[bisect_left(self._sessions, day) - 1]

    def open_at(self, session: date) -> datetime:
        """Return the instant at which a session opens, UTC."""
        return self._instant(session, self._odd_opens.get(session.isoformat(), self._open))

    def close_at(self, session: date) -> datetime:
        """Return the instant at which a session closes, UTC; half days and daylight saving included."""
        return self._instant(session, self._odd_closes.get(session.isoformat(), self._close))

    def last_closed(self, now: datetime) -> date:
        """Return the newest session that had closed at an instant.

        Parameters
        ----------
        now : timezone-aware
        """
        day = now.astimezone(self.zone).date()
        if self.is_session(day) and self.close_at(day) <= now:
            return day
        return self.previous(day)

    def _instant(self, session: date, at: str) -> datetime:
        if not self.is_session(session):
            raise MissingData(f"{session} is no session of {self.name}")
        return datetime.combine(session, time.fromisoformat(at), self.zone).astimezone(UTC)

    def _check(self, day: date) -> None:
        if not self.first <= day <= self.last:
            raise MissingData(f"{day} lies outside the {self.name} calendar, which covers {self.first} to {self.last}")


@cache
def calendar(name: str = "XNYS") -> Calendar:
    """Return an exchange's calendar, built once per process (about 10 ms)."""
    return Calendar(name)


def settlement_date(trade_date: date, exchange: Calendar) -> date:
    """Return the date on which a US equity trade settles.

    The cycle is that of the trade date: five business days until 1995-06-06, T+3 until 2017-09-04, T+2 until
    2024-05-27, T+1 since. The exchange trades on Columbus Day and Veterans Day, but banks are closed and nothing
    settles.

    Parameters
    ----------
    trade_date : a session of the exchange
    exchange : calendar whose closed days do not settle either
    """
    left = settlement_cycle(trade_date)
    day = trade_date
    while left:
        day = exchange.next(day)
        left -= settles_on(day)
    return day


def settlement_cycle(trade_date: date) -> int:
    """Return the business days between a US equity trade and its settlement."""
    return next((days for since, days in reversed(_CYCLES) if trade_date >= since), 5)


def settles_on(session: date) -> bool:
    """Whether anything settles on a session: not on days on which banks are closed and the exchange trades."""
    # Columbus Day: second Monday of October. Veterans Day: 11 November, on the Monday after when it is a Sunday; on a
    # Saturday the Federal Reserve stays open on the Friday before.
    day = session
    if day.month == 10 and day.weekday() == 0 and 8 <= day.day <= 14:
        return False
    return not (day.month == 11 and (day.day == 11 or (day.day == 12 and day.weekday() == 0)))


#: When US equities did not trade within their sessions, New York time: the first circuit breaker, of 1997 (SEC, Trading
#: Analysis of October 27 and 28, 1997), after whose second halt the market did not open again that day; the late
#: opening on the first anniversary of 11 September 2001; the circuit breakers of 2020 (SEC and exchanges, Report of the
#: Market-Wide Circuit Breaker Working Group, 2021). No calendar package lists them.
_HALTS = (
    ("1997-10-27", "14:36:00", "15:06:00"),
    ("1997-10-27", "15:30:00", "16:00:00"),
    ("2002-09-11", "09:30:00", "11:00:00"),
    ("2020-03-09", "09:34:13", "09:49:13"),
    ("2020-03-12", "09:35:44", "09:50:44"),
    ("2020-03-16", "09:30:01", "09:45:01"),
    ("2020-03-18", "12:56:17", "13:11:17"),
)


def halts(exchange: Calendar) -> list[tuple[datetime, datetime]]:
    """Return the market-wide halts of an exchange's sessions as instants, UTC, in time order."""

    def instant(day: str, at: str) -> datetime:
        return datetime.combine(date.fromisoformat(day), time.fromisoformat(at), exchange.zone).astimezone(UTC)

    return [(instant(day, start), instant(day, end)) for day, start, end in _HALTS]
