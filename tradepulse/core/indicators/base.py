"""What an indicator declares, and how it runs: over whole arrays, or bar by bar."""

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from math import nan
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradepulse.core.series.kernels import hot
from tradepulse.errors import ConfigError, DataError

Values = NDArray[np.float64]
#: Columns that every table of bars has, and so the inputs of an indicator that may run on any of them.
BAR_COLUMNS = ("session", "open", "high", "low", "close", "volume")
#: Updates after which a stream computes with compiled loops.
_LONG_STREAM = 500
_EPOCH = 719_163  # date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator as data: what it reads, what it takes, what it gives.

    Parameters
    ----------
    name : name of its file, folder of golden values, and prefix of its table rows
    compute : ``compute(*inputs, **params)`` to one array, or a tuple of arrays in the order of ``outputs``, each of
        shape (n,), NaN in warm-up
    inputs : columns, in the order in which ``compute`` takes them: of bars, or of another table
    outputs : names of what it gives; a single one is named like the indicator
    params : default of each parameter
    warmup : bars before the first value of the slowest output, from the parameters
    minimum : smallest allowed value of each parameter, 1 where nothing is said
    ranges : smallest and largest value that an output can have on real prices; unbounded where nothing is said
    online : class of the same bar by bar, made from the parameters: ``update`` takes the inputs of a bar in their order
        and returns a float, or a tuple of them. None if a value depends on its own bar and the ``warmup``
        bars before it alone: ``compute`` over these is then the value
    partial : whether ordinary bars may leave it undefined after its warm-up, such as a session without any volume
    panel : whether it takes the inputs of many symbols at once, shape (n, k) each
    """

    name: str
    compute: Callable[..., Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: Mapping[str, float]
    warmup: Callable[..., int]
    minimum: Mapping[str, float] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    online: Callable[..., Any] | None = None
    partial: bool = False
    panel: bool = False

    def settings(self, **params: float) -> dict[str, float]:
        """Return the defaults overlaid with ``params``, checked.

        Raises
        ------
        ConfigError
            If a parameter is unknown, not a number, too small, or fractional where the default is whole.
        """
        unknown = sorted(set(params) - set(self.params))
        if unknown:
            raise ConfigError(f"{self.name}: unknown parameter {unknown[0]!r}; it takes {', '.join(self.params)}")
        chosen = {**self.params, **params}
        for key, value in chosen.items():
            least = self.minimum.get(key, 1)
            if not np.isfinite(value) or value < least:
                raise ConfigError(f"{self.name}: {key} must be at least {least}, not {value}")
            if isinstance(self.params[key], int):
                if value != int(value):
                    raise ConfigError(f"{self.name}: {key} must be a whole number, not {value}")
                chosen[key] = int(value)
        return chosen

    def __call__(self, bars: Mapping[str, Any], /, **params: float) -> dict[str, Values]:
        """Return each output over one symbol's bars.

        Parameters
        ----------
        bars : the columns of ``inputs``, each of shape (n,), or (n, k) for a panel, in time order; dates of ``session``
            may be of any type that numpy takes for dates
        **params : overrides of the defaults

        Returns
        -------
        dict of output name to float64 array of shape (n,); NaN in warm-up
        """
        missing = [column for column in self.inputs if column not in bars]
        if missing:
            raise DataError(f"{self.name}: bars lack the column {missing[0]!r}")
        columns = [_numbers(column, bars[column]) for column in self.inputs]
        return self.named(self.compute(*columns, **self.settings(**params)))

    def named(self, result: Any) -> dict[str, Any]:
        """Return what ``compute`` or ``update`` gave by the names of the outputs."""
        return dict(zip(self.outputs, result if isinstance(result, tuple) else (result,), strict=True))

    def stream(self, **params: float) -> "Stream":
        """Return the indicator ready for the first of many bars.

        Parameters
        ----------
        **params : overrides of the defaults
        """
        settings = self.settings(**params)
        return Stream(self, self.online(**settings) if self.online else _Tail(self, settings))


class Stream:
    """An indicator that takes bars as they come.

    What it has seen can be pickled, and goes on elsewhere with the next bar.
    """

    __slots__ = ("_next", "_read", "_state", "indicator")

    def __init__(self, indicator: Indicator, state: Any) -> None:
        self.indicator, self._state = indicator, state
        self._next = state.update
        self._read = attrgetter(*indicator.inputs)

    def update(self, bar: Any) -> Any:
        """Take the next bar, return the indicator's value at it.

        Parameters
        ----------
        bar : has the inputs as attributes, as :class:`tradepulse.core.market.Bar` has

        Returns
        -------
        float, or tuple of floats in the order of the outputs; NaN in warm-up, as in the array at this bar
        """
        inputs = self._read(bar)
        return self._next(*inputs) if type(inputs) is tuple else self._next(inputs)

    def take(self, *inputs: Any) -> Any:
        """Take the inputs of the next bar by themselves, in the order in which they are declared."""
        return self._next(*inputs)

    def extend(self, bars: Mapping[str, Any]) -> dict[str, Values]:
        """Take the next bars as columns, return each output over them, shape (n,)."""
        columns = [_numbers(column, bars[column]).tolist() for column in self.indicator.inputs]
        rows = [self._next(*row) for row in zip(*columns, strict=True)]
        width = len(self.indicator.outputs)
        table = np.array(rows, dtype=np.float64).reshape(len(rows), width)
        return {name: table[:, place].copy() for place, name in enumerate(self.indicator.outputs)}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name: the declaration is found again where it is unpickled."""
        return _resumed, (self.indicator.name, self._state)


def _resumed(name: str, state: Any) -> Stream:
    from tradepulse.core.indicators import indicator

    return Stream(indicator(name), state)


class _Tail:
    """Computes over the bars that a value depends on; equal to the whole array to the last bit, by construction."""

    __slots__ = ("columns", "indicator", "seen", "settings")

    def __init__(self, indicator: Indicator, settings: Mapping[str, float]) -> None:
        self.indicator, self.settings, self.seen = indicator, dict(settings), 0
        length = indicator.warmup(**settings) + 1
        self.columns: list[deque[Any]] = [deque(maxlen=length) for _ in indicator.inputs]

    def update(self, *inputs: Any) -> Any:
        for column, value in zip(self.columns, inputs, strict=True):
            column.append(value)
        arrays = [np.array(column, dtype=np.float64) for column in self.columns]
        self.seen += 1
        # A stream that goes on is worth a compiler, where its loops are.
        with hot() if self.seen > _LONG_STREAM else nullcontext():
            result = self.indicator.compute(*arrays, **self.settings)
        return tuple(float(part[-1]) for part in result) if isinstance(result, tuple) else float(result[-1])

    def __reduce__(self) -> tuple[Any, ...]:
        return _tail_resumed, (self.indicator.name, self.settings, self.columns, self.seen)


def _tail_resumed(name: str, settings: Mapping[str, float], columns: list[deque[Any]], seen: int) -> _Tail:
    from tradepulse.core.indicators import indicator

    tail = _Tail(indicator(name), settings)
    tail.columns, tail.seen = columns, seen
    return tail


def _numbers(column: str, values: Any) -> Values:
    """Return a column as float64; a session as days since 1970."""
    array = np.asarray(values)
    if column == "session" and array.dtype.kind not in "fiu":
        days: Values = array.astype("datetime64[D]").astype(np.float64)
        return np.where(np.isnat(array.astype("datetime64[D]")), nan, days)
    return np.asarray(array, dtype=np.float64)


def day_number(session: Any) -> float:
    """Return a date as days since 1970; a number, NaN included, as it is."""
    return float(session.toordinal() - _EPOCH) if hasattr(session, "toordinal") else float(session)
