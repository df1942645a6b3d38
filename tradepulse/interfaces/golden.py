"""What each kind of golden table is computed by: the same functions that the chain runs."""

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradepulse.quality.golden import Computer

if TYPE_CHECKING:
    import pandas as pd

    from tradepulse.backtest.result import Result


def backtest_trades(inputs: "pd.DataFrame", params: Mapping[str, Any]) -> "pd.DataFrame":
    """Return the round trips of a strategy on the bars, by the session in which they were entered."""
    trades = _backtest(inputs, params).trades
    return trades.assign(
        entry_session=trades["entry_ts"].dt.strftime("%Y-%m-%d"),
        exit_session=trades["exit_ts"].dt.strftime("%Y%m%d").astype(float),
    )


def backtest_equity(inputs: "pd.DataFrame", params: Mapping[str, Any]) -> "pd.DataFrame":
    """Return cash and equity of a strategy on the bars, by session."""
    equity = _backtest(inputs, params).equity
    return equity.assign(session=equity["ts"].dt.strftime("%Y-%m-%d"))


def settlement(inputs: "pd.DataFrame", params: Mapping[str, Any]) -> "pd.DataFrame":
    """Return when each fill settles (as yyyymmdd) and what is paid, in the currency of the price."""
    import pandas as pd

    from tradepulse.core.orders import Fill, Side, to_micros
    from tradepulse.core.sessions import calendar
    from tradepulse.core.tables.base import records
    from tradepulse.execution.settlement import settlement_rows

    rows = []
    for row in records(inputs):
        fill = Fill(
            fill_id=row["fill_id"], client_order_id="", symbol="TEST", side=Side(row["side"]), quantity=row["quantity"],
            price_micros=to_micros(str(row["price"])), slippage_micros=0,
            commission_micros=to_micros(str(row["commission"])), session=row["trade_date"], evidence="",
        )  # fmt: skip
        rows += settlement_rows([fill], date.fromisoformat(row["trade_date"]), calendar(params["calendar"]))
    found = pd.DataFrame(rows)
    return pd.DataFrame(
        {
            "fill_id": found["fill_id"],
            "settle_date": found["settle_date"].str.replace("-", "").astype(float),
            "amount": found["amount_micros"] / 1e6,
        }
    )


def costs(inputs: "pd.DataFrame", params: Mapping[str, Any]) -> "pd.DataFrame":
    """Return the daily costs of usage rows, in nano-dollars, at the prices in the parameters."""
    import pandas as pd

    from tradepulse.finops.attribution import cost_lines
    from tradepulse.finops.prices import PriceBook
    from tradepulse.warehouse.costs import daily_costs
    from tradepulse.warehouse.lake import Lake

    usage = inputs.assign(started_at=pd.to_datetime(inputs["started_at"], utc=True, format="ISO8601").dt.as_unit("ns"))
    prices = PriceBook((date(1990, 1, 1),), ({key: int(value) for key, value in params.items()},), "golden")
    with tempfile.TemporaryDirectory(prefix="tradepulse-golden-") as folder:
        lake = Lake(Path(folder))
        lake.write("costs", cost_lines(usage, prices))
        found = daily_costs(lake)
    return found.assign(date=found["date"].dt.strftime("%Y-%m-%d"))


def _backtest(inputs: "pd.DataFrame", params: Mapping[str, Any]) -> "Result":
    import pandas as pd

    from tradepulse.backtest.engine import backtest
    from tradepulse.backtest.frictions import Costs
    from tradepulse.core.sessions import calendar
    from tradepulse.core.strategies.loader import strategy_class

    sessions = pd.to_datetime(inputs["session"], format="ISO8601").dt.as_unit("ns")
    opens = [calendar().open_at(day.date()) for day in sessions]
    bars = inputs.assign(
        session=sessions, ts=pd.DatetimeIndex(opens).as_unit("ns"), symbol="TEST", open_is_stale=False,
        source="golden", source_hash="0" * 16,
    )  # fmt: skip
    chosen = {name: params[name] for name in params["strategy_params"]}
    made = strategy_class(params["strategy"])
    return backtest(
        bars,
        lambda: made(quantity=params["quantity"], **chosen),
        cash=params["cash"],
        costs=Costs(commission_bp=params["commission_bp"], slippage_bp=params["slippage_bp"]),
    )


COMPUTERS: Mapping[str, Computer] = {
    "backtest_trades": backtest_trades,
    "backtest_equity": backtest_equity,
    "settlement": settlement,
    "costs": costs,
}
