"""From usage to cost: every line priced once, every total the sum of its lines."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from tradepulse.core.orders import share_of
from tradepulse.core.tables import table
from tradepulse.finops.prices import METERS, NANO, PriceBook
from tradepulse.finops.usage import HELD

_MIB = 1024 * 1024
_ALWAYS: dict[str, Callable[[Mapping[Any, Any]], int]] = {
    "cpu": lambda use: use["cpu_ms"],
    "memory": lambda use: use["peak_memory_bytes"] // _MIB * use["wall_ms"],
    "written": lambda use: use["written_bytes"],
}
# A line where there is something: most steps read what is in memory still, and have no GPU.
_SOMETIMES = {"read": "read_bytes", "gpu": "gpu_ms"}


def cost_lines(usage: pd.DataFrame, prices: PriceBook) -> pd.DataFrame:
    """Return rows of ``costs``: one per step and meter.

    Parameters
    ----------
    usage : rows of ``usage``
    prices : prices of the days on which the steps began

    Returns
    -------
    DataFrame. Memory is billed as the peak for the whole of the step's elapsed time. Of bytes read and of GPU time
    there is a line where there is any, and for storage that was held nothing but that.

    Raises
    ------
    ConfigError
        If something was used that has no price on its day.
    """
    rows = []
    for use in usage.to_dict("records"):
        day = use["started_at"].tz_convert("UTC").tz_localize(None).normalize()
        if use.get("outcome") == HELD:
            amounts = {"held": use["held_byte_hours"]}
        else:
            amounts = {meter: measured(use) for meter, measured in _ALWAYS.items()}
            amounts |= {meter: use[column] for meter, column in _SOMETIMES.items() if use.get(column)}
        for meter, amount in amounts.items():
            price = prices.price_nano_usd(meter, day.date())
            rows.append(
                {
                    "date": day,
                    **{key: use[key] for key in ("started_at", "run_id", "step", "team", "strategy", "environment")},
                    "meter": meter,
                    "amount": int(amount),
                    "price_nano_usd": price,
                    "cost_nano_usd": share_of(int(amount), price, METERS[meter][1]),
                    "price_book": prices.version,
                }
            )
    if not rows:
        return table("costs").no_rows()
    lines = pd.DataFrame(rows)
    lines["date"] = lines["date"].dt.as_unit("ns")
    return lines


def spend(costs: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return cost in nano-dollars by ``keys``, dearest first; the rows add up to the total of ``costs``."""
    grouped: pd.DataFrame = costs.groupby(list(keys), as_index=False)[["cost_nano_usd"]].sum()
    return grouped.sort_values(["cost_nano_usd", *keys], ascending=[False] + [True] * len(keys), ignore_index=True)


def rounded(nano: Sequence[int], places: int = 2) -> list[Decimal]:
    """Return amounts in dollars, rounded so that they still add up to the rounded total.

    Each is cut to ``places`` decimals, and what is missing to the rounded total goes, one unit each, to those that lost
    most by the cut (largest remainder; the earlier of equals).

    Parameters
    ----------
    nano : amounts in nano-dollars, none below zero
    places : decimals to round to
    """
    unit = NANO // 10**places
    cut = [amount // unit for amount in nano]
    missing = share_of(sum(nano), 1, unit) - sum(cut)
    by_remainder = sorted(range(len(nano)), key=lambda i: (-(nano[i] % unit), i))
    # A total rounded down can ask for fewer units than were cut, never for less than none.
    for place in by_remainder[:missing]:
        cut[place] += 1
    return [Decimal(amount).scaleb(-places) for amount in cut]
