"""What an account has to keep to: exits, margin, and what holding a position costs or brings over time."""

from dataclasses import dataclass, fields
from datetime import date
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from tradepulse.backtest.feed import Feed
from tradepulse.backtest.settings import load_settings, shipped
from tradepulse.core.orders import BP
from tradepulse.errors import ConfigError, InvalidTable

if TYPE_CHECKING:
    import pandas as pd

ACCOUNTS = Path(__file__).parent / "configs" / "accounts"
#: Which of a stop and a target came first in a bar that reached both; the bar itself does not say.
FirstReached = Literal["worst", "best"]
#: Days of a year that interest and borrow fees are counted on (actual/360, the convention of both markets).
_YEAR = 360.0
#: More units than anybody holds: no limit.
UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of one account; by default none: it never pays for time, and nothing is closed for it.

    Parameters
    ----------
    stop_bp, take_bp : distance from the average entry price at which a position is closed, at a loss and at a profit;
        0 for never
    path : where one bar reaches both, which one came first
    leverage : largest gross exposure as a multiple of equity, held when an order fills; 0 for no limit
    reserve_bp : part of that which an order may not use, so that its costs are paid from it
    maintenance : equity as a fraction of gross exposure below which, at a close, all is sold at the next open
    short : whether the account may be short
    short_available : units that can be borrowed of each symbol
    borrow_bp : fee for a borrowed unit, bp of its value per year
    debit_bp, credit_bp : interest on borrowed and on idle cash, bp per year
    """

    stop_bp: float = 0.0
    take_bp: float = 0.0
    path: FirstReached = "worst"
    leverage: float = 0.0
    reserve_bp: float = 0.0
    maintenance: float = 0.0
    short: bool = True
    short_available: int = UNLIMITED
    borrow_bp: float = 0.0
    debit_bp: float = 0.0
    credit_bp: float = 0.0

    def __post_init__(self) -> None:
        most = {"stop_bp": BP, "take_bp": 1e6, "leverage": 1e3, "reserve_bp": BP, "maintenance": 1.0, "borrow_bp": 1e6,
                "debit_bp": 1e6, "credit_bp": 1e6, "short_available": UNLIMITED}  # fmt: skip
        for name, limit in most.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
                raise ConfigError(f"{name} must be a number, not {value!r}")
            if not 0 <= value <= limit:
                raise ConfigError(f"{name} must lie between 0 and {limit:g}, not {value}")
        if self.path not in ("worst", "best"):
            raise ConfigError(f"path must be worst or best, not {self.path!r}")
        if not isinstance(self.short, bool):
            raise ConfigError(f"short must be true or false, not {self.short!r}")
        if self.maintenance and self.leverage and self.maintenance > 1 / self.leverage:
            raise ConfigError(
                f"maintenance {self.maintenance:g} is more than what an order must leave, {1 / self.leverage:g} at "
                f"leverage {self.leverage:g}"
            )


def units_of(feed: Feed, holding: "Holding | None") -> NDArray[np.float64] | None:
    """Return what one unit of each row's symbol has become by the splits up to it; None where nothing is split."""
    if holding is None or (holding.split == 1.0).all():
        return None
    units = np.ones(len(feed.ns))
    for code in range(len(feed.symbols)):
        rows = feed.codes == code
        units[rows] = np.cumprod(holding.split[rows])
    return units


#: No terms at all.
NO_TERMS = Terms()


class Holding(NamedTuple):
    """What holding costs and brings, laid out on the rows of a feed; shape (n,) unless said otherwise.

    Parameters
    ----------
    split : new units for one old, 1 where none
    dividend : paid per unit that was held over the night
    borrow : fee as a fraction of the value short at the close before
    funding : paid by longs as a fraction of the value at the close before; negative where shorts pay
    available : units that may be short
    delisted : what a unit is paid out at, NaN while it trades
    debit, credit : interest as a fraction of cash, per instant, shape (m,)
    """

    split: NDArray[np.float64]
    dividend: NDArray[np.float64]
    borrow: NDArray[np.float64]
    funding: NDArray[np.float64]
    available: NDArray[np.int64]
    delisted: NDArray[np.float64]
    debit: NDArray[np.float64]
    credit: NDArray[np.float64]


def accounts() -> list[str]:
    """Return the names of the shipped accounts."""
    return shipped(ACCOUNTS)


def load_account(name: str | None, **over: Any) -> Terms:
    """Return the terms of a shipped account by name, or from a YAML file by path; none without a name.

    Parameters
    ----------
    name : of a shipped account, or a path
    **over : terms that replace those of the account, where they are not None

    Raises
    ------
    UnknownName
        If it is neither.
    ConfigError
        If the file has an unknown key or a value out of range.
    """
    given = {key: value for key, value in over.items() if value is not None}
    if name is None:
        return Terms(**given)
    known = {field.name for field in fields(Terms)}
    label, content = load_settings(name, ACCOUNTS, "account", {"description", "source", *known})
    try:
        return Terms(**{key: value for key, value in content.items() if key in known} | given)
    except ConfigError as exc:
        raise ConfigError(f"{label}.yaml: {exc}") from exc


def holding_of(
    feed: Feed,
    terms: Terms,
    *,
    actions: "pd.DataFrame | None" = None,
    funding: "pd.DataFrame | None" = None,
    recalls: "pd.DataFrame | None" = None,
    delistings: "pd.DataFrame | None" = None,
) -> Holding | None:
    """Lay out on a feed's rows what holding costs and brings; None if it is nothing.

    Parameters
    ----------
    feed : raw bars, not adjusted, where ``actions`` are given
    terms : of the account
    actions : rows of ``corporate_actions``; a split changes the units, a dividend is paid to longs and by shorts
    funding : ``symbol``, ``ts`` (UTC) and ``rate`` (fraction of the position's value, paid by longs), as of perpetual
        futures; charged on the close before
    recalls : ``symbol``, ``session``, ``available``: from that session on so many units may be short, and what is more
        is bought back at its open
    delistings : ``symbol``, ``session``, ``price``: what each unit is paid out at on that session

    Raises
    ------
    InvalidTable
        If a table lacks a column or holds a figure that is none.
    """
    tables = {"actions": actions, "funding": funding, "recalls": recalls, "delistings": delistings}
    timed = terms.borrow_bp or terms.debit_bp or terms.credit_bp
    free = terms.short and terms.short_available == UNLIMITED
    if all(table is None for table in tables.values()) and not timed and free:
        return None
    n, firsts = len(feed.ns), feed.firsts
    sessions = feed.days.astype(np.int64)
    nights = np.concatenate([[0], np.diff(sessions[firsts])]).astype(float) / _YEAR
    split, dividend, paid = np.ones(n), np.zeros(n), np.zeros(n)
    borrow, delisted = np.zeros(n), np.full(n, np.nan)
    available = np.full(n, terms.short_available, dtype=np.int64)
    for code, symbol in enumerate(feed.symbols):
        rows = np.flatnonzero(feed.codes == code)
        days = sessions[rows]
        borrow[rows[1:]] = np.diff(days) / _YEAR * terms.borrow_bp / BP
        for action in _of(actions, symbol, ("ex_date", "action"), "corporate actions"):
            # An action falls on the first bar from its day on; before the first bar nobody holds anything.
            if not (place := _place(days, action["ex_date"])) or place == len(days):
                continue
            if action["action"] == "split":
                split[rows[place]] *= action["ratio"]
            else:
                dividend[rows[place]] += action["amount"]
        for recall in _of(recalls, symbol, ("session", "available"), "recalls"):
            available[rows[_place(days, recall["session"]) :]] = int(recall["available"])
        for end in _of(delistings, symbol, ("session", "price"), "delistings"):
            if not np.isfinite(end["price"]) or end["price"] < 0:
                raise InvalidTable(f"delistings: {symbol} is paid out at {end['price']}; give a price of at least 0")
            delisted[rows[_place(days, end["session"]) :]] = end["price"]
        stamps = feed.ns[rows]
        for charge in _of(funding, symbol, ("ts", "rate"), "funding"):
            import pandas as pd

            at = pd.Timestamp(charge["ts"])
            if at.tzinfo is None or not np.isfinite(charge["rate"]):
                raise InvalidTable(f"funding: {symbol} {charge['ts']} {charge['rate']}: give a UTC time and a fraction")
            place = int(np.searchsorted(stamps, at.as_unit("ns").value))
            if 0 < place < len(stamps):
                paid[rows[place]] += charge["rate"]
    if not terms.short:
        available[:] = 0
    interest = nights * terms.debit_bp / BP, nights * terms.credit_bp / BP
    return Holding(split, dividend, borrow, paid, available, delisted, *interest)


def _of(table: "pd.DataFrame | None", symbol: str, needs: tuple[str, ...], name: str) -> list[dict[str, Any]]:
    if table is None:
        return []
    if absent := [column for column in ("symbol", *needs) if column not in table.columns]:
        raise InvalidTable(f"{name}: lacks the column {absent[0]!r}")
    return cast(list[dict[str, Any]], table[table["symbol"] == symbol].sort_values(needs[0]).to_dict("records"))


def _place(days: NDArray[np.int64], day: date) -> int:
    return int(np.searchsorted(days, np.datetime64(day, "D").astype(np.int64)))
