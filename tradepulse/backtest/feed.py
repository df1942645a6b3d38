"""Bars as engines read them: checked, in time order, laid out once for as many runs as are wanted."""

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradepulse.core.market import Bar
from tradepulse.core.strategies.paths import by_time
from tradepulse.errors import InvalidTable, UnusableOpens

_PRICES = ("open", "high", "low", "close")


class Feed:
    """Bars of one or more symbols.

    Parameters
    ----------
    bars : rows of ``bars``, each symbol sorted by time without repeats

    Attributes
    ----------
    rows : the bars in the order in which they are read: by time, symbols of one instant as they came; shape (n,)
    symbols : each ticker once, in that order
    codes : place of each row's ticker in ``symbols``, shape (n,)
    starts : first row of each instant, and n at the end; shape (m + 1,)
    columns : ``open``, ``high``, ``low``, ``close`` and ``volume``, each float64 of shape (n,)
    ns : time of each row, nanoseconds since 1970, shape (n,)

    Raises
    ------
    InvalidTable
        If there are no bars, or they are unsorted, repeated or not finite.
    """

    def __init__(self, bars: pd.DataFrame) -> None:
        _check(bars)
        self.rows = bars.sort_values("ts", kind="stable").reset_index(drop=True)
        codes, names = pd.factorize(self.rows["symbol"])
        self.codes: NDArray[np.int64] = codes.astype(np.int64)
        self.symbols: list[str] = [str(name) for name in names]
        self.ns: NDArray[np.int64] = self.rows["ts"].to_numpy("datetime64[ns]").astype(np.int64)
        changes = np.flatnonzero(np.diff(self.ns)) + 1
        self.starts: NDArray[np.int64] = np.concatenate([[0], changes, [len(self.ns)]]).astype(np.int64)
        self.columns = {name: self.rows[name].to_numpy(dtype=float) for name in (*_PRICES, "volume")}

    @cached_property
    def groups(self) -> list[list[Bar]]:
        """The bars of each instant, as strategies get them."""
        return list(by_time(self.rows))

    def in_units_of(self, units: NDArray[np.float64]) -> "Feed":
        """Return the same bars as they would be had no unit ever been split.

        Parameters
        ----------
        units : what one unit of each row's symbol has become by then, shape (n,)
        """
        rows = self.rows.assign(volume=self.rows["volume"] / units)
        rows[list(_PRICES)] = self.rows[list(_PRICES)].mul(units, axis=0)
        return Feed(rows)

    @property
    def firsts(self) -> NDArray[np.int64]:
        """First row of each instant, shape (m,)."""
        return self.starts[:-1]

    def refuse_stale_opens(self) -> None:
        """Raise UnusableOpens if some opens repeat the previous close too often to be trades."""
        if "open_is_stale" not in self.rows.columns:
            return
        for symbol, rows in self.rows.groupby("symbol", sort=False):
            stale = rows.loc[rows["open_is_stale"], "session"]
            if len(stale):
                raise UnusableOpens(
                    f"{symbol}: {len(stale):,} of {len(rows):,} opens from {stale.min():%Y-%m-%d} to "
                    f"{stale.max():%Y-%m-%d} repeat the previous close, so no fill at the next open can be believed; "
                    "fill at next_close, or take other dates, another symbol or another vendor"
                )


def _check(bars: pd.DataFrame) -> None:
    if bars.empty:
        raise InvalidTable("there are no bars to run on")
    values = bars[list(_PRICES)].to_numpy(dtype=float)
    bad = ~(np.isfinite(values) & (values > 0)).all(axis=1)
    if bad.any():
        row = bars.iloc[int(np.argmax(bad))]
        raise InvalidTable(f"{row['symbol']} {row['ts']}: a price is missing, infinite or not above zero")
    for symbol, rows in bars.groupby("symbol", sort=False):
        late: Any = ~(rows["ts"].diff().dropna() > pd.Timedelta(0))
        if late.any():
            at = rows["ts"].iloc[int(np.argmax(late.to_numpy())) + 1]
            raise InvalidTable(
                f"{symbol}: the bar at {at} is not later than the one before; sort the bars, drop repeats"
            )
