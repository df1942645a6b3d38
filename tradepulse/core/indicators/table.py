"""Every indicator of every symbol as one long table."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tradepulse.core.indicators import indicator, names_over
from tradepulse.core.indicators.base import BAR_COLUMNS
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
            declared = indicator(name)
            params = json.dumps(declared.settings(), sort_keys=True)
            for output, values in declared(columns).items():
                parts.append(
                    pd.DataFrame(
                        {
                            "session": rows["session"].to_numpy(),
                            "symbol": symbol,
                            "indicator": name,
                            "params": params,
                            "output": output,
                            "value": np.asarray(values),
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True)
