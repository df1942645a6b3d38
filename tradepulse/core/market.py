"""What the market shows: bars."""

from datetime import date, datetime
from typing import NamedTuple


class Bar(NamedTuple):
    """One interval of trading in one symbol, as a strategy sees it when the interval has closed.

    Parameters
    ----------
    ts : the interval's open, UTC
    session : trading date the interval belongs to
    symbol : our spelling of the ticker
    open, high, low, close : prices in quote currency
    volume : shares or contracts traded in the interval
    """

    ts: datetime
    session: date
    symbol: str
    open: float
    high: float
    low: float
    close: float
    volume: float
