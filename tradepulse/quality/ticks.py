"""What should be true of trades and quotes beyond each row by itself."""

from datetime import datetime

import numpy as np
import pandas as pd

from tradepulse.core.sessions import Calendar
from tradepulse.ingestion.source import Delivery
from tradepulse.quality.bars import nothing_from_the_future, rows_are_valid
from tradepulse.quality.book import not_before_it_happened
from tradepulse.quality.check import Check
from tradepulse.quality.series import in_time_order, one_spelling

#: Trades looked at around each, and how far from their median one may lie before a person should look at it.
_AROUND, _FAR = 21, 0.05


def examine_ticks(delivery: Delivery, *, exchange: Calendar | None, now: datetime) -> list[Check]:
    """Return the whole verdict on a delivery of trades or quotes.

    Parameters
    ----------
    delivery : of ``trades`` or ``quotes``, one or more symbols
    exchange : calendar against which trading hours are judged; they are not judged without one
    now : nothing can have happened later; timezone-aware
    """
    rows = delivery.accepted
    checks = [rows_are_valid(delivery)]
    if rows.empty:
        return checks
    checks += [in_time_order(rows), one_spelling(rows), nothing_from_the_future(rows, now)]
    heard = rows.dropna(subset=["received"])
    if len(heard):
        checks.append(not_before_it_happened(heard["ts"].astype("int64"), heard["received"].astype("int64")))
    if exchange:
        checks.append(_hours(rows, exchange))
    if delivery.table == "trades":
        doubted = int(rows["suspicious"].sum())
        words = f"{doubted:,} that the vendor itself doubts" if doubted else ""
        checks += [Check("the_vendor_doubts_no_trade", len(rows), doubted, words, advisory=True), _outliers(rows)]
    else:
        sides = [int(rows[side].notna().sum()) for side in ("bid", "ask")]
        checks.append(
            Check(
                "both_sides_are_quoted",
                len(rows),
                0 if all(sides) else len(rows),
                "{:,} bids, {:,} asks".format(*sides),
            )
        )
    return checks


def _hours(rows: pd.DataFrame, exchange: Calendar) -> Check:
    local = rows["ts"].dt.tz_convert(str(exchange.zone))
    outside, words = 0, []
    for day, here in rows["ts"].groupby(local.dt.date):
        if not (exchange.first <= day <= exchange.last and exchange.is_session(day)):
            outside += len(here)
            words.append(f"{len(here):,} on {day}, which is no session")
            continue
        early, late = int((here < exchange.open_at(day)).sum()), int((here > exchange.close_at(day)).sum())
        outside += early + late
        if early + late:
            words.append(f"{day}: {early:,} before the open, {late:,} after the close")
    return Check("nothing_outside_trading_hours", len(rows), outside, "; ".join(words[:4]))


def _outliers(rows: pd.DataFrame) -> Check:
    far, first = 0, ""
    for symbol, part in rows.groupby("symbol", sort=True):
        around = part["price"].rolling(_AROUND, center=True, min_periods=5).median()
        off = np.abs(np.log(part["price"] / around)) > _FAR
        far += int(off.sum())
        if off.any() and not first:
            row = part[off].iloc[0]
            first = f"{symbol} {row['ts']:%Y-%m-%d %H:%M:%S}: {row['price']:g} among {around[off].iloc[0]:g}"
    return Check("trades_are_near_one_another", len(rows), far, first, advisory=True)
