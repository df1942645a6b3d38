"""Proof that a value knows nothing of the future: take the future away, or put another in its place, and look again.

A function of whole columns may look ahead in a hundred ways that no reading finds: a mean over the full frame, a window
that is centred, a value filled from behind. :func:`leaks` finds them by what they do. For every bar it computes again
without the bars after it, and with other bars after it (missing, noisy, extreme, reversed); what stood up to that bar
must stand as it was. A strategy is proven in the same way, by the path of what it wants to hold.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradepulse.errors import ConfigError, DataError

Columns = Mapping[str, Any]
Compute = Callable[[Columns], Mapping[str, Any]]
#: What a bar has when it opens; the rest of it is the future of a decision that trades at this open.
AT_OPEN = ("ts", "session", "open")
#: Two computations may add in another order: more than this, relative to the value, is knowledge.
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Leak:
    """A value that changes with bars that come after it.

    Parameters
    ----------
    output : column it is in
    bar : row of the value, from 0
    future : what was put in the place of the bars after it
    before, after : the value with the real bars after it, and with the others
    """

    output: str
    bar: int
    future: str
    before: float
    after: float

    def __str__(self) -> str:
        """One line for a person."""
        return (
            f"{self.output} of bar {self.bar} looks ahead: it is {self.before:.10g} with what follows as it is, and "
            f"{self.after:.10g} with it {self.future}"
        )


def leaks(
    compute: Compute,
    columns: Columns,
    *,
    decided_at: str = "close",
    bars: Sequence[int] | None = None,
    seed: int = 7,
) -> list[Leak]:
    """Return the first value of each output that knows the future, in the order of the bars; none if it is causal.

    Parameters
    ----------
    compute : from input columns to output columns of the same length. It is called with copies, on as few as one bar
    columns : its inputs, shape (n,) or (n, k) each
    decided_at : ``close`` if the value of a bar may know all of that bar; ``open`` if it trades at the bar's open, and
        so knows no more of it
    bars : rows to look at; all of them by default. Each costs one computation without a future and five with another
    seed : of the noise

    Returns
    -------
    list of :class:`Leak`, at most one per output

    Raises
    ------
    DataError
        If there is nothing to prove (no bars, no outputs, no value anywhere), an output has another length than the
        bars, ``compute`` changes its inputs, two equal calls give two results, or it raises whatever the future is.
    ConfigError
        If ``decided_at`` is neither.
    """
    if decided_at not in ("close", "open"):
        raise ConfigError(f"decided_at must be close or open, not {decided_at!r}")
    length = _length(columns)
    rows = range(length) if bars is None else bars
    if not len(rows):
        raise DataError("there is no bar to look at; nothing can be proven on none")
    whole = _called(compute, columns, length)
    again = _called(compute, columns, length)
    for name, values in whole.items():
        if not _same(values, again[name]).all():
            raise DataError(f"{name}: two calls with the same bars give two results; take a seed, or drop what is kept")
    if not whole or not any((~np.isnan(values)).any() for values in whole.values()):
        raise DataError("there is no value in any output, so that nothing is proven; give it more bars")
    found: dict[str, Leak] = {}
    rng = np.random.default_rng(seed)
    answered = False
    for bar in rows:
        known = bar + 1 if decided_at == "close" else bar
        for future, changed in _futures(columns, known, bar, decided_at, rng):
            try:
                other = _called(compute, changed, _length(changed))
            except (ArithmeticError, ValueError, IndexError, DataError):
                if future == "cut off":
                    raise
                continue  # it may refuse a future of NaN or of zeros; that is no look at it
            answered = True
            for name, values in whole.items():
                if name not in found:
                    same = _same(values[: bar + 1], other[name][: bar + 1])
                    if not same.all():
                        at = int(np.argmin(same))
                        found[name] = Leak(name, at, future, float(values[at]), float(other[name][at]))
        if len(found) == len(whole):
            break
    if not answered:
        raise DataError("it raises under every other future, so that nothing is proven")
    return sorted(found.values(), key=lambda leak: leak.bar)


def _length(columns: Columns) -> int:
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1 or not min(lengths):
        raise DataError("there are no bars, or columns of different lengths; nothing can be proven on them")
    return lengths.pop()


def _called(compute: Compute, columns: Columns, length: int) -> dict[str, NDArray[np.float64]]:
    given = {name: np.array(values, copy=True) for name, values in columns.items()}
    result = {str(name): np.asarray(values, dtype=np.float64) for name, values in compute(given).items()}
    for name, values in columns.items():
        if not np.array_equal(given[name], values, equal_nan=np.asarray(values).dtype.kind == "f"):
            raise DataError(f"it writes into its input {name!r}; a later computation would see that")
    for name, values in result.items():
        if values.shape != (length,):
            raise DataError(f"{name}: {values.shape} values for {length} bars; an output has one for each")
    return result


def _same(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        close = np.abs(left - right) <= TOLERANCE * np.maximum(np.abs(left), np.abs(right))
    return np.asarray(close | (left == right) | (np.isnan(left) & np.isnan(right)))


def _futures(
    columns: Columns, known: int, bar: int, decided_at: str, rng: np.random.Generator
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield other futures of the bars from ``known`` on; of a bar at its open, of what it has not shown yet."""
    if decided_at == "close":
        yield "cut off", {name: np.asarray(values)[:known] for name, values in columns.items()}
        if known == _length(columns):
            return
    for future in ("missing", "noisy", "huge", "tiny", "reversed"):
        changed = {}
        for name, values in columns.items():
            array = np.array(values, copy=True)
            first = known if decided_at == "close" or name not in AT_OPEN else bar + 1
            if array.dtype.kind == "f" and name not in ("ts", "session"):
                array[first:] = _replaced(array[first:], future, rng)
            changed[name] = array
        yield future, changed


def _replaced(values: Any, future: str, rng: np.random.Generator) -> Any:
    if future == "missing":
        return np.full_like(values, np.nan)
    if future == "noisy":
        return values * np.exp(rng.normal(0, 0.5, values.shape))
    if future == "reversed":
        return values[::-1]
    return values * (1e6 if future == "huge" else 1e-6)
