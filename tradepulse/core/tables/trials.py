"""Trials: every backtest that anyone ran, good, bad or failed. Nothing lowers the count."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Trials(Table):
    """One row per run of one strategy with one set of parameters."""

    trial_id: Series[str] = pa.Field(
        str_length={"min_value": 16},
        description="Hash of strategy, parameters, data and costs: the same question has the same id.",
    )
    run_id: Series[str] = pa.Field(description="Run that asked it; asking again is another row.")
    strategy: Series[str] = pa.Field(description="name@version.")
    params: Series[str] = pa.Field(description="Parameters, JSON with sorted keys.")
    symbol: Series[str] = pa.Field(description="Ticker traded.")
    data_version: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="Content hash of the bars it ran on."
    )
    first_session: Series[Date] = pa.Field(description="First session of the sample.")
    last_session: Series[Date] = pa.Field(description="Last session of the sample.")
    status: Series[str] = pa.Field(isin=["done", "failed"], description="done or failed.")
    sharpe: Series[float] = pa.Field(
        nullable=True,
        description="Annualised mean over deviation of daily returns, after costs; NaN if it never traded.",
    )
    total_return: Series[float] = pa.Field(
        nullable=True, description="Final over initial equity, less one.", metadata={"unit": "fraction"}
    )
    max_drawdown: Series[float] = pa.Field(
        nullable=True,
        description="Largest fall from a peak of equity, marked at closes.",
        metadata={"unit": "fraction"},
    )
    n_orders: Series[int] = pa.Field(ge=0, description="Orders filled.")
    mlflow_run_id: Series[str] = pa.Field(description="The trial in MLflow.")

    class Config:
        """Stored as ``trials``."""

        name = "trials"
        unique = ["trial_id", "run_id"]
