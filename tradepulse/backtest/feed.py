"""Bars as engines read them: checked, in time order, laid out once for as many runs as are wanted."""

from collections.abc import Mapping
from copy import copy
from datetime import UTC
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tradepulse.core.market import Bar
from tradepulse.errors import InvalidTable, UnusableOpens

if TYPE_CHECKING:
    import pandas as pd

_PRICES = ("open", "high", "low", "close")


class Feed:
    """Bars of one or more symbols.

    Parameters
    ----------
    bars : rows of ``bars``, each symbol sorted by time without repeats: a table, or a mapping of the same columns as
        arrays, which needs no pandas. Times of an array are UTC.

    Attributes
    ----------
    symbols : each ticker once, in the order in which they come
    codes : place of each row's ticker in ``symbols``, rows by time, symbols of one instant as they came; shape (n,)
    starts : first row of each instant, and n at the end; shape (m + 1,)
    columns : ``open``, ``high``, ``low``, ``close`` and ``volume``, each float64 of shape (n,)
    ns : time of each row, nanoseconds since 1970, shape (n,)
    days : session of each row, ``datetime64[D]`` of shape (n,)
    stale : whether a row's open only repeats the close before it, shape (n,); None where nobody says

    Raises
    ------
    InvalidTable
        If there are no bars, or they are unsorted, repeated or not finite.
    """

    def __init__(self, bars: "pd.DataFrame | Mapping[str, Any]") -> None:
        given = {name: np.asarray(bars[name], dtype=float) for name in (*_PRICES, "volume")}
        if not len(given["open"]):
            raise InvalidTable("there are no bars to run on")
        if isinstance(bars, Mapping):
            ns = np.asarray(bars["ts"]).astype("datetime64[ns]").astype(np.int64)
            places: dict[str, int] = {}
            codes = np.array([places.setdefault(symbol, len(places)) for symbol in bars["symbol"]], dtype=np.int64)
            names: Any = list(places)
        else:
            ns = bars["ts"].to_numpy("datetime64[ns]").astype(np.int64)
            found, names = bars["symbol"].factorize()
            codes = found.astype(np.int64)
        self.symbols: list[str] = [str(name) for name in names]
        _check(given, ns, codes, self.symbols)
        order: Any = np.argsort(ns, kind="stable") if len(self.symbols) > 1 else slice(None)
        self.ns: NDArray[np.int64] = ns[order]
        self.codes: NDArray[np.int64] = codes[order]
        self.columns = {name: column[order] for name, column in given.items()}
        self.days: NDArray[np.datetime64] = np.asarray(bars["session"]).astype("datetime64[D]")[order]
        self.stale = np.asarray(bars["open_is_stale"], dtype=bool)[order] if "open_is_stale" in bars else None
        if len(self.symbols) > 1:
            # Symbols are numbered as they come by time.
            _, firsts = np.unique(self.codes, return_index=True)
            ranks = np.argsort(firsts)
            self.symbols = [self.symbols[place] for place in ranks]
            self.codes = np.argsort(ranks)[self.codes]
        changes = np.flatnonzero(np.diff(self.ns)) + 1
        self.starts: NDArray[np.int64] = np.concatenate([[0], changes, [len(self.ns)]]).astype(np.int64)

    @cached_property
    def groups(self) -> list[list[Bar]]:
        """The bars of each instant, as strategies get them; times to the microsecond."""
        stamps = [stamp.replace(tzinfo=UTC) for stamp in (self.ns // 1_000).astype("datetime64[us]").tolist()]
        symbols = [self.symbols[code] for code in self.codes.tolist()]
        values = [self.columns[name].tolist() for name in (*_PRICES, "volume")]
        bars = map(Bar._make, zip(stamps, self.days.tolist(), symbols, *values, strict=True))
        return [list(islice(bars, size)) for size in np.diff(self.starts).tolist()]

    def in_units_of(self, units: NDArray[np.float64]) -> "Feed":
        """Return the same bars as they would be had no unit ever been split.

        Parameters
        ----------
        units : what one unit of each row's symbol has become by then, shape (n,)
        """
        other = copy(self)
        other.__dict__.pop("groups", None)
        other.columns = {name: self.columns[name] * units for name in _PRICES}
        other.columns["volume"] = self.columns["volume"] / units
        return other

    @property
    def firsts(self) -> NDArray[np.int64]:
        """First row of each instant, shape (m,)."""
        return self.starts[:-1]

    def refuse_stale_opens(self) -> None:
        """Raise UnusableOpens if some opens repeat the previous close too often to be trades."""
        if self.stale is None:
            return
        for code, symbol in enumerate(self.symbols):
            mine = self.codes == code
            stale = self.days[mine & self.stale]
            if len(stale):
                raise UnusableOpens(
                    f"{symbol}: {len(stale):,} of {mine.sum():,} opens from {stale.min()} to {stale.max()} repeat the "
                    "previous close, so no fill at the next open can be believed; fill at next_close, or take other "
                    "dates, another symbol or another vendor"
                )


def _check(columns: Mapping[str, Any], ns: NDArray[np.int64], codes: NDArray[np.int64], symbols: list[str]) -> None:
    values = np.stack([columns[name] for name in _PRICES])
    bad = ~(np.isfinite(values) & (values > 0)).all(axis=0)
    if bad.any():
        row = int(np.argmax(bad))
        raise InvalidTable(f"{symbols[codes[row]]} {_time(ns[row])}: a price is missing, infinite or not above zero")
    for code, symbol in enumerate(symbols):
        mine = ns[codes == code]
        late = np.diff(mine) <= 0
        if late.any():
            raise InvalidTable(
                f"{symbol}: the bar at {_time(mine[int(np.argmax(late)) + 1])} is not later than the one before; sort "
                "the bars, drop repeats"
            )


def _time(ns: int) -> str:
    return f"{np.datetime64(int(ns) // 1_000_000_000, 's')}Z"
