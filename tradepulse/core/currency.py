"""Bars in another currency, as an account in its own currency meets them."""

import numpy as np
import pandas as pd

from tradepulse.errors import DataError, InvalidTable


def converted(bars: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """Return bars with their prices in the currency of the account.

    An account that changes currency whenever it trades pays the price times the rate of that instant and holds what is
    worth the close times the rate at the close: what it makes is what it would make on these bars. A gain in the other
    currency that is not changed back at once is no part of it.

    Parameters
    ----------
    bars : rows of ``bars`` in one other currency
    rates : rows of ``bars`` of the rate, units of the account's currency for one of the other, same instants

    Returns
    -------
    DataFrame like ``bars``. Opens and closes are exact; a high is the high at the higher of the bar's two rates, a low
    the low at the lower one, because when inside the bar each was reached is not known.

    Raises
    ------
    InvalidTable
        If the rates are of more than one symbol, repeated, or not above zero.
    DataError
        If a bar has no rate: none is made up from the days around it.
    """
    if rates["symbol"].nunique() != 1 or rates["ts"].duplicated().any():
        raise InvalidTable("rates: give bars of one rate, each instant once")
    figures = rates[["open", "close"]].to_numpy(dtype=float)
    if not (np.isfinite(figures) & (figures > 0)).all():
        raise InvalidTable("rates: a rate is missing, infinite or not above zero")
    by_time = rates.set_index("ts")[["open", "close"]]
    absent = ~bars["ts"].isin(by_time.index)
    if absent.any():
        first = bars.loc[absent, ["symbol", "ts"]].iloc[0]
        name = rates["symbol"].iloc[0]
        raise DataError(
            f"{first['symbol']} {first['ts']}: {int(absent.sum())} of {len(bars)} bars have no rate of {name}; "
            "leave these bars out, or get the rates of their instants"
        )
    at = by_time.loc[bars["ts"]]
    opened, closed = at["open"].to_numpy(dtype=float), at["close"].to_numpy(dtype=float)
    return bars.assign(
        open=bars["open"].to_numpy() * opened,
        high=bars["high"].to_numpy() * np.maximum(opened, closed),
        low=bars["low"].to_numpy() * np.minimum(opened, closed),
        close=bars["close"].to_numpy() * closed,
    )
