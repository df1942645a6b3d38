"""Bills as the clouds export them, in the columns of FOCUS: AWS cost and usage, Azure cost details, OCI cost report.

Column names are those of the providers' documentation of 2024, compared without case and punctuation: the same report
comes as ``lineItem/UsageStartDate`` and as ``line_item_usage_start_date``. What a provider calls by a word that is not
listed here is not guessed: its charge is quarantined for its category.
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pandas as pd

from tradepulse.errors import UnknownName, UnreadableFile

_AWS_CATEGORIES = {
    "Usage": "Usage", "DiscountedUsage": "Usage", "SavingsPlanCoveredUsage": "Usage", "Tax": "Tax", "Fee": "Purchase",
    "RIFee": "Purchase", "SavingsPlanRecurringFee": "Purchase", "SavingsPlanUpfrontFee": "Purchase",
    "SavingsPlanNegation": "Adjustment", "Refund": "Adjustment", "Credit": "Credit", "BundledDiscount": "Credit",
    "EdpDiscount": "Credit", "PrivateRateDiscount": "Credit", "SppDiscount": "Credit",
}  # fmt: skip
_AZURE_CATEGORIES = {
    "usage": "Usage", "purchase": "Purchase", "tax": "Tax", "refund": "Adjustment", "unusedreservation": "Usage",
    "unusedsavingsplan": "Usage", "roundingadjustment": "Adjustment", "credit": "Credit", "adjustment": "Adjustment",
}  # fmt: skip
#: Of these the cost is spread over the usage that they pay for; what stays with them is what was not used.
_AWS_PREPAID = {"RIFee", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee", "SavingsPlanNegation"}


class _Export:
    """A file's columns, found by their names without case and punctuation."""

    def __init__(self, raw: pd.DataFrame, path: Path, what: str) -> None:
        self._raw = raw.astype("str").replace({"nan": "", "None": "", "<NA>": ""}).fillna("")
        self._names = {_bare(str(name)): str(name) for name in raw.columns}
        self._path, self._what = path, what

    def has(self, *names: str) -> bool:
        return any(_bare(name) in self._names for name in names)

    def get(self, *names: str, empty: bool = False) -> "pd.Series[str]":
        """Return the first of these columns that is there; empty cells where none is and that is allowed."""
        for name in names:
            if (found := self._names.get(_bare(name))) is not None:
                return self._raw[found].str.strip()
        if empty:
            return pd.Series("", index=self._raw.index, dtype="str")
        raise UnreadableFile(
            f"{self._path}: lacks the column {names[0]!r}; it is no {self._what}, or an incomplete one"
        )

    def tags(self, *prefixes: str) -> "pd.Series[str]":
        """Return the columns that begin so as JSON objects, without the prefix and without empty values."""
        found = {
            name.removeprefix(prefix).removeprefix("user:").removeprefix("user_"): name
            for name in self._names.values()
            for prefix in prefixes
            if name.startswith(prefix)
        }
        rows = self._raw[list(found.values())].itertuples(index=False, name=None)
        made = [{key: value for key, value in zip(found, row, strict=True) if value} for row in rows]
        return pd.Series([json.dumps(tags, sort_keys=True) if tags else "" for tags in made], index=self._raw.index)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _aws(export: _Export) -> pd.DataFrame:
    kind, billed = export.get("lineItem/LineItemType"), export.get("lineItem/UnblendedCost")
    effective = billed.copy()
    for covered, column in (
        ("DiscountedUsage", "reservation/EffectiveCost"),
        ("SavingsPlanCoveredUsage", "savingsPlan/SavingsPlanEffectiveCost"),
    ):
        if export.has(column):
            effective = effective.mask(kind == covered, export.get(column))
    unused = _sum(
        export.get("reservation/UnusedAmortizedUpfrontFeeForBillingPeriod", empty=True),
        export.get("reservation/UnusedRecurringFee", empty=True),
    )
    effective = effective.mask(kind.isin(_AWS_PREPAID), unused.where(kind == "RIFee", "0"))
    return pd.DataFrame(
        {
            "BillingAccountId": export.get("bill/PayerAccountId"),
            "ChargePeriodStart": export.get("lineItem/UsageStartDate"),
            "ChargePeriodEnd": export.get("lineItem/UsageEndDate"), "ProviderName": "AWS",
            "ServiceName": export.get("product/ProductName", "lineItem/ProductCode"),
            "ChargeCategory": kind.map(_AWS_CATEGORIES).fillna(kind),
            "ResourceId": export.get("lineItem/ResourceId", empty=True),
            "BillingCurrency": export.get("lineItem/CurrencyCode"), "BilledCost": billed, "EffectiveCost": effective,
            "Tags": export.tags("resourceTags/", "resource_tags_"),
        }
    )  # fmt: skip


def _azure(export: _Export) -> pd.DataFrame:
    days = export.get("Date", "UsageDateTime", "UsageDate")
    # Written month first where it is not ISO.
    starts = pd.to_datetime(days, format="mixed", dayfirst=False, errors="coerce")
    cost = export.get("CostInBillingCurrency", "Cost", "PreTaxCost")
    kind = export.get("ChargeType")
    tags = export.get("Tags", empty=True)
    return pd.DataFrame(
        {
            "BillingAccountId": export.get("BillingAccountId", "SubscriptionId", "SubscriptionGuid"),
            "ChargePeriodStart": starts.dt.strftime("%Y-%m-%dT00:00:00Z").fillna(days),
            "ChargePeriodEnd": (starts + pd.Timedelta("1D")).dt.strftime("%Y-%m-%dT00:00:00Z").fillna(days),
            "ProviderName": "Microsoft", "ServiceName": export.get("MeterCategory", "ConsumedService"),
            "ChargeCategory": kind.map(lambda word: _AZURE_CATEGORIES.get(_bare(word), word)),
            "ResourceId": export.get("ResourceId", "InstanceId", "InstanceName", empty=True),
            "BillingCurrency": export.get("BillingCurrency", "BillingCurrencyCode", "Currency"), "BilledCost": cost,
            "EffectiveCost": cost,
            # The braces are left out in some versions of the export.
            "Tags": tags.map(lambda text: text if not text or text.startswith("{") else f"{{{text}}}"),
        }
    )  # fmt: skip


def _oci(export: _Export) -> pd.DataFrame:
    cost = export.get("cost/myCost")
    corrected = export.get("lineItem/isCorrection", empty=True).str.lower() == "true"
    return pd.DataFrame(
        {
            "BillingAccountId": export.get("lineItem/tenantId"),
            "ChargePeriodStart": export.get("lineItem/intervalUsageStart"),
            "ChargePeriodEnd": export.get("lineItem/intervalUsageEnd"), "ProviderName": "Oracle",
            "ServiceName": export.get("product/service"),
            "ChargeCategory": pd.Series("Usage", index=cost.index).mask(corrected, "Adjustment"),
            "ResourceId": export.get("product/resourceId", empty=True),
            "BillingCurrency": export.get("cost/currencyCode"), "BilledCost": cost, "EffectiveCost": cost,
            "Tags": export.tags("tags/"),
        }
    )  # fmt: skip


def _sum(*columns: "pd.Series[str]") -> "pd.Series[str]":
    """Return exact sums of decimals as text; what is empty counts nothing, and what is no number stays as it is."""

    def add(*texts: str) -> str:
        try:
            return f"{sum((Decimal(text) for text in texts if text), Decimal(0)):f}"
        except InvalidOperation:
            return " ".join(texts)

    return pd.Series([add(*row) for row in zip(*columns, strict=True)], index=columns[0].index, dtype="str")


#: Export, what it is called, and how it becomes FOCUS.
EXPORTS: Mapping[str, tuple[str, Callable[[_Export], pd.DataFrame]]] = {
    "aws": ("AWS Cost and Usage Report", _aws),
    "azure": ("Azure cost details file", _azure),
    "oci": ("OCI cost report", _oci),
}


def as_focus(raw: pd.DataFrame, export: str, path: Path) -> pd.DataFrame:
    """Return a provider's export in the columns of FOCUS that bills are made from; every row stays.

    Parameters
    ----------
    raw : the file's cells as text
    export : one of :data:`EXPORTS`
    path : of the file, for messages

    Raises
    ------
    UnknownName
        If there is no such export.
    UnreadableFile
        If a needed column is not there.
    """
    if export not in EXPORTS:
        raise UnknownName("export of bills", export, EXPORTS)
    what, convert = EXPORTS[export]
    return convert(_Export(raw, path, what))
