"""How long things take on their way: market data to us, orders to the venue, answers back."""

from dataclasses import dataclass
from math import exp, isfinite, sqrt

import numpy as np

from tradepulse.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Latency:
    """One way's latency: lognormal about its median, each draw correlated with the one before.

    Parameters
    ----------
    median_us : microseconds
    deviation : standard deviation of the logarithm; 0 for a constant
    correlation : of the logarithms of draws that follow each other: slow spells last
    """

    median_us: float = 0.0
    deviation: float = 0.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("median_us", 6e7), ("deviation", 3.0), ("correlation", 0.999)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isfinite(value) or not 0 <= value <= most:
                raise ConfigError(f"latency: {name} must lie between 0 and {most:g}, not {value}")

    @property
    def least_us(self) -> float:
        """Microseconds that it takes at least: all of it where it is constant, nothing where it is drawn."""
        return 0.0 if self.deviation else self.median_us


#: Nothing takes any time.
NONE = Latency()


class Way:
    """Draws from a latency, in order: nothing overtakes what was sent before it on the same way.

    Parameters
    ----------
    latency : of the way
    seed : of its draws
    """

    def __init__(self, latency: Latency, seed: int) -> None:
        self._latency, self._random = latency, np.random.default_rng(seed)
        self._level, self._last = 0.0, 0
        self._fixed = round(latency.median_us * 1000)

    def arrival(self, ns: int) -> int:
        """Return when what is sent at ``ns`` arrives."""
        latency = self._latency
        delay = self._fixed
        if latency.deviation:
            rho = latency.correlation
            self._level = rho * self._level + sqrt(1 - rho * rho) * float(self._random.standard_normal())
            delay = round(latency.median_us * 1000 * exp(latency.deviation * self._level))
        self._last = max(self._last, ns + delay)
        return self._last
