"""The clouds' own exports, row by row as their documentation has them, and what each charge is in FOCUS."""

import json

import pandas as pd
import pytest

from tradepulse.errors import UnknownName, UnreadableFile
from tradepulse.ingestion.bill_exports import as_focus
from tradepulse.ingestion.focus import load_bills


def written(tmp_path, rows):
    path = tmp_path / "bill.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def aws(kind, cost, **more):
    return {
        "bill/PayerAccountId": "123456789012", "lineItem/LineItemType": kind,
        "lineItem/UsageStartDate": "2024-05-01T00:00:00Z", "lineItem/UsageEndDate": "2024-05-01T01:00:00Z",
        "lineItem/ProductCode": "AmazonEC2", "lineItem/ResourceId": "i-0abc", "lineItem/UnblendedCost": cost,
        "lineItem/CurrencyCode": "USD", "reservation/EffectiveCost": "", "savingsPlan/SavingsPlanEffectiveCost": "",
        "reservation/UnusedRecurringFee": "", "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "",
        "resourceTags/user:team": "research", **more,
    }  # fmt: skip


def test_an_aws_report_spreads_what_was_prepaid_over_the_usage_it_paid_for(tmp_path):
    rows = [
        aws("Usage", "1.25"),
        aws("DiscountedUsage", "0", **{"reservation/EffectiveCost": "0.0416666667"}),
        aws("SavingsPlanCoveredUsage", "2.00", **{"savingsPlan/SavingsPlanEffectiveCost": "1.4"}),
        aws("SavingsPlanNegation", "-2.00"),
        aws("RIFee", "30.00", **{"reservation/UnusedRecurringFee": "3.5",
                                 "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "0.25"}),
        aws("SavingsPlanRecurringFee", "10"),
        aws("Tax", "4.2", **{"resourceTags/user:team": ""}),
        aws("Credit", "-5"),
        aws("Refund", "-1"),
        aws("Surprise", "1"),
    ]  # fmt: skip
    delivery = load_bills(written(tmp_path, rows), export="aws")
    bills = delivery.accepted

    assert [(r.category, float(r.billed), float(r.effective)) for r in bills.itertuples()] == [
        ("Usage", 1.25, 1.25), ("Usage", 0.0, 0.0416666667), ("Usage", 2.0, 1.4), ("Adjustment", -2.0, 0.0),
        ("Purchase", 30.0, 3.75), ("Purchase", 10.0, 0.0), ("Tax", 4.2, 4.2), ("Credit", -5.0, -5.0),
        ("Adjustment", -1.0, -1.0),
    ]  # fmt: skip
    assert delivery.quarantined["rule"].tolist() == ["the category is one of FOCUS"]
    assert set(bills["provider"]) == {"AWS"}
    assert json.loads(bills["tags"].iloc[0]) == {"team": "research"}
    assert bills["tags"].iloc[6] == ""
    assert bills["ts"].iloc[0] == pd.Timestamp("2024-05-01", tz="UTC")


def test_the_same_report_with_the_names_of_athena(tmp_path):
    row = {
        "bill_payer_account_id": "1", "line_item_line_item_type": "Usage",
        "line_item_usage_start_date": "2024-05-01T00:00:00Z", "line_item_usage_end_date": "2024-05-01T01:00:00Z",
        "line_item_product_code": "AmazonS3", "line_item_unblended_cost": "0.5", "line_item_currency_code": "USD",
        "resource_tags_user_team": "data",
    }  # fmt: skip
    [bill] = load_bills(written(tmp_path, [row]), export="aws").accepted.to_dict("records")

    assert (bill["service"], bill["billed"], json.loads(bill["tags"])) == ("AmazonS3", "0.5", {"team": "data"})


def test_azure_writes_days_month_first_and_tags_without_braces(tmp_path):
    row = {
        "BillingAccountId": "b1", "Date": "05/13/2024", "MeterCategory": "Virtual Machines", "ChargeType": "Usage",
        "ResourceId": "/subscriptions/1/vm", "BillingCurrencyCode": "EUR", "CostInBillingCurrency": "2.4",
        "Tags": '"team": "research","env": "prod"',
    }  # fmt: skip
    rows = [row, {**row, "Date": "2024-05-13", "ChargeType": "UnusedReservation", "Tags": ""},
            {**row, "Date": "nonsense"}, {**row, "ChargeType": "RoundingAdjustment", "CostInBillingCurrency": "-0.01"}]  # fmt: skip  # noqa: E501
    frame = as_focus(pd.DataFrame(rows).astype("str"), "azure", tmp_path)

    assert frame["ChargePeriodStart"].tolist()[:2] == ["2024-05-13T00:00:00Z"] * 2
    assert frame["ChargePeriodEnd"].iloc[0] == "2024-05-14T00:00:00Z"
    assert frame["ChargePeriodStart"].iloc[2] == "nonsense"
    assert frame["ChargeCategory"].tolist() == ["Usage", "Usage", "Usage", "Adjustment"]
    assert json.loads(frame["Tags"].iloc[0]) == {"team": "research", "env": "prod"}
    assert load_bills(written(tmp_path, [rows[0], rows[3]]), export="azure").accepted["billed"].tolist() == [
        "2.4",
        "-0.01",
    ]


def test_an_oci_report_says_which_rows_correct_others(tmp_path):
    row = {
        "lineItem/tenantId": "ocid1.tenancy", "lineItem/intervalUsageStart": "2024-05-01T00:00Z",
        "lineItem/intervalUsageEnd": "2024-05-01T01:00Z", "product/service": "COMPUTE",
        "product/resourceId": "ocid1.vm",
        "cost/myCost": "0.031", "cost/currencyCode": "USD", "lineItem/isCorrection": "false", "tags/team": "trading",
    }  # fmt: skip
    bills = load_bills(
        written(tmp_path, [row, {**row, "lineItem/isCorrection": "true", "cost/myCost": "-0.031"}]), export="oci"
    ).accepted

    assert [(r.category, r.billed, r.tags) for r in bills.itertuples()] == [
        ("Usage", "0.031", '{"team": "trading"}'), ("Adjustment", "-0.031", '{"team": "trading"}'),
    ]  # fmt: skip


def test_what_is_no_such_export_is_one_line(tmp_path):
    with pytest.raises(UnreadableFile, match="lacks the column 'lineItem/LineItemType'; it is no AWS Cost and Usage"):
        load_bills(written(tmp_path, [{"a": 1}]), export="aws")
    with pytest.raises(UnknownName, match="gcp"):
        load_bills(written(tmp_path, [{"a": 1}]), export="gcp")


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_a_bill_too_large_to_be_read_whole_is_refused_before_it_is_read(tmp_path, monkeypatch, kind):
    from tradepulse.ingestion import focus

    monkeypatch.setattr(focus, "MOST_ROWS", 10)
    frame, path = pd.DataFrame({"a": range(12)}), tmp_path / f"bill.{kind}"
    frame.to_parquet(path) if kind == "parquet" else frame.to_csv(path, index=False)

    with pytest.raises(UnreadableFile, match=r"bill.*: has 1[23] rows, and a bill is read whole, at most 10 at a time"):
        load_bills(path)
