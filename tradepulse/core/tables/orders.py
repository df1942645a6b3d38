"""Orders: what we decided to send, and where each order stands."""

import pandera.pandas as pa
from pandera.typing import Series

from tradepulse.core.tables.base import Date, Table


class Orders(Table):
    """One row per order decided after a session."""

    client_order_id: Series[str] = pa.Field(description="Hash of book, strategy and decision.")
    session: Series[Date] = pa.Field(description="Session at whose close it was decided.")
    symbol: Series[str] = pa.Field(description="Ticker.")
    side: Series[str] = pa.Field(isin=["buy", "sell"], description="buy or sell.")
    quantity: Series[int] = pa.Field(gt=0, description="Units ordered.")
    filled: Series[int] = pa.Field(ge=0, description="Units filled so far.")
    status: Series[str] = pa.Field(description="As known when the session was closed.")
    reason: Series[str] = pa.Field(description="Rule that refused it, or empty.")
    reference_micros: Series[int] = pa.Field(
        gt=0, description="Close it was decided at.", metadata={"unit": "micro quote ccy"}
    )
    strategy: Series[str] = pa.Field(description="name@version.")
    trial_id: Series[str] = pa.Field(description="Trial that the parameters come from.")
    journal_record: Series[int] = pa.Field(ge=0, description="Record of the journal that holds the decision.")

    class Config:
        """Stored as ``orders``."""

        name = "orders"
        unique = ["client_order_id"]
