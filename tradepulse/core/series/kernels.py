"""Loops over whole arrays: as they stand for a few bars, compiled for many.

A value that depends on the one before it needs a loop. :func:`kernel` runs the same source in two ways, bit for bit
alike: as Python on lists while an array is short, where loading a compiler would take longer than it saves, and
compiled by numba, once per machine, when it is long. Importing a kernel compiles nothing and does not import numba.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
#: Bars from which on compiled code is worth loading. A loop of Python takes about 0.1 to 1 microseconds a bar.
LONG = 20_000
_hot = False


@contextmanager
def hot() -> Iterator[None]:
    """Use compiled code within, however short the arrays: for who calls again and again."""
    global _hot
    before, _hot = _hot, True
    try:
        yield
    finally:
        _hot = before


def compiled(loop: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``loop`` compiled by numba, its machine code kept on disk beside its source.

    A loop calls no other compiled function: numba looks at the age of its own file only, and would keep using the old
    machine code when the other changes.
    """
    made: Callable[..., Any] = lean_numba().njit(cache=True, error_model="numpy")(loop)
    return made


def lean_numba() -> Any:
    """Return numba, imported without scipy's linear algebra, which takes a fifth of the time to a first result.

    Numba imports that to see whether it is there. It is, and who compiles a product of matrices has it imported, and
    looked at, then.
    """
    import numba
    from numba.np import linalg

    if "numba.np.arraymath" not in sys.modules:
        asked, linalg.ensure_blas = linalg.ensure_blas, lambda: None
        try:
            import_module("numba.np.arraymath").ensure_blas = asked  # type: ignore[attr-defined]
        finally:
            linalg.ensure_blas = asked
    return numba


def loop(source: Callable[..., Any]) -> Callable[..., Any]:
    """Make a loop that is only ever worth running compiled into a function that compiles on its first call."""
    fast: list[Callable[..., Any]] = []

    @wraps(source)
    def run(*arguments: Any) -> Any:
        if not fast:
            fast.append(compiled(source))
        return fast[0](*arguments)

    return run


def kernel(outputs: int, long: int = LONG) -> Callable[[Callable[..., None]], Callable[..., Any]]:
    """Make a loop over arrays into a function that returns arrays.

    Parameters
    ----------
    outputs : arrays that the loop fills, each element of each. It takes its input arrays, then its outputs, then
        scalars; the function that it becomes takes ``(arrays, *scalars)`` with ``arrays`` a tuple of one length, and
        returns an array, or a tuple of them if there are many.
    long : bars from which on it is compiled; fewer where a bar takes much work
    """

    def made(loop: Callable[..., None]) -> Callable[..., Any]:
        fast: list[Callable[..., Any]] = []

        @wraps(loop)
        def run(arrays: tuple[Values, ...], *scalars: float) -> Any:
            length = len(arrays[0])
            if length < min(long, LONG) and not _hot:
                lists = [array.tolist() for array in arrays]
                filled = [[np.nan] * length for _ in range(outputs)]
                loop(*lists, *filled, *scalars)
                out = tuple(np.array(values, dtype=np.float64) for values in filled)
            else:
                if not fast:
                    fast.append(compiled(loop))
                out = tuple(np.empty(length) for _ in range(outputs))
                fast[0](*(np.ascontiguousarray(array, dtype=np.float64) for array in arrays), *out, *scalars)
            return out[0] if outputs == 1 else out

        return run

    return made


@kernel(outputs=1)
def smoothed(values: Values, out: Values, window: int, weight: float) -> None:
    """Fill the recursive mean ``y[t] = y[t-1] + weight * (x[t] - y[t-1])``, seeded with a plain mean.

    ``smoothed((values,), window, weight)``: weight is ``2 / (window + 1)`` for an exponential mean, ``1 / window`` for
    Wilder's; NaN until ``window`` consecutive values have been seen, and a NaN starts that anew.
    """
    # Two loops, so that the one that runs long holds nothing but the recursion: its speed is the latency of that.
    t, length = 0, len(values)
    while t < length:
        seen, level = 0, 0.0
        while t < length and seen < window:
            value = values[t]
            seen, level = (seen + 1, level + value) if value == value else (0, 0.0)
            out[t] = np.nan
            t += 1
        if seen == window:
            level /= window
            out[t - 1] = level
        while t < length:
            value = values[t]
            if value != value:
                break
            level += weight * (value - level)
            out[t] = level
            t += 1


@kernel(outputs=1)
def layered(
    values: Values, out: Values, window: int, weight: float, depth: int, first: float, second: float, third: float
) -> None:
    """Fill ``first * a + second * b + third * c``: the recursive mean a, its own b, and that one's c.

    ``layered((values,), window, weight, depth, first, second, third)``: depth is 2 where c is not wanted, else 3. Each
    mean is seeded as in :func:`smoothed`, so there are ``depth * (window - 1)`` NaN.
    """
    t, length, span = 0, len(values), window - 1
    while t < length:
        seen, a, b, c = 0, 0.0, 0.0, 0.0
        while t < length and seen <= 3 * span:
            value = values[t]
            out[t] = np.nan
            t += 1
            if value != value:
                seen, a, b, c = 0, 0.0, 0.0, 0.0
                continue
            if seen <= span:
                a += value
                if seen == span:
                    a /= window
            else:
                a += weight * (value - a)
            if span <= seen <= 2 * span:
                b += a
                if seen == 2 * span:
                    b /= window
            elif seen > 2 * span:
                b += weight * (a - b)
            if 2 * span <= seen <= 3 * span:
                c += b
                if seen == 3 * span:
                    c /= window
            if seen >= depth * span:
                out[t - 1] = first * a + second * b + third * c
            seen += 1
        while t < length:
            value = values[t]
            if value != value:
                break
            a += weight * (value - a)
            b += weight * (a - b)
            c += weight * (b - c)
            out[t] = first * a + second * b + third * c
            t += 1


def fold_sum(values: Values, out: Values, window: int, divisor: int) -> None:
    """Fill sums over ``divisor``, joined as in ``rolling_sum``, in pieces that fit the fast cache."""
    length, tile = len(values), 1024
    room = tile + window
    even, odd, built = np.empty(room), np.empty(room), np.empty(room)
    out[: min(window - 1, length)] = np.nan
    start = window - 1
    while start < length:
        stop = min(start + tile, length)
        runs = values[start - window + 1 : stop]
        count, size, done, flip = len(runs), 1, 0, True
        while True:
            if window & size:
                left = count - done - size + 1
                if done == 0:
                    for i in range(left):
                        built[i] = runs[i]
                else:
                    newer = runs[done:]
                    for i in range(left):
                        built[i] = built[i] + newer[i]
                done += size
                if done == window:
                    break
            newer = runs[size:]
            left = count - 2 * size + 1
            target = even if flip else odd
            for i in range(left):
                target[i] = runs[i] + newer[i]
            runs = target
            flip = not flip
            size *= 2
        for i in range(stop - start):
            out[start + i] = built[i] / divisor
        start = stop


def fold_extreme(values: Values, out: Values, window: int, largest: bool) -> None:
    """Fill the largest or smallest of each window, in pieces that fit the fast cache; NaN where one is NaN."""
    length, tile = len(values), 1024
    room = tile + window
    even, odd = np.empty(room), np.empty(room)
    out[: min(window - 1, length)] = np.nan
    start = window - 1
    while start < length:
        stop = min(start + tile, length)
        runs = values[start - window + 1 : stop]
        count, size, flip = len(runs), 1, True
        while size < window:
            # The last step overlaps: an extreme may be counted twice.
            step = min(size, window - size)
            newer = runs[step:]
            left = count - size - step + 1
            target = even if flip else odd
            # NaN wins: it compares false with everything, and x != x tells.
            if largest:
                for i in range(left):
                    a, b = runs[i], newer[i]
                    target[i] = a if (a > b) | (a != a) else b
            else:
                for i in range(left):
                    a, b = runs[i], newer[i]
                    target[i] = a if (a < b) | (a != a) else b
            runs = target
            flip = not flip
            size += step
        for i in range(stop - start):
            out[start + i] = runs[i]
        start = stop


def fold_pair(values: Values, mean: Values, other: Values, window: int, divisor: float, squares: bool) -> None:
    """Fill the mean of each window and, over ``divisor``, the sum of squares about it or else its tilt.

    Each loop fills one array: with two the compiler would have too many arrays to compare, and use no vectors.
    """
    length, tile = len(values), 512
    room = tile + window
    even, even2, odd, odd2 = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    built, built2 = np.empty(room), np.empty(room)
    mean[: min(window - 1, length)] = np.nan
    other[: min(window - 1, length)] = np.nan
    start = window - 1
    while start < length:
        stop = min(start + tile, length)
        runs = values[start - window + 1 : stop]
        runs2 = odd2
        count, size, done, flip = len(runs), 1, 0, True
        for i in range(count):
            odd2[i] = 0.0 * runs[i]
        while True:
            if window & size:
                left = count - done - size + 1
                last = done + size == window
                target, target2 = (mean[start:stop], other[start:stop]) if last else (built, built2)
                if done == 0:
                    for i in range(left):
                        target[i] = runs[i]
                    for i in range(left):
                        target2[i] = runs2[i]
                else:
                    share = size / (done + size)
                    factor = done * size / (done + size) if squares else done * size / 2
                    newer, newer2 = runs[done:], runs2[done:]
                    if squares:
                        for i in range(left):
                            gap = newer[i] - built[i]
                            target2[i] = (built2[i] + newer2[i]) + gap * gap * factor
                    else:
                        for i in range(left):
                            target2[i] = (built2[i] + newer2[i]) + (newer[i] - built[i]) * factor
                    for i in range(left):
                        target[i] = (newer[i] - built[i]) * share + built[i]
                done += size
                if last:
                    for i in range(left):
                        target2[i] /= divisor
                    break
            left = count - 2 * size + 1
            target, target2 = (even, even2) if flip else (odd, odd2)
            newer, newer2 = runs[size:], runs2[size:]
            factor = size / 2 if squares else size * size / 2
            if size == 1 and squares:
                for i in range(left):
                    gap = newer[i] - runs[i]
                    target2[i] = gap * gap * factor
            elif size == 1:
                for i in range(left):
                    target2[i] = (newer[i] - runs[i]) * factor
            elif squares:
                for i in range(left):
                    gap = newer[i] - runs[i]
                    target2[i] = (runs2[i] + newer2[i]) + gap * gap * factor
            else:
                for i in range(left):
                    target2[i] = (runs2[i] + newer2[i]) + (newer[i] - runs[i]) * factor
            for i in range(left):
                target[i] = (newer[i] - runs[i]) * 0.5 + runs[i]
            runs, runs2 = target, target2
            flip = not flip
            size *= 2
        start = stop


def fold_distance(values: Values, mean: Values, out: Values, window: int) -> None:
    """Fill the mean distance of each window from its mean, in pieces that fit the fast cache."""
    length, tile = len(values), 1024
    out[: min(window - 1, length)] = np.nan
    start = window - 1
    while start < length:
        stop = min(start + tile, length)
        total, middle = out[start:stop], mean[start:stop]
        total[:] = 0.0
        for back in range(window - 1, -1, -1):
            piece = values[start - back : stop - back]
            for i in range(stop - start):
                total[i] += abs(piece[i] - middle[i])
        for i in range(stop - start):
            total[i] /= window
        start = stop


@kernel(outputs=1)
def place(values: Values, bottom: Values, top: Values, out: Values) -> None:
    """Fill where each value stands between bottom (0) and top (1); NaN where these coincide.

    Divided before anything else is done: a quotient of at most 1 stays at most 1.
    """
    for t in range(len(values)):
        reach = top[t] - bottom[t]
        out[t] = (values[t] - bottom[t]) / reach if reach > 0 else np.nan
