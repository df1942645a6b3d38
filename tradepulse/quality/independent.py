"""Where golden values come from: TA-Lib, which shares no code with ours. A development dependency."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tradepulse.errors import ToolMissing, UnknownName

_ROUNDING = "sums in another order differ by a few units in the last place of float64; 1e-9 is a million times that"


@dataclass(frozen=True, slots=True)
class Independent:
    """An independent computation of one indicator.

    Parameters
    ----------
    name : library, version and call
    compute : from input columns and parameters to output columns
    tolerance : largest relative difference that is still the same number
    tolerance_reason : why that much
    convention : what was chosen where sources disagree
    """

    name: str
    compute: Callable[[Any, pd.DataFrame, Mapping[str, float]], dict[str, Any]]
    convention: str
    tolerance: float = 1e-9
    tolerance_reason: str = _ROUNDING

    def values(self, inputs: pd.DataFrame, params: Mapping[str, float]) -> pd.DataFrame:
        """Return the expected outputs, a column each, NaN in warm-up."""
        return pd.DataFrame(self.compute(_talib(), inputs.astype(float), params))


def independent(name: str) -> Independent:
    """Return the independent computation of an indicator.

    Raises
    ------
    UnknownName
        If there is none; write the expected values by hand arithmetic then.
    ToolMissing
        If TA-Lib is not installed.
    """
    if name not in _SOURCES:
        raise UnknownName("independent source for indicator", name, _SOURCES)
    version = _talib().__version__
    source = _SOURCES[name]
    return Independent(
        f"TA-Lib {version}: {source.name}", source.compute, source.convention, source.tolerance, source.tolerance_reason
    )


def _talib() -> Any:
    try:
        import talib
    except ImportError as exc:
        raise ToolMissing(
            "golden values come from TA-Lib, which is not installed: pip install 'tradepulse[dev]'"
        ) from exc
    return talib


def _macd(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    close = bars["close"].to_numpy()
    line = ta.EMA(close, int(params["fast"])) - ta.EMA(close, int(params["slow"]))
    head = int(params["slow"]) - 1
    signal = np.concatenate([np.full(head, np.nan), ta.EMA(line[head:], int(params["signal"]))])
    return {"macd": line, "signal": signal, "histogram": line - signal}


def _bollinger(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    close, width = bars["close"].to_numpy(), float(params["width"])
    upper, middle, lower = ta.BBANDS(close, int(params["window"]), width, width)
    return {
        "upper": upper, "middle": middle, "lower": lower,
        "percent_b": (close - lower) / (upper - lower), "bandwidth": (upper - lower) / middle,
    }  # fmt: skip


def _single(
    name: str, function: str, *columns: str
) -> Callable[[Any, pd.DataFrame, Mapping[str, float]], dict[str, Any]]:
    def compute(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
        return {name: getattr(ta, function)(*(bars[column].to_numpy() for column in columns), int(params["window"]))}

    return compute


_SOURCES: Mapping[str, Independent] = {
    "sma": Independent("SMA", _single("sma", "SMA", "close"), "none disputed"),
    "ema": Independent(
        "EMA",
        _single("ema", "EMA", "close"),
        "seeded with the SMA of the first window; pandas and ta seed with the first value",
    ),
    "rsi": Independent(
        "RSI",
        _single("rsi", "RSI", "close"),
        "Wilder smoothing seeded with the mean of the first changes; Cutler's variant differs for ever",
    ),
    "atr": Independent(
        "ATR",
        _single("atr", "ATR", "high", "low", "close"),
        "true range starts at the second bar; ta gives 0 in warm-up",
    ),
    "macd": Independent(
        "EMA(fast) - EMA(slow), EMA of that",
        _macd,
        "each mean is seeded with its own first window; TA-Lib's own MACD starts the fast mean late",
    ),
    "bollinger": Independent(
        "BBANDS",
        _bollinger,
        "population standard deviation (ddof 0)",
        tolerance=1e-8,
        tolerance_reason="TA-Lib takes the variance as a difference of two large sums, which costs about three digits",
    ),
}
