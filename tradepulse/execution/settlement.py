"""Settlement: when the cash and the units of each fill change hands."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from tradepulse.core.orders import Fill
from tradepulse.core.sessions import Calendar, settlement_cycle, settlement_date


def settlement_rows(fills: Iterable[Fill], session: date, exchange: Calendar) -> list[dict[str, Any]]:
    """Return a row of ``settlement`` for each fill that had not settled before a session.

    Parameters
    ----------
    fills : of one book, up to the session
    session : as of which the rows stand
    exchange : whose trade dates the fills have
    """
    rows = []
    for fill in fills:
        traded = date.fromisoformat(fill.session)
        settles = settlement_date(traded, exchange)
        if traded > session or settles < session:
            continue
        rows.append(
            {
                "session": session.isoformat(),
                "fill_id": fill.fill_id,
                "trade_date": traded.isoformat(),
                "settle_date": settles.isoformat(),
                "cycle": f"T+{settlement_cycle(traded)}",
                "symbol": fill.symbol,
                "quantity": fill.side.sign * fill.quantity,
                "amount_micros": fill.cash_micros,
                "settled": settles <= session,
            }
        )
    return rows
