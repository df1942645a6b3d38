"""Signals: what the promoted strategy wants to hold after a session's close."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Signals(Table):
    """One row per session and symbol of the promoted strategy."""

    session: Series[Date] = pa.Field(
        description="Session at whose close it was decided; it can trade at the next open."
    )
    symbol: Series[str] = pa.Field(description="Ticker.")
    strategy: Series[str] = pa.Field(description="name@version.")
    trial_id: Series[str] = pa.Field(description="Trial that the parameters come from.")
    promotion_id: Series[str] = pa.Field(description="Decision that lets it trade.")
    data_version: Series[str] = pa.Field(description="Content hash of the bars it saw, the session's own included.")
    target_quantity: Series[int] = pa.Field(ge=0, description="Units to hold.")
    reference_close: Series[float] = pa.Field(gt=0, description="Close of the session.", metadata={"unit": "quote ccy"})

    class Config:
        """Stored as ``signals`` and, once released, as ``released_signals``."""

        name = "signals"
        unique = ["session", "symbol"]
