import json

import numpy as np
import pytest

from tests.property.generators import bars_of
from tradepulse.core.indicators import indicator, names_over
from tradepulse.core.indicators.base import BAR_COLUMNS
from tradepulse.core.indicators.table import long_table
from tradepulse.core.tables import table
from tradepulse.errors import InvalidTable


def test_every_bar_has_every_output_of_every_indicator():
    import pandas as pd

    bars = pd.concat([bars_of(np.arange(1.0, 41.0)), bars_of(np.arange(50.0, 90.0), symbol="BBB")]).sort_values(
        ["session", "symbol"], ignore_index=True
    )

    rows = long_table(bars)

    assert table("indicators").accept(rows, "test") is rows
    assert len(rows) == len(bars) * sum(len(indicator(name).outputs) for name in names_over(BAR_COLUMNS))
    means = rows[(rows["symbol"] == "BBB") & (rows["indicator"] == "sma")]
    assert json.loads(means["params"].iloc[0]) == {"window": 20}
    assert means["value"].isna().sum() == 19
    assert means["value"].iloc[-1] == np.arange(70.0, 90.0).mean()


def test_no_bars_are_refused():
    with pytest.raises(InvalidTable, match="no bars"):
        long_table(bars_of([1.0]).iloc[:0])
