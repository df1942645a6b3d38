from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.generators import bars_of, price_bars
from tradepulse.core.tables import TABLES, table
from tradepulse.core.tables.base import content_hash
from tradepulse.errors import InvalidTable, UnknownName


@pytest.mark.parametrize("name", TABLES)
def test_each_table_is_documented_column_by_column(name):
    columns = table(name).column_schema()

    assert table(name).table_name() == name
    assert table(name).__doc__
    assert columns
    assert all(column["description"].endswith(".") for column in columns)


@pytest.mark.parametrize("name", TABLES)
def test_no_rows_are_rows_of_the_table(name):
    empty = table(name).no_rows()

    assert len(table(name).accept(empty, "nothing")) == 0


def test_an_unknown_table_names_the_close_ones():
    with pytest.raises(UnknownName, match="No table named 'bar'; close matches: bars"):
        table("bar")


@given(price_bars())
def test_valid_bars_are_accepted_unchanged(bars):
    assert table("bars").accept(bars, "test") is bars


def _changed(**columns):
    return bars_of([1.0, 2.0, 3.0]).assign(**columns)


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (_changed(close=[1.0, np.nan, 3.0]), "close is missing (1x)"),
        (_changed(volume=[1.0, np.inf, 3.0]), "volume is not less_than(inf) (1x)"),
        (_changed(volume=[1.0, -1.0, 1.0]), "volume is not greater_than_or_equal_to(0) (1x)"),
        (_changed(open=[1, 2, 3]), "open is int64, not float64"),  # whole numbers are not silently made floats
        (_changed(open_is_stale=[1.0, 0.0, float("nan")]), "open_is_stale is float64, not bool"),  # nor NaN made True
        (_changed(low=[1.0, 2.5, 3.0]), "low <= open, close <= high does not hold (1x)"),
        (_changed(symbol=["AAA", "", "AAA"]), "symbol is not str_length(1, None) (1x)"),
        (_changed(extra=1), "has the column 'extra', which the table has not"),
        (_changed().drop(columns="low"), "lacks the column 'low'"),
        (_changed()[["session", *_changed().columns.drop("session")]], "columns stand in another order"),
        (
            _changed(ts=_changed()["ts"].dt.tz_localize(None)),
            "ts is datetime64[ns], not datetime64[ns, UTC]",
        ),  # a naive time is not UTC
        (_changed(ts=_changed()["ts"].iloc[[0, 0, 2]].reset_index(drop=True)), "symbol and ts are not unique (2x)"),
    ],
)
def test_bad_bars_are_refused_in_one_line(frame, rule):
    with pytest.raises(InvalidTable, match="here: not a valid bars table: ") as refused:
        table("bars").accept(frame, "here")

    assert str(refused.value) == f"here: not a valid bars table: {rule}"
    assert "\n" not in str(refused.value)


def test_a_refusal_counts_rows_not_cells():
    bars = bars_of([2.0] * 4).assign(high=[1.0, 1.0, 1.0, 2.0])

    with pytest.raises(InvalidTable, match=r"low <= open, close <= high does not hold \(3x\)"):
        table("bars").accept(bars, "here")


@given(price_bars(min_size=2))
def test_the_content_hash_depends_on_rows_and_order_not_on_the_index(bars):
    again = bars.set_index(pd.Index(range(100, 100 + len(bars)))).copy()

    assert content_hash(again) == content_hash(bars)
    assert content_hash(bars.iloc[::-1]) != content_hash(bars)
    assert content_hash(bars.iloc[1:]) != content_hash(bars)


@given(price_bars(min_size=1), st.data())
def test_any_changed_cell_changes_the_content_hash(bars, data):
    column = data.draw(st.sampled_from(["open", "high", "low", "close", "volume"]))
    row = data.draw(st.integers(0, len(bars) - 1))
    changed = bars.copy()
    changed.loc[row, column] = np.nextafter(changed.loc[row, column], np.inf)

    assert content_hash(changed) != content_hash(bars)


@given(bars=price_bars(max_size=10))
def test_the_content_hash_survives_a_parquet_file(bars, tmp_path_factory):
    path = tmp_path_factory.mktemp("hash") / "bars.parquet"
    bars.to_parquet(path, index=False)

    assert content_hash(pd.read_parquet(path)) == content_hash(bars)


def test_equal_values_hash_equally():
    quiet, loud = np.array([0x7FF8000000000000, 0x7FF8000000000001], dtype="u8").view("f8")

    assert content_hash(pd.DataFrame({"x": [-0.0, quiet]})) == content_hash(pd.DataFrame({"x": [0.0, loud]}))


def test_text_cells_cannot_be_confused_with_their_neighbours():
    frames = [pd.DataFrame({"x": x}) for x in (["a", "b"], ["ab", ""], ["a\x1f=b", ""], [None, "ab"])]

    assert len({content_hash(frame) for frame in frames}) == 4


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["b", "a", "b", None, ""], ["=b", "=a", "=b", "\x00", "="]),
        ([None, None], ["\x00", "\x00"]),
        ([], []),
        (["ä\x1f", "=", "x"] * 3, ["=ä\x1f", "==", "=x"] * 3),
        # Equal values of other types are other text.
        (
            pd.Series([1, 1.0, True, "1", None, float("nan")], dtype=object),
            ["=1", "=1.0", "=True", "=1", *["\x00"] * 2],
        ),
    ],
)
def test_text_is_hashed_word_by_word(values, words):
    column = values if isinstance(values, pd.Series) else pd.Series(values, dtype="str")
    text = "\x1ename\x1f" + "text" + "\x1f".join(words)

    wanted = sha256(f"{len(words)}{text}".encode()).hexdigest()[:16]
    assert content_hash(pd.DataFrame({"name": column})) == wanted
