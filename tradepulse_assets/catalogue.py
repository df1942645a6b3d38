"""One asset for each indicator and each strategy that can be named, those of installed packages included.

Nothing is edited for a new one: its file, or its package's entry point, is enough. At load nothing of it is imported;
what it computes is computed when the asset is made.
"""

from typing import TYPE_CHECKING

import dagster as dg

from tradepulse.core import indicators
from tradepulse.core.strategies.loader import strategy_paths
from tradepulse_assets.home import Home
from tradepulse_assets.research import CASH, QUANTITY, SYMBOL
from tradepulse_assets.table_asset import Rows, coverage, table_asset, table_check

if TYPE_CHECKING:
    from tradepulse.quality.check import Check

_GROUP = "catalogue"


def _indicator_asset(name: str) -> dg.AssetsDefinition:
    def compute(context: dg.AssetExecutionContext, home: Home) -> Rows:
        from tradepulse.core.indicators.base import BAR_COLUMNS
        from tradepulse.core.indicators.table import last_of_session, long_table, panel_table
        from tradepulse.warehouse.bars import read_bars

        declared = indicators.indicator(name)
        about = {"inputs": ", ".join(declared.inputs), "outputs": ", ".join(declared.outputs)}
        if not set(declared.inputs) <= set(BAR_COLUMNS):
            return Rows(last_of_session(home.lake.read("quotes"), name), about)
        bars = read_bars(home.lake)
        table = panel_table(bars, name) if declared.panel else long_table(bars, [name])
        return Rows(table, {**coverage(home, bars), **about})

    compute.__name__ = f"indicator_{name}"
    compute.__doc__ = (
        f"The indicator `{name}` with its default parameters over every bar. What it is: `tradepulse_cli indicators "
        f"show {name}`."
    )
    return table_asset(
        group=_GROUP, team="research", deps=["bars_history", "bars"], model="indicators", kinds=("numpy", "parquet")
    )(compute)


def _strategy_asset(name: str) -> dg.AssetsDefinition:
    def compute(context: dg.AssetExecutionContext, home: Home) -> Rows:
        from tradepulse.backtest.frictions import Costs
        from tradepulse.backtest.ledger import answered, record
        from tradepulse.backtest.research import Question, rerun
        from tradepulse.core.strategies.loader import strategy_class
        from tradepulse.core.tables.base import content_hash

        frame = home.lake.read("bars_history", model="bars")
        sample = frame[frame["symbol"] == SYMBOL].reset_index(drop=True)
        params = strategy_class(name)(quantity=QUANTITY).settings
        question = Question(name, params, SYMBOL, content_hash(sample), QUANTITY, CASH, Costs())
        # A look at a result is a trial, whoever looks: the ledger counts it once.
        if question.trial_id not in answered(home.lake):
            record(home.lake, home.tracking, sample, [question], context.run_id)
        result = rerun(question, sample)
        ledger = home.lake.read("trials")
        mine = ledger[ledger["trial_id"] == question.trial_id]
        shown = {
            key: result.summary[key]
            for key in ("final_equity", "sharpe", "max_drawdown", "n_fills", "total_commission")
        }
        return Rows(
            mine,
            {**coverage(home, sample), "trial": question.trial_id, **{k: v for k, v in shown.items() if v is not None}},
        )

    compute.__name__ = f"strategy_{name}"
    compute.__doc__ = (
        f"The strategy `{name}` with its default parameters on the closed years of Nasdaq bars, as one trial of the "
        "ledger; next-open fills through the event engine."
    )
    return table_asset(
        group=_GROUP, team="research", strategy=name, deps=["bars_history", "golden_values"], model="trials",
        kinds=("python", "parquet"),
    )(compute)  # fmt: skip


def _range_check(name: str) -> dg.AssetChecksDefinition:
    def examine(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
        from tradepulse.quality.indicators import ranges_hold

        return ranges_hold(home.lake.read(f"indicator_{name}", model="indicators"))

    examine.__name__ = f"indicator_{name}_is_in_range"
    examine.__doc__ = f"`{name}` has a value for every bar after its warm-up, within the range that it can have."
    return table_check(asset=f"indicator_{name}", team="research")(examine)


def _causality_check(name: str) -> dg.AssetChecksDefinition:
    def examine(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
        from tradepulse.core.causality import leaks
        from tradepulse.core.strategies.loader import strategy_class
        from tradepulse.core.strategies.paths import as_compute, bar_columns
        from tradepulse.quality.check import Check

        made = strategy_class(name)
        frame = home.lake.read("bars_history", model="bars")
        bars = frame[frame["symbol"] == SYMBOL].tail(made(quantity=QUANTITY).run_in + 60).reset_index(drop=True)
        rows = range(max(len(bars) - 60, 0), len(bars), 7)
        found = leaks(as_compute(lambda: made(quantity=QUANTITY)), bar_columns(bars), bars=rows)
        return Check("no decision looks ahead", len(rows), len(found), "; ".join(map(str, found)))

    examine.__name__ = f"strategy_{name}_looks_at_no_later_bar"
    examine.__doc__ = f"What `{name}` decides stays as it is when the bars after it are taken away or replaced."
    return table_check(asset=f"strategy_{name}", team="research")(examine)


#: Assets and checks of the catalogue, by the names that there are when Dagster loads.
ASSETS = [
    *(_indicator_asset(name) for name in indicators.names()),
    *(_strategy_asset(name) for name in strategy_paths()),
]
CHECKS = [
    *(_range_check(name) for name in indicators.names()),
    *(_causality_check(name) for name in strategy_paths()),
]
