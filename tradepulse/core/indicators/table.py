"""Every indicator of every symbol as one long table."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tradepulse.core.indicators import indicator, names_over
from tradepulse.core.indicators.base import BAR_COLUMNS, Indicator
from tradepulse.errors import InvalidTable


def long_table(bars: pd.DataFrame, chosen: Sequence[str] | None = None) -> pd.DataFrame:
    """Return rows of ``indicators``: each indicator with its default parameters over every bar.

    Parameters
    ----------
    bars : rows of ``bars``, sorted by session, one bar per symbol and session
    chosen : indicators of one symbol to compute; by default all that need nothing but bars

    Returns
    -------
    DataFrame sorted by symbol, indicator, output and session; warm-up rows are there, with NaN
    """
    if bars.empty:
        raise InvalidTable("there are no bars to compute indicators from")
    parts = []
    for symbol, rows in bars.groupby("symbol", sort=True):
        columns = {name: rows[name].to_numpy() for name in BAR_COLUMNS}
        for name in chosen or names_over(BAR_COLUMNS):
            parts += _parts(indicator(name), columns, rows["session"].to_numpy(), str(symbol))
    return pd.concat(parts, ignore_index=True)


def panel_table(bars: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return rows of ``indicators`` of an indicator that compares symbols, over the sessions that all of them have.

    Parameters
    ----------
    bars : rows of ``bars``, one bar per symbol and session
    name : of the indicator

    Returns
    -------
    DataFrame as of :func:`long_table`; the symbol is those compared, joined by plus signs
    """
    declared = indicator(name)
    if bars["symbol"].nunique() < 2:
        raise InvalidTable(f"{name} compares symbols, and there are bars of {bars['symbol'].nunique()}")
    wide = {column: bars.pivot(index="session", columns="symbol", values=column).dropna() for column in declared.inputs}
    columns = {column: frame.to_numpy() for column, frame in wide.items()}
    sessions = next(iter(wide.values())).index.to_numpy()
    symbols = "+".join(sorted(bars["symbol"].unique()))
    return pd.concat(_parts(declared, columns, sessions, symbols), ignore_index=True)


def last_of_session(quotes: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return rows of ``indicators`` of an indicator of quotes: its value at the last update of each day (UTC).

    Parameters
    ----------
    quotes : rows of ``quotes``, in time order
    name : of the indicator
    """
    declared, parts = indicator(name), []
    for symbol, rows in quotes.groupby("symbol", sort=True):
        days = rows["ts"].dt.tz_localize(None).dt.normalize().astype("datetime64[ns]")
        columns = {column: rows[column].to_numpy() for column in declared.inputs}
        last = ~days.duplicated(keep="last").to_numpy()
        parts += [part[last] for part in _parts(declared, columns, days.to_numpy(), str(symbol))]
    if not parts:
        raise InvalidTable(f"there are no quotes to compute {name} from")
    table: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return table


def _parts(declared: Indicator, columns: dict[str, Any], sessions: Any, symbol: str) -> list[pd.DataFrame]:
    params = json.dumps(declared.settings(), sort_keys=True)
    about = {"session": sessions, "symbol": symbol, "indicator": declared.name, "params": params}
    return [
        pd.DataFrame({**about, "output": output, "value": np.asarray(values)})
        for output, values in declared(columns).items()
    ]
