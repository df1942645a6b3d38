"""FOCUS 1.2, the FinOps Foundation's open format of bills: whether a file keeps its rules, and our own costs in it.

The rules are our reading of the specification: columns that it calls mandatory, values that it allows, and what must
go together. What it only recommends is not asked.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from tradepulse.errors import DataError
from tradepulse.finops.prices import METERS, NANO

#: Mandatory columns, and whether FOCUS lets them be null.
MANDATORY: Mapping[str, bool] = {
    "BilledCost": False, "BillingAccountId": False, "BillingAccountName": True, "BillingCurrency": False,
    "BillingPeriodEnd": False, "BillingPeriodStart": False, "ChargeCategory": False, "ChargeClass": True,
    "ChargeDescription": True, "ChargePeriodEnd": False, "ChargePeriodStart": False, "ContractedCost": False,
    "EffectiveCost": False, "InvoiceIssuerName": False, "ListCost": False, "PricingQuantity": True,
    "PricingUnit": True, "ProviderName": False, "PublisherName": False, "ServiceCategory": False, "ServiceName": False,
}  # fmt: skip
_DECIMALS = (
    "BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "PricingQuantity", "ConsumedQuantity",
    "ContractedUnitPrice", "ListUnitPrice", "CommitmentDiscountQuantity",
)  # fmt: skip
_TIMES = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "ChargeCategory": ("Usage", "Purchase", "Tax", "Credit", "Adjustment"),
    "ChargeClass": ("Correction",),
    "ChargeFrequency": ("One-Time", "Recurring", "Usage-Based"),
    "PricingCategory": ("Standard", "Dynamic", "Committed", "Other"),
    "CommitmentDiscountCategory": ("Spend", "Usage"),
    "CommitmentDiscountStatus": ("Used", "Unused"),
    "ServiceCategory": (
        "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
        "Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media",
        "Migration", "Mobile", "Networking", "Security", "Storage", "Web", "Other",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule and how many rows break it.

    Parameters
    ----------
    name : what must hold
    seen : rows that it was asked of
    broken : rows that break it
    first : first of them, from 0, and what stands there; empty if there is none
    """

    name: str
    seen: int
    broken: int
    first: str = ""

    @property
    def kept(self) -> bool:
        """Whether no row breaks it."""
        return not self.broken


def conformance(raw: pd.DataFrame) -> list[Rule]:
    """Return each rule of FOCUS with the rows that break it.

    Parameters
    ----------
    raw : a file's cells as text, as they stand; a null is an empty cell

    Returns
    -------
    list of :class:`Rule`; the file conforms if all are kept
    """
    if raw.empty:
        raise DataError("there are no rows to hold against FOCUS; a verdict on nothing says nothing")
    text = raw.astype("str")
    rules = [
        Rule(f"{name} is there", 1, int(name not in text), "" if name in text else "no such column")
        for name in MANDATORY
    ]
    here = [name for name in MANDATORY if name in text]
    rules += [_rule(text, name, "is not null", lambda v: v != "") for name in here if not MANDATORY[name]]
    written = [str(name) for name in text if (text[name] == "NULL").any()]
    rules.append(Rule("null is an empty cell, not the word NULL", len(text), len(written), ", ".join(written[:3])))
    decimal = r"[+-]?(\d+\.?\d*|\.\d+)([Ee][+-]?\d+)?"
    rules += [
        _rule(text, name, "is a decimal", lambda v: v.str.fullmatch(decimal) | _null(v))
        for name in _DECIMALS
        if name in text
    ]
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z"
    rules += [
        _rule(text, name, "is UTC as in 2024-01-31T00:00:00Z", lambda v: v.str.fullmatch(instant) | _null(v))
        for name in _TIMES
        if name in text
    ]
    for name, values in _ALLOWED.items():
        if name in text:
            rules.append(_rule(text, name, "is one of its values", lambda v, values=values: v.isin(values) | _null(v)))
    if "BillingCurrency" in text:
        rules.append(
            _rule(text, "BillingCurrency", "is a code of three letters", lambda v: v.str.fullmatch(r"[A-Z]{3}"))
        )
    if "Tags" in text:
        rules.append(_rule(text, "Tags", "is a JSON object", lambda v: v.map(_is_object)))
    return rules + _together(text)


def _null(values: "pd.Series[str]") -> "pd.Series[bool]":
    return values.isin(["", "NULL"])


def _rule(text: pd.DataFrame, column: str, says: str, keeps: Callable[..., Any], of: Any = None) -> Rule:
    rows = text if of is None else text[of]
    kept = keeps(rows[column]).fillna(False).astype(bool)
    broken = rows[~kept]
    first = f"row {broken.index[0]}: {broken[column].iloc[0][:40]!r}" if len(broken) else ""
    return Rule(f"{column} {says}", len(rows), len(broken), first)


def _is_object(value: str) -> bool:
    if value in ("", "NULL"):
        return True
    try:
        return isinstance(json.loads(value), dict)
    except ValueError:
        return False


def _together(text: pd.DataFrame) -> list[Rule]:
    """Return the rules about what must go together."""
    rules = []
    for start, end in (("ChargePeriodStart", "ChargePeriodEnd"), ("BillingPeriodStart", "BillingPeriodEnd")):
        if start in text and end in text:
            # Instants of one form sort as text.
            rules.append(_rule(text, start, f"is before {end}", lambda v, end=end: v < text[end]))
    both = {"PricingQuantity", "PricingUnit"} <= set(text)
    if both:
        rules.append(
            _rule(text, "PricingUnit", "is there where PricingQuantity is, and only there",
                  lambda v: _null(v) == _null(text["PricingQuantity"]))
        )  # fmt: skip
    if both and "ChargeCategory" in text:
        usage = text["ChargeCategory"].isin(["Usage", "Purchase"])
        if "ChargeClass" in text:
            usage &= _null(text["ChargeClass"])
        rules.append(_rule(text, "PricingQuantity", "is there for usage and purchases", lambda v: ~_null(v), of=usage))
        tax = text["ChargeCategory"] == "Tax"
        rules.append(_rule(text, "PricingQuantity", "is null for taxes", _null, of=tax))
    if {"ConsumedQuantity", "ConsumedUnit"} <= set(text):
        rules.append(
            _rule(text, "ConsumedUnit", "is there where ConsumedQuantity is, and only there",
                  lambda v: _null(v) == _null(text["ConsumedQuantity"]))
        )  # fmt: skip
    if {"ChargeFrequency", "ChargeCategory"} <= set(text):
        bought = text["ChargeCategory"] == "Purchase"
        rules.append(
            _rule(text, "ChargeFrequency", "of a purchase is not Usage-Based", lambda v: v != "Usage-Based", of=bought)
        )
    if {"CommitmentDiscountId", "CommitmentDiscountCategory"} <= set(text):
        rules.append(
            _rule(text, "CommitmentDiscountCategory", "is there where CommitmentDiscountId is, and only there",
                  lambda v: _null(v) == _null(text["CommitmentDiscountId"]))
        )  # fmt: skip
    prices = [name for name in ("ListUnitPrice", "ContractedUnitPrice") if name in text]
    return rules + [_rule(text, name, "is not negative", lambda v: ~v.str.startswith("-")) for name in prices]


#: Meter, what it is called on a bill, its category there, and the unit of its price.
_METERS = {
    "cpu": ("CPU time", "Compute", "Hours"),
    "memory": ("Memory", "Compute", "GiB-Hours"),
    "written": ("Bytes written", "Storage", "GiB"),
    "read": ("Bytes read", "Storage", "GiB"),
    "gpu": ("GPU time", "Compute", "Hours"),
    "held": ("Bytes held", "Storage", "GiB-Months"),
}


def exported(costs: pd.DataFrame, account: str) -> pd.DataFrame:
    """Return metered costs as FOCUS 1.2: a charge per day, team, strategy, environment, meter and price.

    Parameters
    ----------
    costs : rows of ``costs``
    account : billing account, ours to name

    Returns
    -------
    DataFrame of text with the columns of FOCUS, sorted; costs are exact to the nano-dollar and add up to those given
    """
    if costs.empty:
        raise DataError("nothing has been metered; there is nothing to export")
    keys = ["date", "team", "strategy", "environment", "meter", "price_nano_usd"]
    groups = costs.groupby(keys, as_index=False)[["amount", "cost_nano_usd"]].sum().sort_values(keys, ignore_index=True)
    rows = []
    for row in groups.to_dict("records"):
        name, category, unit = _METERS[row["meter"]]
        day = pd.Timestamp(row["date"])
        month = day.replace(day=1)
        cost = f"{Decimal(row['cost_nano_usd']) / NANO:f}"
        price = f"{Decimal(row['price_nano_usd']) / NANO:f}"
        quantity = f"{(Decimal(row['amount']) / METERS[row['meter']][1]).quantize(Decimal('1e-12')):f}"
        tags = {key: row[key] for key in ("team", "strategy", "environment")}
        rows.append(
            {
                "BilledCost": cost, "BillingAccountId": account, "BillingAccountName": account,
                "BillingCurrency": "USD",
                "BillingPeriodEnd": _utc(month + pd.offsets.MonthBegin(1)), "BillingPeriodStart": _utc(month),
                "ChargeCategory": "Usage", "ChargeClass": "", "ChargeDescription": f"{name} of {row['team']}",
                "ChargeFrequency": "Usage-Based", "ChargePeriodEnd": _utc(day + pd.Timedelta("1D")),
                "ChargePeriodStart": _utc(day), "ConsumedQuantity": quantity, "ConsumedUnit": unit,
                "ContractedCost": cost, "ContractedUnitPrice": price, "EffectiveCost": cost,
                "InvoiceIssuerName": "TradePulse", "ListCost": cost, "ListUnitPrice": price,
                "PricingCategory": "Standard", "PricingQuantity": quantity, "PricingUnit": unit,
                "ProviderName": "TradePulse", "PublisherName": "TradePulse",
                "ResourceId": f"{row['team']}/{row['strategy']}/{row['environment']}", "ServiceCategory": category,
                "ServiceName": name, "Tags": json.dumps(tags, sort_keys=True),
            }
        )  # fmt: skip
    return pd.DataFrame(rows).astype("str")


def _utc(day: pd.Timestamp) -> str:
    return f"{day:%Y-%m-%dT00:00:00Z}"
