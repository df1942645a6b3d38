"""Promotions: which trial may trade, and why."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Promotions(Table):
    """One row per decision to let a trial take a step, or not to."""

    promotion_id: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="Hash of the trial and the evidence."
    )
    stage: Series[str] = pa.Field(
        isin=["candidate", "shadow", "champion"],
        description="The step: candidate, shadow (trades on paper) or champion (may trade for money).",
    )
    trial_id: Series[str] = pa.Field(description="The trial decided upon.")
    strategy: Series[str] = pa.Field(description="name@version.")
    params: Series[str] = pa.Field(description="Parameters, JSON with sorted keys.")
    symbol: Series[str] = pa.Field(description="Ticker traded.")
    quantity: Series[int] = pa.Field(gt=0, description="Units held when long.")
    data_version: Series[str] = pa.Field(description="Content hash of the bars of the research sample.")
    code_version: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="Hash of the package's sources that decided, first 16 digits."
    )
    environment: Series[str] = pa.Field(
        str_length={"min_value": 16}, description="Hash of the installed packages and versions, first 16 digits."
    )
    last_session: Series[Date] = pa.Field(description="Last session that the decision has seen.")
    n_trials: Series[int] = pa.Field(gt=0, description="Distinct trials in the ledger when it was decided.")
    deflated_sharpe: Series[float] = pa.Field(
        ge=0, le=1, description="Probability that the Sharpe ratio is more than the best of that many lucky trials."
    )
    holdout_looks: Series[int] = pa.Field(
        ge=0,
        description="Trials that have looked at the symbol's holdout, this one included; 0 where it was not looked at.",
    )
    promoted: Series[bool] = pa.Field(description="The decision.")
    reasons: Series[str] = pa.Field(description="Each gate with its figures and its verdict, JSON.")
    run_id: Series[str] = pa.Field(description="Run that decided.")
    mlflow_run_id: Series[str] = pa.Field(description="The trial in MLflow.")

    class Config:
        """Stored as ``promotions``."""

        name = "promotions"
        unique = ["promotion_id"]
