import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepulse.core.book import Difference, OrderBook
from tradepulse.errors import SequenceGap


def spot(first, last, bids=(), asks=()):
    return Difference(first, last, None, tuple(bids), tuple(asks))


def futures(previous, first, last, bids=(), asks=()):
    return Difference(first, last, previous, tuple(bids), tuple(asks))


def book():
    return OrderBook.of(100, [(10.0, 1.0), (9.0, 2.0), (8.0, 0.0)], [(11.0, 3.0), (12.0, 4.0)])


def test_the_top_is_the_best_of_each_side():
    assert book().top == (10.0, 1.0, 11.0, 3.0)
    assert OrderBook.of(1, [], [(11.0, 3.0)]).top is None


def test_a_difference_sets_adds_and_removes_levels():
    changed = book()

    assert changed.apply(spot(101, 105, bids=[(10.0, 0.0), (9.0, 5.0)], asks=[(10.5, 1.0), (99.0, 0.0)]))

    assert changed.bids == {9.0: 5.0}
    assert changed.asks == {10.5: 1.0, 11.0: 3.0, 12.0: 4.0}
    assert changed.last_id == 105


def test_what_the_snapshot_has_seen_is_left_out():
    changed = book()

    assert not changed.apply(spot(90, 100, bids=[(10.0, 0.0)]))
    assert changed.apply(spot(95, 103, bids=[(10.0, 7.0)]))  # begins before the snapshot and ends after it
    assert changed.top == (10.0, 7.0, 11.0, 3.0)


@pytest.mark.parametrize("lost", [spot(102, 110), spot(107, 110)])
def test_updates_that_are_missing_are_named(lost):
    changed = book()
    if lost.first_id == 107:
        changed.apply(spot(101, 105))

    with pytest.raises(
        SequenceGap, match=rf"updates {changed.last_id + 1} to {lost.first_id - 1} are missing before 110"
    ):
        changed.apply(lost)
    assert changed.top == (10.0, 1.0, 11.0, 3.0)


def test_linked_differences_follow_by_their_previous_id():
    changed = book()

    assert not changed.apply(futures(80, 81, 99))
    assert changed.apply(futures(99, 100, 120))
    assert changed.apply(futures(120, 130, 140))  # ids between two differences need not be used
    with pytest.raises(SequenceGap):
        changed.apply(futures(150, 151, 160))


levels = st.lists(st.tuples(st.integers(1, 30).map(float), st.integers(0, 5).map(float)), max_size=6)


@given(st.lists(st.tuples(levels, levels), max_size=12))
def test_a_book_is_the_last_size_of_every_level(changes):
    built = OrderBook.of(0, [], [])
    expected = ({}, {})
    for n, (bids, asks) in enumerate(changes):
        built.apply(spot(n + 1, n + 1, bids, asks))
        for side, moved in zip(expected, (bids, asks), strict=True):
            side.update(dict(moved))

    assert (built.bids, built.asks) == tuple({p: s for p, s in side.items() if s} for side in expected)
