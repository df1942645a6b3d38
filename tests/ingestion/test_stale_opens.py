import numpy as np
from hypothesis import given

from tests.property.generators import price_bars
from tradepulse.ingestion.stale_opens import LEAST_REPEATS, stale_opens


def test_a_few_repeats_are_coincidence_and_the_fifth_within_a_year_is_not():
    closes = np.arange(100.0, 110.0)
    opens = np.concatenate([[99.0], closes[:-1]])  # every open repeats the close before it

    flagged = stale_opens(opens, closes)

    assert flagged.tolist() == [False] * LEAST_REPEATS + [True] * 5


def test_repeats_a_year_apart_are_coincidence():
    closes = np.arange(100.0, 2100.0)
    opens = closes + 0.5
    opens[1::400] = closes[:-1:400]

    assert not stale_opens(opens, closes).any()


def test_the_first_open_has_no_close_before_it():
    assert stale_opens(np.array([1.0]), np.array([1.0])).tolist() == [False]
    assert stale_opens(np.array([]), np.array([])).tolist() == []


@given(price_bars(min_size=2))
def test_a_flag_depends_on_the_past_alone(bars):
    opens, closes = bars["open"].to_numpy(), bars["close"].to_numpy()
    whole = stale_opens(opens, closes)

    for known in range(1, len(bars)):
        assert stale_opens(opens[:known], closes[:known]).tolist() == whole[:known].tolist()
