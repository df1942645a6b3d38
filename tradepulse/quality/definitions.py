"""Indicators written out once more from their definitions, slowly and plainly: a source of golden values.

No code is shared with :mod:`tradepulse.core.indicators`: sums are exact (``math.fsum``), each window is looked at by
itself, a recursion is a recursion, optimal transport is a linear programme. What happens around a NaN is part of the
definition: a window that holds one has no value, and a recursion begins anew after it.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import erf, fsum, isqrt, log, log2, nan, sqrt
from typing import Any

import numpy as np

Column = list[float]
_NAN = nan


def values(name: str, inputs: Mapping[str, Any], params: Mapping[str, float]) -> dict[str, Column]:
    """Return the outputs of an indicator over one stretch of bars.

    Parameters
    ----------
    name : of the indicator
    inputs : its input columns, shape (n,) each; of a panel (n, k)
    params : all of its parameters

    Raises
    ------
    KeyError
        If no definition has been written out.
    """
    columns = {key: np.asarray(column, dtype=float).tolist() for key, column in inputs.items()}
    whole = {key: int(value) if float(value).is_integer() else float(value) for key, value in params.items()}
    return DEFINITIONS[name](columns, whole)


def _rolled(window: int, rule: Callable[..., float], *columns: Sequence[float]) -> Column:
    """Apply a rule to each whole window without NaN."""
    out = [_NAN] * len(columns[0])
    for t in range(window - 1, len(out)):
        parts = [list(column[t - window + 1 : t + 1]) for column in columns]
        if not any(value != value for part in parts for value in part):
            out[t] = rule(*parts)
    return out


def _segments(rule: Callable[..., tuple[Column, ...]], outputs: int, *columns: Column) -> tuple[Column, ...]:
    """Apply a rule to each stretch of bars without NaN, as if nothing had been before it."""
    length = len(columns[0])
    out = tuple([_NAN] * length for _ in range(outputs))
    start = 0
    for t in range(length + 1):
        if t == length or any(column[t] != column[t] for column in columns):
            if t > start:
                for target, part in zip(out, rule(*(column[start:t] for column in columns)), strict=True):
                    target[start:t] = part
            start = t + 1
    return out


def _recursive(column: Column, window: int, weight: float) -> Column:
    def rule(part: Column) -> tuple[Column]:
        out = [_NAN] * len(part)
        for t in range(window - 1, len(part)):
            out[t] = fsum(part[:window]) / window if t == window - 1 else (1 - weight) * out[t - 1] + weight * part[t]
        return (out,)

    return _segments(rule, 1, column)[0]


def _ema(column: Column, window: int) -> Column:
    return _recursive(column, window, 2 / (window + 1))


def _mean(part: Column) -> float:
    return fsum(part) / len(part)


def _variance(part: Column, ddof: int = 0) -> float:
    # As for integers: a constant has none.
    first = part[0]
    moved = [value - first for value in part]
    middle = _mean(moved)
    return fsum((value - middle) ** 2 for value in moved) / (len(part) - ddof)


def _each(rule: Callable[..., float], *columns: Sequence[float]) -> Column:
    return [rule(*row) for row in zip(*columns, strict=True)]


def _over(part: float, whole: float) -> float:
    return part / whole if whole > 0 else _NAN


def _lag(column: Column, bars: int) -> Column:
    return ([_NAN] * bars + column)[: len(column)]


def _changes(column: Column) -> Column:
    return _each(lambda now, before: now - before, column, _lag(column, 1))


def _logs(column: Column) -> Column:
    return [log(value) if value > 0 else _NAN for value in column]


def _true_range(c: Mapping[str, Column]) -> Column:
    before = _lag(c["close"], 1)
    return _each(
        lambda h, low, b: _NAN if b != b or h != h or low != low else max(h - low, abs(h - b), abs(low - b)),
        c["high"],
        c["low"],
        before,
    )


def _atr(c: Mapping[str, Column], window: int) -> Column:
    def rule(high: Column, low: Column, close: Column) -> tuple[Column]:
        ranges = _true_range({"high": high, "low": low, "close": close})
        return (_recursive(ranges, window, 1 / window),)

    return _segments(rule, 1, c["high"], c["low"], c["close"])[0]


def _wma(column: Column, window: int) -> Column:
    weights = range(1, window + 1)
    return _rolled(window, lambda part: fsum(w * v for w, v in zip(weights, part, strict=True)) / sum(weights), column)


def _rsi(column: Column, window: int) -> Column:
    change = _changes(column)
    up = _recursive([max(v, 0.0) if v == v else v for v in change], window, 1 / window)
    down = _recursive([max(-v, 0.0) if v == v else v for v in change], window, 1 / window)
    return _each(lambda u, d: _over(100 * u, u + d), up, down)


def _kama(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    window = p["window"]

    def rule(close: Column) -> tuple[Column]:
        out = [_NAN] * len(close)
        for t in range(window, len(close)):
            way = fsum(abs(close[i] - close[i - 1]) for i in range(t - window + 1, t + 1))
            net = abs(close[t] - close[t - window])
            share = 1.0 if way <= net else net / way
            weight = (share * (2 / 3 - 2 / 31) + 2 / 31) ** 2
            before = close[t - 1] if t == window else out[t - 1]
            out[t] = before + weight * (close[t] - before)
        return (out,)

    return {"kama": _segments(rule, 1, c["close"])[0]}


def _lines(c: Mapping[str, Column], p: Mapping[str, Any], name: str, percent: bool) -> dict[str, Column]:
    fast, slow = _ema(c["close"], p["fast"]), _ema(c["close"], p["slow"])
    line = _each(lambda f, s: 100 * (f / s - 1) if percent and s else f - s, fast, slow)
    signal = _ema(line, p["signal"])
    return {name: line, "signal": signal, "histogram": _each(lambda a, b: a - b, line, signal)}


def _adx(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    window = p["window"]

    def rule(high: Column, low: Column, close: Column) -> tuple[Column, ...]:
        n = len(close)
        ranges = _true_range({"high": high, "low": low, "close": close})
        plus_move, minus_move = [0.0] * n, [0.0] * n
        for t in range(1, n):
            up, down = high[t] - high[t - 1], low[t - 1] - low[t]
            plus_move[t] = up if up > down and up > 0 else 0.0
            minus_move[t] = down if down > up and down > 0 else 0.0

        def summed(values: Column) -> Column:
            out = [_NAN] * n
            level = fsum(values[1:window])
            for t in range(window, n):
                level = level * (1 - 1 / window) + values[t]
                out[t] = level
            return out

        total = summed(ranges)
        plus = _each(lambda m, r: 100 * _over(m, r), summed(plus_move), total)
        minus = _each(lambda m, r: 100 * _over(m, r), summed(minus_move), total)
        moved = _each(lambda a, b: 100 * _over(abs(a - b), a + b), plus, minus)
        return _recursive(moved, window, 1 / window), plus, minus

    index, plus, minus = _segments(rule, 3, c["high"], c["low"], c["close"])
    return {"adx": index, "plus_di": plus, "minus_di": minus}


def _place(close: Column, low: Column, high: Column, window: int) -> Column:
    bottom, top = _rolled(window, min, low), _rolled(window, max, high)
    return _each(lambda v, b, t: 100 * _over(v - b, t - b), close, bottom, top)


def _stochastic(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    k = _rolled(p["smooth"], _mean, _place(c["close"], c["low"], c["high"], p["window"]))
    return {"k": k, "d": _rolled(p["signal"], _mean, k)}


def _stochastic_rsi(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    strength = _rsi(c["close"], p["window"])
    k = _place(strength, strength, strength, p["range_window"])
    return {"k": k, "d": _rolled(p["signal"], _mean, k)}


def _typical(c: Mapping[str, Column]) -> Column:
    return _each(lambda h, low, close: (h + low + close) / 3, c["high"], c["low"], c["close"])


def _cci(part: Column) -> float:
    mean = _mean(part)
    return _over(part[-1] - mean, 0.015 * _mean([abs(value - mean) for value in part]))


def _mfi(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    typical = _typical(c)
    change = _changes(typical)
    flow = _each(lambda price, volume: price * volume, typical, c["volume"])
    up = _each(lambda d, f: d if d != d else f if d > 0 else 0.0, change, flow)
    down = _each(lambda d, f: d if d != d else f if d < 0 else 0.0, change, flow)
    return {"mfi": _rolled(p["window"], lambda u, d: 100 * _over(fsum(u), fsum(u) + fsum(d)), up, down)}


def _aroon(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    window = p["window"]

    def since(part: Column, extreme: Callable[[Column], float]) -> float:
        backwards = part[::-1]
        return 100.0 * float(window - backwards.index(extreme(backwards))) / float(window)

    up = _rolled(window + 1, lambda h, low: since(h, max), c["high"], c["low"])
    down = _rolled(window + 1, lambda h, low: since(low, min), c["high"], c["low"])
    return {"up": up, "down": down, "oscillator": _each(lambda a, b: a - b, up, down)}


def _sar(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    def rule(high: Column, low: Column) -> tuple[Column]:
        out = [_NAN] * len(high)
        if len(high) < 2:
            return (out,)
        step, most = p["step"], p["maximum"]
        long = not (low[0] - low[1] > 0 and high[1] - high[0] < low[0] - low[1])
        stop, best = (low[0], high[1]) if long else (high[0], low[1])
        pace = min(step, most)
        for t in range(1, len(high)):
            lows, highs = (low[max(t - 1, 1)], low[t]), (high[max(t - 1, 1)], high[t])
            turned = low[t] <= stop if long else high[t] >= stop
            if turned:
                long = not long
                stop = min(best, *lows) if long else max(best, *highs)
                out[t], best, pace = stop, high[t] if long else low[t], min(step, most)
            else:
                out[t] = stop
                if (long and high[t] > best) or (not long and low[t] < best):
                    best, pace = (high[t] if long else low[t]), min(pace + step, most)
            stop = stop + pace * (best - stop)
            stop = min(stop, *lows) if long else max(stop, *highs)
        return (out,)

    return {"parabolic_sar": _segments(rule, 1, c["high"], c["low"])[0]}


def _supertrend(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    def rule(high: Column, low: Column, close: Column) -> tuple[Column, ...]:
        reach = _atr({"high": high, "low": low, "close": close}, p["window"])
        stop, way = [_NAN] * len(close), [_NAN] * len(close)
        upper = lower = _NAN
        for t in range(p["window"], len(close)):
            middle = (high[t] + low[t]) / 2
            top, bottom = middle + p["width"] * reach[t], middle - p["width"] * reach[t]
            if t > p["window"]:
                lower = bottom if bottom > lower or close[t - 1] < lower else lower
                upper = top if top < upper or close[t - 1] > upper else upper
                if way[t - 1] < 0:
                    way[t] = 1.0 if close[t] > upper else -1.0
                else:
                    way[t] = -1.0 if close[t] < lower else 1.0
            else:
                upper, lower, way[t] = top, bottom, -1.0
            stop[t] = lower if way[t] > 0 else upper
        return stop, way

    stop, way = _segments(rule, 2, c["high"], c["low"], c["close"])
    return {"supertrend": stop, "direction": way}


def _ichimoku(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    def middle(window: int) -> Column:
        return _rolled(window, lambda h, low: (max(h) + min(low)) / 2, c["high"], c["low"])

    conversion, base, lag = middle(p["conversion"]), middle(p["base"]), p["displacement"]
    ahead = _each(lambda a, b: (a + b) / 2, conversion, base)
    return {"conversion": conversion, "base": base, "span_a": _lag(ahead, lag), "span_b": _lag(middle(p["span"]), lag)}


def _spread_bands(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    middle = _rolled(p["window"], _mean, c["close"])
    reach = [p["width"] * sqrt(v) if v == v else v for v in _rolled(p["window"], _variance, c["close"])]
    upper, lower = _each(lambda m, r: m + r, middle, reach), _each(lambda m, r: m - r, middle, reach)
    return {
        "upper": upper, "middle": middle, "lower": lower,
        "percent_b": _each(lambda v, u, low: _over(v - low, u - low), c["close"], upper, lower),
        "bandwidth": _each(lambda u, low, m: (u - low) / m if m else _NAN, upper, lower, middle),
    }  # fmt: skip


def _keltner(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    middle, reach = _ema(c["close"], p["window"]), _atr(c, p["atr_window"])
    return {
        "upper": _each(lambda m, r: m + p["width"] * r, middle, reach),
        "middle": middle,
        "lower": _each(lambda m, r: m - p["width"] * r, middle, reach),
    }


def _running(values: Column) -> Column:
    return [fsum(values[: t + 1]) if not any(v != v for v in values[: t + 1]) else _NAN for t in range(len(values))]


def _obv(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    signed = [c["volume"][0]] if c["volume"] else []
    for t in range(1, len(c["close"])):
        change = c["close"][t] - c["close"][t - 1]
        signed.append(change if change != change else c["volume"][t] * ((change > 0) - (change < 0)))
    return {"obv": _running(signed)}


def _money_flow(c: Mapping[str, Column]) -> Column:
    def place(h: float, low: float, close: float, volume: float) -> float:
        return volume * (2 * close - h - low) / (h - low) if h != low else 0.0 * (volume + close)

    return _each(place, c["high"], c["low"], c["close"], c["volume"])


def _chaikin(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    line = _running(_money_flow(c))
    return {"chaikin_oscillator": _each(lambda f, s: f - s, _ema(line, p["fast"]), _ema(line, p["slow"]))}


def _vwap(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    typical, out = _typical(c), []
    for t in range(len(typical)):
        day = [i for i in range(t + 1) if c["session"][i] == c["session"][t]]
        volumes = [c["volume"][i] for i in day]
        if any(v != v for i in day for v in (typical[i], c["volume"][i])):
            out.append(_NAN)
        else:
            out.append(_over(fsum(typical[i] * c["volume"][i] for i in day), fsum(volumes)))
    return {"vwap": out}


def _slope(part: Column) -> float:
    places = [i - (len(part) - 1) / 2 for i in range(len(part))]
    return fsum(x * (y - part[0]) for x, y in zip(places, part, strict=True)) / fsum(x * x for x in places)


def _annual(
    name: str, variance: Callable[[float, float, float, float], float]
) -> Callable[[Mapping[str, Column], Mapping[str, Any]], dict[str, Column]]:
    def rule(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
        none = [0.0] * len(c["high"])
        logs = [_logs(c[key]) if key in c else none for key in ("open", "high", "low", "close")]
        means = _rolled(p["window"], _mean, _each(variance, *logs))
        return {name: [sqrt(max(v, 0.0) * p["bars_per_year"]) if v == v else v for v in means]}

    return rule


def _rs_variance(o: float, h: float, low: float, close: float) -> float:
    return (h - close) * (h - o) + (low - close) * (low - o)


def _historical(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    found = _rolled(p["window"], lambda part: _variance(part, 1), _changes(_logs(c["close"])))
    return {"historical_volatility": [sqrt(v * p["bars_per_year"]) if v == v else v for v in found]}


def _yang_zhang(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    o, h, low, close = (_logs(c[key]) for key in ("open", "high", "low", "close"))
    w = p["window"]
    k = 0.34 / (1.34 + (w + 1) / (w - 1))
    night = _rolled(w, lambda part: _variance(part, 1), _each(lambda a, b: a - b, o, _lag(close, 1)))
    day = _rolled(w, lambda part: _variance(part, 1), _each(lambda a, b: a - b, close, o))
    drift_free = _rolled(w, _mean, _each(_rs_variance, o, h, low, close))
    total = _each(lambda a, b, r: (a + k * b + (1 - k) * r) * p["bars_per_year"], night, day, drift_free)
    return {"yang_zhang": [sqrt(max(v, 0.0)) if v == v else v for v in total]}


def _histogram(part: Column, bins: int) -> float:
    least, most = min(part), max(part)
    if most == least:
        return 0.0
    counts = [0] * bins
    for value in part:
        counts[min(int((value - least) / (most - least) * bins), bins - 1)] += 1
    return -fsum(n / len(part) * log2(n / len(part)) for n in counts if n)


def _shannon(close: Column, window: int, bins: int) -> Column:
    return _rolled(window, lambda part: _histogram(part, bins), _returns(close))


def _returns(close: Column) -> Column:
    return [log(a / b) if a > 0 and b > 0 else _NAN for a, b in zip(close, _lag(close, 1), strict=True)]


def _delta(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    entropy = _shannon(c["close"], p["window"], p["bins"])
    return {"delta_entropy": _each(lambda a, b: a - b, entropy, _lag(entropy, p["lag"]))}


def _weighted(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    window, edge = p["window"], p["edge"]

    def rule(close: Column) -> tuple[Column]:
        moves = _changes(_logs(close))[1:]
        squares = _recursive([m * m for m in moves], window, 2 / (window + 1))
        falls, rises = [_NAN] * len(moves), [_NAN] * len(moves)
        for t in range(window, len(moves)):
            wide = moves[t] ** 2 > edge**2 * squares[t - 1]
            falls[t], rises[t] = float(wide and moves[t] < 0), float(wide and moves[t] > 0)
        fall, rise = _ema(falls, window), _ema(rises, window)

        def entropy(f: float, r: float) -> float:
            return _NAN if f != f else -fsum(x * log2(x) for x in (f, r, 1 - f - r) if x > 1e-300)

        return ([_NAN, *_each(entropy, fall, rise)][: len(close)],)

    return {"weighted_entropy": _segments(rule, 1, c["close"])[0]}


def _hurst(close: Column, window: int) -> tuple[Column, Column, Column]:
    returns = _returns(close)
    out: tuple[Column, Column, Column] = ([], [], [])
    runs = [8 << k for k in range(20) if 8 << k <= window // 2]
    for t in range(len(close)):
        part = np.array(returns[max(t - window + 1, 0) : t + 1])
        found = (_NAN, _NAN, _NAN)
        if len(part) == window and not np.isnan(part).any():
            found = _exponents(part, runs)
        for column, value in zip(out, found, strict=True):
            column.append(value)
    return out


def _exponents(part: Any, runs: list[int]) -> tuple[float, float, float]:
    from math import lgamma, pi

    heights, free, widths = [], [], []
    for run in runs:
        pieces = [part[len(part) - (k + 1) * run : len(part) - k * run] for k in range(len(part) // run)]
        ratios, squares = [], []
        for piece in pieces:
            path = np.cumsum(piece - piece.mean())
            if np.ptp(piece) == 0:
                return _NAN, _NAN, _NAN
            ratios.append((max(path.max(), 0.0) - min(path.min(), 0.0)) / piece.std())
            place = np.arange(run)
            summed = np.cumsum(piece)
            squares.append(np.sum((summed - np.polyval(np.polyfit(place, summed, 1), place)) ** 2))
        expected = np.exp(lgamma((run - 1) / 2) - lgamma(run / 2)) / sqrt(pi)
        expected *= fsum(sqrt((run - i) / i) for i in range(1, run))
        heights.append(log(np.mean(ratios)))
        free.append(heights[-1] - log(expected))
        widths.append(log(sqrt(np.sum(squares) / (run * len(pieces)))))
    slopes = [np.polyfit(np.log(runs), line, 1)[0] for line in (heights, free, widths)]
    return float(slopes[0]), float(slopes[1]) + 0.5, float(slopes[2])


def _walks(levels: list[int]) -> dict[int, set[int]]:
    graph: dict[int, set[int]] = {}
    for a, b in pairwise(levels):
        if a != b:
            graph.setdefault(a, set()).add(b)
            graph.setdefault(b, set()).add(a)
    return graph


def _steps(graph: Mapping[int, set[int]], start: int) -> dict[int, int]:
    seen, queue = {start: 0}, [start]
    for node in queue:
        for other in sorted(graph[node]):
            if other not in seen:
                seen[other] = seen[node] + 1
                queue.append(other)
    return seen


def wasserstein(graph: Mapping[int, set[int]], ours: set[int], theirs: set[int]) -> float:
    """Return the Wasserstein-1 distance between the uniform measures on two sets of nodes, by linear programme."""
    from scipy.optimize import linprog

    left, right = sorted(ours), sorted(theirs)
    cost = [_steps(graph, u)[v] for u in left for v in right]
    rows = [[float(k // len(right) == i) for k in range(len(cost))] for i in range(len(left))]
    rows += [[float(k % len(right) == j) for k in range(len(cost))] for j in range(len(right))]
    masses = [1 / len(left)] * len(left) + [1 / len(right)] * len(right)
    return float(linprog(cost, A_eq=rows, b_eq=masses, method="highs").fun)


def _levels(close: Column, grain: float) -> list[int] | None:
    logs = _logs(close)
    height = grain * _mean([abs(a - b) for a, b in zip(logs[1:], logs[:-1], strict=True)])
    return [int(v // height) for v in logs] if height > 0 else None


def _ricci(close: Column, window: int, grain: float) -> tuple[Column, Column]:
    def curvatures(part: Column) -> list[float]:
        levels = _levels(part, grain)
        graph = _walks(levels) if levels else {}
        return [1 - wasserstein(graph, graph[a], graph[b]) for a in graph for b in graph[a] if a < b]

    found = [
        curvatures(part) if len(part) == window and not any(v != v for v in part) else []
        for part in (close[max(t - window + 1, 0) : t + 1] for t in range(len(close)))
    ]
    return [_mean(k) if k else _NAN for k in found], [min(k) if k else _NAN for k in found]


def _temporal_ricci(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    window, lag = p["window"], p["lag"]

    def rule(part: Column) -> float:
        levels = _levels(part, p["grain"])
        if levels is None:
            return _NAN
        then, now = _walks(levels[:window]), _walks(levels[lag:])
        both: dict[int, set[int]] = {}
        for graph in (then, now):
            for node, others in graph.items():
                both.setdefault(node, set()).update(others)
        found = [1 - wasserstein(both, then[x], now[x]) for x in then if x in now]
        return _mean(found) if found else _NAN

    return {"temporal_ricci": _rolled(window + lag, rule, c["close"])}


def _regime(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    window, close = p["window"], c["close"]
    order = [1 - v / 3 for v in _shannon(close, window, 8)]
    curvature = [
        k if o == o else _NAN for k, o in zip(_ricci(close, window, max(2.0, window / 30))[0], order, strict=True)
    ]
    states, state = [], 0.0
    for exponent in _hurst(close, window)[2]:
        if exponent != exponent:
            state = 0.0
            states.append(_NAN)
            continue
        if (state > 0 and exponent <= 0.5) or (state < 0 and exponent >= 0.5):
            state = 0.0
        if abs(exponent - 0.5) >= p["band"]:
            state = 1.0 if exponent > 0.5 else -1.0
        states.append(state)
    return {"regime": states, "order": order, "curvature": curvature}


def _kuramoto(c: Mapping[str, Any], p: Mapping[str, Any]) -> dict[str, Column]:
    from scipy.signal import detrend, hilbert

    close = np.array(c["close"], dtype=float)
    out: dict[str, Column] = {}
    for name, scale in (("short", 1), ("medium", 2), ("long", 4)):
        window = p["window"] * scale
        column = [_NAN] * len(close)
        for t in range(window - 1, len(close)):
            part = close[t - window + 1 : t + 1]
            if np.isnan(part).any() or (np.ptp(part, axis=0) == 0).any() or (part <= 0).any():
                continue
            middle = hilbert(detrend(np.log(part), axis=0), axis=0)[window // 2]
            column[t] = float(abs(np.mean(np.exp(1j * np.angle(middle)))))
        out[name] = column
    return out


def _bought(close: Column, window: int) -> Column:
    def share(part: Column) -> float:
        deviation = sqrt(_variance(part, 1))
        return (1 + erf(part[-1] / deviation / sqrt(2))) / 2 if deviation else 0.5

    return _rolled(window, share, _changes(close))


def _kyle(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    signed = _each(lambda v, b: v * (2 * b - 1), c["volume"], _bought(c["close"], p["window"]))

    def slope(x: Column, y: Column) -> float:
        mean_x, mean_y = _mean(x), _mean(y)
        both = fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
        return _over(both, fsum((a - mean_x) ** 2 for a in x))

    return {"kyle_lambda": _rolled(p["window"], slope, signed, _changes(c["close"]))}


def _hasbrouck(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    window = p["window"]
    r = np.array(_returns(c["close"]))
    with np.errstate(all="ignore"):
        x = np.sqrt(np.array(c["close"]) * np.array(c["volume"])) * np.sign(r)
    out: dict[str, Column] = {"immediate": [_NAN] * len(r), "permanent": [_NAN] * len(r)}
    for t in range(window + 1, len(r)):
        now = slice(t - window + 1, t + 1)
        past = slice(t - window, t)
        parts = (r[now], x[now], r[past], x[past])
        if any(np.isnan(part).any() for part in parts):
            continue
        units = np.sqrt([np.mean(r[now] ** 2), np.mean(x[now] ** 2)])
        if not (units > 0).all():
            continue
        y, z = r[now] / units[0], x[now] / units[1]
        known = np.column_stack([r[past] / units[0], x[past] / units[1]])
        (a, b, k), _, rank, _ = np.linalg.lstsq(np.column_stack([known[:, 0], z, known[:, 1]]), y, rcond=1e-6)
        (d, e), _, _, _ = np.linalg.lstsq(known, z, rcond=1e-6)
        if rank < 3:
            continue
        out["immediate"][t] = float(b * units[0] / units[1])
        if max(abs(np.linalg.eigvals([[a + b * d, k + b * e], [d, e]]))) < 1:
            level, flow, total = b, 1.0, b
            for _ in range(20_000):  # play the shock out
                new = d * level + e * flow
                level, flow = a * level + b * new + k * flow, new
                total += level
            out["permanent"][t] = float(total * units[0] / units[1])
    return out


def _vpin(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    def rule(close: Column, volume: Column) -> tuple[Column]:
        window, out = p["window"], [_NAN] * len(close)
        share = _bought(close, window)
        start = next((t for t in range(window, len(close)) if fsum(volume[t - window + 1 : t + 1]) > 0), len(close))
        size = (
            fsum(volume[start - window + 1 : start + 1]) / window * p["bars_per_bucket"] if start < len(close) else 0.0
        )
        sides: Column = []
        held = bought = 0.0
        for t in range(start, len(close)):
            left = volume[t]
            while left >= size - held:
                bought += (size - held) * share[t]
                left -= size - held
                sides.append(abs(bought - (size - bought)) / size)
                held = bought = 0.0
            held += left
            bought += left * share[t]
            if len(sides) >= p["buckets"]:
                out[t] = _mean(sides[-p["buckets"] :])
        return (out,)

    return {"vpin": _segments(rule, 1, c["close"], c["volume"])[0]}


def _flow(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    events = [_NAN]
    for t in range(1, len(c["bid"])):
        now, before = ({k: c[k][i] for k in ("bid", "bid_size", "ask", "ask_size")} for i in (t, t - 1))
        if any(v != v for row in (now, before) for v in row.values()):
            events.append(_NAN)
            continue
        bid = now["bid_size"] * (now["bid"] >= before["bid"]) - before["bid_size"] * (now["bid"] <= before["bid"])
        ask = now["ask_size"] * (now["ask"] <= before["ask"]) - before["ask_size"] * (now["ask"] >= before["ask"])
        events.append(bid - ask)
    return {"order_flow_imbalance": _rolled(p["window"], fsum, events[: len(c["bid"])])}


def _queue(c: Mapping[str, Column], p: Mapping[str, Any]) -> dict[str, Column]:
    return {"queue_imbalance": _each(lambda b, a: _over(b - a, b + a), c["bid_size"], c["ask_size"])}


def _layers(close: Column, window: int) -> tuple[Column, Column, Column]:
    once = _ema(close, window)
    twice = _ema(once, window)
    return once, twice, _ema(twice, window)


def _single(name: str, rule: Callable[[Mapping[str, Column], Mapping[str, Any]], Column]) -> Any:
    return lambda c, p: {name: rule(c, p)}


def _three(names: tuple[str, str, str], rule: Callable[[Mapping[str, Column], Mapping[str, Any]], Any]) -> Any:
    return lambda c, p: dict(zip(names, rule(c, p), strict=True))


def _donchian(c: Mapping[str, Column], p: Mapping[str, Any]) -> tuple[Column, Column, Column]:
    upper, lower = _rolled(p["window"], max, c["high"]), _rolled(p["window"], min, c["low"])
    return upper, _each(lambda u, low: (u + low) / 2, upper, lower), lower


def _percent(column: Column, bars: int) -> Column:
    return _each(lambda a, b: 100 * (a - b) / b if b else _NAN, column, _lag(column, bars))


def _hull(close: Column, window: int) -> Column:
    half, whole = _wma(close, max(window // 2, 1)), _wma(close, window)
    return _wma(_each(lambda a, b: 2 * a - b, half, whole), isqrt(window))


#: Each indicator's definition: from input columns and parameters to output columns.
DEFINITIONS: Mapping[str, Callable[[Any, Any], dict[str, Column]]] = {
    "sma": _single("sma", lambda c, p: _rolled(p["window"], _mean, c["close"])),
    "ema": _single("ema", lambda c, p: _ema(c["close"], p["window"])),
    "wma": _single("wma", lambda c, p: _wma(c["close"], p["window"])),
    "dema": _single(
        "dema", lambda c, p: _each(lambda a, b, _: 2 * a - b, *_layers(c["close"], p["window"]))
    ),
    "tema": _single(
        "tema", lambda c, p: _each(lambda a, b, k: 3 * a - 3 * b + k, *_layers(c["close"], p["window"]))
    ),
    "trix": _single("trix", lambda c, p: _percent(_layers(c["close"], p["window"])[2], 1)),
    "hma": _single("hma", lambda c, p: _hull(c["close"], p["window"])),
    "kama": _kama,
    "rsi": _single("rsi", lambda c, p: _rsi(c["close"], p["window"])),
    "stochastic": _stochastic,
    "stochastic_rsi": _stochastic_rsi,
    "williams_r": _single(
        "williams_r", lambda c, p: [v - 100 for v in _place(c["close"], c["low"], c["high"], p["window"])]
    ),
    "cci": _single("cci", lambda c, p: _rolled(p["window"], _cci, _typical(c))),
    "mfi": _mfi,
    "roc": _single("roc", lambda c, p: _percent(c["close"], p["window"])),
    "momentum": _single(
        "momentum", lambda c, p: _each(lambda a, b: a - b, c["close"], _lag(c["close"], p["window"]))
    ),
    "macd": lambda c, p: _lines(c, p, "macd", False),
    "ppo": lambda c, p: _lines(c, p, "ppo", True),
    "adx": _adx,
    "aroon": _aroon,
    "parabolic_sar": _sar,
    "supertrend": _supertrend,
    "ichimoku": _ichimoku,
    "true_range": _single("true_range", lambda c, p: _true_range(c)),
    "atr": _single("atr", lambda c, p: _atr(c, p["window"])),
    "natr": _single("natr", lambda c, p: _each(lambda r, v: 100 * r / v, _atr(c, p["window"]), c["close"])),
    "bollinger": _spread_bands,
    "keltner": _keltner,
    "donchian": _three(("upper", "middle", "lower"), _donchian),
    "standard_deviation": _single(
        "standard_deviation", lambda c, p: _rolled(p["window"], lambda part: sqrt(_variance(part)), c["close"])
    ),
    "zscore": _single(
        "zscore",
        lambda c, p: _rolled(p["window"], lambda w: _over(w[-1] - _mean(w), sqrt(_variance(w))), c["close"]),
    ),
    "linear_regression_slope": _single(
        "linear_regression_slope", lambda c, p: _rolled(p["window"], _slope, c["close"])
    ),
    "obv": _obv,
    "accumulation_distribution": _single("accumulation_distribution", lambda c, p: _running(_money_flow(c))),
    "chaikin_oscillator": _chaikin,
    "cmf": _single(
        "cmf",
        lambda c, p: _rolled(p["window"], lambda f, v: _over(fsum(f), fsum(v)), _money_flow(c), c["volume"]),
    ),
    "vwap": _vwap,
    "historical_volatility": _historical,
    "parkinson": _annual("parkinson", lambda o, h, low, close: (h - low) ** 2 / (4 * log(2))),
    "garman_klass": _annual(
        "garman_klass", lambda o, h, low, close: (h - low) ** 2 / 2 - (2 * log(2) - 1) * (close - o) ** 2
    ),
    "rogers_satchell": _annual("rogers_satchell", _rs_variance),
    "yang_zhang": _yang_zhang,
    "shannon_entropy": _single("shannon_entropy", lambda c, p: _shannon(c["close"], p["window"], p["bins"])),
    "delta_entropy": _delta,
    "weighted_entropy": _weighted,
    "hurst": _three(("rs", "rs_corrected", "dfa"), lambda c, p: _hurst(c["close"], p["window"])),
    "ricci": lambda c, p: dict(
        zip(("mean", "lowest"), _ricci(c["close"], p["window"], p["grain"]), strict=True)
    ),
    "temporal_ricci": _temporal_ricci,
    "kuramoto": _kuramoto,
    "regime": _regime,
    "vpin": _vpin,
    "kyle_lambda": _kyle,
    "hasbrouck": _hasbrouck,
    "order_flow_imbalance": _flow,
    "queue_imbalance": _queue,
}  # fmt: skip
