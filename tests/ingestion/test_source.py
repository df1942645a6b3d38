import json

import numpy as np
import pandas as pd
import pytest

from tests.property.generators import bars_of
from tradepulse.errors import InvalidTable
from tradepulse.ingestion.source import BAR_RULES, Delivery, sift


def sifted(frame):
    return sift(frame, BAR_RULES, table_name="bars", source="test", source_hash="0" * 16)


def test_good_rows_are_kept():
    kept, refused = sifted(bars_of([1.0, 2.0]))

    assert kept.all()
    assert refused.empty


def test_a_refused_row_says_where_it_stood_why_and_what_it_was():
    frame = bars_of([1.0, 2.0, 3.0])
    frame.loc[1, "close"] = np.nan

    kept, refused = sifted(frame)

    assert kept.tolist() == [True, False, True]
    row = refused.iloc[0]
    assert (row["row"], row["rule"]) == (1, "close is a finite number above zero")
    assert json.loads(row["payload"])["open"] == 2.0


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 0.0, -1.0])
@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_price_that_is_no_price_is_refused(column, value):
    frame = bars_of([2.0])
    frame[column] = value

    assert not sifted(frame)[0].any()


def test_of_repeated_rows_the_first_is_kept():
    twice = pd.concat([bars_of([1.0, 2.0]), bars_of([1.0])], ignore_index=True)

    assert sifted(twice)[0].tolist() == [True, True, False]


def test_a_delivery_accounts_for_every_row():
    _, refused = sifted(bars_of([1.0]))

    with pytest.raises(InvalidTable, match="3 rows received, but 1 accepted and 0 quarantined"):
        Delivery("bars", 3, bars_of([1.0]), refused, "0" * 16)
