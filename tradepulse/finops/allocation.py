"""A bill divided among those who caused it: workload, idle and overhead, which are the bill to the last digit.

What was metered is workload, charged at the price book's prices as long as the bill covers them, and scaled down to the
bill where it does not. What the bill has of usage beyond that is idle. Everything else on it (taxes, purchases,
credits, adjustments, and services named so) is overhead. Nothing is lost, and idle is never below zero.
"""

from collections.abc import Collection, Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pandas as pd

from tradepulse.errors import DataError
from tradepulse.finops.prices import NANO

KEYS = ("team", "strategy", "environment")


def allocated(
    bills: pd.DataFrame, costs: pd.DataFrame, *, overhead_services: Collection[str] = (),
    usd_for_one: Mapping[str, Decimal] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return each day's bill of each account and currency, divided.

    Parameters
    ----------
    bills : rows of ``bills``
    costs : rows of ``costs``; they are divided among the accounts of a day in proportion to the usage that these billed
    overhead_services : services whose usage is nobody's workload: support, a firewall
    usd_for_one : USD for one unit of each other currency that was billed in; costs are metered in USD

    Returns
    -------
    DataFrame, one row per ``date``, ``account``, ``currency``, ``kind`` (workload, idle, overhead) and, of workload,
    ``team``, ``strategy`` and ``environment``; ``amount`` is exact, as text. The amounts of a day, account and currency
    add up to what it was billed.

    Raises
    ------
    DataError
        If there is no bill, or a currency has no rate.
    """
    if bills.empty:
        raise DataError("there is no bill to allocate; import one with tradepulse_cli finops import --focus FILE")
    rates = {"USD": Decimal(1), **(usd_for_one or {})}
    if unknown := sorted(set(bills["currency"]) - set(rates)):
        raise DataError(
            f"there are bills in {unknown[0]} and costs are metered in USD; say what one {unknown[0]} is: "
            f"--rate {unknown[0]}=USD"
        )
    lines = pd.DataFrame(
        {
            "date": bills["ts"].dt.strftime("%Y-%m-%d"), "account": bills["symbol"], "currency": bills["currency"],
            "amount": [Decimal(text) for text in bills["billed"]],
            "metered": (bills["category"] == "Usage") & ~bills["service"].isin(list(overhead_services)),
        }
    )  # fmt: skip
    used: dict[str, dict[tuple[str, ...], Decimal]] = {}
    for row in costs.to_dict("records"):
        spent = used.setdefault(f"{row['date']:%Y-%m-%d}", {})
        key = tuple(str(row[name]) for name in KEYS)
        spent[key] = spent.get(key, Decimal(0)) + Decimal(int(row["cost_nano_usd"])) / NANO
    totals: dict[tuple[str, str, str], list[Decimal]] = {}
    for row in lines.to_dict("records"):
        place = totals.setdefault((row["date"], row["account"], row["currency"]), [Decimal(0), Decimal(0)])
        place[0 if row["metered"] else 1] += row["amount"]
    covered: dict[str, Decimal] = {}
    for (day, _, currency), (direct, _) in totals.items():
        covered[day] = covered.get(day, Decimal(0)) + max(direct, Decimal(0)) * rates[currency]
    out: list[dict[str, Any]] = []
    for (day, account, currency), (direct, overhead) in sorted(totals.items()):
        about = {"date": day, "account": account, "currency": currency}
        nobody = dict.fromkeys(KEYS, "")
        if direct < 0:  # refunds beyond all usage have no workload to go to
            overhead, direct = overhead + direct, Decimal(0)
        # Its share of the day's usage, and that share of what was metered, in its own currency.
        share = direct * rates[currency] / covered[day] / rates[currency] if covered[day] else Decimal(0)
        wanted = {key: cost * share for key, cost in sorted(used.get(day, {}).items())}
        total = sum(wanted.values(), Decimal(0))
        scale = min(Decimal(1), direct / total) if total else Decimal(0)
        given = {key: (cost * scale).quantize(Decimal("1e-12"), rounding=ROUND_FLOOR) for key, cost in wanted.items()}
        out += [
            {**about, "kind": "workload", **dict(zip(KEYS, key, strict=True)), "amount": amount}
            for key, amount in given.items()
            if amount
        ]
        out.append({**about, "kind": "idle", **nobody, "amount": direct - sum(given.values(), Decimal(0))})
        out.append({**about, "kind": "overhead", **nobody, "amount": overhead})
    frame = pd.DataFrame(out)
    return frame.assign(amount=[f"{amount:f}" for amount in frame["amount"]])
