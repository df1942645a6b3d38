"""One value at a time: what indicators are made of when bars arrive one by one.

Each class holds no more than its window, takes a value with ``update`` and returns what the array functions of
:mod:`tradepulse.core.series.rolling` and :mod:`~tradepulse.core.series.kernels` would have at that bar, NaN in warm-up.
They can be pickled in the middle of a series and go on elsewhere.
"""

from collections import deque
from math import fsum, nan, sqrt
from operator import mul


class Window:
    """The last values, and how many more it takes until they are as many as wanted and none of them is NaN."""

    __slots__ = ("missing", "size", "values")

    def __init__(self, window: int) -> None:
        self.size = self.missing = window
        self.values: deque[float] = deque(maxlen=window)

    def push(self, value: float) -> bool:
        """Take a value; say whether the window is whole."""
        self.values.append(value)
        if value != value:
            self.missing = self.size
        elif self.missing:
            self.missing -= 1
        return not self.missing


def total(values: "deque[float]") -> float:
    """Return the exactly rounded sum; with infinite values or beyond the range of floats what plain addition gives."""
    try:
        return fsum(values)
    except (OverflowError, ValueError):
        return sum(values)


class Sum(Window):
    """Sum of the last values."""

    __slots__ = ()

    def update(self, value: float) -> float:
        """Take a value, return the sum."""
        return total(self.values) if self.push(value) else nan


class Mean(Window):
    """Mean of the last values."""

    __slots__ = ()

    def update(self, value: float) -> float:
        """Take a value, return the mean."""
        return total(self.values) / self.size if self.push(value) else nan


class Spread(Window):
    """Mean and population standard deviation of the last values."""

    __slots__ = ()

    def update(self, value: float) -> tuple[float, float]:
        """Take a value, return mean and deviation."""
        if not self.push(value):
            return nan, nan
        first = self.values[0]
        # Taken from the first value, a constant window has exactly no deviation.
        gaps = [each - first for each in self.values]
        try:
            middle = fsum(gaps) / self.size
        except (OverflowError, ValueError):
            return nan, nan
        away = [gap - middle for gap in gaps]
        return first + middle, sqrt(sum(map(mul, away, away)) / self.size)


class Highest(Window):
    """Largest of the last values."""

    __slots__ = ()

    def update(self, value: float) -> float:
        """Take a value, return the largest."""
        return max(self.values) if self.push(value) else nan


class Lowest(Window):
    """Smallest of the last values."""

    __slots__ = ()

    def update(self, value: float) -> float:
        """Take a value, return the smallest."""
        return min(self.values) if self.push(value) else nan


class Lag:
    """The value of some bars ago."""

    __slots__ = ("values",)

    def __init__(self, bars: int) -> None:
        self.values = deque([nan] * bars, maxlen=bars)

    def update(self, value: float) -> float:
        """Take a value, return the one of ``bars`` values ago."""
        old = self.values[0]
        self.values.append(value)
        return old


class Smoothed:
    """The recursive mean of :func:`tradepulse.core.series.kernels.smoothed`."""

    __slots__ = ("level", "seen", "weight", "window")

    def __init__(self, window: int, weight: float) -> None:
        self.window, self.weight = window, weight
        self.seen, self.level = 0, 0.0

    def update(self, value: float) -> float:
        """Take a value, return the mean."""
        if value != value:
            self.seen, self.level = 0, 0.0
            return nan
        if self.seen < self.window:
            self.level += value
            self.seen += 1
            if self.seen < self.window:
                return nan
            self.level /= self.window
        else:
            self.level += self.weight * (value - self.level)
        return self.level


class Exponential(Smoothed):
    """The exponential mean of weight ``2 / (window + 1)``."""

    __slots__ = ()

    def __init__(self, window: int) -> None:
        super().__init__(window, 2 / (window + 1))


class Wilder(Smoothed):
    """Wilder's mean, of weight ``1 / window``."""

    __slots__ = ()

    def __init__(self, window: int) -> None:
        super().__init__(window, 1 / window)
