"""Promotions: which trial may trade, and why."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Promotions(Table):
    """One row per decision to promote a trial, or not to."""

    promotion_id: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="Hash of the trial and the evidence."
    )
    trial_id: Series[str] = pa.Field(description="The trial decided upon.")
    strategy: Series[str] = pa.Field(description="name@version.")
    params: Series[str] = pa.Field(description="Parameters, JSON with sorted keys.")
    symbol: Series[str] = pa.Field(description="Ticker traded.")
    quantity: Series[int] = pa.Field(gt=0, description="Units held when long.")
    data_version: Series[str] = pa.Field(description="Content hash of the bars of the research sample.")
    last_session: Series[Date] = pa.Field(description="Last session that the decision has seen.")
    n_trials: Series[int] = pa.Field(gt=0, description="Distinct trials in the ledger when it was decided.")
    deflated_sharpe: Series[float] = pa.Field(
        ge=0, le=1, description="Probability that the Sharpe ratio is more than the best of that many lucky trials."
    )
    promoted: Series[bool] = pa.Field(description="The decision.")
    reasons: Series[str] = pa.Field(description="Each gate with its figures and its verdict, JSON.")
    run_id: Series[str] = pa.Field(description="Run that decided.")
    mlflow_run_id: Series[str] = pa.Field(description="The trial in MLflow.")

    class Config:
        """Stored as ``promotions``."""

        name = "promotions"
        unique = ["promotion_id"]
