"""What should be true of a book's journal and of the tables made from it.

Each check works its answer out another way than the order path does: in decimal arithmetic instead of integers, from
the venue's journal instead of ours, with numpy's day counting instead of our calendar.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from math import trunc
from typing import Any

import numpy as np

from tradepulse.core.orders import MICROS, OrderStatus
from tradepulse.execution.book import Book
from tradepulse.execution.journal import Record
from tradepulse.quality.check import Check

_MICRO = Decimal("0.000001")


def journal_is_whole(records: Sequence[Record], torn_bytes: int, session: str) -> list[Check]:
    """Say whether a journal's records follow from one another and its session was completed with every order answered.

    Parameters
    ----------
    records, torn_bytes : what reading the journal gave; damage would have raised
    session : trading date, ISO
    """
    book = Book.of(records)
    unanswered = sum(state.status is OrderStatus.UNKNOWN for state in book.orders.values())
    return [
        Check("the hash chain holds", len(records), int(torn_bytes > 0), records[-1].link[:16] if records else ""),
        Check("the session was completed", len(book.closed), int(session not in book.closed)),
        Check("every order was answered", len(records), unanswered),
    ]


def targets_are_reached(book: Book, session: str, signals: Sequence[Mapping[str, Any]]) -> Check:
    """Say whether, once what is open has filled, the book holds what the signals ask for; refused orders aside.

    Parameters
    ----------
    book : as it stood after the session
    session : whose signals they are, ISO
    signals : rows of ``released_signals``
    """
    refused = {
        state.order.symbol
        for state in book.orders.values()
        if (state.status in {OrderStatus.REFUSED, OrderStatus.REJECTED} or state.reason == "killed")
        and state.order.decided_session == session
    }
    off = [
        f"{row['symbol']}: {book.exposure(row['symbol'])} instead of {row['target_quantity']}"
        for row in signals
        if book.exposure(row["symbol"]) != row["target_quantity"] and row["symbol"] not in refused
    ]
    return Check("orders reach the targets", len(signals), len(off), ", ".join(off))


def fills_are_at_open(
    fills: Sequence[Mapping[str, Any]], opens: Mapping[str, float], commission_bp: float, slippage_bp: float
) -> list[Check]:
    """Say whether each fill is at its session's open, moved against us by the slippage, with the right commission.

    Parameters
    ----------
    fills : rows of ``fills`` of one session
    opens : opening price of each symbol in that session
    commission_bp, slippage_bp : what the venue charges
    """
    wrong = []
    for fill in fills:
        sign = 1 if fill["side"] == "buy" else -1
        quoted = Decimal(str(opens[fill["symbol"]]))
        price = quoted + sign * (quoted * Decimal(str(slippage_bp)) / 10_000).quantize(_MICRO, ROUND_HALF_EVEN)
        commission = (fill["quantity"] * price * Decimal(str(commission_bp)) / 10_000).quantize(_MICRO, ROUND_HALF_EVEN)
        if (price * MICROS, commission * MICROS) != (fill["price_micros"], fill["commission_micros"]):
            wrong.append(f"{fill['fill_id']}: expected {price} and {commission}")
    # Most sessions have no fill. What was looked at then is that there were opens to fill at.
    return [
        Check("the session has opens", len(opens), 0),
        Check("fills are at the open", max(1, len(fills)), len(wrong), "; ".join(wrong)),
    ]


def positions_are_the_fills(
    venue: Sequence[Record],
    closed: Mapping[str, Any],
    cash: Decimal,
    actions: Sequence[Mapping[str, Any]] = (),
    closes: Mapping[str, Mapping[str, float]] | None = None,
) -> list[Check]:
    """Say whether position and cash are what the venue's own journal and what went ex add up to.

    Parameters
    ----------
    venue : records of the venue's journal, which the order path does not write
    closed : what the book held after a session
    cash : what the book was opened with
    actions : rows of ``corporate_actions`` with ex-dates after the book's first session
    closes : by symbol and session (ISO); broken units are paid out at the last one before a split
    """
    held: Counter[str] = Counter()
    micros = cash * MICROS
    # Of a day what goes ex comes before the open, and splits before dividends.
    happened = [(f"{action['ex_date']:%Y-%m-%d}", action["action"] != "split", action) for action in actions]
    happened += [(fill.body["session"], 2, fill.body) for fill in venue if fill.kind == "traded"]
    for day, order, what in sorted(happened, key=lambda one: one[:2]):
        symbol = what["symbol"]
        if day > closed["session"]:
            break
        if order == 2:
            sign = 1 if what["side"] == "buy" else -1
            held[symbol] += sign * what["quantity"]
            micros -= sign * what["quantity"] * what["price_micros"] + what["commission_micros"]
        elif order:
            micros += held[symbol] * Decimal(str(what["amount"])) * MICROS
        else:
            ratio = Fraction(what["ratio"]).limit_denominator(10**7)
            new = held[symbol] * ratio
            held[symbol] = trunc(new)
            if broken := new - held[symbol]:
                before = (closes or {})[symbol]
                close = Fraction(str(before[max(session for session in before if session < day)]))
                micros += round(broken * round(close * MICROS / ratio))
    off = [symbol for symbol in {*held, *closed["positions"]} if held[symbol] != closed["positions"].get(symbol, 0)]
    return [
        Check("cash is what the fills leave", 1, int(micros != closed["cash_micros"]), f"{micros / MICROS:,.2f}"),
        Check("positions are the sum of fills", max(1, len(held)), len(off), ", ".join(sorted(off))),
    ]


def settlement_is_due(
    rows: Sequence[Mapping[str, Any]], filled: Collection[str], holidays: Sequence[date]
) -> list[Check]:
    """Say whether each fill settles as many business days on as its cycle says, and none is missing.

    Parameters
    ----------
    rows : rows of ``settlement`` as of a session
    filled : ids of the fills of that session
    holidays : weekdays on which the exchange is closed
    """
    years = range(holidays[0].year, holidays[-1].year + 1)
    octobers = np.array([f"{year}-10" for year in years], dtype="datetime64[M]")
    # Columbus Day and Veterans Day: the exchange trades, nothing settles.
    columbus = np.busday_offset(octobers, 1, roll="forward", weekmask="Mon")
    veterans = np.array(
        [f"{year}-11-{12 if date(year, 11, 11).weekday() == 6 else 11}" for year in years], "datetime64[D]"
    )
    closed = np.concatenate([np.array(holidays, dtype="datetime64[D]"), columbus, veterans])
    wrong = [
        row["fill_id"]
        for row in rows
        # A trade on a day on which banks are closed counts from the business day before: the next one is its first.
        if np.busday_offset(_day(row["trade_date"]), int(row["cycle"][2:]), roll="preceding", holidays=closed)
        != _day(row["settle_date"])
    ]
    lost = set(filled) - {row["fill_id"] for row in rows}
    return [
        Check("dates follow the cycle", max(1, len(rows)), len(wrong), ", ".join(wrong)),
        Check("every fill of the session is there", max(1, len(filled)), len(lost), ", ".join(sorted(lost))),
    ]


def _day(stamp: Any) -> "np.datetime64":
    return np.datetime64(stamp.date(), "D")
