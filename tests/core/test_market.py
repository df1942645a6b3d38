from datetime import UTC, date, datetime

import pytest

from tradepulse.core.market import Bar


def test_a_bar_cannot_be_changed():
    bar = Bar(datetime(2018, 10, 1, 13, 30, tzinfo=UTC), date(2018, 10, 1), "AAA", 1.0, 2.0, 0.5, 1.5, 10.0)

    with pytest.raises(AttributeError):
        bar.close = 2.0
