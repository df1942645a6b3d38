"""Signals: what the promoted strategy wants to hold after a session, from the bars up to it."""

import json
from datetime import date
from fractions import Fraction
from typing import Any

import pandas as pd

from tradepulse.core.orders import after_split
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.loader import strategy_at
from tradepulse.core.strategies.paths import target_path
from tradepulse.core.tables.base import content_hash, records
from tradepulse.errors import MissingData


def trading(promotions: pd.DataFrame) -> dict[str, Any]:
    """Return the promotion that trades: the newest champion, or while there is none the newest shadow.

    Parameters
    ----------
    promotions : rows of ``promotions``, oldest first

    Raises
    ------
    MissingData
        If none was granted.
    """
    granted = promotions[promotions["promoted"]]
    for stage in ("champion", "shadow"):
        if not (reached := granted[granted["stage"] == stage]).empty:
            return records(reached)[-1]
    raise MissingData("no strategy has been promoted; run the research job and read why in the promotions table")


def promoted_strategy(promotion: dict[str, Any]) -> Strategy:
    """Return a fresh instance of the promoted strategy, of the version that was promoted."""
    return strategy_at(promotion["strategy"])(quantity=promotion["quantity"], **json.loads(promotion["params"]))


def signal_rows(
    bars: pd.DataFrame, promotion: dict[str, Any], session: date, *, units: Fraction = Fraction(1)
) -> pd.DataFrame:
    """Return rows of ``signals`` for one session.

    Parameters
    ----------
    bars : rows of ``bars`` of the promoted symbol, adjusted for splits; later ones than ``session`` are not looked at
    promotion : a row of ``promotions``
    session : at whose close it is decided
    units : of the symbol that one unit of when it was promoted has become

    Raises
    ------
    MissingData
        If there is no bar of that session.
    """
    seen = bars[bars["session"] <= pd.Timestamp(session)].reset_index(drop=True)
    if seen.empty or seen["session"].iloc[-1] != pd.Timestamp(session):
        raise MissingData(f"{promotion['symbol']} has no bar of {session}; run the ingest job for it")
    wanted = int(target_path(seen, promoted_strategy(promotion)).iloc[-1])
    target, _ = after_split(wanted, units.numerator, units.denominator)
    return pd.DataFrame(
        {
            "session": pd.DatetimeIndex([pd.Timestamp(session)]).as_unit("ns"),
            "symbol": [promotion["symbol"]],
            "strategy": [promotion["strategy"]],
            "trial_id": [promotion["trial_id"]],
            "promotion_id": [promotion["promotion_id"]],
            "data_version": [content_hash(seen)],
            "target_quantity": [target],
            "reference_close": [float(seen["close"].iloc[-1])],
        }
    )
