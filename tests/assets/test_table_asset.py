import dagster as dg
import pandas as pd
import pytest

from tests.property.generators import bars_of
from tradepulse.core.tables import TABLES, table
from tradepulse.quality.check import Check
from tradepulse_assets.table_asset import Rows, column_schema, preview, table_asset, table_check


@pytest.mark.parametrize("name", TABLES)
def test_dagster_shows_the_columns_that_the_table_declares(name):
    shown = column_schema(name).columns

    assert [column.name for column in shown] == list(table(name).to_schema().columns)
    assert all(column.description for column in shown)


def run(home, instance, found=(), frame=None):
    @table_asset(group="g", team="t", model="bars")
    def prices(context: dg.AssetExecutionContext, home: dg.ResourceParam[object]) -> Rows:
        """Prices."""
        return Rows(bars_of([1.0]) if frame is None else frame, {"more": 1})

    @table_check(asset="prices", team="t")
    def promise(context: dg.AssetCheckExecutionContext, home: dg.ResourceParam[object]) -> list[Check]:
        """A promise."""
        return list(found)

    @dg.asset(deps=["prices"])
    def downstream():
        return None

    return dg.materialize(
        [prices, promise, downstream], instance=instance, resources={"home": home}, raise_on_error=False
    )


def outcome(result):
    return result.success, {
        e.asset_key.to_user_string() for e in result.filter_events(lambda e: e.is_step_materialization)
    }


def test_a_kept_promise_lets_the_downstream_run(home, instance):
    assert outcome(run(home, instance, [Check("ok", 1, 0)])) == (True, {"prices", "downstream"})


@pytest.mark.parametrize(
    "found", [[], [Check("empty", 0, 0)], [Check("bad", 5, 1)], [Check("ok", 5, 0), Check("x", 5, 5)]]
)
def test_a_broken_promise_or_one_that_saw_nothing_stops_it(home, instance, found):
    assert outcome(run(home, instance, found)) == (False, {"prices"})


def test_rows_that_break_the_table_are_not_written(home, instance):
    assert outcome(run(home, instance, [Check("ok", 1, 0)], bars_of([1.0]).assign(high=-1.0))) == (False, set())
    assert home.lake.partitions("prices") == []


def test_the_ui_is_told_rows_version_file_and_preview(home, instance):
    result = run(home, instance, [Check("ok", 1, 0)])

    shown = result.asset_materializations_for_node("prices")[0]
    assert shown.metadata["dagster/row_count"].value == 1
    assert shown.metadata["more"].value == 1
    assert "AAA" in shown.metadata["preview"].value
    assert shown.tags["dagster/data_version"] == shown.metadata["data version"].value


def test_each_step_is_metered_and_attributed(home, instance):
    run(home, instance, [Check("bad", 5, 1)])

    usage = home.usage.frame()
    assert usage["step"].tolist() == ["prices", "prices:promise"]
    assert set(usage["team"]) == {"t"}
    assert set(usage["environment"]) == {"test"}


def test_a_preview_is_short_and_says_when_there_is_nothing():
    assert preview(pd.DataFrame({"x": range(100)})).count("\n") == 9
    assert preview(pd.DataFrame({"x": []})) == "no rows"
