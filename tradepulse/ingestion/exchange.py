"""The exchange calendars that come with TradePulse, as a source of sessions."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import ClassVar

import pandas as pd

from tradepulse.core.sessions import Calendar, halts
from tradepulse.core.tables import table
from tradepulse.ingestion.source import Covered, Delivery, Part, Wanted


class CalendarSource:
    """Sessions of an exchange, with its halts.

    Parameters
    ----------
    exchange : its code (MIC)
    """

    name: ClassVar[str] = "calendar"
    tables: ClassVar[tuple[str, ...]] = ("sessions",)
    options: ClassVar[Mapping[str, str]] = {"exchange": "code of the exchange, XNYS by default"}

    def __init__(self, exchange: str = "XNYS") -> None:
        self._calendar = Calendar(exchange)

    @property
    def identity(self) -> str:
        """The exchange."""
        return f"calendar {self._calendar.name}"

    def parts(self, wanted: Wanted, covered: Covered) -> list[Part]:
        """Return one piece: a calendar is computed in a moment."""
        first, last = max(wanted.first, self._calendar.first), min(wanted.last, self._calendar.last)
        return [Part(f"sessions {self._calendar.name}", replace(wanted, first=first, last=last))]

    def fetch(self, part: Part) -> Delivery:
        """Return the sessions of the dates asked for."""
        exchange = self._calendar
        days = exchange.sessions(part.wanted.first, part.wanted.last)
        halted: dict[str, float] = {}
        for start, end in halts(exchange):
            day = start.astimezone(exchange.zone).date().isoformat()
            halted[day] = halted.get(day, 0.0) + (end - start).total_seconds()
        frame = pd.DataFrame(
            {
                "session": pd.DatetimeIndex(list(days)).as_unit("ns"),
                "symbol": exchange.name,
                "ts": pd.DatetimeIndex([exchange.open_at(day) for day in days], tz="UTC").as_unit("ns"),
                "closes": pd.DatetimeIndex([exchange.close_at(day) for day in days], tz="UTC").as_unit("ns"),
                "halted_seconds": [halted.get(day.isoformat(), 0.0) for day in days],
                "source": self.name,
            }
        )
        digest = sha256(frame.to_csv(index=False).encode()).hexdigest()[:16]
        frame["source_hash"] = pd.Series([digest] * len(frame), dtype="str")
        accepted = table("sessions").accept(frame, f"sessions of {exchange.name}")
        return Delivery("sessions", len(frame), accepted, table("quarantine").no_rows(), digest)
