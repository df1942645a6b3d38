"""Prices adjusted for splits and dividends, as of a date. Raw prices are never overwritten."""

from datetime import date
from fractions import Fraction
from math import prod
from typing import Literal

import numpy as np
import pandas as pd

from tradepulse.errors import ConfigError, InvalidTable

Kind = Literal["splits", "all"]
#: Denominators of splits are smaller: a ratio that is written as 0.3333333333 is one for three.
_DENOMINATORS = 10**7
_PRICES = ["open", "high", "low", "close"]


def factors(bars: pd.DataFrame, actions: pd.DataFrame, *, as_of: date, kind: Kind = "all") -> pd.DataFrame:
    """Return what each bar's prices and volume are to be multiplied with.

    A split of n new units for one old divides earlier prices by n and multiplies earlier volume. A dividend D
    multiplies earlier prices by ``1 - D / P`` with P the raw close before its ex-date (CRSP's way). Actions that go ex
    after ``as_of`` are not known yet and change nothing, so a past result stays what it was.

    Parameters
    ----------
    bars : rows of ``bars``, raw, sorted by time within each symbol
    actions : rows of ``corporate_actions``
    as_of : date of knowledge
    kind : ``splits`` leaves dividends out

    Returns
    -------
    DataFrame of float64, indexed as ``bars``, with ``price_factor`` and ``volume_factor``; 1 after the last action

    Raises
    ------
    ConfigError
        If ``kind`` is unknown.
    InvalidTable
        If a dividend is as large as the close before it.
    """
    if kind not in ("splits", "all"):
        raise ConfigError(f"kind must be splits or all, not {kind!r}")
    made = pd.DataFrame(1.0, index=bars.index, columns=["price_factor", "volume_factor"])
    known = actions[actions["ex_date"] <= pd.Timestamp(as_of)]
    for symbol, rows in bars.groupby("symbol", sort=False):
        sessions, closes = rows["session"].to_numpy(), rows["close"].to_numpy(dtype=float)
        price, volume = np.ones(len(rows)), np.ones(len(rows))
        for action in known[known["symbol"] == symbol].to_dict("records"):
            first = int(np.searchsorted(sessions, np.datetime64(action["ex_date"])))
            if not first:
                continue  # nothing of it is before the first bar
            if action["action"] == "split":
                price[:first] /= action["ratio"]
                volume[:first] *= action["ratio"]
            elif kind == "all":
                if action["amount"] >= closes[first - 1]:
                    raise InvalidTable(
                        f"{symbol} {action['ex_date']:%Y-%m-%d}: a dividend of {action['amount']} is not less than the "
                        f"close of {closes[first - 1]} before it; correct one of them"
                    )
                price[:first] *= 1 - action["amount"] / closes[first - 1]
        made.loc[rows.index, "price_factor"], made.loc[rows.index, "volume_factor"] = price, volume
    return made


def units_after(actions: pd.DataFrame) -> Fraction:
    """Return what one unit becomes by the splits among some actions of one symbol."""
    return prod((exact_ratio(ratio) for ratio in actions.loc[actions["action"] == "split", "ratio"]), start=Fraction(1))


def exact_ratio(ratio: float) -> Fraction:
    """Return the fraction that a split's ratio stands for."""
    return Fraction(ratio).limit_denominator(_DENOMINATORS)


def adjusted(bars: pd.DataFrame, actions: pd.DataFrame, *, as_of: date, kind: Kind = "all") -> pd.DataFrame:
    """Return a copy of bars with adjusted prices and volume; see :func:`factors`."""
    by = factors(bars, actions, as_of=as_of, kind=kind)
    prices = bars[_PRICES].mul(by["price_factor"], axis=0)
    return bars.assign(**{name: prices[name] for name in _PRICES}, volume=bars["volume"] * by["volume_factor"])
