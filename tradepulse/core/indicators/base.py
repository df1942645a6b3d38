"""What an indicator declares, and the smoothing that several share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tradepulse.errors import ConfigError, DataError

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator as data: what it reads, what it takes, what it gives.

    Parameters
    ----------
    name : name of its file, folder of golden values, and prefix of its table rows
    compute : ``compute(*inputs, **params)`` to one array, or a tuple of arrays in the order of ``outputs``, each of
        shape (n,), NaN in warm-up
    inputs : columns of bars, in the order in which ``compute`` takes them
    outputs : names of what it gives; a single one is named like the indicator
    params : default of each parameter
    minimum : smallest allowed value of each parameter
    """

    name: str
    compute: Callable[..., Values | tuple[Values, ...]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: Mapping[str, float]
    minimum: Mapping[str, float] = field(default_factory=dict)

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

    def __call__(self, bars: Mapping[str, Values], **params: float) -> dict[str, Values]:
        """Return each output over one symbol's bars.

        Parameters
        ----------
        bars : the columns of ``inputs``, each of shape (n,), in time order
        **params : overrides of the defaults

        Returns
        -------
        dict of output name to float64 array of shape (n,); NaN in warm-up
        """
        missing = [column for column in self.inputs if column not in bars]
        if missing:
            raise DataError(f"{self.name}: bars lack the column {missing[0]!r}")
        columns = [np.asarray(bars[column], dtype=np.float64) for column in self.inputs]
        result = self.compute(*columns, **self.settings(**params))
        arrays = result if isinstance(result, tuple) else (result,)
        return dict(zip(self.outputs, arrays, strict=True))


def smoothed(values: Values, window: int, weight: float) -> Values:
    """Return the recursive mean ``y[t] = y[t-1] + weight * (x[t] - y[t-1])``, seeded with a plain mean.

    Parameters
    ----------
    values : shape (n,); NaN starts the warm-up anew after it
    window : values averaged for the seed
    weight : ``2 / (window + 1)`` for an exponential mean, ``1 / window`` for Wilder's

    Returns
    -------
    float64 array of shape (n,); NaN until ``window`` consecutive values have been seen
    """
    out = np.full(len(values), np.nan)
    seen: list[float] = []
    level = np.nan
    for t, value in enumerate(values.tolist()):
        if value != value:
            seen.clear()
            level = np.nan
        elif len(seen) < window:
            seen.append(value)
            if len(seen) == window:
                level = out[t] = sum(seen) / window
        else:
            level += weight * (value - level)
            out[t] = level
    return out


def windows(values: Values, window: int) -> Values:
    """Return every run of ``window`` values, shape (n - window + 1, window); (0, window) when there are too few."""
    if len(values) < window:
        return np.empty((0, window))
    return np.lib.stride_tricks.sliding_window_view(values, window)


def weighted(values: Values, weights: Values) -> Values:
    """Return the sum of each run of values times weights, shape (n - k + 1,) for k weights.

    Multiplied and summed row by row, not as a matrix product: BLAS sums in an order that depends on how many rows there
    are, so that the last digit of a value would depend on the bars after it.
    """
    total: Values = (windows(values, len(weights)) * weights).sum(axis=1)
    return total


def warmed(values: Values, length: int) -> Values:
    """Return ``values`` at the end of an array of ``length``, NaN before."""
    return np.concatenate([np.full(length - len(values), np.nan), values])


def shifted(values: Values, bars: int) -> Values:
    """Return each value as it was ``bars`` bars ago, shape (n,); NaN where there was none."""
    return np.concatenate([np.full(bars, np.nan), values])[: len(values)]


def annualised(variances: Values, window: int, bars_per_year: float) -> Values:
    """Return the root of the mean of the last ``window`` variances per bar, as a fraction per year; NaN in warm-up."""
    return np.sqrt(warmed(windows(variances, window).mean(axis=1), len(variances)) * bars_per_year)
