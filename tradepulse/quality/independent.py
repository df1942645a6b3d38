"""The second source of golden values: TA-Lib, and pandas or SciPy where TA-Lib has no such function.

None shares code with ours or with the written-out definitions. TA-Lib is a development dependency. Each entry is
written with the other library's functions only. An indicator that no library here has is met by closed forms and hand
arithmetic in its tests, and says so.
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
    library : who computes it
    """

    name: str
    compute: Callable[[Any, pd.DataFrame, Mapping[str, float]], dict[str, Any]]
    convention: str
    tolerance: float = 1e-9
    tolerance_reason: str = _ROUNDING
    library: str = "TA-Lib"

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
    return replace(source, name=f"{source.library} {_version(source.library)}: {source.name}")


def _version(library: str) -> str:
    if library == "TA-Lib":
        return str(_talib().__version__)
    from importlib.metadata import version

    return version(library.lower())


def convention(name: str) -> tuple[str, float, str]:
    """Return what was chosen where sources disagree, and the tolerance of golden values with its reason.

    Raises
    ------
    UnknownName
        If nothing is said of the indicator here.
    """
    if name in _BY_HAND:
        return _BY_HAND[name]
    if name not in _SOURCES:
        raise UnknownName("convention of indicator", name, [*_SOURCES, *_BY_HAND])
    return _SOURCES[name].convention, 1e-9, _ROUNDING


def second_opinion(
    name: str, inputs: pd.DataFrame, expected: pd.DataFrame, params: Mapping[str, float]
) -> dict[str, Any]:
    """Return what the second source says to the expected values of each shape without a hole.

    Parameters
    ----------
    name : of the indicator
    inputs : its input columns, with ``shape``
    expected : its outputs, the same rows
    params : all of its parameters

    Returns
    -------
    dict : the source's name, the shapes that it agrees on within its tolerance, and of the others the largest
        difference over the largest value, or where it has values and the definition has none, or the other way round
    """
    if name in _BY_HAND:
        return {"name": "closed forms and hand arithmetic, in the tests of the indicator"}
    source = independent(name)
    agrees, differs = [], {}
    for shape, rows in inputs.groupby("shape", sort=False) if "shape" in inputs else [("all", inputs)]:
        if rows.isna().any(axis=None):
            continue
        theirs = source.values(rows.drop(columns="shape", errors="ignore").reset_index(drop=True), params)
        ours = expected.loc[rows.index].reset_index(drop=True)
        gaps = (theirs[list(ours.columns)] - ours).abs().max().max()
        scale = float(ours.abs().max().max())
        holes = int((theirs[list(ours.columns)].isna() != ours.isna()).sum().sum())
        if holes:
            differs[str(shape)] = f"{holes} values that only one of the two has"
        elif gaps > 10 * source.tolerance * scale:
            differs[str(shape)] = f"{gaps / scale:.1e} of the largest value"
        else:
            agrees.append(str(shape))
    return {"name": source.name, "agrees_on": agrees, "differs_on": differs}


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


def _chaikin(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    line = ta.AD(*(bars[column].to_numpy() for column in ("high", "low", "close", "volume")))
    return {"chaikin_oscillator": ta.EMA(line, int(params["fast"])) - ta.EMA(line, int(params["slow"]))}


def _ichimoku(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    high, low = bars["high"].to_numpy(), bars["low"].to_numpy()
    middles = [pd.Series(ta.MIDPRICE(high, low, int(params[name]))) for name in ("conversion", "base", "span")]
    ahead = int(params["displacement"])
    return {
        "conversion": middles[0], "base": middles[1],
        "span_a": ((middles[0] + middles[1]) / 2).shift(ahead), "span_b": middles[2].shift(ahead),
    }  # fmt: skip


def _vwap(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    money = (bars["high"] + bars["low"] + bars["close"]) / 3 * bars["volume"]
    return {"vwap": money.groupby(bars["session"]).cumsum() / bars["volume"].groupby(bars["session"]).cumsum()}


def _shannon(close: "pd.Series[float]", params: Mapping[str, float]) -> "pd.Series[float]":
    from scipy.stats import entropy

    returns = close.apply(np.log).diff()
    found: pd.Series[float] = returns.rolling(int(params["window"])).apply(
        lambda part: entropy(np.histogram(part, int(params["bins"]))[0], base=2), raw=True
    )
    return found


def _delta(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    return {"delta_entropy": _shannon(bars["close"], params).diff(int(params["lag"]))}


def _flow(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    before = bars.shift()
    bid = np.sign(bars["bid"] - before["bid"])
    ask = np.sign(bars["ask"] - before["ask"])
    events = (
        bars["bid_size"].where(bid >= 0, 0) - before["bid_size"].where(bid <= 0, 0)
        - bars["ask_size"].where(ask <= 0, 0) + before["ask_size"].where(ask >= 0, 0)
    )  # fmt: skip
    return {"order_flow_imbalance": events.where(before["bid"].notna()).rolling(int(params["window"])).sum()}


def _kyle(ta: Any, bars: pd.DataFrame, params: Mapping[str, float]) -> dict[str, Any]:
    from scipy.stats import norm

    window, change = int(params["window"]), bars["close"].diff()
    signed = bars["volume"] * (2 * norm.cdf(change / change.rolling(window).std()) - 1)
    return {"kyle_lambda": change.rolling(window).cov(signed) / signed.rolling(window).var()}


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
    "cmf": Independent("rolling sums", _cmf, "none disputed", library="pandas"),
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
        library="pandas",
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
        library="pandas",
    ),
    "parkinson": Independent(
        "rolling mean",
        _ranges("parkinson", lambda logs: (logs["high"] - logs["low"]) ** 2 / np.log(16)),
        "mean of variances, then the root",
        library="pandas",
    ),
    "garman_klass": Independent(
        "rolling mean", _ranges("garman_klass", _garman_klass), "without the overnight move", library="pandas"
    ),
    "rogers_satchell": Independent(
        "rolling mean", _ranges("rogers_satchell", _rogers_satchell), "without the overnight move", library="pandas"
    ),
    "yang_zhang": Independent(
        "rolling var and mean",
        _yang_zhang,
        "k for alpha = 1.34",
        1e-8,
        "pandas updates the variance from bar to bar, which costs a few digits",
        library="pandas",
    ),
    "ichimoku": Independent(
        "MIDPRICE", _ichimoku, "the cloud is 26 bars ahead; TradingView draws it 25 ahead, counting the present bar"
    ),
    "chaikin_oscillator": Independent(
        "EMA of AD",
        _chaikin,
        "each mean is seeded with the SMA of its first window; TA-Lib's ADOSC seeds with the first value of the line",
    ),
    "vwap": Independent("grouped running sums", _vwap, "typical price; anchored by session", library="pandas"),
    "shannon_entropy": Independent(
        "stats.entropy of numpy.histogram",
        lambda ta, bars, params: {"shannon_entropy": _shannon(bars["close"], params)},
        "in bits; bins from the least to the largest return of the window; of equal returns 0",
        library="SciPy",
    ),
    "delta_entropy": Independent("stats.entropy of numpy.histogram", _delta, "in bits", library="SciPy"),
    "queue_imbalance": Independent(
        "arithmetic of columns",
        lambda ta, bars, params: {
            "queue_imbalance": (bars["bid_size"] - bars["ask_size"]) / (bars["bid_size"] + bars["ask_size"])
        },
        "none disputed",
        library="pandas",
    ),
    "order_flow_imbalance": Independent(
        "shifted columns, rolling sum", _flow, "as Cont, Kukanov and Stoikov's equation 4", library="pandas"
    ),
    "kyle_lambda": Independent(
        "stats.norm, rolling cov over var",
        _kyle,
        "flow signed by bulk classification, not by the sign of the same price change",
        1e-6,
        "pandas updates the moments from bar to bar, which costs digits where volumes differ by orders of magnitude",
        library="SciPy",
    ),
}

#: Indicators that a library here has.
LIBRARIES = frozenset(_SOURCES)

#: Convention, tolerance and its reason of those that no library here has.
_BY_HAND: Mapping[str, tuple[str, float, str]] = {
    "supertrend": (
        "the first direction is down, as on TradingView; the true range starts at the second bar",
        1e-9,
        _ROUNDING,
    ),
    "kuramoto": (
        "phase at the middle of the window, where the analytic signal does not suffer from its ends",
        1e-9,
        _ROUNDING,
    ),
    "ricci": (
        "a walker never stays where it is (idleness 0); an edge of a tree may so have less than -1",
        1e-9,
        _ROUNDING,
    ),
    "temporal_ricci": ("distances are steps of both graphs together", 1e-9, _ROUNDING),
    "hurst": ("runs of 8, 16, 32 ... from the newest back; population deviation in R/S; lines in DFA", 1e-9, _ROUNDING),
    "weighted_entropy": ("in bits; three states; a move is measured by the mean square before it", 1e-9, _ROUNDING),
    "vpin": ("buckets of a fixed volume, from the first window; only full ones count", 1e-9, _ROUNDING),
    "hasbrouck": (
        "one lag, no constant; a bar that leaves the price where it was has no flow",
        1e-6,
        "the normal equations of nearly collinear columns, as on a ramp, lose half of the digits",
    ),
    "regime": ("a regime is held from the edge of the band to 0.5", 1e-9, _ROUNDING),
}
