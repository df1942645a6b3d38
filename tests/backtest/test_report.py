import pytest

from tests.backtest.test_engine import BARS, run
from tests.property.generators import bars_of
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.report import monthly_table, write_report


def test_the_page_is_one_file_that_asks_nothing_of_the_network(tmp_path):
    path = write_report(
        run(BARS, 10, None, 0), BARS, tmp_path / "a" / "r.html", title="A & B", identity={"trial": "t<1>"}
    )

    text = path.read_text()
    assert "<h1>A &amp; B</h1>" in text
    assert "t&lt;1&gt;" in text
    assert "1,030.00" in text
    assert text.count("<svg") == 3
    assert "<script" not in text
    assert "src=" not in text.replace("xmlns", "")
    assert [p.name for p in path.parent.iterdir()] == ["r.html"]


def test_the_same_run_writes_the_same_bytes(tmp_path):
    pages = [
        write_report(run(BARS, 10, None, 0), BARS, tmp_path / f"{n}.html", title="t", identity={}).read_bytes()
        for n in "ab"
    ]

    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"fill": "same_close"}, "this result looks ahead"), ({"cash": 50.0}, "the account borrowed")],
)
def test_what_cannot_be_believed_is_said_at_the_top(tmp_path, options, words):
    text = write_report(run(BARS, 10, **options), BARS, tmp_path / "r.html", title="t", identity={}).read_text()

    assert words in text
    assert text.index(words) < text.index("final equity")


def test_months_compound_to_the_year():
    # 2015-01-02 on: equity 1000 at the end of January's first bar, 1100 in January, 990 in February.
    equity = bars_of([1000.0] * 20 + [1100.0] * 19 + [990.0])[["session"]].assign(
        equity=[1000.0] + [1100.0] * 19 + [1100.0] * 19 + [990.0]
    )

    table = monthly_table(equity)

    assert "<td class='n'>10.0</td>" in table
    assert "<b>-1.0</b>" in table


def test_the_costs_of_a_page_add_up_to_the_profit(tmp_path):
    # Bought 10 at 11 and sold at 14, 100 bp worse and 10 bp commission: 30 before, less 2.5 and 0.2497.
    result = run(BARS, 10, None, 0, costs=Costs(commission_bp=10, slippage_bp=100))

    text = write_report(result, BARS, tmp_path / "r.html", title="t", identity={}, between=(99.0, 101.0)).read_text()

    for name, amount in (
        ("before all of it", "30.00"),
        ("slippage", "-2.50"),
        ("commission", "-0.25"),
        ("profit", "27.25"),
    ):
        assert f"<td>{name}</td><td class='n'>{amount}</td>" in text
    assert "lies between 99.00 and 101.00" in text
