"""Where golden values come from: TA-Lib, and pandas where TA-Lib has no such function. Neither shares code with ours.

TA-Lib is a development dependency. Each entry is written from the definition, with the other library's functions only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
    name : library and call
    compute : from input columns and parameters to output columns
    tolerance : largest relative difference that is still the same number
    tolerance_reason : why that much
    convention : what was chosen where sources disagree
    by_pandas : whether pandas, and not TA-Lib, computes it
    """

    name: str
    compute: Callable[[Any, pd.DataFrame, Mapping[str, float]], dict[str, Any]]
    convention: str
    tolerance: float = 1e-9
    tolerance_reason: str = _ROUNDING
    by_pandas: bool = False

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
    source = _SOURCES[name]
    library, version = ("pandas", pd.__version__) if source.by_pandas else ("TA-Lib", _talib().__version__)
    return replace(source, name=f"{library} {version}: {source.name}")


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


def _ppo(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    close = bars["close"].to_numpy()
    slow = ta.EMA(close, int(params["slow"]))
    line = 100 * (ta.EMA(close, int(params["fast"])) / slow - 1)
    head = int(params["slow"]) - 1
    signal = np.concatenate([np.full(head, np.nan), ta.EMA(line[head:], int(params["signal"]))])
    return {"ppo": line, "signal": signal, "histogram": line - signal}


def _adx(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    prices, window = [bars[column].to_numpy() for column in ("high", "low", "close")], int(params["window"])
    calls = {"adx": ta.ADX, "plus_di": ta.PLUS_DI, "minus_di": ta.MINUS_DI}
    return {name: call(*prices, window) for name, call in calls.items()}


def _stochastic(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    # TA-Lib hides %K until %D is there; with a signal of one bar it shows all of it.
    prices = [bars[column].to_numpy() for column in ("high", "low", "close")]
    window, smooth, signal = (int(params[name]) for name in ("window", "smooth", "signal"))
    k, _ = ta.STOCH(*prices, window, smooth, 0, 1, 0)
    _, d = ta.STOCH(*prices, window, smooth, 0, signal, 0)
    return {"k": k, "d": d}


def _stochastic_rsi(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    strength = pd.Series(ta.RSI(bars["close"].to_numpy(), int(params["window"])))
    runs = strength.rolling(int(params["range_window"]))
    k = 100 * (strength - runs.min()) / (runs.max() - runs.min())
    return {"k": k, "d": k.rolling(int(params["signal"])).mean()}


def _aroon(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    down, up = ta.AROON(bars["high"].to_numpy(), bars["low"].to_numpy(), int(params["window"]))
    return {"up": up, "down": down, "oscillator": up - down}


def _hma(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    close, window = bars["close"].to_numpy(), int(params["window"])
    return {"hma": ta.WMA(2 * ta.WMA(close, window // 2) - ta.WMA(close, window), int(window**0.5))}


def _donchian(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    window = int(params["window"])
    upper, lower = ta.MAX(bars["high"].to_numpy(), window), ta.MIN(bars["low"].to_numpy(), window)
    return {"upper": upper, "middle": lower + (upper - lower) / 2, "lower": lower}


def _keltner(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    high, low, close = (bars[column].to_numpy() for column in ("high", "low", "close"))
    middle = ta.EMA(close, int(params["window"]))
    reach = params["width"] * ta.ATR(high, low, close, int(params["atr_window"]))
    return {"upper": middle + reach, "middle": middle, "lower": middle - reach}


def _cmf(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    window = int(params["window"])
    place = (2 * bars["close"] - bars["low"] - bars["high"]) / (bars["high"] - bars["low"])
    flow = (place * bars["volume"]).rolling(window).sum()
    return {"cmf": flow / bars["volume"].rolling(window).sum()}


def _zscore(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    runs = bars["close"].rolling(int(params["window"]))
    return {"zscore": (bars["close"] - runs.mean()) / runs.std(ddof=0)}


def _historical(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    deviation = np.log(bars["close"]).diff().rolling(int(params["window"])).std(ddof=1)
    return {"historical_volatility": deviation * params["bars_per_year"] ** 0.5}


def _ranges(
    name: str, variance: Callable[[pd.DataFrame], "pd.Series[float]"]
) -> Callable[[Any, pd.DataFrame, Mapping[str, float]], dict[str, Any]]:
    def compute(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
        mean = variance(bars.apply(np.log)).rolling(int(params["window"])).mean()
        return {name: (params["bars_per_year"] * mean) ** 0.5}

    return compute


def _rogers_satchell(logs: pd.DataFrame) -> "pd.Series[float]":
    up, down, close = logs["high"] - logs["open"], logs["low"] - logs["open"], logs["close"] - logs["open"]
    return up * (up - close) + down * (down - close)


def _yang_zhang(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    logs, window = bars.apply(np.log), int(params["window"])
    overnight = (logs["open"] - logs["close"].shift()).rolling(window).var()
    inside = (logs["close"] - logs["open"]).rolling(window).var()
    k = 0.34 / (1.34 + (window + 1) / (window - 1))
    variance = overnight + k * inside + (1 - k) * _rogers_satchell(logs).rolling(window).mean()
    return {"yang_zhang": (params["bars_per_year"] * variance) ** 0.5}


def _garman_klass(logs: pd.DataFrame) -> "pd.Series[float]":
    variance: pd.Series[float] = (
        0.5 * (logs["high"] - logs["low"]) ** 2 - (np.log(4) - 1) * (logs["close"] - logs["open"]) ** 2
    )
    return variance


def _single(
    name: str, function: str, *columns: str
) -> Callable[[Any, pd.DataFrame, Mapping[str, float]], dict[str, Any]]:
    def compute(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
        settings = [value if name == "parabolic_sar" else int(value) for value in params.values()]
        return {name: getattr(ta, function)(*(bars[column].to_numpy() for column in columns), *settings)}

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
    "wma": Independent("WMA", _single("wma", "WMA", "close"), "none disputed"),
    "dema": Independent(
        "DEMA", _single("dema", "DEMA", "close"), "each mean is seeded with the SMA of its first window"
    ),
    "tema": Independent(
        "TEMA", _single("tema", "TEMA", "close"), "each mean is seeded with the SMA of its first window"
    ),
    "kama": Independent("KAMA", _single("kama", "KAMA", "close"), "starts from the close before its first value"),
    "hma": Independent("WMA of WMA", _hma, "half and root of the window are rounded down"),
    "natr": Independent("NATR", _single("natr", "NATR", "high", "low", "close"), "true range starts at the second bar"),
    "true_range": Independent(
        "TRANGE", _single("true_range", "TRANGE", "high", "low", "close"), "true range starts at the second bar"
    ),
    "adx": Independent(
        "ADX, PLUS_DI, MINUS_DI",
        _adx,
        "movement is summed over window - 1 bars before it is smoothed; Stock.Indicators sums window",
    ),
    "stochastic": Independent("STOCH", _stochastic, "%K is shown as soon as it is there, not only together with %D"),
    "stochastic_rsi": Independent(
        "RSI, and pandas rolling extremes of it", _stochastic_rsi, "the same bars make k and d"
    ),
    "williams_r": Independent("WILLR", _single("williams_r", "WILLR", "high", "low", "close"), "-100 to 0"),
    "cci": Independent(
        "CCI",
        _single("cci", "CCI", "high", "low", "close"),
        "mean absolute deviation from the window's own mean",
        tolerance=1e-8,
        tolerance_reason="a difference of nearly equal prices over a small deviation loses about three digits",
    ),
    "mfi": Independent(
        "MFI", _single("mfi", "MFI", "high", "low", "close", "volume"), "an unmoved typical price is on no side"
    ),
    "roc": Independent("ROC", _single("roc", "ROC", "close"), "percent"),
    "momentum": Independent("MOM", _single("momentum", "MOM", "close"), "none disputed"),
    "ppo": Independent("EMA(fast) / EMA(slow) - 1, EMA of that", _ppo, "each mean is seeded with its own first window"),
    "trix": Independent(
        "TRIX",
        _single("trix", "TRIX", "close"),
        "each mean is seeded with the SMA of its first window",
        tolerance=1e-8,
        tolerance_reason="a change of a few hundredths of a percent is a small difference of large numbers",
    ),
    "aroon": Independent("AROON", _aroon, "of equal extremes the newest counts"),
    "parabolic_sar": Independent(
        "SAR",
        _single("parabolic_sar", "SAR", "high", "low"),
        "the first trend is that of the second bar's larger movement",
    ),
    "obv": Independent(
        "OBV", _single("obv", "OBV", "close", "volume"), "starts at the first volume; others start at 0"
    ),
    "accumulation_distribution": Independent(
        "AD",
        _single("accumulation_distribution", "AD", "high", "low", "close", "volume"),
        "a bar without range adds nothing",
    ),
    "cmf": Independent("rolling sums", _cmf, "none disputed", by_pandas=True),
    "standard_deviation": Independent(
        "STDDEV",
        _single("standard_deviation", "STDDEV", "close"),
        "population standard deviation (ddof 0)",
        tolerance=1e-8,
        tolerance_reason="TA-Lib takes the variance as a difference of two large sums, which costs about three digits",
    ),
    "zscore": Independent(
        "rolling mean and std(ddof=0)",
        _zscore,
        "population standard deviation (ddof 0)",
        1e-8,
        "pandas updates the variance from bar to bar, which costs a few digits",
        by_pandas=True,
    ),
    "linear_regression_slope": Independent(
        "LINEARREG_SLOPE",
        _single("linear_regression_slope", "LINEARREG_SLOPE", "close"),
        "per bar",
        tolerance=1e-8,
        tolerance_reason="TA-Lib takes the slope as a difference of two large sums, which costs about three digits",
    ),
    "donchian": Independent("MAX, MIN", _donchian, "the present bar is part of the window"),
    "keltner": Independent("EMA, ATR", _keltner, "bands of Wilder's average true range, not of the mean range"),
    "historical_volatility": Independent(
        "rolling std(ddof=1) of log returns",
        _historical,
        "sample standard deviation (ddof 1)",
        1e-8,
        "pandas updates the variance from bar to bar, which costs a few digits",
        by_pandas=True,
    ),
    "parkinson": Independent(
        "rolling mean",
        _ranges("parkinson", lambda logs: (logs["high"] - logs["low"]) ** 2 / np.log(16)),
        "mean of variances, then the root",
        by_pandas=True,
    ),
    "garman_klass": Independent(
        "rolling mean", _ranges("garman_klass", _garman_klass), "without the overnight move", by_pandas=True
    ),
    "rogers_satchell": Independent(
        "rolling mean", _ranges("rogers_satchell", _rogers_satchell), "without the overnight move", by_pandas=True
    ),
    "yang_zhang": Independent(
        "rolling var and mean",
        _yang_zhang,
        "k for alpha = 1.34",
        1e-8,
        "pandas updates the variance from bar to bar, which costs a few digits",
        by_pandas=True,
    ),
}
