"""FOCUS: real files and broken ones, our own costs written in it, and read back to the last digit."""

from decimal import Decimal

import pandas as pd
import pytest

from tests.finops.test_attribution import PRICES, usage_of
from tradepulse.errors import DataError
from tradepulse.finops.attribution import cost_lines
from tradepulse.finops.focus import MANDATORY, conformance, exported
from tradepulse.ingestion.focus import load_bills

GOOD = {
    "BilledCost": "1.50", "BillingAccountId": "a-1", "BillingAccountName": "Desk", "BillingCurrency": "USD",
    "BillingPeriodEnd": "2024-02-01T00:00:00Z", "BillingPeriodStart": "2024-01-01T00:00:00Z", "ChargeCategory": "Usage",
    "ChargeClass": "", "ChargeDescription": "an hour", "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2024-01-02T00:00:00Z", "ChargePeriodStart": "2024-01-01T00:00:00Z", "ConsumedQuantity": "1",
    "ConsumedUnit": "Hours", "CommitmentDiscountId": "", "CommitmentDiscountCategory": "", "ContractedCost": "1.50",
    "EffectiveCost": "1.50", "InvoiceIssuerName": "Cloud", "ListCost": "1.50", "ListUnitPrice": "1.50",
    "PricingQuantity": "1", "PricingUnit": "Hours", "ProviderName": "Cloud", "PublisherName": "Cloud",
    "ServiceCategory": "Compute", "ServiceName": "Machines", "Tags": '{"team": "data"}',
}  # fmt: skip


def broken(**changes):
    return [rule.name for rule in conformance(pd.DataFrame([GOOD, {**GOOD, **changes}])) if not rule.kept]


def test_a_good_file_keeps_every_rule():
    assert broken() == []
    assert len(conformance(pd.DataFrame([GOOD]))) > 50


@pytest.mark.parametrize("name", MANDATORY)
def test_each_mandatory_column_is_asked_for(name):
    rules = conformance(pd.DataFrame([GOOD]).drop(columns=name))

    assert f"{name} is there" in [rule.name for rule in rules if not rule.kept]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"BilledCost": ""}, "BilledCost is not null"),
        ({"BilledCost": "1,50"}, "BilledCost is a decimal"),
        ({"EffectiveCost": "about 2"}, "EffectiveCost is a decimal"),
        ({"ChargeCategory": "usage"}, "ChargeCategory is one of its values"),
        ({"ChargeClass": "Original"}, "ChargeClass is one of its values"),
        ({"ChargeFrequency": "Usage-based"}, "ChargeFrequency is one of its values"),
        ({"ServiceCategory": "Computing"}, "ServiceCategory is one of its values"),
        ({"BillingCurrency": "usd"}, "BillingCurrency is a code of three letters"),
        ({"ChargePeriodStart": "2024-01-01 00:00:00"}, "ChargePeriodStart is UTC as in 2024-01-31T00:00:00Z"),
        ({"ChargePeriodEnd": "2024-01-01T00:00:00Z"}, "ChargePeriodStart is before ChargePeriodEnd"),
        ({"BillingAccountName": "NULL"}, "null is an empty cell, not the word NULL"),
        ({"PricingUnit": ""}, "PricingUnit is there where PricingQuantity is, and only there"),
        ({"PricingQuantity": "", "PricingUnit": ""}, "PricingQuantity is there for usage and purchases"),
        ({"ChargeCategory": "Tax"}, "PricingQuantity is null for taxes"),
        ({"ConsumedUnit": ""}, "ConsumedUnit is there where ConsumedQuantity is, and only there"),
        ({"ChargeCategory": "Purchase"}, "ChargeFrequency of a purchase is not Usage-Based"),
        (
            {"CommitmentDiscountId": "c-1"},
            "CommitmentDiscountCategory is there where CommitmentDiscountId is, and only there",
        ),
        ({"ListUnitPrice": "-1"}, "ListUnitPrice is not negative"),
        ({"Tags": "team=data"}, "Tags is a JSON object"),
        ({"Tags": "[1]"}, "Tags is a JSON object"),
    ],
)
def test_each_rule_finds_what_breaks_it(changes, rule):
    assert broken(**changes) == [rule]


def test_a_correction_needs_no_quantity():
    assert broken(ChargeClass="Correction", PricingQuantity="", PricingUnit="") == []


def test_no_rows_get_no_verdict():
    with pytest.raises(DataError, match="a verdict on nothing says nothing"):
        conformance(pd.DataFrame(columns=list(GOOD)))


def test_a_rule_says_where_it_is_broken():
    found = next(r for r in conformance(pd.DataFrame([GOOD, {**GOOD, "BillingCurrency": "usd"}])) if not r.kept)

    assert (found.seen, found.broken, found.first) == (2, 1, "row 1: 'usd'")


def test_our_costs_conform_and_come_back_to_the_nano_dollar(tmp_path):
    steps = [
        {"cpu_ms": 1 + 777 * n, "wall_ms": 3_333, "peak_memory_bytes": 3 * 1024**3, "written_bytes": n}
        for n in range(9)
    ]
    lines = cost_lines(usage_of(*steps, {"team": "research", "cpu_ms": 1}), PRICES)

    rows = exported(lines, "desk")

    assert [rule for rule in conformance(rows) if not rule.kept] == []
    rows.to_csv(tmp_path / "ours.csv", index=False)
    back = load_bills(tmp_path / "ours.csv")
    assert len(back.quarantined) == 0
    total = sum(Decimal(text) for text in back.accepted["billed"])
    assert total * 1_000_000_000 == int(lines["cost_nano_usd"].sum())
    assert set(back.accepted["symbol"]) == {"desk"}
    with pytest.raises(DataError, match="nothing has been metered"):
        exported(lines.iloc[:0], "desk")


def test_a_real_sample_is_read_and_judged(shared_data):
    path = shared_data / "finops" / "focus_1_0_sample.csv"
    raw = pd.read_csv(path, dtype=str, keep_default_na=False)

    rules = {rule.name: rule for rule in conformance(raw) if not rule.kept}

    assert rules["ChargePeriodStart is UTC as in 2024-01-31T00:00:00Z"].broken == len(raw)
    assert rules["ChargeFrequency is one of its values"].first == "row 461: 'Usage-based'"
    assert len(rules) == 6
